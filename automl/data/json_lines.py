"""JSON lines become columns: one object per line, whose keys name them.

Python's parser reads them, since Arrow's ends the whole process on deeply nested input (seen in 25.0).
"""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa

from automl.data import bounds
from automl.data.arrow import Parsed, from_values
from automl.data.files import printable
from automl.errors import InputError


def parse(text: bytes, *, label: str) -> Parsed:
    """The columns of UTF-8 text; a key that a line lacks is missing there.

    Raises:
        InputError: a line is not one JSON object, or a value is a list or an object.
    """
    rows = [_row(line, number, label) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
    names = list(dict.fromkeys(name for row in rows for name in row))
    bounds.check_cells(len(rows) * len(names), stored=len(text), label=label)
    columns: list[pa.ChunkedArray] = []
    notes: list[str] = []
    for name in names:
        column, note = from_values([row.get(name) for row in rows], name=name, label=label)
        columns.append(column)
        notes.extend(note)
    return Parsed(names, columns, tuple(notes))


def _row(line: bytes, number: int, label: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        row = None
    if not isinstance(row, dict):
        shown = printable(line.decode("utf-8").strip())
        raise InputError(
            f'{label}: line {number} is not a JSON object: {shown!r}. Write one per line: {{"width": 1.5}}'
        )
    return row
