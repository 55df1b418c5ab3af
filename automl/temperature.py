"""How sure probabilities are: sharper below a temperature of 1, flatter above (Guo et al. 2017)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

LOWEST, HIGHEST = 0.4, 5.0
# Of one divided by the temperature.
PRECISION = 1e-4
# What a probability counts as at least.
TINY = 1e-7
# More numbers than this make it no surer, and each epoch would wait.
MOST_NUMBERS = 100_000


def tempered(probabilities: NDArray[np.floating[Any]], temperature: float) -> NDArray[np.floating[Any]]:
    """Shape (rows, classes): raised to the power 1 / temperature, and normalised. Values have a temperature of 1."""
    if temperature == 1:
        return probabilities
    powers = probabilities ** (1 / temperature)
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def best_temperature(probabilities: NDArray[np.floating[Any]], targets: NDArray[Any]) -> float:
    """The temperature, between 0.4 and 5, with which the probabilities have the lowest log loss.

    To sharpen, one row more has to agree that counts as of each class a little (Platt 1999): where all rows are
    predicted right, nothing else would speak against a temperature near 0.

    Args:
        probabilities: shape (rows, classes), of rows that no network has learned from.
        targets: shape (rows,), the positions of their classes.
    """
    from scipy.optimize import brentq
    from scipy.special import softmax

    apart = -(-probabilities.size // MOST_NUMBERS)
    logs = np.log(np.maximum(probabilities[::apart], TINY))
    of_truth = logs[np.arange(len(logs)), targets[::apart]]

    def slope(sharpness: float, *, doubt: bool) -> float:
        """Of the log loss, which is convex in the sharpness (1 / temperature)."""
        shares = softmax(sharpness * logs, axis=1)
        expected = (shares * logs).sum(axis=1)
        of_rows = (expected - of_truth).sum()
        return float(of_rows + (expected - logs.mean(axis=1)).mean() if doubt else of_rows)

    sharpens = slope(1.0, doubt=False) < 0
    low, high = (1.0, 1 / LOWEST) if sharpens else (1 / HIGHEST, 1.0)
    if slope(low, doubt=sharpens) >= 0:
        return 1 / low
    if slope(high, doubt=sharpens) <= 0:
        return 1 / high
    return 1 / float(brentq(lambda sharpness: slope(sharpness, doubt=sharpens), low, high, xtol=PRECISION))
