"""Whether columns hold the same value in every training row, or in all but a handful."""

from __future__ import annotations

import pandas as pd

from automl.data import columns as cells
from automl.data.profile import Column
from automl.diagnostics import Data, Finding
from automl.diagnostics._wording import named, options

CODE = "constant_columns"
STAGE = "data"
TITLE = "Constant columns"

# Fewer rows that differ teach a network nothing that it could rely on.
FEWEST_OTHERS = 10
LARGEST_SHARE = 0.01


def check(data: Data) -> Finding:
    """A column is nearly constant where fewer than ten training rows, and under 1 %, differ from the commonest value.

    Missing cells count as a value of their own.
    """
    training = data.frame.iloc[data.split.train]
    most = min(FEWEST_OTHERS - 1, int(LARGEST_SHARE * len(training)))
    constant, nearly = [], []
    for column in data.profile.columns:
        others = _others(column, training[column.name])
        if others == 0:
            constant.append(column)
        elif (column.is_used or column.kind == "constant") and others <= most:
            nearly.append(column)
    found = [column.name for column in (*constant, *nearly)]
    figures = {"constant": float(len(constant)), "nearly_constant": float(len(nearly))}
    if not found:
        return Finding(CODE, "fine", "Every column varies", "No column has one value in nearly all rows.", "", figures)
    parts = []
    if constant:
        names = named([column.name for column in constant])
        parts.append(f"In all training rows the same: {names}.")
    if nearly:
        names = named([column.name for column in nearly])
        parts.append(f"In all but {most} training rows or fewer the same: {names}.")
    parts.append("Such columns tell a model nothing, or only something about rows that it can count on one hand.")
    visible = [column.name for column in (*constant, *nearly) if column.is_used]
    advice = f"Leave them out: {options('--drop', visible)}." if visible else ""
    if not visible:
        parts.append("They are left out already.")
    title = f"{named(found)} hold{'s' * (len(found) == 1)} the same value in {_nearly(nearly)}all rows"
    return Finding(CODE, "note", title, " ".join(parts), advice, figures, tuple(found))


def _others(column: Column, cells_of: pd.Series) -> int:
    """How many cells differ from the commonest one."""
    if column.kind in ("text", "identifier"):
        return len(cells_of)
    # Those of a constant may be blank, and 0 or -0.
    values = pd.Series(cells.labels(cells_of), dtype=object) if column.kind == "constant" else cells_of
    return len(cells_of) - int(values.value_counts(dropna=False).iloc[0])


def _nearly(nearly: list[Column]) -> str:
    return "nearly " if nearly else ""
