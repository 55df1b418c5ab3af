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
    times: int = RESAMPLES,
    most_rows: int = MOST_ROWS,
) -> NDArray[np.float64]:
    """The metric's scores of several predictions of the same rows, on rows drawn with replacement.

    All predictions are scored on the same draws, so that their differences are paired.

    Args:
        predictions: each of shape (rows,) or (rows, classes).
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
    scores = np.empty((times, len(predictions)))
    for time in range(times):
        chosen = rng.integers(rows, size=drawn)
        scores[time] = [metric.function(targets[chosen], prediction[chosen]) for prediction in predictions]
    if drawn == rows:
        return scores
    whole = np.array([metric.function(targets, prediction) for prediction in predictions])
    return np.asarray(whole + (scores - whole) * np.sqrt(drawn / rows))


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
