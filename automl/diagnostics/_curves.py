"""The validation error of the model's members, epoch by epoch, measured by what each has learned in the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from automl.diagnostics import Evidence
from automl.diagnostics._constant import objective_without_features
from automl.trial import AVERAGING, Trial

# With less than this share of the constant's error taken away, a curve is noise around nothing.
LEAST_LEARNED = 0.02
# Schedules whose learning rate rises and falls several times: what the error does from one epoch to the next is theirs.
CYCLIC = ("coslog4",)


@dataclass(frozen=True)
class Curve:
    """A member's course.

    Attributes:
        weight: the member's, in the model.
        errors: on validation rows, shape (epochs + 1,): 1 is predicting without the features, with which it begins, and
            0 is the lowest. Above 1 it is worse than knowing nothing.
        best: the place of the epoch whose weights were kept, counted from 1.
    """

    trial: Trial
    weight: float
    errors: NDArray[np.float64]
    best: int

    @property
    def epochs(self) -> int:
        """How many were run."""
        return len(self.errors) - 1

    @property
    def is_cyclic(self) -> bool:
        """Whether neighbouring epochs had learning rates of another kind."""
        return self.trial.params.get("schedule") in CYCLIC


def curves(evidence: Evidence) -> list[Curve]:
    """Of the members that learn step by step, have learned something and have finite curves; the heaviest first."""
    return list(_curves(evidence))


def _curves(evidence: Evidence) -> Iterator[Curve]:
    metric = evidence.metric
    naive = objective_without_features(evidence, "val")
    trials = {trial.number: trial for trial in evidence.trials}
    for member in evidence.best.members:
        trial = trials[member.trial]
        objectives = np.array([metric.objective(own) for own in trial.curves.get(f"val_{metric.name}", ())])
        # Of trees that learn each by itself, the number says nothing of learning.
        if trial.params.get("optimizer") == AVERAGING or not len(objectives) or not np.isfinite(objectives).all():
            continue
        learned = naive - objectives.min()
        if learned < LEAST_LEARNED * abs(naive + 1 if metric.greater_is_better else naive):
            continue
        errors = (np.concatenate([[naive], objectives]) - objectives.min()) / learned
        yield Curve(trial, member.weight, errors, trial.best_epoch or 1 + int(objectives.argmin()))


def typical(measure: Callable[[Curve], float], known: Sequence[Curve]) -> float:
    """What half of the model's weight stays within, so that a member of little weight does not decide."""
    measured = sorted((measure(curve), curve.weight) for curve in known)
    reached = np.cumsum([weight for _, weight in measured])
    return measured[int(np.searchsorted(reached, reached[-1] / 2))][0]
