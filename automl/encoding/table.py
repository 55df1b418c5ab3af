"""A whole table becomes the arrays that networks take, by a specification that JSON can hold."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automl.data import columns
from automl.data.profile import Profile
from automl.encoding import booleans, categories, dates, numbers, text
from automl.encoding.numbers import Scaling
from automl.errors import InputError

_MEASURES = {"number": numbers, "boolean": booleans, "date": dates, "text": text}


@dataclass(frozen=True)
class Arrays:
    """What a network sees of some rows.

    Attributes:
        numbers: shape (rows, width), float32.
        codes: shape (rows, categories), int32, every code below its category's size.
    """

    numbers: NDArray[np.float32]
    codes: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.numbers)

    def take(self, rows: NDArray[np.integer[Any]] | slice) -> Arrays:
        """The arrays of the given rows."""
        return Arrays(self.numbers[rows], self.codes[rows])


def together(parts: Sequence[Arrays]) -> Arrays:
    """The rows of all, one after the other."""
    return Arrays(*(np.concatenate([getattr(part, role) for part in parts]) for role in ("numbers", "codes")))


@dataclass(frozen=True)
class Encoding:
    """How each column is encoded: `columns` holds, per column, its name, its kind and what was fitted."""

    columns: tuple[dict[str, Any], ...]

    @property
    def sizes(self) -> tuple[int, ...]:
        """The number of codes of each column of `Arrays.codes`."""
        return tuple(categories.size(column) for column in self.columns if column["kind"] == "category")

    @property
    def digest(self) -> str:
        """The SHA-256 of what was fitted, equal where the same rows become the same arrays."""
        return hashlib.sha256(json.dumps(self.columns, sort_keys=True).encode()).hexdigest()


def fit(frame: pd.DataFrame, profile: Profile) -> Encoding:
    """The encoding of a table's used columns, from its rows: give it the training rows and no others."""
    fitted = []
    # In the order of their names, so that the order in the file means nothing.
    for column in sorted(profile.used, key=lambda column: column.name):
        cells = frame[column.name]
        if column.kind == "number":
            specification = numbers.fit(cells)
        elif column.kind == "boolean":
            specification = booleans.fit(cells)
        elif column.kind == "date":
            specification = dates.fit(cells, date_format=column.date_format)
        elif column.kind == "text":
            specification = text.fit(cells)
        else:
            specification = categories.fit(cells)
        unread = columns.unread(cells, column.kind, date_format=column.date_format).share
        fitted.append({"name": column.name, "kind": column.kind, **specification, "unread": round(unread, 6)})
    return Encoding(tuple(fitted))


def lacking(encoding: Encoding, frame: pd.DataFrame) -> list[str]:
    """The columns that the encoding needs and the table does not have."""
    return [column["name"] for column in encoding.columns if column["name"] not in frame.columns]


def apply(encoding: Encoding, frame: pd.DataFrame, *, scaling: Scaling) -> Arrays:
    """The arrays of a table's rows. Columns are found by name; others are ignored.

    Raises:
        InputError: the table lacks a column.
    """
    if lacks := lacking(encoding, frame):
        shown = ", ".join(repr(name) for name in lacks[:10]) + (", …" if len(lacks) > 10 else "")
        raise InputError(
            f"The table lacks {len(lacks)} column{'s' * (len(lacks) > 1)} that the model was trained with: {shown}."
            " Add them (empty cells are fine), or let --fill-missing add them."
        )
    measures = [np.empty((len(frame), 0), dtype=np.float32)]
    codes = [np.empty((len(frame), 0), dtype=np.int32)]
    for specification in encoding.columns:
        cells = frame[specification["name"]]
        if specification["kind"] == "category":
            codes.append(categories.transform(cells, specification)[:, None])
        elif specification["kind"] == "number":
            measures.append(numbers.transform(cells, specification, scaling=scaling))
        else:
            measures.append(_MEASURES[specification["kind"]].transform(cells, specification))
    return Arrays(np.concatenate(measures, axis=1), np.concatenate(codes, axis=1))


def places(encoding: Encoding, *, scaling: Scaling) -> dict[str, tuple[range, range]]:
    """Where each column of the table is in the arrays: its columns of `numbers`, and those of `codes`."""
    found: dict[str, tuple[range, range]] = {}
    measure, code = 0, 0
    for column in encoding.columns:
        width = _width(column, scaling)
        codes = int(column["kind"] == "category")
        found[column["name"]] = (range(measure, measure + width), range(code, code + codes))
        measure, code = measure + width, code + codes
    return found


def width(encoding: Encoding, *, scaling: Scaling) -> int:
    """The number of columns of `Arrays.numbers` in a scaling."""
    return sum(_width(column, scaling) for column in encoding.columns)


def _width(column: dict[str, Any], scaling: Scaling) -> int:
    if column["kind"] == "category":
        return 0
    # A number that is not scaled may be missing, and needs no indicator.
    is_bare = column["kind"] == "number" and scaling == "none"
    return 1 if is_bare else int(_MEASURES[column["kind"]].width(column))


def save(arrays: Arrays, folder: Path, name: str) -> None:
    """Writes the arrays so that several processes can map them into memory."""
    np.save(folder / f"{name}.numbers.npy", arrays.numbers)
    np.save(folder / f"{name}.codes.npy", arrays.codes)


def open_saved(folder: Path, name: str) -> Arrays:
    """The arrays that `save` wrote, mapped into memory: writable, since TensorFlow would copy them otherwise."""
    numbers, codes = (np.load(folder / f"{name}.{role}.npy", mmap_mode="r+") for role in ("numbers", "codes"))
    return Arrays(numbers, codes)
