"""How the values of a column are spread, in a few bars."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BARS = 20
# Where the range is so many times that of the middle 98 % of the values, a few of them would leave one bar to the rest.
LONG_TAIL = 3.0
# Quantiles of more values than this are those of some of them.
MOST_VALUES = 100_000
# Twice this can still be held, and so can the reciprocal.
HUGE = 1e300


@dataclass(frozen=True)
class Histogram:
    """Bars of equal width.

    Attributes:
        low, high: where the first bar begins and the last one ends.
        counts: the values in each bar.
        beyond: the values in none, since they are far away from the others.
    """

    low: float
    high: float
    counts: tuple[int, ...]
    beyond: int = 0

    @classmethod
    def from_json(cls, record: Mapping[str, Any] | None) -> Histogram | None:
        """The histogram that `dataclasses.asdict` described, if any."""
        return cls(**{**record, "counts": tuple(record["counts"])}) if record else None


def histogram(values: NDArray[np.float64]) -> Histogram | None:
    """The spread of finite values: a bar for each whole number of a short range, else 20; None without values."""
    if not len(values):
        return None
    largest = float(np.abs(values).max())
    if largest > HUGE or 0 < largest < 1 / HUGE:
        # Their differences could not be held, so they are measured by the largest.
        measured = _histogram(values / largest)
        ends = np.clip(np.array([measured.low, measured.high]) * min(largest, HUGE), -HUGE, HUGE)
        return Histogram(float(ends[0]), float(ends[1]), measured.counts, measured.beyond)
    return _histogram(values)


def _histogram(values: NDArray[np.float64]) -> Histogram:
    low, high = float(values.min()), float(values.max())
    if high - low < BARS and np.all(values == np.round(values)):
        whole = np.arange(low - 0.5, high + 1)
        return Histogram(low - 0.5, high + 0.5, _counts(values, whole))
    inner = np.quantile(values[:: -(-len(values) // MOST_VALUES)], [0.01, 0.99])
    if high - low > LONG_TAIL * (inner[1] - inner[0]) > 0:
        low, high = map(float, inner)
    counts = _counts(values, np.linspace(low, high, BARS + 1))
    return Histogram(low, high, counts, len(values) - sum(counts))


def _counts(values: NDArray[np.float64], edges: NDArray[np.float64]) -> tuple[int, ...]:
    return tuple(map(int, np.histogram(values, bins=len(edges) - 1, range=(edges[0], edges[-1]))[0]))
