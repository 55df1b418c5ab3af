"""Best settings at the edge of what was searched."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from automl.diagnostics import Answer, Evidence, Finding, NotApplicable
from automl.diagnostics.edge_of_range import Side, check, find, wider
from automl.space import Choice, Float, Int, Parameter, SearchSpace
from automl.space_files import change, read_space
from automl.trial import Trial

SPACE = SearchSpace(
    "mlp",
    {
        "learning_rate": Float(1e-4, 1e-2, 1e-3, log=True),
        "dropout": Float(0.0, 0.6, 0.2),
        "layers": Int(1, 4, 2),
        "units": Choice((32, 64, 128, 256), 64),
        "activation": Choice(("relu", "selu"), "relu"),
    },
)


def searched(
    evidence_of: Callable[..., Evidence], best_at: dict[str, float], *, trials: int = 40, seed: int = 0
) -> Answer:
    """Of random settings, those are the better that are nearer to the given places (0 and 1 are the ends)."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(trials):
        places = {name: rng.random() for name in SPACE.parameters}
        setting = {
            name: p.values[int(places[name] * len(p.values))] if isinstance(p, Choice) else p.at(places[name])
            for name, p in SPACE.parameters.items()
        }
        distance = sum(abs(places[name] - best) for name, best in best_at.items())
        found.append((distance + 0.02 * rng.random(), setting))
    x = np.linspace(0, 1, 300)
    evidence = evidence_of(
        x,
        {number: x + error for number, (error, _) in enumerate(found)},
        train=100,
        val=100,
        trials=[Trial(number, "mlp", setting) for number, (_, setting) in enumerate(found)],
        spaces={"mlp": SPACE},
    )
    return check(evidence)


@pytest.mark.parametrize(
    ("name", "end", "wider"),
    [
        ("learning_rate", 1.3, "mlp.learning_rate=0.0001..0.1"),
        ("learning_rate", -0.3, "mlp.learning_rate=1e-05..0.01"),
        ("dropout", 1.3, "mlp.dropout=0..0.8"),
        ("layers", 1.3, "mlp.layers=1..6"),
        ("units", 1.3, "mlp.units=32,64,128,256,512"),
    ],
)
def test_finds_a_parameter_that_is_best_beyond_its_range(
    evidence_of: Callable[..., Evidence], name: str, end: float, wider: str
) -> None:
    found = searched(evidence_of, {name: end})
    assert isinstance(found, Finding)
    assert (found.severity, name in found.title) == ("note", True)
    assert f"--set {wider}" in found.advice


@pytest.mark.parametrize(
    ("parameter", "side", "written"),
    [
        (Int(64, 256, 128, log=True), "low", "32..256"),
        (Int(20, 1024, 128, log=True), "low", "2..1024"),
        (Int(20, 1024, 128, log=True), "high", "20..7300"),
        (Float(1.234e-4, 1e-2, 1e-3, log=True), "high", "0.0001234..0.09"),
        (Int(1000, 1004, 1002), "high", "1000..1006"),
        (Float(0.1, 0.99, 0.5), "high", "0.1..0.995"),
    ],
)
def test_only_the_end_that_is_new_is_rounded(parameter: Parameter, side: Side, written: str) -> None:
    assert wider(parameter, side) == written


@pytest.mark.parametrize("seed", range(10))
def test_keeps_quiet_where_the_best_is_inside(evidence_of: Callable[..., Evidence], seed: int) -> None:
    found = searched(evidence_of, {"learning_rate": 0.5, "dropout": 0.4}, seed=seed)
    assert isinstance(found, Finding)
    assert found.severity == "fine"


@pytest.mark.parametrize(("name", "end"), [("dropout", -0.3), ("layers", -0.3), ("activation", 1.3)])
def test_keeps_quiet_where_nothing_lies_beyond(evidence_of: Callable[..., Evidence], name: str, end: float) -> None:
    found = searched(evidence_of, {name: end})
    assert isinstance(found, Finding)
    assert found.severity == "fine"


def test_nothing_lies_beyond_all_thresholds() -> None:
    towards_the_top = np.linspace(1, 0, 40)
    some = SearchSpace("boosted_trees", {"thresholds": Choice((3, 6, 12), 12)})
    edge = find(some, "thresholds", towards_the_top)
    assert edge is not None
    assert edge.wider == "boosted_trees.thresholds=3,6,12,24"
    assert find(read_space("boosted_trees").space, "thresholds", towards_the_top) is None
    assert find(read_space("boosted_trees").space, "thresholds", towards_the_top[::-1]) is not None


def test_a_value_that_was_never_varied_is_not_at_an_edge(evidence_of: Callable[..., Evidence]) -> None:
    x = np.linspace(0, 1, 300)
    rng = np.random.default_rng(0)
    trials = [
        Trial(number, "mlp", {"learning_rate": 1e-2, "dropout": float(rng.uniform(0, 0.6))}) for number in range(20)
    ]
    evidence = evidence_of(
        x,
        {t.number: x + 0.1 + abs(float(t.params["dropout"]) - 0.3) for t in trials},
        train=100,
        val=100,
        trials=trials,
        spaces={"mlp": SPACE},
    )
    found = check(evidence)
    assert isinstance(found, Finding)
    assert found.severity == "fine"
    assert isinstance(check(replace(evidence, trials=evidence.trials[:8])), NotApplicable)


def test_what_it_advises_can_be_typed(evidence_of: Callable[..., Evidence]) -> None:
    found = searched(evidence_of, {"learning_rate": 1.3}, trials=80)
    assert isinstance(found, Finding)
    advised = [part.split()[0] for part in found.advice.split("--set mlp.")[1:]]
    assert advised
    wider = change(read_space("mlp"), advised).space
    assert wider.parameters["learning_rate"].high == 0.1  # type: ignore[union-attr]
