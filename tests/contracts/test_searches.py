"""What every search algorithm must do, whichever it is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Protocol, cast

import pytest

from automl import plugins
from automl.space import Choice, Float, Int, SearchSpace, Value
from automl.trial import Trial

NUMBERS = SearchSpace(
    "numbers",
    {
        "learning_rate": Float(1e-4, 3e-2, 1e-3, log=True),
        "units": Int(32, 512, 256, log=True),
        "dropout": Float(0.0, 0.5, 0.1),
        "layers": Int(1, 5, 3),
    },
)
CONDITIONS = SearchSpace(
    "conditions",
    {
        "optimizer": Choice(("adam", "sgd"), "adam"),
        "momentum": Float(0.8, 0.99, 0.9, when={"optimizer": "sgd"}),
        "nesterov": Choice((False, True), True, when={"optimizer": "sgd"}),
        "decay": Float(1e-6, 1e-1, 1e-4, log=True),
    },
)
FIXED = SearchSpace("fixed", {"activation": Choice(("relu",), "relu"), "width": Float(0.5, 2.0, 1.0)})
ENDLESS = [NUMBERS, CONDITIONS, FIXED]

TINY = SearchSpace(
    "tiny",
    {
        "layers": Int(1, 3, 2),
        "optimizer": Choice(("adam", "sgd"), "adam"),
        "momentum": Choice((0.8, 0.9), 0.9, when={"optimizer": "sgd"}),
        "activation": Choice(("relu", "gelu"), "relu"),
        "batch_size": Choice((32,), 32),
    },
)
NARROWED = SearchSpace(
    "narrowed",
    {
        "optimizer": Choice(("adam",), "adam"),
        "momentum": Float(0.8, 0.99, 0.9, when={"optimizer": "sgd"}),
        "layers": Int(1, 2, 1),
    },
)
SINGLE = SearchSpace("single", {"units": Choice((64,), 64)})
FINITE = [(TINY, 18), (NARROWED, 2), (SINGLE, 1)]


class Algorithm(Protocol):
    LEARNS: bool

    def suggest(self, space: SearchSpace, tried: list[Trial], *, seed: int) -> dict[str, Value] | None: ...


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=pytest.mark.slow if name == "gp" else ()) for name in plugins.names("search")],
)
def name(request: pytest.FixtureRequest) -> str:
    return cast("str", request.param)


@pytest.fixture(scope="module")
def algorithm(name: str) -> Algorithm:
    return cast("Algorithm", plugins.load("search", name, noun="search algorithm"))


@pytest.fixture(scope="module")
def fourteen(algorithm: Algorithm) -> list[Trial]:
    """Trials of NUMBERS, the last two of which are running."""
    return list(run(algorithm, NUMBERS, seed=0, trials=14))


def run(algorithm: Algorithm, space: SearchSpace, *, seed: int, trials: int) -> Iterator[Trial]:
    """Trials as they are when the last was started: every fifth has failed, and the last two are running."""
    tried: list[Trial] = []
    for number in range(trials):
        params = algorithm.suggest(space, [ended(trial, number) for trial in tried], seed=seed)
        assert params is not None
        tried.append(Trial(number, space.name, params))
    return (ended(trial, trials) for trial in tried)


def ended(trial: Trial, now: int) -> Trial:
    if now - trial.number <= 2:
        return trial
    if trial.number % 5 == 4:
        return Trial(trial.number, trial.family, trial.params, "failed", reason="oom")
    score = sum(len(str(value)) for value in trial.params.values()) / 10
    return Trial(trial.number, trial.family, trial.params, "finished", objective=score)


def test_the_four_algorithms_are_found() -> None:
    assert set(plugins.names("search")) >= {"bayesian", "gp", "grid", "random"}


@pytest.mark.parametrize("space", [*ENDLESS, TINY], ids=lambda space: space.name)
def test_begins_with_the_defaults(algorithm: Algorithm, space: SearchSpace) -> None:
    assert algorithm.suggest(space, [], seed=7) == space.defaults()


@pytest.mark.parametrize("space", ENDLESS, ids=lambda space: space.name)
def test_suggests_new_settings_of_plain_values_inside_the_space(
    name: str, algorithm: Algorithm, space: SearchSpace
) -> None:
    trials = min(18, space.grid_size()) if name == "grid" else 18
    settings = [dict(trial.params) for trial in run(algorithm, space, seed=0, trials=trials)]
    assert all(setting in space for setting in settings)
    assert {type(value) for setting in settings for value in setting.values()} <= {int, float, str, bool}
    assert all(setting not in settings[:position] for position, setting in enumerate(settings))


@pytest.mark.parametrize(("space", "size"), FINITE, ids=lambda value: getattr(value, "name", str(value)))
def test_tries_every_setting_of_a_finite_space_once_and_stops(
    algorithm: Algorithm, space: SearchSpace, size: int
) -> None:
    tried = [ended(trial, size + 2) for trial in run(algorithm, space, seed=0, trials=size)]
    assert len({json.dumps(trial.params) for trial in tried}) == size
    assert algorithm.suggest(space, tried, seed=0) is None


def test_does_the_same_again_with_the_same_seed(algorithm: Algorithm) -> None:
    first, again, other = (list(run(algorithm, NUMBERS, seed=seed, trials=14)) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_a_suggestion_that_nobody_took_leaves_no_trace(algorithm: Algorithm, fourteen: list[Trial]) -> None:
    assert algorithm.suggest(NUMBERS, fourteen, seed=0) == algorithm.suggest(NUMBERS, fourteen, seed=0)


def test_does_not_repeat_what_is_running(algorithm: Algorithm, fourteen: list[Trial]) -> None:
    tried = [ended(trial, 16) for trial in fourteen]
    first = algorithm.suggest(NUMBERS, tried, seed=0)
    assert first is not None
    assert algorithm.suggest(NUMBERS, [*tried, Trial(14, "numbers", first)], seed=0) != first


def test_a_new_process_goes_on_as_the_old_one(name: str, algorithm: Algorithm) -> None:
    spaces = (NUMBERS, CONDITIONS)
    tried = [list(run(algorithm, space, seed=3, trials=14)) for space in spaces]
    program = f"""
