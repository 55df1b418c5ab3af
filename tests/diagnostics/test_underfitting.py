"""Whether anything has been learned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from automl.baselines import BOOSTING, Baseline
from automl.diagnostics import Evidence, Finding, NotApplicable
from automl.diagnostics.underfitting import check
from automl.trial import Trial, finished

RNG = np.random.default_rng(0)
X = RNG.normal(size=900)
Y = X + RNG.normal(scale=0.5, size=900)


def asked(evidence: Evidence) -> Finding:
    found = check(evidence)
    assert isinstance(found, Finding)
    return found


def test_believes_a_clear_skill(evidence_of: Callable[..., Evidence]) -> None:
    found = asked(evidence_of(Y, {0: X}, train=500, val=200))
    assert found.severity == "fine"
    assert found.figures["skill"] == pytest.approx(1 - 0.5 / 1.25**0.5, abs=0.07)
    assert found.figures["skill_low"] > 0.35


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("test_rows", [0, 40, 300])
def test_never_takes_shuffled_labels_for_skill(evidence_of: Callable[..., Evidence], seed: int, test_rows: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(2, size=300 + test_rows)
    guesses = {}
    for trial in range(20):
        of_second = np.clip(0.5 + rng.normal(scale=0.05, size=len(labels)), 0.01, 0.99)
        guesses[trial] = np.column_stack([1 - of_second, of_second])
    evidence = evidence_of(labels, guesses, train=100, val=200, of="classify")
    luckiest = finished(evidence.trials)[0]
    evidence = evidence_of(labels, guesses, train=100, val=200, of="classify", members={luckiest.number: 1.0})
    assert asked(evidence).severity in ("problem", "warning")


@pytest.mark.parametrize("decides_by", ["macro_f1", "balanced_accuracy", "average_precision"])
def test_a_guess_that_names_every_class_is_no_skill(evidence_of: Callable[..., Evidence], decides_by: str) -> None:
    """Which macro F1 is better for than for the constant."""
    believed = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        labels = rng.integers(2, size=500)
        guess = rng.uniform(0.1, 0.9, size=500)
        evidence = evidence_of(
            labels, {0: np.column_stack([1 - guess, guess])}, train=100, val=200, of="classify", decides_by=decides_by
        )
        believed += asked(evidence).severity == "fine"
    assert believed <= 1


@pytest.mark.parametrize("decides_by", ["roc_auc", "balanced_accuracy", "average_precision"])
def test_a_model_that_makes_no_mistake_has_learned_something(
    evidence_of: Callable[..., Evidence], decides_by: str
) -> None:
    labels = np.arange(300) % 2
    predictions = {0: np.eye(2)[labels]}
    found = asked(evidence_of(labels, predictions, train=100, val=100, of="classify", decides_by=decides_by))
    assert found.severity == "fine"
    assert found.figures["skill"] == pytest.approx(1)


def test_new_rows_of_one_class_take_no_skill_away(evidence_of: Callable[..., Evidence]) -> None:
    labels = np.concatenate([np.arange(200) % 10 == 0, np.arange(100) % 10 == 0, np.zeros(100)]).astype(int)
    sure = np.where(labels == 1, 0.9, np.random.default_rng(0).uniform(0.01, 0.04, size=400))
    found = asked(evidence_of(labels, {0: np.column_stack([1 - sure, sure])}, train=200, val=100, of="classify"))
    assert found.severity == "fine"
    assert found.figures["skill"] > 0.7


def test_skill_is_seen_by_macro_f1_too(evidence_of: Callable[..., Evidence]) -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(2, size=500)
    sure = np.where(rng.random(500) < 0.8, labels, 1 - labels) * 0.6 + 0.2
    predictions = {0: np.column_stack([1 - sure, sure])}
    found = asked(evidence_of(labels, predictions, train=100, val=200, of="classify", decides_by="macro_f1"))
    assert found.severity == "fine"
    # Guessing has about 0.5, and the constant 0.33.
    assert found.figures["skill"] == pytest.approx((0.8 - 0.5) / (1 - 0.5), abs=0.15)


def test_absolute_errors_are_compared_with_those_of_the_median(evidence_of: Callable[..., Evidence]) -> None:
    y = np.exp(2 * np.random.default_rng(0).normal(size=900))
    of_median = evidence_of(y, {0: np.full(900, np.median(y[:500]))}, train=500, val=200, decides_by="mae")
    found = asked(of_median)
    assert found.severity != "fine"
    assert found.figures["skill"] == pytest.approx(0, abs=1e-9)


def test_few_test_rows_are_enough_where_validation_says_the_same(evidence_of: Callable[..., Evidence]) -> None:
    rng = np.random.default_rng(6)
    x = rng.normal(size=640)
    y = 0.7 * x + rng.normal(size=640)
    clear = evidence_of(y, {0: 0.7 * x}, train=300, val=300)
    found = asked(clear)
    assert 2 < found.figures["standard_errors"] < 3.5
    assert found.severity == "fine"
    lucky_on_test = np.where(np.arange(640) < 600, 0.0, 0.7 * x)
    assert asked(evidence_of(y, {0: lucky_on_test}, train=300, val=300)).severity == "warning"


def test_adds_up_what_test_and_validation_rows_say(evidence_of: Callable[..., Evidence]) -> None:
    rng = np.random.default_rng(8)
    x = rng.normal(size=620)
    y = 0.7 * x + rng.normal(size=620)
    found = asked(evidence_of(y, {0: 0.7 * x}, train=300, val=300))
    assert 1 < found.figures["standard_errors"] < 2
    assert (found.severity, found.figures["is_certain"]) == ("fine", 1.0)
    nothing_on_validation = np.where((np.arange(620) >= 300) & (np.arange(620) < 600), 0.0, 0.7 * x)
    found = asked(evidence_of(y, {0: nothing_on_validation}, train=300, val=300))
    assert (found.severity, found.figures["is_certain"]) == ("warning", 0.0)


def test_sees_that_the_training_rows_were_hardly_learned(evidence_of: Callable[..., Evidence]) -> None:
    found = asked(evidence_of(Y, {0: 0.03 * X}, train=500, val=200))
    assert found.severity == "warning"
    assert "next to nothing" in found.title


def test_sees_that_a_linear_model_does_better(evidence_of: Callable[..., Evidence]) -> None:
    half = 0.4 * X
    trials = [Trial(1, "linear", {})]
    assert "linear" in asked(evidence_of(Y, {0: half, 1: X}, train=500, val=200, trials=trials)).title
    assert asked(evidence_of(Y, {0: X, 1: half}, train=500, val=200, trials=trials)).severity == "fine"


def test_sees_that_boosting_predicts_new_rows_better_than_the_model_its_training_rows(
    evidence_of: Callable[..., Evidence],
) -> None:
    evidence = evidence_of(Y, {0: 0.3 * X}, train=500, val=200)
    boosting = Baseline(BOOSTING, {"test": {"rmse": 0.5}})
    assert asked(evidence).severity == "fine"
    found = asked(replace(evidence, baselines=[boosting]))
    assert found.severity == "warning"
    assert found.figures["skill_of_boosting"] == pytest.approx(1 - 0.5 / 1.25**0.5, abs=0.07)


def test_has_no_answer_where_the_metric_is_not_defined(evidence_of: Callable[..., Evidence]) -> None:
    labels = np.r_[np.tile([0, 1], 100), np.zeros(50, dtype=int)]
    evidence = evidence_of(labels, {0: np.tile([0.6, 0.4], (250, 1))}, train=100, val=100, of="classify")
    by_area = replace(evidence, metric=evidence.data.task.METRICS["roc_auc"])
    assert isinstance(check(by_area), NotApplicable)


def test_a_few_unlucky_test_rows_do_not_undo_what_validation_is_sure_of(evidence_of: Callable[..., Evidence]) -> None:
    rng = np.random.default_rng(6)
    x = rng.normal(size=620)
    y = 0.7 * x + rng.normal(size=620)
    y[600:] = rng.normal(size=20)
    found = asked(evidence_of(y, {0: 0.7 * x}, train=300, val=300))
    assert found.figures["standard_errors"] < 1
    assert (found.severity, found.figures["is_certain"]) == ("warning", 0.0)


def test_three_rows_that_are_all_right_prove_nothing(evidence_of: Callable[..., Evidence]) -> None:
    labels = np.r_[np.arange(200) % 2, 0, 1, 1]
    likely = np.r_[np.full(200, 0.5), 0.1, 0.9, 0.9]
    predictions = {0: np.column_stack([1 - likely, likely])}
    found = asked(evidence_of(labels, predictions, train=100, val=100, of="classify", decides_by="roc_auc"))
    assert found.figures["standard_errors"] == pytest.approx(3**0.5)
    assert (found.severity, found.figures["is_certain"]) == ("warning", 0.0)
