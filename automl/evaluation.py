"""What a model says of rows whose truth is known: kept with the run, to be looked at later without the data."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl import files
from automl.bootstrap import interval, resampled
from automl.ensemble import Ensemble, blend
from automl.tasks import FloatArray, Metric

MOST_ROWS = 20_000
# Of many classes, fewer rows: a prediction holds a number for each class.
MOST_NUMBERS = 2_000_000
NO_GROUPS = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True)
class Evaluated:
    """Rows of a part, their truth, and what the model says of them.

    Attributes:
        rows: shape (rows,), numbers of the table's rows, ascending; of a long part, some at random.
        targets: shape (rows,), encoded by the task.
        predictions: shape (rows,) or (rows, classes).
        groups: shape (rows,), the number of each row's group; of shape (0,) where each stands for itself.
    """

    rows: NDArray[np.int64]
    targets: NDArray[Any]
    predictions: FloatArray
    groups: NDArray[np.int64] = field(default_factory=lambda: NO_GROUPS)


def evaluate(
    best: Ensemble,
    predictions: Mapping[int, Mapping[str, FloatArray]],
    targets: Mapping[str, NDArray[Any]],
    parts: Mapping[str, NDArray[np.int64]],
    *,
    groups: Mapping[str, NDArray[np.int64]] = MappingProxyType({}),
) -> dict[str, Evaluated]:
    """What the ensemble says of each part's rows, of which 20,000 are kept at most.

    Args:
        predictions: of each member by the number of its trial, by part.
        targets: by part.
        parts: the rows of each part.
        groups: by part, the number of each row's group, where rows depend on each other.
    """
    return {
        part: _of_part(
            best,
            [predictions[member.trial][part] for member in best.members],
            targets[part],
            rows,
            groups.get(part, NO_GROUPS),
        )
        for part, rows in parts.items()
    }


def _of_part(
    best: Ensemble,
    predictions: list[FloatArray],
    targets: NDArray[Any],
    rows: NDArray[np.int64],
    groups: NDArray[np.int64],
) -> Evaluated:
    width = int(np.prod(predictions[0].shape[1:]))
    most = min(MOST_ROWS, MOST_NUMBERS // width)
    chosen = np.arange(len(rows))
    if len(rows) > most:
        # The same rows in every run of the same split: so runs can be compared row by row.
        chosen = np.sort(np.random.default_rng(23).choice(len(rows), most, replace=False))
    weights = [member.weight for member in best.members]
    blended = blend([own[chosen] for own in predictions], weights, temperature=best.temperature)
    # Seven digits of a probability are enough to look at.
    kept = blended.astype(np.float32) if blended.ndim == 2 else blended
    return Evaluated(rows[chosen], targets[chosen], kept, groups[chosen] if len(groups) else groups)


@dataclass(frozen=True)
class Importance:
    """How much a column matters to the model.

    Attributes:
        harm: how much greater the error of unseen rows is when the column's cells are shuffled, in the metric's unit.
        deviation: of the harm, from one shuffling to another.
    """

    column: str
    harm: float
    deviation: float = 0.0


def read(path: Path) -> dict[str, Evaluated]:
    """What `write_evaluation` of a run's folder wrote, by part."""
    arrays = files.read_arrays(path)
    parts = [part for part in ("train", "val", "test") if f"{part}_rows" in arrays]
    return {part: _read(arrays, part) for part in parts}


def _read(arrays: Mapping[str, NDArray[Any]], part: str) -> Evaluated:
    rows, targets, predictions = (arrays[f"{part}_{name}"] for name in ("rows", "targets", "predictions"))
    # Older runs say nothing of groups.
    return Evaluated(rows, targets, predictions, arrays.get(f"{part}_groups", NO_GROUPS))


def judged_alike(one: Evaluated, other: Evaluated) -> bool:
    """Whether both were judged by the same rows, with the same truth.

    Rows that two different splits have in common do not do: the one model may have been chosen by them. The numbers of
    rows are those of the training table, and go on in a test file, which may be another one.
    """
    return np.array_equal(one.rows, other.rows) and np.array_equal(one.targets, other.targets)


def advantage(one: Evaluated, other: Evaluated, metric: Metric) -> tuple[float, float]:
    """Within what the error of the other less that of the one lies on 95 % of draws of the rows that are kept of both.

    Whole groups of rows are drawn where either run names them. NaN if other rows judged the one than the other.
    """
    if not len(one.rows) or not judged_alike(one, other):
        return math.nan, math.nan
    groups = one.groups if len(one.groups) else other.groups
    samples = resampled(
        one.targets,
        [one.predictions, other.predictions],
        metric,
        seed=0,
        groups=groups if len(groups) else None,
    )
    errors: NDArray[np.float64] = -samples if metric.greater_is_better else samples
    return interval(errors[:, 1] - errors[:, 0])


def importance(increases: Mapping[str, Sequence[float]]) -> list[Importance]:
    """How much each column matters, the most important first, by how the error grew with each shuffle of it."""
    every = [Importance(name, float(np.mean(values)), float(np.std(values))) for name, values in increases.items()]
    return sorted(every, key=lambda column: -column.harm)


@dataclass(frozen=True)
class WeakSpot:
    """Unseen rows that the model does worse on than on others.

    Attributes:
        where: which rows, in words: "island is 'Dream'".
        error: of these rows, the share of wrong answers, or the mean distance from the true value; `average` is that of
            all rows.
    """

    where: str
    rows: int
    error: float
    average: float
