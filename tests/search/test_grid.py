"""Grid search."""

from __future__ import annotations

import pytest

from automl.errors import InputError
from automl.search import grid
from automl.space import Choice, Float, Int, SearchSpace
from automl.trial import Trial

MLP = SearchSpace(
    "mlp",
    {
        "layers": Int(1, 5, 2),
        "activation": Choice(("relu", "gelu", "silu"), "relu"),
        "dropout": Float(0.0, 0.5, 0.1),
    },
)
WIDE = SearchSpace("wide", {"layers": Int(1, 6, 2, points=(2, 3, 4, 5))} | {f"x{k}": Int(0, 9, 0) for k in range(9)})


def run(space: SearchSpace, *, seed: int) -> list[dict[str, int | float | str | bool]]:
    tried: list[Trial] = []
    while (setting := grid.suggest(space, tried, seed=seed)) is not None:
        tried.append(Trial(len(tried), "mlp", setting, "finished", objective=0.0))
    return [dict(trial.params) for trial in tried]


def test_tries_the_defaults_and_then_every_point_once() -> None:
    settings = run(MLP, seed=0)
    assert settings[0] == {"layers": 2, "activation": "relu", "dropout": 0.1}
    points = list(MLP.grid())
    assert len(points) == 27
    assert sorted(settings[1:], key=points.index) == points


def test_tries_defaults_that_are_on_the_grid_once() -> None:
    space = SearchSpace("mlp", {"layers": Int(1, 3, 2)})
    assert sorted(setting["layers"] for setting in run(space, seed=0)) == [1, 2, 3]


def test_a_grid_that_is_cut_short_is_a_fair_sample() -> None:
    first = [setting for seed in range(40) for setting in run(MLP, seed=seed)[1:4]]
    layers = [setting["layers"] for setting in first]
    assert [layers.count(value) for value in (1, 3, 5)] == pytest.approx([40, 40, 40], abs=15)


def test_goes_on_where_it_stopped() -> None:
    settings = run(MLP, seed=0)
    tried = [Trial(number, "mlp", setting, "failed") for number, setting in enumerate(settings[:10])]
    assert grid.suggest(MLP, tried, seed=0) == settings[10]


def test_a_huge_grid_costs_nothing_until_it_is_tried() -> None:
    huge = SearchSpace("huge", {f"p{number}": Float(0.0, 1.0, 0.5) for number in range(30)})
    tried = [Trial(0, "huge", huge.defaults())]
    assert grid.suggest(huge, tried, seed=0) in huge


def test_counts_the_points_of_all_families() -> None:
    linear = SearchSpace("linear", {"learning_rate": Float(1e-3, 1e-1, 1e-2, log=True)})
    assert grid.check_size({"mlp": MLP, "linear": linear}, trials=None) == 30


def test_refuses_a_grid_that_nothing_bounds() -> None:
    with pytest.raises(InputError) as error:
        grid.check_size({"mlp": MLP, "wide": WIDE}, trials=None)
    assert str(error.value) == (
        "The grid has 78,759 points, more than 10,000. Narrow it (--set wide.layers=2,3) or bound it (--trials 200)."
    )


def test_takes_a_large_grid_that_is_bounded() -> None:
    assert grid.check_size({"wide": WIDE}, trials=200) == 78_732
