"""The next trial of a run."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from typing import Any

import pytest

from automl.errors import InputError
from automl.search import propose
from automl.space import Choice, Float, Int, SearchSpace, Value
from automl.trial import Trial

SPACES = {
    "linear": SearchSpace("linear", {"learning_rate": Float(1e-4, 1e-1, 1e-2, log=True)}),
    "mlp": SearchSpace("mlp", {"layers": Int(1, 5, 3), "dropout": Float(0.0, 0.5, 0.1)}),
    "resnet": SearchSpace("resnet", {"blocks": Int(1, 3, 2)}),
}


def run(algorithm: str, spaces: dict[str, SearchSpace], *, seed: int, trials: int) -> list[Trial]:
    """A search in which mlp does best, one trial at a time."""
    tried: list[Trial] = []
    while len(tried) < trials and (proposal := propose(algorithm, spaces, tried, seed=seed)) is not None:
        family, params = proposal
        score = {"linear": 3.0, "mlp": 1.0, "resnet": 2.0}[family] + len(tried) / 1000
        tried.append(Trial(len(tried), family, params, "finished", objective=score))
    return tried


@pytest.mark.parametrize("algorithm", ["bayesian", "gp", "grid", "random"])
def test_begins_with_the_defaults_of_each_family(algorithm: str) -> None:
    assert [(trial.family, trial.params) for trial in run(algorithm, SPACES, seed=5, trials=3)] == [
        ("linear", {"learning_rate": 1e-2}),
        ("mlp", {"layers": 3, "dropout": 0.1}),
        ("resnet", {"blocks": 2}),
    ]


@pytest.mark.parametrize("algorithm", ["bayesian", "gp", "random"])
def test_begins_with_what_it_is_given_and_goes_on_with_other_families(algorithm: str) -> None:
    first: list[tuple[str, dict[str, Value]]] = [
        ("mlp", {"layers": 4, "dropout": 0.0}),
        ("gone", {"layers": 1}),
        ("linear", {"learning_rate": 1e-3}),
    ]
    tried: list[Trial] = []
    for number in range(4):
        proposal = propose(algorithm, SPACES, tried, seed=1, first=first)
        assert proposal is not None
        tried.append(Trial(number, *proposal, "finished", objective=1.0))
    assert [(trial.family, trial.params) for trial in tried[:3]] == [first[0], first[2], ("resnet", {"blocks": 2})]
    assert tried[3].params not in [first[0][1], first[2][1]]


@pytest.mark.parametrize("halved", [{"asked_batch": 128}, {"message": "With batches of 128 rows …"}])
def test_a_setting_with_halved_batches_is_not_tried_again(halved: dict[str, Any]) -> None:
    spaces = {"mlp": SearchSpace("mlp", {"layers": Int(1, 5, 3), "batch_size": Choice((64, 128), 128)})}
    setting = {"layers": 5, "batch_size": 128}
    tried = [Trial(0, "mlp", {**setting, "batch_size": 64}, "failed", reason="oom", **halved)]
    assert propose("random", spaces, tried, seed=1, first=[("mlp", setting)]) != ("mlp", setting)
    assert propose("random", spaces, [], seed=1, first=[("mlp", setting)]) == ("mlp", setting)


@pytest.mark.parametrize("algorithm", ["bayesian", "grid", "random"])
def test_a_space_ends_though_all_its_batches_are_halved(algorithm: str) -> None:
    spaces = {"mlp": SearchSpace("mlp", {"layers": Int(1, 3, 2), "batch_size": Choice((128,), 128)})}
    tried: list[Trial] = []
    while len(tried) < 9 and (proposal := propose(algorithm, spaces, tried, seed=1)) is not None:
        family, setting = proposal
        halved = {**setting, "batch_size": 64}
        tried.append(Trial(len(tried), family, halved, "finished", float(halved["layers"]), asked_batch=128))
    assert sorted(trial.params["layers"] for trial in tried) == [1, 2, 3]


@pytest.mark.parametrize("algorithm", ["bayesian", "grid", "random"])
def test_the_same_seed_proposes_the_same(algorithm: str) -> None:
    assert run(algorithm, SPACES, seed=1, trials=14) == run(algorithm, SPACES, seed=1, trials=14)
    assert run(algorithm, SPACES, seed=1, trials=14) != run(algorithm, SPACES, seed=2, trials=14)


@pytest.mark.parametrize("algorithm", ["bayesian", "grid", "random"])
def test_the_order_of_the_trials_does_not_matter(algorithm: str) -> None:
    spaces = {"mlp": SearchSpace("mlp", {"rate": Float(0.0, 1.0, 0.5), "layers": Int(1, 9, 3, points=(1, 3, 5, 7, 9))})}
    tried = [
        Trial(number, "mlp", {"rate": number % 7 / 7, "layers": 1 + number % 9}, "finished", objective=number % 11)
        for number in range(60)
    ]
    assert propose(algorithm, spaces, tried, seed=1) == propose(algorithm, spaces, tried[::-1], seed=1)


def test_a_search_that_learns_turns_to_the_best_family() -> None:
    spaces = {name: SearchSpace(name, SPACES["mlp"].parameters) for name in ("linear", "mlp", "resnet")}
    learned = Counter(trial.family for trial in run("bayesian", spaces, seed=0, trials=60))
    even = Counter(trial.family for trial in run("random", spaces, seed=0, trials=60))
    assert learned["mlp"] > 30
    assert even == {"linear": 20, "mlp": 20, "resnet": 20}


@pytest.mark.parametrize("algorithm", ["bayesian", "random"])
def test_passes_over_a_family_that_has_nothing_left(algorithm: str) -> None:
    tried = run(algorithm, SPACES, seed=0, trials=40)
    assert len(tried) == 40
    assert sorted(trial.params["blocks"] for trial in tried if trial.family == "resnet") == [1, 2, 3]


@pytest.mark.parametrize("algorithm", ["bayesian", "gp", "grid", "random"])
def test_stops_when_every_family_has_nothing_left(algorithm: str) -> None:
    spaces = {
        "linear": SearchSpace("linear", {"units": Choice((64,), 64)}),
        "resnet": SearchSpace("resnet", {"blocks": Int(1, 3, 2)}),
    }
    tried = run(algorithm, spaces, seed=0, trials=10)
    assert sorted((trial.family, *trial.params.values()) for trial in tried) == [
        ("linear", 64),
        ("resnet", 1),
        ("resnet", 2),
        ("resnet", 3),
    ]


def test_names_the_nearest_algorithm() -> None:
    with pytest.raises(InputError, match=r"There is no search algorithm 'bayes'\. Did you mean 'bayesian'\?"):
        propose("bayes", SPACES, [], seed=0)


HEAVY = ("optuna", "keras", "keras_tuner", "tensorflow", "sklearn", "pandas")


@pytest.mark.parametrize(
    ("statement", "loaded"),
    [
        ("import automl.search", []),
        ("from automl.search.grid import check_size", []),
        ("from automl.search import bayesian", ["optuna"]),
    ],
)
def test_only_the_algorithm_that_is_used_loads_its_packages(statement: str, loaded: list[str]) -> None:
    program = f"import sys; {statement}; print([name for name in {HEAVY!r} if name in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == repr(loaded)
