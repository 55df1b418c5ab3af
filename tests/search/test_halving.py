"""Which trials get all of their epochs."""

from __future__ import annotations

import math

import pytest

from automl.search import bars
from automl.space import Choice, Int, SearchSpace
from automl.trial import Rung, Trial

SPACE = SearchSpace("mlp", {"epochs": Int(10, 160, 60, log=True)})


def reached(*objectives: float, level: int = 0) -> list[Trial]:
    return [
        Trial(number, "any", {}, "pruned", rungs=(Rung(level, 5, objective),))
        for number, objective in enumerate(objectives)
    ]


def test_a_rung_is_an_eighth_of_what_is_usual() -> None:
    assert [(bar.level, bar.epochs) for bar in bars(SPACE, 60, [])] == [(0, 5)]
    fixed = SearchSpace("mlp", {"epochs": Choice((20,), 20)})
    assert [bar.epochs for bar in bars(fixed, 20, [])] == [2]


def test_the_first_few_trials_pass() -> None:
    assert [bar.objective for bar in bars(SPACE, 60, reached(1.0, 2.0, 3.0))] == [math.inf]


def test_the_best_quarter_passes() -> None:
    assert [bar.objective for bar in bars(SPACE, 60, reached(7.0, 1.0, 3.0, 2.0, 5.0, 4.0, 9.0, 6.0, 8.0))] == [3.0]


def test_a_trial_without_rungs_tells_nothing() -> None:
    straight = [Trial(number, "mlp", {}, "finished", 0.1) for number in range(9)]
    assert [bar.objective for bar in bars(SPACE, 60, straight)] == [math.inf]


@pytest.mark.parametrize(("epochs", "rungs"), [(10, 1), (9, 0)])
def test_a_short_trial_goes_straight_on(epochs: int, rungs: int) -> None:
    assert len(bars(SPACE, epochs, [])) == rungs
