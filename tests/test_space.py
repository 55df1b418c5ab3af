"""Hyperparameters and search spaces."""

from __future__ import annotations

import numpy as np
import pytest

from automl.space import Choice, Float, Int, SearchSpace, Value

OPTIMIZERS = SearchSpace(
    "mlp",
    {
        "layers": Int(1, 2, 2),
        "optimizer": Choice(("adam", "sgd"), "adam"),
        "momentum": Choice((0.8, 0.9), 0.9, when={"optimizer": "sgd"}),
        "nesterov": Choice((False, True), False, when={"optimizer": "sgd", "momentum": 0.9}),
    },
)
OPTIMIZER_GRID = [
    {"layers": 1, "optimizer": "adam"},
    {"layers": 1, "optimizer": "sgd", "momentum": 0.8},
    {"layers": 1, "optimizer": "sgd", "momentum": 0.9, "nesterov": False},
    {"layers": 1, "optimizer": "sgd", "momentum": 0.9, "nesterov": True},
    {"layers": 2, "optimizer": "adam"},
    {"layers": 2, "optimizer": "sgd", "momentum": 0.8},
    {"layers": 2, "optimizer": "sgd", "momentum": 0.9, "nesterov": False},
    {"layers": 2, "optimizer": "sgd", "momentum": 0.9, "nesterov": True},
]


def test_defaults_hold_the_active_parameters_alone() -> None:
    assert OPTIMIZERS.defaults() == {"layers": 2, "optimizer": "adam"}


@pytest.mark.parametrize(
    ("setting", "inside"),
    [
        ({"layers": 1, "optimizer": "adam"}, True),
        ({"layers": 1, "optimizer": "sgd", "momentum": 0.8}, True),
        ({"layers": 3, "optimizer": "adam"}, False),
        ({"layers": True, "optimizer": "adam"}, False),
        ({"layers": 1.0, "optimizer": "adam"}, False),
        ({"layers": 1, "optimizer": "adam", "momentum": 0.8}, False),
        ({"layers": 1, "optimizer": "sgd"}, False),
        ({"layers": 1}, False),
        ("layers", False),
    ],
)
def test_says_whether_a_setting_is_inside(setting: object, inside: bool) -> None:
    assert (setting in OPTIMIZERS) is inside


def test_a_grid_has_every_combination_of_active_values() -> None:
    assert list(OPTIMIZERS.grid()) == OPTIMIZER_GRID
    assert OPTIMIZERS.grid_size() == 8


@pytest.mark.parametrize("index", range(8))
def test_gives_one_setting_of_the_grid(index: int) -> None:
    assert OPTIMIZERS.grid_at(index) == OPTIMIZER_GRID[index]


@pytest.mark.parametrize("index", [-1, 8])
def test_refuses_a_place_beside_the_grid(index: int) -> None:
    with pytest.raises(IndexError, match="mlp has no grid setting"):
        OPTIMIZERS.grid_at(index)


def test_counts_a_grid_too_large_to_make() -> None:
    space = SearchSpace("wide", {f"p{number}": Float(0.0, 1.0, 0.5) for number in range(30)})
    assert space.grid_size() == 3**30
    assert set(space.grid_at(3**30 - 1).values()) == {1.0}


def test_a_grid_takes_both_ends_and_the_middle_of_the_scale() -> None:
    assert Float(1e-4, 1e-2, 1e-3, log=True).grid() == pytest.approx((1e-4, 1e-3, 1e-2))
    assert Int(4, 64, 8, log=True).grid() == (4, 16, 64)
    assert Int(1, 2, 1).grid() == (1, 2)
    assert Int(1, 9, 3, points=(2, 3)).grid() == (2, 3)


@pytest.mark.parametrize("log", [False, True])
def test_whole_numbers_are_drawn_at_both_ends_too(log: bool) -> None:
    parameter, rng = Int(1, 4, 1, log=log), np.random.default_rng(0)
    drawn = [parameter.sample(rng) for _ in range(4000)]
    shares = [drawn.count(value) / 4000 for value in (1, 2, 3, 4)]
    # On the logarithmic scale the values take log(1.5/0.5), log(2.5/1.5), … of log(4.5/0.5).
    expected = [0.5, 0.2325, 0.1531, 0.1144] if log else [0.25, 0.25, 0.25, 0.25]
    assert shares == pytest.approx(expected, abs=0.03)


