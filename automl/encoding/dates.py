"""Date columns: how long ago, the parts of the calendar, and the cycles of year, week and day."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automl.data import columns as cells


def fit(column: pd.Series, *, date_format: str) -> dict[str, Any]:
    """The range of the training rows' dates, how they are read, and whether they have a time of day."""
    known = cells.dates(column, date_format=date_format)
    missing = np.isnat(known)
    days = _days(known[~missing])
    if not len(days):
        days = np.zeros(1)
    return {
        # The same whether the file had real dates or their texts.
        "format": date_format or cells.ISO,
        "first": float(days.min()),
        "last": float(days.max()),
        "hours": bool(np.any(days % 1 != 0)),
        "missing": bool(missing.any()),
    }


def width(specification: dict[str, Any]) -> int:
    """How many numbers `transform` gives per row."""
    return 9 + 3 * specification["hours"] + specification["missing"]


def transform(column: pd.Series, specification: dict[str, Any]) -> NDArray[np.float32]:
    """Shape (rows, width), about -1 to 1; a missing date is 0 throughout.

    The order: position between first and last training date, year, month, day, weekday, sine and cosine of the
    year and of the week, then (if there are times) the hour with its sine and cosine, then the missing indicator.
    """
    stamps = cells.dates(column, date_format=specification["format"])
    missing = np.isnat(stamps)
    stamps = np.where(missing, np.datetime64("1970-01-01", "us"), stamps)
    index = pd.DatetimeIndex(stamps)
    days = _days(stamps)
    span = max(specification["last"] - specification["first"], 1.0)
    first_year, last_year = (_year(specification[end]) for end in ("first", "last"))
    yearly = 2 * np.pi * (index.day_of_year.to_numpy() - 1) / 365.25
    weekly = 2 * np.pi * index.day_of_week.to_numpy() / 7
    parts = [
        # Beyond the training dates a network can only guess, so the position ends soon after them.
        np.clip(2 * (days - specification["first"]) / span - 1, -1.5, 1.5),
        np.clip(2 * (index.year.to_numpy() - first_year) / max(last_year - first_year, 1) - 1, -1.5, 1.5),
        (index.month.to_numpy() - 6.5) / 5.5,
        (index.day.to_numpy() - 16) / 15,
        (index.day_of_week.to_numpy() - 3) / 3,
        np.sin(yearly),
        np.cos(yearly),
        np.sin(weekly),
        np.cos(weekly),
    ]
    if specification["hours"]:
        hour = (days % 1) * 24
        parts += [(hour - 11.5) / 11.5, np.sin(2 * np.pi * hour / 24), np.cos(2 * np.pi * hour / 24)]
    values = np.stack(parts, axis=1)
    values[missing] = 0
    if specification["missing"]:
        values = np.concatenate([values, missing[:, None]], axis=1)
    return values.astype(np.float32)


def _days(stamps: NDArray[np.datetime64]) -> NDArray[np.float64]:
    """Days since 1970, with the time of day as a fraction."""
    return stamps.astype("datetime64[us]").astype(np.int64) / 86_400e6


def _year(days: float) -> int:
    return int(
        (np.datetime64("1970-01-01", "D") + np.timedelta64(int(days), "D")).astype("datetime64[Y]").astype(int) + 1970
    )
