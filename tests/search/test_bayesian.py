"""Bayesian search with TPE."""

from __future__ import annotations

import logging
import math
import statistics
import warnings
from collections.abc import Callable

import optuna
import pytest

from automl.search import bayesian, random
from automl.space import Choice, Float, Int, SearchSpace, Value
from automl.trial import Trial

BOWL = SearchSpace(
    "bowl",
    {
        "rate": Float(1e-4, 1e-1, 1e-2, log=True),
        "units": Int(16, 512, 64, log=True),
        "layers": Int(1, 8, 2),
        "dropout": Float(0.0, 0.9, 0.0),
    },
)
LINE = SearchSpace("line", {"x": Float(0.0, 1.0, 0.5)})
Suggest = Callable[..., dict[str, Value] | None]


def height(params: dict[str, Value]) -> float:
    """A quadratic bowl, whose lowest point is rate 0.001, units 200, layers 6, dropout 0.3."""
    rate, units, layers, dropout = (float(params[name]) for name in ("rate", "units", "layers", "dropout"))
    return math.log10(rate / 1e-3) ** 2 + math.log2(units / 200) ** 2 + (layers - 6) ** 2 / 4 + (4 * dropout - 1.2) ** 2


def lowest(suggest: Suggest, *, seed: int, trials: int) -> float:
    tried: list[Trial] = []
    for number in range(trials):
        params = suggest(BOWL, tried, seed=seed)
        assert params is not None
        tried.append(Trial(number, "bowl", params, "finished", objective=height(params)))
    return min(trial.objective for trial in tried if trial.objective is not None)


def line(
    *, finished: dict[float, float], failed: tuple[float, ...] = (), running: tuple[float, ...] = ()
) -> list[Trial]:
    """Trials on a line: scores of the finished ones by their place, and places of the others."""
    tried = [Trial(number, "line", {"x": x}, "finished", y) for number, (x, y) in enumerate(finished.items())]
    tried += [Trial(number, "line", {"x": x}, "failed", reason="oom") for number, x in enumerate(failed, len(tried))]
    return tried + [Trial(number, "line", {"x": x}) for number, x in enumerate(running, len(tried))]


def suggested(tried: list[Trial]) -> list[float]:
    settings = [bayesian.suggest(LINE, tried, seed=seed) for seed in range(30)]
    return [float(setting["x"]) for setting in settings if setting is not None]


def test_finds_lower_points_than_random_search() -> None:
    ours = statistics.median(lowest(bayesian.suggest, seed=seed, trials=40) for seed in range(10))
    theirs = statistics.median(lowest(random.suggest, seed=seed, trials=40) for seed in range(10))
    assert ours < theirs / 2


def test_draws_at_random_until_two_trials_have_finished() -> None:
    few, enough = line(finished={0.1: 1.0}, failed=(0.9,)), line(finished={0.1: 1.0, 0.9: 9.0})
    assert bayesian.suggest(LINE, few, seed=0) == random.suggest(LINE, few, seed=0)
    assert bayesian.suggest(LINE, enough, seed=0) != random.suggest(LINE, enough, seed=0)


def test_every_other_setting_is_near_the_best() -> None:
    """In a bowl of four hyperparameters one would hardly leave any of them as it was by chance."""
    best = Trial(0, "bowl", BOWL.defaults(), "finished", objective=1.0)
    worse = Trial(1, "bowl", {"rate": 0.09, "units": 500, "layers": 8, "dropout": 0.9}, "finished", objective=2.0)
    third = Trial(2, "bowl", {"rate": 0.08, "units": 400, "layers": 7, "dropout": 0.8}, "finished", objective=3.0)

    def kept(tried: list[Trial]) -> float:
        drawn = [bayesian.suggest(BOWL, tried, seed=seed) for seed in range(20)]
        return statistics.mean(
            params[name] == best.params[name] for params in drawn if params for name in BOWL.defaults()
        )

    assert kept([best]) > 0.4
    assert kept([best, worse]) < 0.2
    assert kept([best, worse, third]) > 0.4


