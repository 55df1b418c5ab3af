"""What the best trial's scores are said to mean."""

from __future__ import annotations

import math

from automl.baselines import BOOSTING, CONSTANT, Baseline
from automl.reporting.verdict import against_baselines, overfitting
from automl.tasks import classify, regress
from automl.trial import Trial

LOG_LOSS = classify.METRICS["log_loss"]
ACCURACY = classify.METRICS["accuracy"]
RMSE = regress.METRICS["rmse"]
NAIVE = Baseline(
    CONSTANT, {part: {"log_loss": 0.69, "accuracy": 0.5, "rmse": 100.0} for part in ("train", "val", "test")}
)


def best(metric: str, train: float, val: float, test: float | None = None) -> Trial:
    scores = {"train": {metric: train}, "val": {metric: val}, **({} if test is None else {"test": {metric: test}})}
    return Trial(7, "mlp", {}, status="finished", scores=scores)


def test_calls_a_small_share_lost_mild() -> None:
    text = overfitting(best("log_loss", 0.201, 0.283, 0.291), LOG_LOSS, 2000, 2000, baselines=[NAIVE])
    assert text == (
        "It fits training rows better than new ones: log loss 0.2010 on train, 0.2830 on validation, 0.2910 on test. "
        "That is mild overfitting: 18% of what it learned does not carry over."
    )


def test_calls_a_large_share_lost_strong() -> None:
    text = overfitting(best("accuracy", 1.0, 0.86, 0.85), ACCURACY, 2000, 2000, baselines=[NAIVE])
    assert text.endswith("That is strong overfitting: 30% of what it learned does not carry over.")


def test_judges_without_test_rows_by_validation() -> None:
    text = overfitting(best("log_loss", 0.1, 0.4), LOG_LOSS, 2000, 0, baselines=[NAIVE])
    assert "strong overfitting: 51%" in text
    assert "test" not in text


def test_does_not_mention_test_scores_of_no_rows() -> None:
    text = overfitting(best("log_loss", 0.1, 0.4, math.nan), LOG_LOSS, 2000, 0, baselines=[NAIVE])
    assert "0.1000 on train, 0.4000 on validation. That" in text


def test_does_not_call_chance_overfitting() -> None:
    few = overfitting(best("log_loss", 0.2, 0.26, 0.27), LOG_LOSS, 60, 60, baselines=[NAIVE])
    many = overfitting(best("log_loss", 0.2, 0.26, 0.27), LOG_LOSS, 6000, 6000, baselines=[NAIVE])
    assert few.endswith("That may be chance: 60 test rows are too few to call it overfitting.")
    assert many.endswith("That is mild overfitting: 14% of what it learned does not carry over.")


def test_finds_a_tiny_gap_no_overfitting() -> None:
    text = overfitting(best("rmse", 10.0, 10.2, 10.1), RMSE, 500, 500, baselines=[NAIVE])
    assert text == (
        "It does as well on new rows as on training rows: "
        "RMSE 10.00 on train, 10.20 on validation, 10.10 on test. That is no overfitting."
    )


def test_names_a_certain_but_tiny_gap_hardly_any() -> None:
    text = overfitting(best("rmse", 10.0, 11.0, 11.0), RMSE, 100_000, 100_000, baselines=[NAIVE])
    assert text.endswith("That is hardly any overfitting: 1% of what it learned does not carry over.")


def test_takes_a_better_test_score_for_good_luck_with_the_rows() -> None:
    text = overfitting(best("rmse", 30.0, 32.0, 20.0), RMSE, 500, 500, baselines=[NAIVE])
    assert text.startswith("It does better on new rows than on training rows")
    assert "That is no overfitting: the new rows are easier" in text


def test_says_when_the_test_is_worse_than_validation() -> None:
    text = overfitting(best("log_loss", 0.2, 0.25, 0.5), LOG_LOSS, 2000, 2000, baselines=[NAIVE])
    assert text.endswith("the search has fitted the validation rows, or the test rows are of another kind.")


def test_calls_no_progress_on_training_rows_underfitting() -> None:
    text = overfitting(best("rmse", 99.5, 99.9, 101.0), RMSE, 500, 500, baselines=[NAIVE])
    assert text.startswith("It has learned next to nothing from the training rows: RMSE 99.50 on train")
    assert "predicting without the features gives 100.0. That is underfitting" in text


