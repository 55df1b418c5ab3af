"""The columns that models see as plain numbers: how a check looks at all of them at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automl.data import columns as cells
from automl.data.profile import Column
from automl.diagnostics import Data

Numbers = NDArray[np.float64]


def drawn(rows: NDArray[np.int64], *, most: int, seed: int) -> NDArray[np.int64]:
    """The rows, or so many of them at random; ascending."""
    if len(rows) <= most:
        return rows
    return np.sort(np.random.default_rng([seed, 23]).choice(rows, size=most, replace=False))


def coded(column: Column, cells_of: pd.Series) -> Numbers:
    """Shape (rows,), NaN where missing: numbers and dates as they are, categories by a number each, texts by length."""
    if column.kind == "number":
        return cells.calculable(cells_of)
    if column.kind == "date":
        moments = cells.dates(cells_of, date_format=column.date_format)
        return np.asarray(np.where(np.isnat(moments), np.nan, moments.astype(np.int64) / 86_400e6), dtype=np.float64)
    if column.kind == "text":
        return np.asarray(cells_of.str.len().to_numpy(dtype=np.float64, na_value=np.nan), dtype=np.float64)
    return levels(cells_of)


def levels(cells_of: pd.Series) -> Numbers:
    """Shape (rows,): a number for each different cell, the commonest first; NaN where missing.

    Equally common cells are in the order of their hashes: in that of the rows, a number would tell where its row is.
    """
    codes, different = pd.factorize(cells_of)
    counts = np.bincount(codes[codes >= 0], minlength=len(different))
    hashes = pd.util.hash_pandas_object(pd.Series(different), index=False).to_numpy()
    place = np.empty(max(1, len(different)))
    place[np.lexsort((hashes, -counts))] = np.arange(len(different))
    return np.where(codes < 0, np.nan, place[codes])


def features(data: Data, rows: NDArray[np.int64], *, without: tuple[str, ...] = ()) -> tuple[list[Column], Numbers]:
    """The used columns and their cells in these rows as numbers, shape (rows, columns)."""
    used = [column for column in data.profile.used if column.name not in without]
    part = data.frame.iloc[rows]
    table = np.empty((len(rows), len(used)))
    for place, column in enumerate(used):
        table[:, place] = coded(column, part[column.name])
    return used, table


def outcomes(data: Data, rows: NDArray[np.int64]) -> Numbers:
    """The target in these rows so that squared errors make sense, shape (rows, values).

    Of classes, one indicator each (squared error: Brier's score); of a number, its rank between 0 and 1, so that a few
    extreme rows do not decide.
    """
    targets: NDArray[Any] = data.targets[rows]
    if data.profile.target.task == "classify":
        classes, positions = np.unique(targets, return_inverse=True)
        return np.eye(len(classes))[positions]
    ranks = pd.Series(targets).rank(method="average").to_numpy()
    return np.asarray((ranks - 0.5) / len(ranks))[:, None]


def error(truth: Numbers, predicted: Numbers) -> float:
    """The squared error, as a share of that of predicting the mean."""
    return float(((truth - predicted) ** 2).sum() / ((truth - truth.mean(axis=0)) ** 2).sum())