def test_goes_where_trials_did_well() -> None:
    tried = line(finished={number / 20: abs(number / 20 - 0.2) for number in range(20)})
    assert statistics.median(suggested(tried)) == pytest.approx(0.2, abs=0.1)


# Equally good on both sides, so that what is told beside decides.
LEVEL = {number / 20 + 0.025: abs(number - 9.5) for number in range(20)}


@pytest.mark.parametrize("outcome", ["failed", "running"])
def test_keeps_away_from_trials_that_failed_or_run(outcome: str) -> None:
    # As many as make it TPE's turn.
    right = (0.52, 0.54, 0.56, 0.58, 0.6, 0.62, 0.64, 0.66)
    beside = line(finished=LEVEL, failed=right) if outcome == "failed" else line(finished=LEVEL, running=right)
    before = sum(x > 0.5 for x in suggested(line(finished=LEVEL)))
    assert 8 <= before <= 22
    assert sum(x > 0.5 for x in suggested(beside)) <= before / 2


def test_a_score_that_is_no_number_counts_as_failed() -> None:
    finite = line(finished=LEVEL)
    place = {"x": 0.6}
    infinite = [*finite, Trial(20, "line", place, "finished", objective=math.inf)]
    failed = [*finite, Trial(20, "line", place, "failed", reason="nan")]
    assert bayesian.suggest(LINE, infinite, seed=0) == bayesian.suggest(LINE, failed, seed=0)


def test_what_it_remembers_does_not_change_the_answer() -> None:
    space = SearchSpace(
        "branches",
        {
            "optimizer": Choice(("adam", "sgd"), "adam"),
            "momentum": Float(0.8, 0.99, 0.9, when={"optimizer": "sgd"}),
            "layers": Int(1, 5, 2),
            "rate": Float(1e-4, 1e-1, 1e-2, log=True),
        },
    )
    running: list[Trial] = []
    for number in range(30):
        now = [
            trial
            if number - trial.number <= 3
            else Trial(trial.number, "branches", trial.params, "finished", float(trial.number % 7))
            for trial in running
        ]
        remembering = bayesian.suggest(space, now, seed=0)
        bayesian.suggest(space, now[:-1], seed=1)
        again = bayesian.suggest(space, now, seed=0)
        bayesian._memories.clear()
        assert remembering == again == bayesian.suggest(space, now, seed=0)
        assert remembering is not None
        running.append(Trial(number, "branches", remembering))


def test_a_changed_past_is_told_anew() -> None:
    low = line(finished={x: x for x in LEVEL})
    high = line(finished={x: -x for x in LEVEL})
    assert statistics.median(suggested(low)) < 0.5 < statistics.median(suggested(high))


def test_a_space_whose_range_has_changed_is_another_space() -> None:
    wider = SearchSpace("line", {"x": Float(0.0, 4.0, 0.5)})
    tried = line(finished=LEVEL)
    bayesian.suggest(LINE, tried, seed=0)
    remembering = bayesian.suggest(wider, tried, seed=0)
    bayesian._memories.clear()
    assert remembering == bayesian.suggest(wider, tried, seed=0)


def test_leaves_the_logging_of_optuna_as_it_was(caplog: pytest.LogCaptureFixture) -> None:
    bayesian._memories.clear()
    optuna.logging.set_verbosity(optuna.logging.DEBUG)
    optuna.logging.enable_propagation()
    try:
        with warnings.catch_warnings(), caplog.at_level(logging.DEBUG):
            warnings.simplefilter("error")
            bayesian.suggest(LINE, line(finished=LEVEL), seed=0)
        assert optuna.logging.get_verbosity() == optuna.logging.DEBUG
    finally:
        optuna.logging.set_verbosity(optuna.logging.INFO)
        optuna.logging.disable_propagation()
    assert caplog.text == ""
