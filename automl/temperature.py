"""How sure probabilities are: sharper below a temperature of 1, flatter above (Guo et al. 2017)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

LOWEST, HIGHEST = 0.4, 5.0
# The search looks at so many temperatures, then at as many around the best of them, and so on: to 1.5 % in the end.
GRID, GRIDS = 8, 3
# What a probability counts as at least, in the loss as in the metric.
TINY = 1e-7
# Of which a logarithm can be taken.
LEAST = 1e-300
# Where each epoch waits for it: of ten classes, the log loss of more rows hardly differs.
MOST_NUMBERS = 30_000


def tempered(probabilities: NDArray[np.floating[Any]], temperature: float) -> NDArray[np.floating[Any]]:
    """Shape (rows, classes): raised to the power 1 / temperature, and normalised. Values have a temperature of 1."""
    if temperature == 1:
        return probabilities
    powers = probabilities ** (1 / temperature)
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def best_temperature(
    probabilities: NDArray[np.floating[Any]], targets: NDArray[Any], *, most_numbers: int = MOST_NUMBERS
) -> float:
    """The temperature, between 0.4 and 5, with which the probabilities have the lowest log loss; 1 if none is better.

    To sharpen, one row more has to agree that counts as of each class a little (Platt 1999): where all rows are
    predicted right, nothing else would speak against a temperature near 0.

    Args:
        probabilities: shape (rows, classes), of rows that no network has learned from; of many, some are enough.
        targets: shape (rows,), the positions of their classes.
        most_numbers: of the probabilities that are looked at.
    """
    apart = max(1, -(-probabilities.size // most_numbers))
    # A class in a row: sums over classes then take a fifth of the time.
    logs = np.ascontiguousarray(np.log(np.maximum(probabilities[::apart], LEAST)).T)
    rows = logs.shape[1]
    truth = targets[::apart], np.arange(rows)
    if not rows:
        return 1.0

    def measured(temperature: float) -> tuple[float, float]:
        """The log loss of the rows, and of one that is of each class a little."""
        scaled = logs / temperature
        scaled -= scaled.max(axis=0)
        losses = np.log(np.exp(scaled).sum(axis=0)) - scaled
        losses = np.minimum(losses, -np.log(TINY))
        return float(losses[truth].mean()), float(losses.mean())

    untouched, doubt_before = measured(1.0)

    def loss(temperature: float) -> float:
        of_rows, doubt = measured(temperature)
        return of_rows + max(0.0, doubt - doubt_before) / rows if temperature < 1 else of_rows

    low, high = LOWEST, HIGHEST
    for _ in range(GRIDS):
        tried = np.geomspace(low, high, GRID)
        found = [loss(float(temperature)) for temperature in tried]
        best = int(np.argmin(found))
        low, high = float(tried[max(best - 1, 0)]), float(tried[min(best + 1, GRID - 1)])
    return float(tried[best]) if found[best] < untouched - np.finfo(np.float32).eps else 1.0
