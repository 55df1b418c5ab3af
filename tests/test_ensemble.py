"""The ensemble that a run comes to."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from automl.ensemble import (
    BEST_KEPT,
    BEST_KEPT_OF_FAMILY,
    Ensemble,
    Refit,
    blend,
    calibration,
    candidates,
    choose,
    limits_of,
    select,
    with_rare_classes,
    worth_keeping,
)
from automl.files import write_json
from automl.tasks import Metric, metric, task
from automl.temperature import tempered
from automl.trial import Trial

CLASSIFY, REGRESS = task("classify"), task("regress")
LOG_LOSS, RMSE = metric("log_loss", CLASSIFY), metric("rmse", REGRESS)


def trial(number: int, objective: float, family: str = "mlp") -> Trial:
    return Trial(number, family, {"units": number}, "finished", objective, seconds=2.0, parameters=10)


def noisy(seed: int, truth: np.ndarray, error: float) -> np.ndarray:
    return truth + np.random.default_rng(seed).normal(scale=error, size=len(truth))


def spied(metric: Metric) -> tuple[list[int], Metric]:
    """The metric, and a list of how many rows it is asked for."""
    asked: list[int] = []

    def function(targets: np.ndarray, predictions: np.ndarray) -> float:
        asked.append(len(targets))
        return metric.function(targets, predictions)

    return asked, replace(metric, function=function)


def test_two_that_err_apart_are_better_than_the_best_alone() -> None:
    truth = np.linspace(0, 1, 400)
    predictions = [noisy(1, truth, 0.10), noisy(2, truth, 0.11), noisy(3, truth, 5.0)]
    weights = select(predictions, truth, RMSE, most=8)
    assert weights.sum() == pytest.approx(1)
    assert weights[0] > weights[1] > 0.2
    assert weights[2] == 0
    both = RMSE.function(truth, blend(predictions, list(weights)))
    assert both < 0.8 * RMSE.function(truth, predictions[0])


@pytest.mark.parametrize("rows", [400, 7_552, 20_000])
def test_every_row_has_its_say(rows: int) -> None:
    truth = np.linspace(0, 1, rows)
    asked, rmse = spied(RMSE)
    select([noisy(1, truth, 0.1), noisy(2, truth, 0.1)], truth, rmse, most=8)
    assert set(asked) == {rows}


@pytest.mark.parametrize("rows", [60, 1_000, 7_552])
@pytest.mark.parametrize("name", ["rmse", "log_loss", "accuracy"])
def test_is_never_worse_on_validation_than_its_best_candidate(rows: int, name: str) -> None:
    rng = np.random.default_rng(rows)
    chosen = metric(name, REGRESS if name == "rmse" else CLASSIFY)
    truth: np.ndarray = rng.exponential(size=rows) if name == "rmse" else rng.integers(3, size=rows)
    if name == "rmse":
        predictions = [truth * rng.uniform(0.5, 1.5, rows) for _ in range(6)]
    else:
        predictions = [rng.dirichlet(np.ones(3), rows) / 2 + np.eye(3)[truth] / 2 for _ in range(6)]
    scored = sorted(predictions, key=lambda own: chosen.objective(chosen.function(truth, own)))
    weights = select(scored, truth, chosen, most=8)
    assert chosen.objective(chosen.function(truth, blend(scored, list(weights)))) <= chosen.objective(
        chosen.function(truth, scored[0])
    )


@pytest.mark.parametrize(("name", "rows"), [("log_loss", 5_000), ("accuracy", 5_000), ("roc_auc", 1_000)])
def test_where_predictions_have_many_numbers_fewer_rows_have_a_say(name: str, rows: int) -> None:
    probabilities = np.full((6_000, 100), 0.01)
    asked, chosen = spied(metric(name, CLASSIFY))
    select([probabilities, probabilities], np.arange(6_000) % 100, chosen, most=8)
    assert set(asked) == {rows}


def test_a_copy_of_the_best_changes_nothing() -> None:
    truth = np.linspace(0, 1, 50)
    best = noisy(1, truth, 0.1)
    assert select([best, best + 0.3], truth, RMSE, most=8).tolist() == [1, 0]


def test_has_no_more_members_than_asked() -> None:
    truth = np.linspace(0, 1, 300)
    predictions = [noisy(seed, truth, 0.1) for seed in range(12)]
    assert np.count_nonzero(select(predictions, truth, RMSE, most=3)) == 3
    assert select(predictions, truth, RMSE, most=1).tolist() == [1, *[0] * 11]


def test_a_limited_family_gets_its_share_and_no_more() -> None:
    truth = np.linspace(0, 1, 300)
    predictions = [noisy(seed, truth, error) for seed, error in enumerate((0.01, 0.01, 0.2, 0.2))]
    free = select(predictions, truth, RMSE, most=8)
    assert free[:2].sum() > 0.9
    limits = limits_of(["modern_nca", "modern_nca", "mlp", "mlp"], {"modern_nca": 0.3})
    limited = select(predictions, truth, RMSE, most=8, limits=limits)
    assert 0.2 < limited[:2].sum() <= 0.3
    assert select(predictions, truth, RMSE, most=1, limits=limits).tolist() == [0, 0, 1, 0]


def test_a_limited_family_that_is_alone_is_not_limited() -> None:
    assert limits_of(["modern_nca", "modern_nca"], {"modern_nca": 0.3}) == []


def test_takes_no_longer_than_it_may() -> None:
    truth = {"val": np.linspace(0, 1, 300)}
    trials = [replace(trial(n, n / 10), rows_per_second=100.0 if n else 10.0) for n in range(6)]
    predictions = {t.number: {"val": noisy(t.number, truth["val"], 0.1)} for t in trials}

    def chosen(slowest: float) -> Ensemble:
        return choose(trials, predictions, truth, task=REGRESS, metric=RMSE, networks=2, slowest=slowest)

    assert chosen(float("inf")).rows_per_second < 5
    two = chosen(0.041)
    assert {member.trial for member in two.members} < {1, 2, 3, 4, 5}
    assert len(two.members) == 2
    assert two.rows_per_second == pytest.approx(25)
    assert [member.trial for member in chosen(0.001).members] == [1]


def test_a_metric_that_should_be_high_is_raised() -> None:
    targets = np.tile([0, 1], 100).astype(np.int32)
    rng = np.random.default_rng(0)
    hints = [np.where(rng.random(200) < 0.7, targets, 1 - targets) for _ in range(5)]
    predictions = [np.stack([1 - hint, hint], axis=1).astype(float) for hint in hints]
    accuracy = metric("accuracy", CLASSIFY)
    weights = select(predictions, targets, accuracy, most=8)
    alone = max(accuracy.function(targets, own) for own in predictions)
    assert accuracy.function(targets, blend(predictions, list(weights))) > alone


def test_boastful_probabilities_are_cooled_and_honest_ones_are_left_alone() -> None:
    rng = np.random.default_rng(0)
    honest = rng.dirichlet([2, 2, 2], size=4000)
    targets = np.array([rng.choice(3, p=row) for row in honest], dtype=np.int32)
    boastful = tempered(honest, 0.6)
    assert calibration(boastful, targets, LOG_LOSS) == pytest.approx(1 / 0.6, rel=0.1)
    assert calibration(honest, targets, LOG_LOSS) == pytest.approx(1, abs=0.06)
    np.testing.assert_allclose(tempered(boastful, 1 / 0.6), honest)


def test_a_few_rows_that_are_all_right_do_not_make_it_boastful() -> None:
    targets = np.tile([0, 1, 2], 20).astype(np.int32)
    confident = np.full((60, 3), 0.025)
    confident[np.arange(60), targets] = 0.95
    assert calibration(confident, targets, LOG_LOSS) == pytest.approx(0.7, abs=0.01)
    # Nor is it to be more modest than the rows ask for.
    assert calibration(tempered(confident, 0.5), targets, LOG_LOSS) == 1


def test_test_rows_do_not_decide() -> None:
    truth = {"val": np.linspace(0, 1, 100), "test": np.linspace(0, 1, 40)}
    trials = [trial(4, 0.1), trial(2, 0.11)]
    predictions = {t.number: {part: noisy(t.number, truth[part], 0.1) for part in truth} for t in trials}
    chosen = choose(trials, predictions, truth, task=REGRESS, metric=RMSE, networks=5)
    shuffled = {**truth, "test": truth["test"][::-1]}
    other = choose(trials, predictions, shuffled, task=REGRESS, metric=RMSE, networks=5)
    assert chosen.members == other.members
    assert chosen.scores["val"] == other.scores["val"]
    assert chosen.scores["test"] != other.scores["test"]


def test_scores_what_it_will_predict() -> None:
    truth = {"val": np.linspace(0, 1, 100)}
    trials = [trial(4, 0.1), trial(2, 0.11, "linear")]
    predictions = {t.number: {"val": noisy(t.number, truth["val"], 0.1)} for t in trials}
    chosen = choose(trials, predictions, truth, task=REGRESS, metric=RMSE, networks=5)
    mean = sum(member.weight * predictions[member.trial]["val"] for member in chosen.members)
    assert chosen.objective == pytest.approx(np.sqrt(np.mean((truth["val"] - mean) ** 2)))
    assert (chosen.title, chosen.parameters, chosen.seconds) == ("ensemble of 2", 100, 4.0)
    alone = choose(trials, predictions, truth, task=REGRESS, metric=RMSE, networks=5, most=1)
    assert (alone.title, [member.weight for member in alone.members]) == ("#4 mlp", [1.0])


def test_every_family_has_candidates_and_its_first_setting_is_one() -> None:
    trials = [trial(0, 0.9, "linear"), *(trial(number, 0.1 + number / 100) for number in range(1, 30))]
    trials += [trial(30 + number, 0.8 - number / 100, "linear") for number in range(5)]
    chosen = {one.number for one in candidates(trials)}
    assert chosen == {0, 34, 33, 32, *range(1, BEST_KEPT + 1)}


def test_predictions_are_kept_of_what_may_be_a_candidate() -> None:
    trials = [trial(number, number / 100) for number in range(30)]
    new, other = trial(99, 0.0), trial(99, 0.0, "linear")
    last = trials[BEST_KEPT - 1].objective
    assert last is not None
    assert last < worth_keeping(new, trials) == pytest.approx(last)
    assert worth_keeping(other, trials) == float("inf")
    slow = [trial(40 + number, 0.9, "linear") for number in range(BEST_KEPT_OF_FAMILY)]
    assert worth_keeping(other, [*trials, *slow]) == pytest.approx(0.9)
    assert worth_keeping(new, trials[:5]) == float("inf")


def test_what_is_kept_of_equals_is_what_may_be_a_candidate() -> None:
    others = [trial(0, 0.5, "linear"), *(trial(number, 0.5) for number in range(1, 30) if number != 7)]
    started_again = trial(7, 0.5)
    assert 7 in {one.number for one in candidates([*others, started_again])}
    assert started_again.objective is not None
    assert started_again.objective < worth_keeping(started_again, others)


def test_selection_sees_rows_of_rare_classes() -> None:
    targets = np.zeros(100_000, dtype=np.int64)
    targets[[11, 23, 99_998]] = 1
    some = np.linspace(0, len(targets) - 1, 1000).astype(np.intp)
    assert not targets[some].any()
    more = with_rare_classes(some, targets)
    assert sorted({*more} - {*some}) == [11, 23, 99_998]
    assert np.all(np.diff(more) > 0)
    assert with_rare_classes(some, targets, least=1).tolist() == sorted([*some.tolist(), 11])
    np.testing.assert_array_equal(with_rare_classes(some, targets.astype(np.float64)), some)
    good = np.where(targets == 1, 0.9, 0.1)
    predictions = [np.stack([1 - own, own], axis=1) for own in (np.full(len(targets), 0.5), good)]
    roc_auc = metric("roc_auc", task("classify"))
    assert select(predictions, targets, roc_auc, most=8)[1] > 0


def test_the_first_of_a_family_is_kept_when_it_is_started_again() -> None:
    others = [trial(number, number / 100) for number in range(1, 31)]
    assert worth_keeping(trial(0, 0.9), others) == float("inf")
    assert 0 in {one.number for one in candidates([*others, trial(0, 0.9)])}


def test_survives_its_record(tmp_path: Path) -> None:
    ensemble = replace(
        Ensemble.of(trial(3, 0.2), networks=8),
        scores={"val": {"roc_auc": float("nan"), "rmse": 0.2}},
        refit=Refit(900, (3,), {4: "the time was too short"}, 1.5),
    )
    path = tmp_path / "ensemble.json"
    write_json(path, asdict(ensemble))
    read = Ensemble.from_json(json.loads(path.read_text()))
    assert read.members == ensemble.members
    assert read.refit == ensemble.refit
    assert read.scores["val"] == pytest.approx(ensemble.scores["val"], nan_ok=True)


def test_an_ensemble_keeps_a_limited_family_to_its_share() -> None:
    truth = {"val": np.linspace(0, 1, 300)}
    trials = [trial(0, 0.01, "modern_nca"), trial(1, 0.2)]
    predictions = {one.number: {"val": noisy(one.number, truth["val"], one.objective or 0)} for one in trials}

    def share(**limits: Any) -> float:
        best = choose(trials, predictions, truth, task=REGRESS, metric=RMSE, networks=1, **limits)
        return sum(member.weight for member in best.members if member.family == "modern_nca")

    assert share() > 0.9
    assert 0.2 < share(most_weights={"modern_nca": 0.3}) <= 0.3
