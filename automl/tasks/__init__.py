"""What is predicted: one file is one task. It knows the target's encoding, the network's output, loss and metrics.

Every task module offers:

    fit_target(column) -> specification            JSON; fitted on all rows with a known target
    encode_target(column, specification) -> array  what metrics take; raises InputError on unknown values,
                                                   in rows that the column's index counts from 0 up
    outputs(specification) -> int                  the width of the network's output
    learned(targets, specification) -> array       what the network's loss compares its raw outputs with
    loss(learned, raw, label_smoothing) -> tensor  per row (Keras)
    predictions(raw, specification) -> array       from raw network outputs: probabilities or values
    constant(targets, specification) -> array      the best prediction that ignores the features, for one row
    decode(predictions, specification) -> array    labels or values, as users know them
    PREDICTS: "probabilities" or "values"
    METRICS: {name: Metric}, OBJECTIVE: name, CURVES: names of the metrics that are cheap enough for every epoch
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal, Protocol, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automl import plugins
from automl.errors import unknown
from automl.temperature import tempered

Specification = dict[str, Any]
FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Metric:
    """A score of predictions against encoded targets.

    `function(targets, predictions)` may give NaN where the score is undefined, as ROC AUC is for a single class.
    """

    name: str
    title: str
    greater_is_better: bool
    function: Callable[[NDArray[Any], FloatArray], float]

    def objective(self, score: float) -> float:
        """The score turned so that lower is better."""
        return -score if self.greater_is_better else score

    def score(self, objective: float) -> float:
        """The score that `objective` was made from."""
        return -objective if self.greater_is_better else objective


class Task(Protocol):
    """What a task module offers; see the package's docstring."""

    PREDICTS: Literal["probabilities", "values"]
    METRICS: Mapping[str, Metric]
    OBJECTIVE: str
    CURVES: tuple[str, ...]

    def fit_target(self, column: pd.Series) -> Specification: ...
    def encode_target(self, column: pd.Series, specification: Specification) -> NDArray[Any]: ...
    def outputs(self, specification: Specification) -> int: ...
    def learned(self, targets: NDArray[Any], specification: Specification) -> NDArray[Any]: ...
    def loss(self, learned: Any, raw: Any, *, label_smoothing: Any) -> Any: ...
    def predictions(self, raw: FloatArray, specification: Specification) -> FloatArray: ...
    def constant(self, targets: NDArray[Any], specification: Specification) -> FloatArray: ...
    def decode(self, predictions: FloatArray, specification: Specification) -> NDArray[Any]: ...


def task(name: str) -> Task:
    """The task module called `name`.

    Raises:
        InputError: there is no such task.
    """
    return cast("Task", _module(name))


def _module(name: str) -> ModuleType:
    return plugins.load("tasks", name, noun="task")


def metric(name: str | None, of: Task) -> Metric:
    """The metric called `name`, or the task's own objective.

    Raises:
        InputError: the task has no such metric.
    """
    chosen = name or of.OBJECTIVE
    if chosen not in of.METRICS:
        raise unknown("metric", chosen, of.METRICS)
    return of.METRICS[chosen]


def predicted(of: Task, raw: FloatArray, specification: Specification, *, temperature: float = 1.0) -> FloatArray:
    """What a network predicts: `predictions` of its raw outputs; where it has members, the mean of theirs.

    Args:
        raw: shape (rows, outputs), or (rows, members, outputs).
        temperature: of its probabilities.
    """
    if raw.ndim == 2:
        predictions = of.predictions(raw, specification)
    else:
        rows, members, width = raw.shape
        each = of.predictions(raw.reshape(rows * members, width), specification)
        predictions = np.asarray(each.reshape(rows, members, *each.shape[1:]).mean(axis=1))
    return tempered(predictions, temperature)


def scores(of: Task, targets: NDArray[Any], predictions: FloatArray) -> dict[str, float]:
    """Every metric of the task, by name."""
    return {name: float(metric.function(targets, predictions)) for name, metric in of.METRICS.items()}
