"""The data as trials see it: encoded rows and targets of each part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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
class Examples:
    """All that a trial needs to know of the data.

    Attributes:
        parts: "train", "val" and usually "test".
        weights: shape (training rows,), how much each counts in the loss; their mean is 1.
        specification: of the target, as the task fitted it.
        sizes: the number of codes of each category.
    """

    parts: Mapping[str, Part]
    weights: NDArray[np.float32]
    specification: Specification
    sizes: tuple[int, ...]
