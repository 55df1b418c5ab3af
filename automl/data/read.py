"""Files become tables: their format is recognised, and what was found out on the way is noted."""

from __future__ import annotations

import contextlib
import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from automl.data import bounds, delimited, json_lines, text
from automl.data.arrow import UNNAMED, Parsed, from_values, plain_values, to_frame, unique_names
from automl.data.columns import is_text
from automl.data.decimals import with_decimal_points
from automl.data.delimited import Dialect
from automl.data.files import STREAM, File, load, printable
from automl.errors import EnvironmentFault, InputError

_QUOTED = {"\t": "a tab"}


@dataclass(frozen=True)
class Writing:
    """What one table tells of how others of its kind are to be read, and what these may be too short to tell.

    Attributes:
        decimal: the decimal sign of its text.
        texts: the columns whose cells are text, and stay as they are written: "01" is not 1, nor "1.10" 1.1.
        words: by the name of such a column, those of its values that elsewhere stand for a missing cell, such as "NA".
        needed: the columns that must be readable; None for all.
    """

    decimal: str = "."
    texts: Collection[str] = ()
    words: Mapping[str, Collection[str]] = field(default_factory=dict)
    needed: Collection[str] | None = None


@dataclass(frozen=True)
class Table:
    """Rows and columns, and where they come from.

    Attributes:
        frame: Arrow types (`pd.ArrowDtype`) in every column, rows numbered from 0, unique non-empty names.
        name: the file's name without suffixes, fit to name a folder; "data" for a data frame.
        notes: everything that was found out or done without asking, a plain sentence each.
        digest: SHA-256 in hexadecimal digits, of the file's bytes or of the frame's content.
        repeated: names that stood above several columns, of which only the first has kept it.
        unnamed: the names that were given to columns without one.
        decimal: the decimal sign of its text.
        numbers: columns whose decimal commas became points, and which are text all the same because of a few cells.
        categories: columns of numbers that the data itself calls categories.
    """

    frame: pd.DataFrame
    name: str
    notes: tuple[str, ...]
    digest: str
    repeated: tuple[str, ...] = ()
    unnamed: tuple[str, ...] = ()
    decimal: str = "."
    numbers: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()

    @property
    def writing(self) -> Writing:
        """How tables like this one are to be read."""
        texts = {str(name): cells for name, cells in self.frame.items() if is_text(cells) and name not in self.numbers}
        words = {name: found for name, cells in texts.items() if (found := _words(cells))}
        return Writing(self.decimal, tuple(texts), words)


def read(
    path: str | Path,
    *,
    delimiter: str | None = None,
    encoding: str | None = None,
    has_header: bool = True,
    skip_bad_lines: bool = False,
    may_be_empty: bool = False,
    left_out: Collection[str] = (),
    like: Writing | None = None,
) -> Table:
    """The table in a file: CSV, TSV, TXT or JSON (each also as .gz), Parquet, Feather or Arrow, or a .zip of one.

    The delimiter (one of `, ; | TAB`), the encoding and the decimal sign of text are found out unless given.

    Args:
        path: "-" stands for what is piped in.
        has_header: whether the first row of text names the columns; otherwise they are `column_1` and so on.
        skip_bad_lines: whether lines of text with too many or too few fields are left out, if they are few.
        may_be_empty: whether there may be no rows.
        left_out: columns that nobody needs, and which are empty where they cannot be read.
        like: how the table is written that this one belongs to.

    Raises:
        InputError: there is no such file, or it holds no table; the message says what and in which line.
        EnvironmentFault: the machine refuses to read the file, or lacks the memory.
    """
    if not isinstance(path, (str, Path)):
        raise InputError(f"The data must be the path of a file or a pandas data frame, not {type(path).__name__!r}.")
    file = load(path)

    def is_needed(name: str) -> bool:
        return name not in left_out and (like is None or like.needed is None or name in like.needed)

    try:
        parsed, dialect = _parsed(
            file,
            encoding,
            is_needed,
            {
                "delimiter": delimiter,
                "has_header": has_header,
                "skip_bad_lines": skip_bad_lines,
                "may_be_empty": may_be_empty,
                **({} if like is None else {"decimal": like.decimal, "texts": like.texts, "words": like.words}),
            },
        )
        frame, notes = to_frame(parsed, label=file.label, is_needed=is_needed)
    except MemoryError:
        raise EnvironmentFault(
            f"{file.label} does not fit in memory. Read a part of its rows, or use a larger machine."
        ) from None
    if not len(frame) and not may_be_empty:
        raise InputError(f"{file.label} has columns but no rows. Add rows.")
    return Table(
        frame,
        file.stem,
        notes,
        file.digest,
        repeated=_repeated(parsed.names),
        unnamed=_unnamed(parsed.names),
        decimal=dialect.decimal,
        numbers=dialect.numbers,
        categories=_categories(parsed),
    )


def from_frame(frame: pd.DataFrame, *, left_out: Collection[str] = ()) -> Table:
    """A table with the content of a data frame; the frame itself stays as it is, and its row index is left out.

    Args:
        left_out: columns that nobody needs, and which are empty where they cannot be read.

    Raises:
        InputError: the frame has no columns, or a cell holds a list, a dictionary or another object.
    """

    def is_needed(name: str) -> bool:
        return name not in left_out

    names = _names(frame)
    notes: list[str] = []
    columns: list[pa.ChunkedArray] = []
    for place, name in enumerate(names):
        # A copy, since Arrow would share the memory of a NumPy column with the caller.
        column, note = from_values(frame.iloc[:, place].copy(), name=name, label="data", is_needed=is_needed)
        columns.append(column)
        notes.extend(note)
    if frame.index.names != [None]:
        named = ", ".join(repr(name) for name in frame.index.names)
        notes.append(f"data: the row index ({named}) was left out.")
    pointed, decimal, numbers = with_decimal_points(dict(enumerate(map(_as_string, columns))), is_doubtful=True)
    if decimal != ".":
        notes.append(f"data: the decimal sign is {decimal!r}.")
    parsed = Parsed(names, list(pointed.values()), tuple(notes))
    plain, more = to_frame(parsed, label="data", is_needed=is_needed)
    return Table(
        plain,
        "data",
        more,
        _digest(plain),
        repeated=_repeated(names),
        unnamed=_unnamed(names),
        decimal=decimal,
        numbers=tuple(names[place].strip() for place in numbers),
        categories=_categories(parsed),
    )


