"""The error of each row, for what a metric of many rows cannot tell: where the errors are, and who shares them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.tasks import FloatArray, Task

# What a probability of zero counts as, as in the log loss.
SMALLEST_PROBABILITY = 1e-7


def learned_losses(task: Task, targets: NDArray[Any], predictions: FloatArray) -> NDArray[np.float64]:
    """What networks are trained to make small: the negative logarithm of the truth's probability, or the square.

    Args:
        predictions: shape (rows, classes) or (rows,).

    Returns:
        Shape (rows,).
    """
    if task.PREDICTS == "probabilities":
        of_truth = predictions[np.arange(len(targets)), targets]
        return np.asarray(-np.log(np.clip(of_truth, SMALLEST_PROBABILITY, 1)))
    return np.asarray((targets - predictions) ** 2)


def plain_errors(task: Task, targets: NDArray[Any], predictions: FloatArray) -> NDArray[np.float64]:
    """What people count: 1 for a wrong class, or how far off a value is. Shape (rows,)."""
    if task.PREDICTS == "probabilities":
        return np.asarray(predictions.argmax(axis=1) != targets, dtype=np.float64)
    return np.asarray(np.abs(targets - predictions))