import json, sys
from automl.trial import Trial
from automl.search import {name} as algorithm
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_searches import CONDITIONS, NUMBERS
tried = [[Trial.from_json(record) for record in own] for own in json.load(sys.stdin)]
print(json.dumps([algorithm.suggest(space, own, seed=3) for space, own in zip((NUMBERS, CONDITIONS), tried)]))
"""
    answer = subprocess.run(
        [sys.executable, "-c", program],
        input=json.dumps([[trial.to_json() for trial in own] for own in tried]),
        env={**os.environ, "PYTHONHASHSEED": "12345"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(answer.stdout) == [
        algorithm.suggest(space, own, seed=3) for space, own in zip(spaces, tried, strict=True)
    ]


def test_trials_beside_the_space_do_no_harm(algorithm: Algorithm) -> None:
    tried = list(run(algorithm, FIXED, seed=0, trials=3))
    beside = Trial(3, "fixed", {"activation": "tanh", "width": 99.0}, "finished", objective=-1.0)
    further = [
        Trial(number, "fixed", {"activation": "relu", "width": number / 10}, "finished", 0.5) for number in range(5, 15)
    ]
    suggested = algorithm.suggest(FIXED, [*tried, beside, *further], seed=0)
    assert suggested in FIXED or suggested is None


def test_says_whether_it_learns(algorithm: Algorithm, fourteen: list[Trial]) -> None:
    tried = [ended(trial, 16) for trial in fourteen]
    turned = [replace(trial, objective=trial.objective and -trial.objective) for trial in tried]
    suggested, other = (algorithm.suggest(NUMBERS, known, seed=0) for known in (tried, turned))
    assert (suggested != other) == algorithm.LEARNS