def as_training(frame: pd.DataFrame, needed: Collection[str], *, numbers: Collection[str] = ()) -> pd.DataFrame:
    """The frame with its columns called as `from_frame` calls them, and the needed ones read as it reads them.

    The other columns and the row index stay as they are.

    Args:
        numbers: columns whose texts are numbers with decimal commas.

    Raises:
        InputError: it is no data frame, or a cell of a needed column holds a list, a dictionary or another object.
    """
    if not isinstance(frame, pd.DataFrame):
        raise InputError(
            f"A model takes a pandas data frame with the columns of the training table, not {type(frame).__name__!r}."
        )
    names, _ = unique_names(_names(frame), range(frame.shape[1]), "data")
    if names != list(frame.columns):
        frame = frame.set_axis(names, axis=1)
    changed = {
        str(name): plain_values(cells, name=str(name), label="data", has_commas=name in numbers)
        for name, cells in frame.items()
        if name in needed
    }
    if not changed:
        return frame
    frame = frame.copy(deep=False)
    for name, own in changed.items():
        frame[name] = own
    return frame


def _as_string(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Texts of pandas in the type that texts have here."""
    return column.cast(pa.string()) if pa.types.is_large_string(column.type) else column


def _names(frame: pd.DataFrame) -> list[str]:
    return ["_".join(map(str, name)) if isinstance(name, tuple) else str(name) for name in frame.columns]


def _repeated(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name, times in Counter(name.strip() for name in names).items() if name and times > 1)


def _unnamed(names: Sequence[str]) -> tuple[str, ...]:
    """What the columns without a name are called, by `unique_names` or by pandas."""
    return tuple(name.strip() or f"column_{place + 1}" for place, name in enumerate(names) if UNNAMED.fullmatch(name))


def _categories(parsed: Parsed) -> tuple[str, ...]:
    """The columns of numbers that pandas or Arrow keep as codes for them."""
    return tuple(
        name.strip()
        for name, column in zip(parsed.names, parsed.columns, strict=True)
        if pa.types.is_dictionary(column.type)
        and (pa.types.is_integer(column.type.value_type) or pa.types.is_floating(column.type.value_type))
    )


def _words(column: pd.Series) -> tuple[str, ...]:
    """The texts in a column that stand for a missing cell where all cells are written as text."""
    texts = column.str.strip()
    return tuple(sorted(texts[texts.isin(delimited.WORDS)].unique()))


def _parsed(
    file: File, encoding: str | None, is_needed: Callable[[str], bool], form: dict[str, Any]
) -> tuple[Parsed, Dialect]:
    """The columns, and how the text is written if it is delimited."""
    dialect = Dialect(",", ".")
    match file.kind:
        case "parquet" | "arrow":
            return _stored_columns(file), dialect
        case "json_lines":
            content, encoding, notes = text.to_utf8(file.content, label=file.label, encoding=encoding)
            parsed = json_lines.parse(content, label=file.label, is_needed=is_needed)
            if encoding != "utf-8":
                notes = (*notes, f"{file.label}: the encoding is {encoding}.")
        case "delimited":
            content, encoding, notes = text.to_utf8(file.content, label=file.label, encoding=encoding)
            if json_lines.is_json(content):
                parsed = json_lines.parse(content, label=file.label, is_needed=is_needed)
                notes = (*notes, f"{file.label}: it holds JSON, and was read as such.")
            else:
                parsed, dialect = delimited.parse(content, label=file.label, **form)
                if (dialect.delimiter, encoding, dialect.decimal) != (",", "utf-8", "."):
                    mark, sign = _QUOTED.get(dialect.delimiter, repr(dialect.delimiter)), repr(dialect.decimal)
                    found = f"the delimiter is {mark}, the encoding is {encoding} and the decimal sign is {sign}"
                    notes = (*notes, f"{file.label}: {found}.")
    return Parsed(parsed.names, parsed.columns, (*notes, *parsed.notes)), dialect


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
    return Parsed(table.column_names, _as_pandas_had_them(table))


def _as_pandas_had_them(table: pa.Table) -> list[pa.ChunkedArray]:
    """The columns; those that pandas has written as categories, and Parquet keeps as what these are, as codes again."""
    with contextlib.suppress(ValueError, TypeError, KeyError, AttributeError):
        told = (table.schema.pandas_metadata or {}).get("columns", ())
        categorical = {column["field_name"] for column in told if column["pandas_type"] == "categorical"}
        return [
            column.dictionary_encode() if name in categorical and pa.types.is_primitive(column.type) else column
            for name, column in zip(table.column_names, table.columns, strict=True)
        ]
    return list(table.columns)


def _digest(frame: pd.DataFrame) -> str:
    content = hashlib.sha256(repr([(name, str(kind)) for name, kind in frame.dtypes.items()]).encode())
    content.update(pd.util.hash_pandas_object(frame, index=False).to_numpy().tobytes())
    return content.hexdigest()
