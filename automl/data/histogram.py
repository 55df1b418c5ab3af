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
# Sums and differences of such numbers can just be held.
HUGE = 5e307


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
    if np.abs(values).max() > HUGE:
        # The differences of such numbers could not be held.
        quarters = _histogram(values / 4)
        low, high = np.clip([quarters.low, quarters.high], -HUGE / 4, HUGE / 4) * 4
        return Histogram(float(low), float(high), quarters.counts, quarters.beyond)
    return _histogram(values)


def _histogram(values: NDArray[np.float64]) -> Histogram:
    low, high = float(values.min()), float(values.max())
    if high - low < BARS and np.all(values == np.round(values)) and low - 0.5 < low and high < high + 0.5:
        return Histogram(low - 0.5, high + 0.5, _counts(values, low - 0.5, high + 0.5, bars=int(high - low) + 1))
    inner = np.quantile(values[:: -(-len(values) // MOST_VALUES)], [0.01, 0.99])
    if high - low > LONG_TAIL * (inner[1] - inner[0]) > 0:
        low, high = map(float, inner)
    counts = _counts(values, low, high, bars=BARS)
    return Histogram(low, high, counts, len(values) - sum(counts))


def _counts(values: NDArray[np.float64], low: float, high: float, *, bars: int) -> tuple[int, ...]:
    """Of bars of equal width, also where that is too small for NumPy to name their edges."""
    inside = values[(values >= low) & (values <= high)]
    share = (inside - low) / (high - low) if high > low else np.full(len(inside), 0.5)
    places = np.minimum((share * bars).astype(np.int64), bars - 1)
    return tuple(np.bincount(places, minlength=bars).tolist())
