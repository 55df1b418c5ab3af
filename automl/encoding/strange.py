"""Rows to predict, compared with those of the training: what the model cannot read or does not know."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automl.data import columns as cells
from automl.data.files import printable
from automl.data.profile import Profile
from automl.encoding import categories
from automl.encoding.categories import EMPTY_TO_PANDAS
from automl.encoding.table import Encoding
from automl.errors import InputError
from automl.figures import count

# Of a column's cells, what may be unreadable without it being another column; training rows may have had more.
MOST_UNREAD = 0.2
# Of fewer cells a share says nothing, and whoever asks for single rows wants an answer.
LEAST_UNREAD = 10
MOST_SHOWN = 10


def names(facts: Profile) -> list[str]:
    """The columns of the training table, those that models do not see included."""
    return [facts.target.name, *(column.name for column in facts.columns)]


def check(encoding: Encoding, frame: pd.DataFrame) -> None:
    """Does nothing if the columns hold what they held in training.

    Columns that are missing are the encoding's business.

    Raises:
        InputError: too many cells of a number, date or yes-or-no column are no such thing.
    """
    for column in _there(encoding, frame):
        unread = _unread(frame, column)
        most = max(MOST_UNREAD, 2 * column.get("unread", 0.0))
        if unread.cells >= LEAST_UNREAD and unread.share > most:
            raise InputError(
                f"Column {printable(column['name'])!r} was of the kind {column['kind']!r} in training, but"
                f" {unread.cells:,} of its {unread.known:,} cells are no {cells.READ_AS[column['kind']]}:"
                f" {_listed(unread.examples)}. Correct them, or leave them empty."
            )


def notes(encoding: Encoding, frame: pd.DataFrame, *, known: Collection[str]) -> tuple[str, ...]:
    """What is done to the rows without asking, a plain sentence each.

    Args:
        known: the columns of the training table.
    """
    said = []
    if new := [str(name) for name in frame.columns if known and name not in known]:
        said.append(f"Columns that the training table did not have were ignored: {_listed(new)}.")
    for column in _there(encoding, frame):
        name = repr(printable(column["name"]))
        unread = _unread(frame, column)
        if unread.cells:
            what = cells.READ_AS[column["kind"]]
            said.append(
                f"Column {name}: cells that are no {what} count as missing: {unread.cells:,}"
                f" ({_listed(unread.examples)})."
            )
        if column["kind"] == "category":
            labels = cells.labels(frame[column["name"]])
            if lost := _taken_for_empty(labels, column["values"]):
                said.append(
                    f"Column {name}: {count(lost, 'cell')} without a value, and none with {EMPTY_TO_PANDAS!r}, which"
                    " training had. pandas.read_csv makes the one of the other, unless told keep_default_na=False."
                )
            is_unseen = categories.transform(frame[column["name"]], column) == categories.OTHER
            unseen = pd.Series(labels[is_unseen], dtype=object).dropna()
            if len(unseen):
                examples = _listed(list(unseen.value_counts().index[:3]))
                said.append(
                    f"Column {name}: values too rare in training or unknown: {count(len(unseen), 'cell')} ({examples})."
                )
    return tuple(said)


def _taken_for_empty(labels: NDArray[np.object_], values: Collection[str]) -> int:
    """How many cells are empty where a value has disappeared that pandas takes for nothing."""
    return int(pd.isna(labels).sum()) if EMPTY_TO_PANDAS in values and EMPTY_TO_PANDAS not in labels else 0


def _there(encoding: Encoding, frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [column for column in encoding.columns if column["name"] in frame.columns]


def _unread(frame: pd.DataFrame, column: dict[str, Any]) -> cells.Unread:
    return cells.unread(frame[column["name"]], column["kind"], date_format=column.get("format", ""))


def _listed(texts: Collection[str]) -> str:
    shown = [repr(printable(text, 40)) for text in list(texts)[:MOST_SHOWN]]
    return ", ".join(shown) + (", …" if len(texts) > MOST_SHOWN else "")