def test_draws_real_numbers_evenly_on_the_logarithmic_scale() -> None:
    parameter, rng = Float(1e-4, 1.0, 1e-2, log=True), np.random.default_rng(0)
    drawn = np.array([parameter.sample(rng) for _ in range(4000)])
    assert [float(np.mean(drawn < bound)) for bound in (1e-3, 1e-2, 1e-1)] == pytest.approx([0.25, 0.5, 0.75], abs=0.03)


def test_draws_only_settings_of_the_space() -> None:
    rng = np.random.default_rng(0)
    drawn = [OPTIMIZERS.sample(rng) for _ in range(200)]
    assert all(setting in OPTIMIZERS for setting in drawn)
    assert all(setting in drawn for setting in OPTIMIZER_GRID)


def test_lists_every_setting_where_there_are_finitely_many() -> None:
    space = SearchSpace("small", {"layers": Int(1, 5, 3), "rate": Float(0.1, 0.1, 0.1)})
    finite = space.finite()
    assert finite is not None
    assert list(finite.grid()) == [{"layers": layers, "rate": 0.1} for layers in (1, 2, 3, 4, 5)]


@pytest.mark.parametrize("parameter", [Float(0.0, 1.0, 0.5), Int(0, 10**9, 1)])
def test_knows_a_space_without_end(parameter: Float | Int) -> None:
    assert SearchSpace("endless", {"x": parameter}).finite() is None


def test_a_condition_that_can_never_hold_is_left_out() -> None:
    fixed = SearchSpace(
        "mlp",
        {
            "optimizer": Choice(("adam",), "adam"),
            "momentum": Float(0.8, 0.99, 0.9, when={"optimizer": "sgd"}),
            "warmup": Int(1, 5, 1, when={"momentum": 0.9}),
        },
    )
    assert list(fixed.reachable()) == ["optimizer"]
    finite = fixed.finite()
    assert finite is not None
    assert list(finite.grid()) == [{"optimizer": "adam"}]


@pytest.mark.parametrize(
    ("parameter", "value", "often"),
    [
        (Float(1e-4, 1e-1, 1e-2, log=True), 1e-2, (1e-3, 1e-1)),
        (Float(0.0, 1.0, 0.5), 0.0, (0.0, 0.3)),
        (Int(1, 8, 2), 2, (1, 4)),
        (Int(16, 512, 64, log=True), 512, (200, 512)),
        (Choice((512, 64, 128, 256), 64), 64, (64, 256)),
    ],
    ids=["log", "end", "int", "int log", "choice"],
)
def test_values_near_another_are_on_either_side_and_within_the_range(
    parameter: Float | Int | Choice, value: float, often: tuple[float, float]
) -> None:
    rng = np.random.default_rng(0)
    drawn = [parameter.near(value, rng) for _ in range(500)]
    assert all(each in parameter for each in drawn)
    low, high = often
    assert np.mean([low <= float(each) <= high for each in drawn]) > 0.75
    assert len(set(drawn)) >= 3


def test_a_position_is_where_a_value_lies() -> None:
    for parameter in (Float(1e-4, 1e-1, 1e-2, log=True), Float(-1.0, 3.0, 0.5)):
        assert [parameter.position(parameter.at(at)) for at in (0.0, 0.3, 1.0)] == pytest.approx([0.0, 0.3, 1.0])
    assert Float(2.0, 2.0, 2.0).position(2.0) == 0.0


def test_a_setting_near_another_keeps_most_of_it_and_lies_in_the_space() -> None:
    rng = np.random.default_rng(0)
    setting: dict[str, Value] = {"layers": 1, "optimizer": "sgd", "momentum": 0.8}
    drawn = [OPTIMIZERS.near(setting, rng) for _ in range(5_000)]
    assert all(each in OPTIMIZERS for each in drawn)
    assert 0.6 < np.mean([each["optimizer"] == "sgd" for each in drawn]) < 0.95
    assert len({tuple(sorted(each.items())) for each in drawn}) == len(OPTIMIZER_GRID)
