"""Rows that do not belong together: where groups of rows are alike, one of each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def one_of_each(groups: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.intp]:
    """Places of rows, any one of each group, in their order."""
    order = rng.permutation(len(groups))
    return np.sort(order[np.unique(groups[order], return_index=True)[1]])
