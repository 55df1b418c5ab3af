"""What scikit-learn's histogram boosting can find thresholds in."""

from __future__ import annotations

import math
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = TypeVar("Floats", bound=np.floating)

# Of more rows it looks at so many, drawn anew in every training.
MOST_ROWS = 200_000
# Of a column's known cells, those that are drawn on average if it may be split: a draw without any is then unheard of.
LEAST_DRAWN = 30
# Of more rows a tenth may be put aside to stop early by, and ten known cells are hardly ever all among them.
MOST_ROWS_WITHOUT_STOPPING, LEAST_KNOWN = 10_000, 10


def binnable(features: NDArray[Floats]) -> NDArray[Floats]:
    """The features, with zeros in the columns of which too few cells are known, or none: boosting fails on such ones.

    Args:
        features: shape (rows, columns), NaN where a cell is missing; they are not changed.
    """
    least = LEAST_KNOWN if len(features) > MOST_ROWS_WITHOUT_STOPPING else 1
    if len(features) > MOST_ROWS:
        least = max(least, math.ceil(LEAST_DRAWN * len(features) / MOST_ROWS))
    unknown = [place for place, cells in enumerate(features.T) if np.count_nonzero(~np.isnan(cells)) < least]
    if not unknown:
        return features
    filled = features.copy()
    filled[:, unknown] = 0.0
    return filled
