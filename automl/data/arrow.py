"""Arrow columns of any type become a pandas frame of numbers, booleans, dates and text, with unique names."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from automl.data.columns import END_OF_DAYS, FIRST_DAY
from automl.data.decimals import with_points
from automl.data.files import printable
from automl.errors import InputError

# pandas writes these names for a row index that has none: in text, and in Parquet and Arrow files.
UNNAMED = re.compile(r"\s*|Unnamed: \d+")
_STORED_INDEX = re.compile(r"__index_level_\d+__")
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


# A column, and notes on how it was read.
Read = tuple[pa.ChunkedArray, tuple[str, ...]]


def everything(name: str) -> bool:
    """Whether a column is needed where all are."""
    return True


@dataclass(frozen=True)
class Parsed:
    """Columns as a parser found them: of any Arrow type, with names that may be empty or repeated."""

    names: Sequence[str]
    columns: Sequence[pa.ChunkedArray]
    notes: tuple[str, ...] = ()


def to_frame(
    parsed: Parsed, *, label: str, is_needed: Callable[[str], bool] = everything
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The frame with Arrow types, unique non-empty names and rows numbered from 0, and notes.

    Args:
        is_needed: whether a column of this name matters; one that does not, and cannot be read, is empty.

    Raises:
        InputError: there is no column, or a needed one holds lists, records or bytes.
    """
    if not parsed.columns:
        raise InputError(f"{label} has no columns. Give a table.")
    stored = {place for place, name in enumerate(parsed.names) if _STORED_INDEX.fullmatch(name)}
    counting = {place for place, column in enumerate(parsed.columns) if _only_counts(parsed.names[place], column)}
    keep = [place for place in range(len(parsed.columns)) if place not in stored | counting]
    notes = list(parsed.notes)
    if keep and stored:
        notes.append(f"{label}: the row index that pandas stored was left out.")
    if keep and counting:
        notes.append(f"{label}: a column without a name that only numbers the rows was dropped.")
    keep = keep or list(range(len(parsed.columns)))
    names, renamed = unique_names([parsed.names[place] for place in keep], keep, label)
    columns = []
    for name, place in zip(names, keep, strict=True):
        column, note = _readable(_plain, parsed.columns[place], name, label, is_needed)
        columns.append(column)
        notes.extend(note)
    frame = pa.table(columns, names=names).to_pandas(types_mapper=pd.ArrowDtype, ignore_metadata=True)
    return frame, (*notes, *renamed)


def from_values(
    values: Sequence[object] | pd.Series, *, name: str, label: str, is_needed: Callable[[str], bool] = everything
) -> Read:
    """A column of Python or pandas values; where Arrow has no common type for them, as numbers or else as text.

    Args:
        is_needed: as of `to_frame`.

    Raises:
        InputError: some value is a list, a dictionary or another object.
    """
    return _readable(_from_values, values, name, label, is_needed)


def _readable(
    read: Callable[[Any, str, str], Read], values: Any, name: str, label: str, is_needed: Callable[[str], bool]
) -> Read:
    """What `read` makes of the values; if it cannot, and they are not needed, as many empty cells."""
    try:
        return read(values, name, label)
    except InputError:
        if is_needed(name.strip()):
            raise
        note = f"{label}: column {printable(name)!r} cannot be read and is not needed; its cells are left empty."
        return pa.chunked_array([pa.nulls(len(values), pa.float64())]), (note,)


def _from_values(values: Sequence[object] | pd.Series, name: str, label: str) -> Read:
    if isinstance(values, pd.Series) and isinstance(values.dtype, pd.SparseDtype):
        values = pd.Series(values.to_numpy())
    try:
        column = pa.array(values, from_pandas=True)
        if not _is_extension(column.type):
            return column if isinstance(column, pa.ChunkedArray) else pa.chunked_array([column]), ()
    except (pa.ArrowException, OverflowError, UnicodeEncodeError):
        pass
    cells: list[Any] = list(values)
    if not all(pd.api.types.is_scalar(cell) for cell in cells):
        raise _nested(name, label)
    present = [None if pd.isna(cell) else cell for cell in cells]
    kinds = sorted({type(cell).__name__ for cell in present if cell is not None})
    if {"int"} <= set(kinds) <= {"int", "float"}:
        with contextlib.suppress(OverflowError):
            numbers = [None if cell is None else float(cell) for cell in present]
            return pa.chunked_array([pa.array(numbers, pa.float64())]), ()
    texts = [None if cell is None else _encodable(str(cell)) for cell in present]
    note = f"{label}: column {printable(name)!r} holds values of type {' and '.join(kinds)}; it was read as text."
    return pa.chunked_array([pa.array(texts, pa.string())]), (note,)


def plain_values(values: pd.Series, *, name: str, label: str, has_commas: bool = False) -> pd.Series:
    """The cells as `from_values` and `to_frame` read them, in the rows of the series.

    Args:
        has_commas: whether texts are numbers with decimal commas.

    Raises:
        InputError: as these do.
    """
    column, _ = from_values(values, name=name, label=label)
    plain, _ = _plain(column, name, label)
    if has_commas and pa.types.is_string(plain.type):
        plain = with_points(plain)
    return pd.Series(pd.arrays.ArrowExtensionArray(plain), index=values.index, name=values.name)


