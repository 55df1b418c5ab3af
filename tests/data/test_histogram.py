"""The bars of a column."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from automl.data.histogram import Histogram, histogram


def test_whole_numbers_of_a_short_range_have_a_bar_each() -> None:
    assert histogram(np.array([1.0, 1.0, 2.0, 4.0])) == Histogram(0.5, 4.5, (2, 1, 0, 1))


def test_counts_every_value_once() -> None:
    values = np.random.default_rng(0).normal(size=1000)
    spread = histogram(values)
    assert spread is not None
    assert (spread.low, spread.high) == (values.min(), values.max())
    assert spread.counts == tuple(np.histogram(values, bins=20)[0])
    assert spread.beyond == 0


def test_a_few_far_values_do_not_press_the_others_into_one_bar() -> None:
    values = np.concatenate([np.linspace(0.0, 1.0, 999), [1e6]])
    spread = histogram(values)
    assert spread is not None
    assert spread.high < 1.01
    assert np.count_nonzero(spread.counts) == 20
    assert sum(spread.counts) + spread.beyond == 1000


def test_no_values_have_no_histogram() -> None:
    assert histogram(np.array([])) is None


@pytest.mark.parametrize("values", [[2.0], [0.5] * 3, [0.1, 1e300]])
def test_few_values_are_all_counted(values: list[float]) -> None:
    spread = histogram(np.array(values))
    assert spread is not None
    assert sum(spread.counts) == len(values)


def test_is_read_back_as_it_was() -> None:
    spread = Histogram(0.0, 2.0, (3, 4), 1)
    assert Histogram.from_json(dataclasses.asdict(spread) | {"counts": [3, 4]}) == spread
    assert Histogram.from_json(None) is None
