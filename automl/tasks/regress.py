"""Regression: a number per row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automl.data import columns as cells
from automl.errors import InputError
from automl.tasks import FloatArray, Metric, Specification

if TYPE_CHECKING:
    import keras


def fit_target(column: pd.Series) -> Specification:
    """The mean and standard deviation that the network's output is measured in, and the range of the target."""
    values = cells.numbers(column)
    return {
        "name": str(column.name),
        "mean": float(values.mean()),
        "deviation": float(values.std()) or 1.0,
        "minimum": float(values.min()),
        "maximum": float(values.max()),
    }


def encode_target(column: pd.Series, specification: Specification) -> NDArray[np.float64]:
    """Shape (rows,): the target in its own unit.

    Args:
        column: its index counts the rows of the table, from 0 up.

    Raises:
        InputError: a cell is no number.
    """
    values = cells.numbers(column)
    strange = column[np.isnan(values)]
    if len(strange):
        raise InputError(
            f"The target {specification['name']!r} is no number in row {strange.index[0] + 1:,}:"
            f" {str(strange.iloc[0])[:40]!r}. Correct it, or leave it empty."
        )
    return values


def outputs(specification: Specification) -> int:
    """One raw output: the standardised target."""
    return 1


def learned(targets: NDArray[Any], specification: Specification) -> NDArray[np.float32]:
    """The target with mean 0 and variance 1."""
    return np.asarray((targets - specification["mean"]) / specification["deviation"], dtype=np.float32)


def loss(learned: Any, raw: Any, *, label_smoothing: Any) -> keras.KerasTensor:
    """Squared error per row in units of the target's variance, shape (rows,). There are no labels to smooth."""
    from keras import ops

    return ops.square(raw[:, 0] - learned)


def predictions(raw: FloatArray, specification: Specification) -> FloatArray:
    """Shape (rows,): values in the target's unit, kept within the range of the training targets."""
    values = raw[:, 0].astype(np.float64) * specification["deviation"] + specification["mean"]
    return np.clip(values, specification["minimum"], specification["maximum"])


def constant(targets: NDArray[Any], specification: Specification) -> FloatArray:
    """A single value: the mean, which minimises the squared error."""
    return np.asarray(targets.mean())


def decode(predictions: FloatArray, specification: Specification) -> NDArray[Any]:
    """The values themselves."""
    return predictions


def rmse(targets: NDArray[Any], predictions: FloatArray) -> float:
    """Root of the mean squared error, in the target's unit."""
    return float(np.sqrt(np.mean((targets - predictions) ** 2)))


def _mae(targets: NDArray[Any], predictions: FloatArray) -> float:
    return float(np.abs(targets - predictions).mean())


def _r2(targets: NDArray[Any], predictions: FloatArray) -> float:
    """The explained share of the variance; undefined when the targets are all the same."""
    variance = targets.var()
    return float(1 - np.mean((targets - predictions) ** 2) / variance) if variance > 0 else float("nan")


def _median_absolute_error(targets: NDArray[Any], predictions: FloatArray) -> float:
    return float(np.median(np.abs(targets - predictions)))


PREDICTS: Literal["probabilities", "values"] = "values"
METRICS = {
    metric.name: metric
    for metric in (
        Metric("rmse", "RMSE", False, rmse),
        Metric("mae", "MAE", False, _mae),
        Metric("r2", "R²", True, _r2),
        Metric("median_absolute_error", "median absolute error", False, _median_absolute_error),
    )
}
OBJECTIVE = "rmse"
CURVES = ("rmse", "mae")
