"""Random search."""

from __future__ import annotations

from automl.search import random
from automl.space import Float, Int, SearchSpace
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


def test_a_continuous_space_has_no_end() -> None:
    tried: list[Trial] = []
    while len(tried) < 150:
        setting = random.suggest(RATE, tried, seed=0)
        assert setting is not None
        tried.append(Trial(len(tried), "mlp", setting))
    assert len({trial.params["rate"] for trial in tried}) == 150


def test_finds_the_last_setting_however_unlikely() -> None:
    space = SearchSpace("mlp", {"units": Int(1, 2000, 64, log=True)})
    tried = [Trial(number, "mlp", {"units": number + 1}) for number in range(2000) if number != 1998]
    assert random.suggest(space, tried, seed=0) == {"units": 1999}
