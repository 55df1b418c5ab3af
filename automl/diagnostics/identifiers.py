"""Whether a column that models see tells one row from another, so that they can learn rows by heart."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from automl.data import columns as cells
from automl.data.profile import Column, is_called, words
from automl.diagnostics import Data, Finding
from automl.diagnostics._wording import named, options

CODE = "identifiers"
STAGE = "data"
TITLE = "Identifiers"

FEWEST_ROWS = 20
NEARLY_ALL = 0.95
MOST = 0.5
# Whole numbers drawn at random from a range of twice as many values are different in four rows of five at most.
DENSE = 2.0
_LAST = frozenset(
    [
        "id",
        "ids",
        "uuid",
        "guid",
        "index",
        "idx",
        "nr",
        "no",
        "num",
        "number",
        "key",
        "code",
        "ref",
        "reference",
        "serial",
        "account",
        "customer",
        "case",
    ]
)
_FIRST = frozenset(["id", "unnamed", "index", "row"])
# Without a mark between the words "id" is also the end of "paid" and "grid".
_RUN_TOGETHER = re.compile(
    r"(user|client|customer|member|patient|person|employee|account|order|item|product|session|device|record)(id|no|nr)$"
)


def check(data: Data) -> Finding:
    """Categories that differ in nearly every row, and whole numbers that count rows or are named like identifiers."""
    certain: list[str] = []
    likely: list[str] = []
    for column in data.profile.used:
        known = data.frame[column.name].dropna()
        if column.kind in ("category", "number") and len(known) >= FEWEST_ROWS:
            share = column.distinct / len(known)
            if column.kind == "category" and share >= MOST:
                (certain if share >= NEARLY_ALL else likely).append(column.name)
            elif column.kind == "number" and share >= NEARLY_ALL and _counts_rows(column, known):
                certain.append(column.name)
    found = [*certain, *likely]
    figures = {"identifiers": float(len(found))}
    if not found:
        return Finding(CODE, "fine", "No column identifies rows", "No column that models see does.", "", figures)
    shares = [column.distinct / data.profile.rows for column in data.profile.used if column.name in found]
    explained = (
        f"{named(found)}: up to {max(shares):.0%} of the rows have a value of their own. A network can learn training "
        "rows by heart from that, and meets only unknown values in new rows."
    )
    advice = f"Leave it out, unless its values mean something: {options('--drop', found)}."
    several = len(found) > 1
    title = f"{named(found)} {'tell' if several else 'tells'} single rows from each other"
    return Finding(CODE, "warning" if certain else "note", title, explained, advice, figures, tuple(found))


def _counts_rows(column: Column, known: pd.Series) -> bool:
    """Whether whole numbers number things: named like it, or without repeats or gaps in whatever order."""
    values = cells.numbers(known)
    values = values[~np.isnan(values)]
    if not len(values) or np.any(values != np.round(values)):
        return False
    span = float(values.max() - values.min() + 1)
    return _is_called_identifier(column.name) or span <= DENSE * column.distinct


def _is_called_identifier(name: str) -> bool:
    own = words(name)
    return is_called(name, first=_FIRST, last=_LAST) or bool(own and _RUN_TOGETHER.search(own[-1]))