def _is_extension(kind: pa.DataType) -> bool:
    """Whether these are intervals, periods or the like, which Arrow only stores."""
    return isinstance(kind, pa.BaseExtensionType) or (pa.types.is_dictionary(kind) and _is_extension(kind.value_type))


def _only_counts(name: str, column: pa.ChunkedArray) -> bool:
    """Whether the column only counts the rows, from 0 or from 1, and has no name of its own."""
    if not (UNNAMED.fullmatch(name) and pa.types.is_integer(column.type) and len(column)):
        return False
    counted = column.to_numpy() - np.arange(len(column))
    return bool(counted[0] in (0, 1) and (counted == counted[0]).all())


def unique_names(names: Sequence[str], places: Sequence[int], label: str) -> tuple[list[str], tuple[str, ...]]:
    """A name for every column, without outer spaces: `column_7` if the seventh has none, `a__2` for the second `a`."""
    named = [
        _encodable(name.strip()) if name.strip() else f"column_{place + 1}"
        for name, place in zip(names, places, strict=True)
    ]
    taken, unique = set(named), []
    seen: dict[str, int] = {}
    for name in named:
        number = seen.get(name, 0) + 1
        new = name if number == 1 else f"{name}__{number}"
        while number > 1 and new in taken:
            number += 1
            new = f"{name}__{number}"
        seen[name] = number
        taken.add(new)
        unique.append(new)
    spaced = [repr(name) for name in names if name.strip() and name != name.strip()]
    unnamed = [new for old, new in zip(names, unique, strict=True) if not old.strip()]
    repeated = [f"{old!r} to {new!r}" for old, new in zip(named, unique, strict=True) if old != new]
    notes = []
    if spaced:
        notes.append(f"{label}: spaces around column names were removed: {_listed(spaced)}.")
    if unnamed:
        notes.append(f"{label}: columns without a name were called {_listed(unnamed)}.")
    if repeated:
        notes.append(f"{label}: repeated column names were changed: {_listed(repeated)}.")
    return unique, tuple(notes)


def _plain(column: pa.ChunkedArray, name: str, label: str) -> Read:
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        return _plain(column.cast(kind.storage_type), name, label)
    if pa.types.is_dictionary(kind):
        return _plain(column.cast(kind.value_type), name, label)
    if pa.types.is_run_end_encoded(kind):
        return _plain(pc.run_end_decode(column), name, label)
    if pa.types.is_nested(kind):
        raise _nested(name, label)
    if pa.types.is_decimal(kind) or pa.types.is_null(kind):
        return column.cast(pa.float64()), ()
    if pa.types.is_float16(kind):
        return _without_nan(column.cast(pa.float32())), ()
    if pa.types.is_floating(kind):
        return _without_nan(column), ()
    if pa.types.is_duration(kind):
        seconds = pc.divide(column.cast(pa.int64()).cast(pa.float64(), safe=False), float(_PER_SECOND[kind.unit]))
        return seconds, (f"{label}: the durations in column {printable(name)!r} were read as seconds.",)
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return _within_calendar(column, name, label)
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return column, ()
    return _text(column, name, label), ()


def _text(column: pa.ChunkedArray, name: str, label: str) -> pa.ChunkedArray:
    """Text and all that has no type of its own here, such as a time of day."""
    if pa.types.is_fixed_size_binary(column.type):
        column = column.cast(pa.binary())
    try:
        text = column.cast(pa.string())
        # Text files write no fractions of a second where there are none.
        return pc.replace_substring_regex(text, r"\.0+$", "") if pa.types.is_time(column.type) else text
    except pa.ArrowNotImplementedError:
        texts = [None if value is None else str(value) for value in column.to_pylist()]
        return pa.chunked_array([pa.array(texts, pa.string())])
    except pa.ArrowInvalid:
        raise InputError(f"{label}: column {printable(name)!r} holds bytes, not text. Leave it out.") from None


def _within_calendar(column: pa.ChunkedArray, name: str, label: str) -> Read:
    """Arrow has dates that Python has not: those before the year 1 and after the year 9999."""
    if column.type == pa.timestamp("ns", getattr(column.type, "tz", None)):
        return column, ()
    # A day at the beginning and one at the end are left to time zones, where there are any.
    room = 1 if getattr(column.type, "tz", None) else 0
    days = (FIRST_DAY + room, END_OF_DAYS - room)
    first, end = (pa.scalar(day, pa.int32()).cast(pa.date32()).cast(column.type) for day in days)
    inside = pc.and_(pc.greater_equal(column, first), pc.less(column, end))
    if pc.all(inside).as_py() is not False:
        return column, ()
    note = f"{label}: dates outside the years 1 to 9999 in column {printable(name)!r} were read as missing."
    return pc.if_else(inside, column, pa.scalar(None, column.type)), (note,)


def _without_nan(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Not a number is missing, like everything else that is missing."""
    return pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)


def _nested(name: str, label: str) -> InputError:
    return InputError(
        f"{label}: column {printable(name)!r} holds lists or records. Leave it out, or make a column of each part."
    )


def _encodable(text: str) -> str:
    """Half of a surrogate pair, which JSON can write, is in no encoding."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _listed(items: Sequence[str], most: int = 10) -> str:
    return ", ".join(printable(item) for item in items[:most]) + (", …" if len(items) > most else "")
