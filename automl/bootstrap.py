"""How much a score varies with the rows that happened to be drawn: the bootstrap (Efron 1979)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.tasks import FloatArray, Metric

RESAMPLES = 400
# Of more rows, the spread is that of so many, scaled; of so many classes that their probabilities are more, of fewer.
MOST_ROWS = 5_000
MOST_NUMBERS = 50_000


def resampled(
    targets: NDArray[Any],
    predictions: Sequence[FloatArray],
    metric: Metric,
    *,
    seed: int,
    groups: NDArray[np.int64] | None = None,
    times: int = RESAMPLES,
    most_rows: int = MOST_ROWS,
) -> NDArray[np.float64]:
    """The metric's scores of several predictions of the same rows, on rows drawn with replacement.

    All predictions are scored on the same draws, so that their differences are paired.

    Args:
        predictions: each of shape (rows,) or (rows, classes).
        groups: shape (rows,), of rows that depend on each other: they are drawn together (the cluster bootstrap,
            Davison and Hinkley 1997, section 3.8).
        most_rows: that are drawn at a time.

    Returns:
        Shape (times, predictions); NaN where the score is undefined on the rows drawn. With more than `most_rows` rows,
        or more than 50,000 probabilities, the deviations from the score of all rows are those of so many, shrunk by the
        square root of the ratio.
    """
    rows = len(targets)
    width = max(prediction.size for prediction in predictions) // max(rows, 1)
    drawn = min(rows, most_rows, MOST_NUMBERS // max(width, 1))
    rng = np.random.default_rng([seed, 17])
    units = _Units(np.arange(rows) if groups is None else groups)
    number = max(1, round(len(units.sizes) * drawn / max(rows, 1)))
    scores = np.empty((times, len(predictions)))
    for time in range(times):
        chosen = units.rows(rng.integers(len(units.sizes), size=number))
        scores[time] = [metric.function(targets[chosen], prediction[chosen]) for prediction in predictions]
    if drawn == rows:
        return scores
    whole = np.array([metric.function(targets, prediction) for prediction in predictions])
    return np.asarray(whole + (scores - whole) * np.sqrt(number / len(units.sizes)))


class _Units:
    """Sets of rows that are drawn together, by the numbers of the rows' groups."""

    def __init__(self, groups: NDArray[np.int64]) -> None:
        self._order = np.argsort(groups, kind="stable")
        _, self._starts, self.sizes = np.unique(groups[self._order], return_index=True, return_counts=True)

    def rows(self, chosen: NDArray[np.int64]) -> NDArray[np.int64]:
        """The rows of the chosen units, those of one that is chosen twice twice."""
        sizes = self.sizes[chosen]
        before = np.cumsum(sizes) - sizes
        return np.asarray(self._order[np.repeat(self._starts[chosen] - before, sizes) + np.arange(sizes.sum())])


def interval(samples: NDArray[np.float64]) -> tuple[float, float]:
    """The range that holds the middle 95 % of the samples; NaN for both ends if there is none."""
    known = samples[np.isfinite(samples)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.percentile(known, [2.5, 97.5])
    return float(low), float(high)


def deviation(samples: NDArray[np.float64]) -> float:
    """The standard error that the samples show."""
    known = samples[np.isfinite(samples)]
    return float(known.std()) if len(known) else float("nan")
