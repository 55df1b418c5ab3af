"""Files become tables: their format is recognised, and what was found out on the way is noted."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from automl.data import bounds, delimited, json_lines, text
from automl.data.arrow import Parsed, from_values, to_frame
from automl.data.files import STREAM, File, load, printable
from automl.errors import EnvironmentFault, InputError

_QUOTED = {"\t": "a tab"}


@dataclass(frozen=True)
class Table:
    """Rows and columns, and where they come from.

    Attributes:
        frame: Arrow types (`pd.ArrowDtype`) in every column, rows numbered from 0, unique non-empty names.
        name: the file's name without suffixes, fit to name a folder; "data" for a data frame.
        notes: everything that was found out or done without asking, a plain sentence each.
        digest: SHA-256 in hexadecimal digits, of the file's bytes or of the frame's content.
    """

    frame: pd.DataFrame
    name: str
    notes: tuple[str, ...]
    digest: str


def read(path: str | Path, *, delimiter: str | None = None, encoding: str | None = None) -> Table:
    """The table in a file: CSV, TSV, TXT or JSON lines (each also as .gz), Parquet, Feather or Arrow.

    The delimiter (one of `, ; | TAB`), the encoding and the decimal sign of text are found out unless given.

    Raises:
        InputError: there is no such file, or it holds no table; the message says what and in which line.
        EnvironmentFault: the machine refuses to read the file, or lacks the memory.
    """
    file = load(path)
    try:
        parsed = _parsed(file, delimiter, encoding)
        frame, notes = to_frame(parsed, label=file.label)
    except MemoryError:
        raise EnvironmentFault(
            f"{file.label} does not fit in memory. Read a part of its rows, or use a larger machine."
        ) from None
    if not len(frame):
        raise InputError(f"{file.label} has columns but no rows. Add rows.")
    return Table(frame, file.stem, notes, file.digest)


def from_frame(frame: pd.DataFrame) -> Table:
    """A table with the content of a data frame; the frame itself stays as it is, and its row index is left out.

    Raises:
        InputError: the frame has no columns, or a cell holds a list, a dictionary or another object.
    """
    names = ["_".join(map(str, name)) if isinstance(name, tuple) else str(name) for name in frame.columns]
    notes: list[str] = []
    columns = []
    for place, name in enumerate(names):
        # A copy, since Arrow would share the memory of a NumPy column with the caller.
        column, note = from_values(frame.iloc[:, place].copy(), name=name, label="data")
        columns.append(column)
        notes.extend(note)
    if frame.index.names != [None]:
        named = ", ".join(repr(name) for name in frame.index.names)
        notes.append(f"data: the row index ({named}) was left out.")
    plain, more = to_frame(Parsed(names, columns, tuple(notes)), label="data")
    return Table(plain, "data", more, _digest(plain))


def _parsed(file: File, delimiter: str | None, encoding: str | None) -> Parsed:
    match file.kind:
        case "parquet" | "arrow":
            return _stored_columns(file)
        case "json_lines":
            content, encoding, notes = text.to_utf8(file.content, label=file.label, encoding=encoding)
            parsed = json_lines.parse(content, label=file.label)
            if encoding != "utf-8":
                notes = (*notes, f"{file.label}: the encoding is {encoding}.")
        case "delimited":
            content, encoding, notes = text.to_utf8(file.content, label=file.label, encoding=encoding)
            parsed, dialect = delimited.parse(content, label=file.label, delimiter=delimiter)
            if (dialect.delimiter, encoding, dialect.decimal) != (",", "utf-8", "."):
                mark = _QUOTED.get(dialect.delimiter, repr(dialect.delimiter))
                found = (
                    f"the delimiter is {mark}, the encoding is {encoding} and the decimal sign is {dialect.decimal!r}"
                )
                notes = (*notes, f"{file.label}: {found}.")
    return Parsed(parsed.names, parsed.columns, (*notes, *parsed.notes))


def _stored_columns(file: File) -> Parsed:
    """The columns of Parquet or Arrow data, checked, since damaged buffers would end the process later."""
    source, stored = pa.BufferReader(file.content), len(file.content)
    try:
        if file.kind == "parquet":
            parquet = pyarrow.parquet.ParquetFile(source)
            bounds.check_cells(bounds.cells(parquet), stored=stored, label=file.label)
            table = pyarrow.parquet.ParquetFile(source, read_dictionary=bounds.repeating(parquet, stored=stored)).read()
        else:
            bounds.check_buffers(file.content, label=file.label)
            streamed = file.content.startswith(STREAM)
            table = (pa.ipc.open_stream(source) if streamed else pa.ipc.open_file(source)).read_all()
        table.validate(full=True)
        bounds.check_cells(table.num_rows * table.num_columns, stored=stored, label=file.label)
        bounds.check_texts(table.columns, stored=stored, label=file.label)
    except (MemoryError, InputError):
        raise
    # Damaged files make Arrow raise errors of almost any type.
    except Exception as error:  # noqa: BLE001
        reason = printable(str(error), 200)
        raise InputError(f"{file.label} is damaged: {reason}. Fetch or make it again.") from None
    return Parsed(table.column_names, table.columns)


def _digest(frame: pd.DataFrame) -> str:
    content = hashlib.sha256(repr([(name, str(kind)) for name, kind in frame.dtypes.items()]).encode())
    content.update(pd.util.hash_pandas_object(frame, index=False).to_numpy().tobytes())
    return content.hexdigest()
