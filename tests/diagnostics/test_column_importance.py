"""Which columns a model relies on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from automl.diagnostics import Audit, Evidence, Finding, NotApplicable
from automl.diagnostics.column_importance import check


def asked(evidence_of: Callable[..., Evidence], increases: Mapping[str, Sequence[float]]) -> Finding:
    y = np.random.default_rng(0).normal(size=300)
    found = check(replace(evidence_of(y, {0: y / 2}, train=100, val=100), audit=Audit(increases)))
    assert isinstance(found, Finding)
    return found


def noise(rng: np.random.Generator, *, columns: int, shuffles: int) -> dict[str, list[float]]:
    """What columns without meaning cost: by their rows, the same at every shuffle, and by the shuffle."""
    own = rng.normal(scale=0.01, size=(columns, 1)) + rng.normal(scale=0.003, size=(columns, shuffles))
    return {f"noise {column}": each.tolist() for column, each in enumerate(own)}


def test_columns_without_meaning_are_not_named(evidence_of: Callable[..., Evidence]) -> None:
    rng = np.random.default_rng(3)
    for shuffles in (1, 2, 5):
        named = [asked(evidence_of, noise(rng, columns=20, shuffles=shuffles)).columns for _ in range(40)]
        assert sum(map(bool, named)) <= 8


def test_names_what_the_model_relies_on(evidence_of: Callable[..., Evidence]) -> None:
    rng = np.random.default_rng(4)
    for shuffles in (1, 2, 5):
        useful = {"age": [0.5] * shuffles, "dose": (0.3 + rng.normal(scale=0.01, size=shuffles)).tolist()}
        found = asked(evidence_of, {**noise(rng, columns=12, shuffles=shuffles), **useful})
        assert found.title == "It relies most on age, dose"


def test_says_when_one_column_is_all(evidence_of: Callable[..., Evidence]) -> None:
    found = asked(evidence_of, {"age": [0.9, 0.91], "dose": [0.0, 0.001]})
    assert (found.severity, found.columns) == ("note", ("age",))


def test_has_no_answer_where_nothing_was_shuffled(evidence_of: Callable[..., Evidence]) -> None:
    y = np.random.default_rng(0).normal(size=300)
    assert isinstance(check(evidence_of(y, {0: y}, train=100, val=100)), NotApplicable)
