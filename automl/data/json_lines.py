"""JSON becomes columns: one object per line, or a list of objects, whose keys name them.

Python's parser reads them, since Arrow's ends the whole process on deeply nested input (seen in 25.0).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pyarrow as pa

from automl.data import bounds
from automl.data.arrow import Parsed, everything, from_values
from automl.data.files import printable
from automl.errors import InputError


def parse(text: bytes, *, label: str, is_needed: Callable[[str], bool] = everything) -> Parsed:
    """The columns of UTF-8 text; a key that an object lacks is missing there.

    Args:
        is_needed: whether a column of this name matters; one that does not, and cannot be read, is empty.

    Raises:
        InputError: a line or an element of the list is not one JSON object, or a value is a list or an object.
    """
    rows = _elements(text, label) if text.lstrip().startswith(b"[") else _lines(text, label)
    if len(rows) == 1 and rows[0] and all(isinstance(cells, (dict, list)) for cells in rows[0].values()):
        raise InputError(
            f"{label} is one JSON object that holds columns, not rows. Write an object for each row, as pandas does"
            " with to_json(…, orient='records', lines=True)."
        )
    names = list(dict.fromkeys(name for row in rows for name in row))
    bounds.check_cells(len(rows) * len(names), stored=len(text), label=label)
    columns: list[pa.ChunkedArray] = []
    notes: list[str] = []
    for name in names:
        column, note = from_values([row.get(name) for row in rows], name=name, label=label, is_needed=is_needed)
        columns.append(column)
        notes.extend(note)
    return Parsed(names, columns, tuple(notes))


def is_json(text: bytes) -> bool:
    """Whether UTF-8 text begins as JSON objects do, in lines or in a list, and as no other table."""
    start = text.lstrip()
    if not start.startswith(b"{"):
        return re.match(rb"\[\s*\{\s*\"", start) is not None
    try:
        return isinstance(json.loads(start.splitlines()[0]), dict)
    except (ValueError, RecursionError):
        return False


def _lines(text: bytes, label: str) -> list[dict[str, Any]]:
    return [_row(line, number, label) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]


def _elements(text: bytes, label: str) -> list[dict[str, Any]]:
    try:
        elements = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f"{label}: line {error.lineno} is no JSON: {error.msg}. Save it as JSON lines.") from None
    except (ValueError, RecursionError):
        raise InputError(f"{label} is no JSON that holds a table. Save it as JSON lines.") from None
    for number, element in enumerate(elements, start=1):
        if not isinstance(element, dict):
            raise InputError(
                f"{label}: element {number} of the list is no JSON object: {printable(repr(element))}."
                ' Write a list such as [{"width": 1.5}]'
            )
    return elements


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
