"""The data as trials see it: encoded rows and targets of each part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.encoding.table import Arrays
from automl.tasks import Specification


@dataclass(frozen=True)
class Part:
    """Some rows, encoded in every scaling that settings ask for, with their targets (encoded by the task)."""

    arrays: Mapping[str, Arrays]
    targets: NDArray[Any]


@dataclass(frozen=True)
class Cut:
    """What one network learns from and what it is judged by: row numbers within the parts "train" and "val"."""

    train: NDArray[np.int32]
    val: NDArray[np.int32]

    def rows(self, part: str) -> NDArray[np.int32] | slice:
        """The rows of a part that the network predicts: of "train" those that it learned from, of "test" all."""
        return {"train": self.train, "val": self.val}.get(part, slice(None))


@dataclass(frozen=True)
class Examples:
    """All that a trial needs to know of the data.

    Attributes:
        parts: "train", "val" and usually "test"; in a cross-validation, "val" is "train".
        weights: shape (training rows,), how much each counts in the loss; their mean is 1.
        specification: of the target, as the task fitted it.
        sizes: the number of codes of each category.
        folds: shape (training rows,), the fold from which each is left out; None for a holdout.
        other_weights: of the rows of the other parts, for a network that learns from them, too; 1 each if not named.
        networks: of each setting in a holdout. Only where no rows are left to judge by there is more than one.
    """

    parts: Mapping[str, Part]
    weights: NDArray[np.float32]
    specification: Specification
    sizes: tuple[int, ...]
    folds: NDArray[np.int64] | None = None
    other_weights: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    networks: int = 1

    @cached_property
    def cuts(self) -> tuple[Cut, ...]:
        """One for each network that a setting has; each validation row is in one of them."""
        if self.folds is None:
            rows = (len(self.parts[name].targets) for name in ("train", "val"))
            return (Cut(*(np.arange(number, dtype=np.int32) for number in rows)),) * self.networks
        numbers = range(int(self.folds.max()) + 1)
        return tuple(Cut(_where(self.folds != fold), _where(self.folds == fold)) for fold in numbers)


def _where(chosen: NDArray[np.bool_]) -> NDArray[np.int32]:
    return np.flatnonzero(chosen).astype(np.int32)
