"""Boolean columns: -1, 1, and 0 for a missing cell."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automl.data import columns as cells


def fit(column: pd.Series) -> dict[str, Any]:
    """Whether the training rows have gaps, which then get an indicator of their own."""
    return {"missing": bool(np.isnan(cells.booleans(column)).any())}


def width(specification: dict[str, Any]) -> int:
    """How many numbers `transform` gives per row."""
    return 1 + specification["missing"]


def transform(column: pd.Series, specification: dict[str, Any]) -> NDArray[np.float32]:
    """Shape (rows, width)."""
    values = cells.booleans(column)
    missing = np.isnan(values)
    signs = np.where(missing, 0.0, 2 * values - 1)
    parts = [signs, missing] if specification["missing"] else [signs]
    return np.stack(parts, axis=1).astype(np.float32)