def test_says_when_nothing_carries_over() -> None:
    text = overfitting(best("rmse", 20.0, 103.0, 104.0), RMSE, 500, 500, baselines=[NAIVE])
    assert text.endswith("strong overfitting: on new rows it is no better than predicting without the features.")


def test_survives_new_rows_that_are_easier_to_guess_than_training_rows() -> None:
    uneven = Baseline(CONSTANT, {"train": {"rmse": 100.0}, "val": {"rmse": 100.0}, "test": {"rmse": 50.0}})
    text = overfitting(best("rmse", 50.0, 60.0, 60.0), RMSE, 500, 500, baselines=[uneven])
    assert text.endswith("strong overfitting: on new rows it is no better than predicting without the features.")


def test_distrusts_perfect_scores() -> None:
    for text in (
        overfitting(best("accuracy", 1.0, 1.0, 1.0), ACCURACY, 50, 50, baselines=[NAIVE]),
        overfitting(best("log_loss", 1e-7, 2e-6, 1e-5), LOG_LOSS, 50, 50, baselines=[NAIVE]),
        overfitting(best("rmse", 0.0, 0.0), RMSE, 50, 0),
    ):
        assert text.startswith("It makes next to no error")
        assert text.endswith("look for a column that gives the target away.")


def test_gives_the_gap_no_name_without_the_constant() -> None:
    text = overfitting(best("rmse", 10.0, 20.0), RMSE, 500, 0, baselines=[Baseline(CONSTANT, message="failed")])
    assert text.endswith("The gap is wider than chance on 500 validation rows explains.")


def test_admits_that_a_score_is_undefined() -> None:
    trial = Trial(0, "mlp", {}, scores={"train": {"roc_auc": math.nan}, "val": {"roc_auc": 0.8}})
    text = overfitting(trial, classify.METRICS["roc_auc"], 50, 0)
    assert text == "Overfitting cannot be judged: ROC AUC is not known on training rows and on new ones."


def test_compares_with_each_baseline() -> None:
    boosting = Baseline(BOOSTING, {"test": {"log_loss": 0.35}})
    assert against_baselines(
        best("log_loss", 0.2, 0.28, 0.281), [NAIVE, boosting], LOG_LOSS, part="test", rows=2000
    ) == [
        "The model beats predicting without the features: log loss 0.2810 against 0.6900 on test.",
        "The model beats gradient boosting: log loss 0.2810 against 0.3500 on test.",
    ]


def test_says_that_the_network_loses() -> None:
    boosting = Baseline(BOOSTING, {"val": {"accuracy": 0.93}})
    (text,) = against_baselines(best("accuracy", 0.9, 0.85), [boosting], ACCURACY, part="val", rows=1000)
    assert text == "The model loses to gradient boosting: accuracy 0.8500 against 0.9300 on validation."


def test_calls_a_near_tie_a_tie() -> None:
    boosting = Baseline(BOOSTING, {"test": {"rmse": 50.9}})
    (few,) = against_baselines(best("rmse", 40, 50, 50.0), [boosting], RMSE, part="test", rows=400)
    (many,) = against_baselines(best("rmse", 40, 50, 50.0), [boosting], RMSE, part="test", rows=40_000)
    assert few == (
        "The model is about as good as gradient boosting: "
        "RMSE 50.00 against 50.90 on test, and 400 rows cannot tell them apart."
    )
    assert many == "The model beats gradient boosting: RMSE 50.00 against 50.90 on test."


def test_says_why_a_baseline_has_no_score() -> None:
    boosting = Baseline(BOOSTING, message="not finished in its share of the time.")
    (text,) = against_baselines(best("rmse", 40, 50, 50.0), [boosting], RMSE, part="test", rows=400)
    assert text == "No comparison with gradient boosting: not finished in its share of the time."


def test_does_not_compare_undefined_scores() -> None:
    boosting = Baseline(BOOSTING, {"test": {"log_loss": math.nan}})
    (text,) = against_baselines(best("log_loss", 0.2, 0.3, 0.3), [boosting], LOG_LOSS, part="test", rows=10)
    assert text == "No comparison with gradient boosting: log loss is not known on test."
