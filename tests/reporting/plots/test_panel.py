"""Ticks, and where a value lies."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automl.reporting.plots.panel import Axis, Panel, axis, compact, round_logarithms, round_numbers, without_outliers

RANGES = st.tuples(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@given(RANGES)
def test_ticks_are_few_ascending_and_inside(limits: tuple[float, float]) -> None:
    low, high = limits
    ticks = round_numbers(low, high)
    assert 2 <= len(ticks) <= 5
    assert list(ticks) == sorted(set(ticks))
    slack = 1e-6 * (high - low) + 1e-9 * max(abs(low), abs(high))
    assert low - slack <= ticks[0] <= ticks[-1] <= high + slack


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.0, 1.0, (0.0, 0.25, 0.5, 0.75, 1.0)),
        (-3.0, 12.0, (0.0, 5.0, 10.0)),
        (0.0, 0.04, (0.0, 0.01, 0.02, 0.03, 0.04)),
    ],
)
def test_ticks_are_round(low: float, high: float, ticks: tuple[float, ...]) -> None:
    assert round_numbers(low, high) == ticks


def test_ticks_of_whole_numbers_are_whole() -> None:
    assert Axis("epoch", 1, 4, whole=True).ticks == (1.0, 2.0, 3.0, 4.0)
    assert Axis("epoch", 0.5, 2.5, whole=True).ticks == (1.0, 2.0)


def test_ticks_of_logarithms_are_powers() -> None:
    assert round_logarithms(1e-4, 1e-1) == pytest.approx((1e-4, 1e-3, 1e-2, 1e-1))
    assert len(round_logarithms(1e-9, 1e9)) <= 5


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [(0.0, 1.0, ("0.00", "0.25", "0.50", "0.75", "1.00")), (0.0, 2e6, ("0", "500k", "1M", "1.5M", "2M"))],
)
def test_ticks_are_written_alike(low: float, high: float, labels: tuple[str, ...]) -> None:
    assert Axis("", low, high).labels == labels


@pytest.mark.parametrize("width", [5e-4, 5e-7, 5e-9])
def test_a_range_may_be_narrow(width: float) -> None:
    labels = Axis("", 5000.0, 5000.0 + width).labels
    assert labels
    assert all(float(label) == pytest.approx(5000.0, abs=2 * width + 1e-8) for label in labels)


def test_nothing_is_not_negative() -> None:
    assert compact(-0.0) == "0"


def test_a_value_lies_between_the_ends_or_at_one() -> None:
    panel = Panel(Axis("", 0, 10), Axis("", 1e-3, 1e3, log=True))
    assert panel.across(0) == panel.left
    assert panel.across(10) == panel.across(99) == panel.right
    assert panel.across(5) == (panel.left + panel.right) / 2
    assert panel.up(1) == pytest.approx((panel.top + panel.bottom) / 2)
    assert panel.up(0) == panel.bottom


@pytest.mark.parametrize("values", [[], [math.nan], [3.0], [0.0, 0.0]])
def test_an_axis_needs_no_range(values: list[float]) -> None:
    found = axis("", values)
    assert found.low < found.high
    assert found.ticks


def test_hopeless_trials_set_no_limit() -> None:
    assert without_outliers([0.3, 0.2, 0.4, 1e9, math.nan]) == [0.2, 0.3, 0.4]
    assert without_outliers([math.inf]) == []
