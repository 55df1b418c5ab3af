"""Random search."""

from __future__ import annotations

from automl.search import random
from automl.space import Float, SearchSpace
from automl.trial import Trial

RATE = SearchSpace("mlp", {"rate": Float(1e-4, 1.0, 1e-2, log=True)})


def test_draws_on_the_scale_of_the_parameter() -> None:
    tried = [Trial(0, "mlp", RATE.defaults(), "finished", objective=1.0)]
    drawn = [random.suggest(RATE, tried, seed=seed) for seed in range(400)]
    below = sum(setting is not None and float(setting["rate"]) < 1e-2 for setting in drawn)
    assert 160 < below < 240


def test_outcomes_change_nothing() -> None:
    good = [Trial(number, "mlp", {"rate": 0.5}, "finished", objective=0.0) for number in range(10)]
    failed = [Trial(number, "mlp", {"rate": 0.5}, "failed", reason="oom") for number in range(10)]
    assert random.suggest(RATE, good, seed=0) == random.suggest(RATE, failed, seed=0)


def test_families_draw_apart() -> None:
    other = SearchSpace("resnet", RATE.parameters)
    tried = [Trial(0, "mlp", RATE.defaults())]
    assert random.suggest(RATE, tried, seed=0) != random.suggest(other, tried, seed=0)
