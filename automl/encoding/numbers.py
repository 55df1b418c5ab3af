"""Number columns: the median for a missing value, a scale that outliers cannot stretch, and a missing indicator."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automl.data import columns as cells

Scaling = Literal["quantile", "robust", "none"]
MOST_KNOTS = 500
# Of the values that differ, what single precision must tell apart for a column to be left as it is.
LEAST_TOLD_APART = 0.99


def fit(column: pd.Series) -> dict[str, Any]:
    """The scales of a column's training rows; every value in it is a plain number or a list of them."""
    values = cells.calculable(column)
    known = values[~np.isnan(values)]
    if not len(known):
        known = np.zeros(1)
    knots, scores = _normal_scores(known)
    low, median, high = np.quantile(known, [0.25, 0.5, 0.75])
    spread = high - low or 0.5 * (known.max() - known.min()) or 1.0
    return {
        "median": float(median),
        "spread": float(spread),
        "knots": knots.tolist(),
        "scores": scores.tolist(),
        "missing": bool(np.isnan(values).any()),
        "origin": _origin(known, float(median)),
    }


def width(specification: dict[str, Any]) -> int:
    """How many numbers `transform` gives per row."""
    return 1 + specification["missing"]


def transform(column: pd.Series, specification: dict[str, Any], *, scaling: Scaling) -> NDArray[np.float32]:
    """Shape (rows, width), finite: the scaled value, then 1 where it was missing if training rows had gaps.

    "robust" divides the distance from the median by the interquartile range and bends what lies beyond three
    of them (x / sqrt(1 + (x/3)^2): RealMLP, Holzmüller et al. 2024, section 3). "quantile" gives the normal
    score of the value's rank in the training rows. "none" leaves the values alone, NaN included, for trees; but large
    ones that hardly differ, as the seconds of one day since 1970 do, are counted from the median.
    """
    values = cells.calculable(column)
    missing = np.isnan(values)
    if scaling == "none":
        # Models that were saved before there was an origin lack it.
        return (values - specification.get("origin", 0.0))[:, None].astype(np.float32)
    filled = np.where(missing, specification["median"], values)
    if scaling == "robust":
        with np.errstate(over="ignore"):
            scaled = np.clip((filled - specification["median"]) / specification["spread"], -1e6, 1e6)
        if len(specification["knots"]) == 1:
            # Of a column with one value no network has learned anything.
            scaled = np.zeros_like(scaled)
        scaled = scaled / np.sqrt(1 + (scaled / 3) ** 2)
    else:
        scaled = np.interp(filled, specification["knots"], specification["scores"])
    parts = [scaled, missing] if specification["missing"] else [scaled]
    return np.stack(parts, axis=1).astype(np.float32)


def _origin(known: NDArray[np.float64], median: float) -> float:
    """The median, where single precision takes different values for the same and fewer if they are counted from it."""
    told_apart = _told_apart(known)
    if told_apart >= LEAST_TOLD_APART * len(np.unique(known)):
        return 0.0
    return median if _told_apart(known - median) > told_apart else 0.0


def _told_apart(values: NDArray[np.float64]) -> int:
    """How many values differ in single precision."""
    return len(np.unique(values.astype(np.float32)))


def _normal_scores(known: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Quantiles of the values and the normal scores of their ranks; equal values share their mean rank."""
    from statistics import NormalDist

    positions = np.linspace(0, 1, int(np.clip(len(known) // 10, 10, MOST_KNOTS)))
    quantiles = np.quantile(known, positions)
    knots, which = np.unique(quantiles, return_inverse=True)
    mean_position = np.bincount(which, weights=positions) / np.bincount(which)
    margin = 0.5 / max(len(positions), 2)
    normal = NormalDist()
    return knots, np.array([normal.inv_cdf(min(max(p, margin), 1 - margin)) for p in mean_position])
