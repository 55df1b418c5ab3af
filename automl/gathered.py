"""Predictions of rows by several networks, each of which knows only some of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from automl.tasks import FloatArray


class Gathered:
    """The mean of what the networks predict for each row.

    Args:
        rows: how many there are; each must be added once at least.
    """

    def __init__(self, rows: int) -> None:
        self._times = np.zeros(rows)
        self._sum: FloatArray | None = None

    def add(self, rows: NDArray[np.int32] | slice, predictions: FloatArray) -> None:
        """Takes one network's predictions of some rows, each of them named once."""
        if self._sum is None:
            self._sum = np.zeros((len(self._times), *predictions.shape[1:]))
        self._sum[rows] += predictions
        self._times[rows] += 1

    @property
    def mean(self) -> FloatArray:
        """Shape (rows,) or (rows, classes)."""
        assert self._sum is not None
        return np.asarray((self._sum.T / self._times).T)
