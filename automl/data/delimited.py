"""Delimited text becomes columns: the delimiter, the header and the decimal sign are found out.

Arrow parses and decides the types. Only when it fails is the text read again, row by row, to say where the fault is.
"""

from __future__ import annotations

import contextlib
import csv
import functools
import io
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv

from automl.data.arrow import Parsed
from automl.data.decimals import with_decimal_points
from automl.data.files import printable
from automl.errors import InputError

DELIMITERS = (",", ";", "\t", "|")
MISSING: tuple[str, ...] = tuple(arrow_csv.ConvertOptions().null_values)
_UNKNOWN = "?"
# What is a missing cell in text, and may be a value where cells have types.
WORDS = frozenset({*MISSING, _UNKNOWN} - {""})

_SAMPLE_LINES = 100
_MOST_PREAMBLE = 20
_MOST_SKIPPED = 0.1
# A row must fit into a block.
_BLOCK_BYTES = 1 << 30
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?")
_LINE_END = re.compile(r"\r\n|\r|\n")
# NUL characters have been removed from the text.
_END = "\0"

# A cell of text may be longer than the 128 KiB that Python allows by default.
csv.field_size_limit(2**31 - 1)


@dataclass(frozen=True)
class _Header:
    """The names, and how much of the text they take with all that is above them."""

    names: list[str]
    lines: int
    bytes: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Dialect:
    """How the text is written.

    Attributes:
        numbers: columns whose decimal commas became points, and which are text all the same because of a few cells.
    """

    delimiter: str
    decimal: str
    numbers: tuple[str, ...] = ()


def parse(
    text: bytes,
    *,
    label: str,
    delimiter: str | None = None,
    has_header: bool = True,
    skip_bad_lines: bool = False,
    may_be_empty: bool = False,
    decimal: str = ".",
    texts: Collection[str] | None = None,
    words: Mapping[str, Collection[str]] | None = None,
    block_bytes: int = _BLOCK_BYTES,
) -> tuple[Parsed, Dialect]:
    """The columns of UTF-8 text whose first row names them, and how the text is written.

    Args:
        has_header: whether there are names; otherwise they are `column_1` and so on.
        skip_bad_lines: whether rows that are too long or too short are left out, as long as they are few.
        may_be_empty: whether a header alone is a table.
        decimal: the decimal sign where the numbers do not tell: "1,234" alone may be a thousand and more.
        texts: names of columns whose cells stay as they are written, even if all look like numbers; the others are then
            known to be no text. None where nothing is known.
        words: by the name of a column of `texts`, those of `WORDS` that are values in it.

    Raises:
        InputError: the header is missing, no row follows it, a row is too long or too short, or a quote stays open.
    """
    if delimiter is not None and (len(delimiter) != 1 or not delimiter.isascii() or delimiter in '\r\n"'):
        raise InputError(f"The delimiter {delimiter!r} is not one plain character. Examples: , ; | or a tab.")
    mark = delimiter or _find_delimiter(text)
    header = _header(text, mark, label)
    if has_header:
        _check_header(header.names, label, is_known=texts is not None)
    else:
        header = _Header([f"column_{place + 1}" for place in range(len(header.names))], 0, 0, ())
    # Only where the beginning is blank is all of it looked at.
    if not text[header.bytes : header.bytes + 1000].strip() and not text[header.bytes :].strip():
        if not may_be_empty:
            raise _no_rows(label)
        nothing = pa.chunked_array([pa.array([], pa.float64())])
        return Parsed(header.names, [nothing] * len(header.names), header.notes), Dialect(mark, ".")
    # An empty line of a single column is a missing cell, but not at the end.
    end = len(text.rstrip(b"\r\n")) if len(header.names) == 1 else len(text)
    body = pa.py_buffer(text).slice(header.bytes, end - header.bytes)
    notes = list(header.notes)
    if skip_bad_lines:
        body, skipped = _well_formed(body, len(header.names), mark, header.lines, label)
        notes.extend(skipped)
    names = [name.strip() for name in header.names]
    as_text = {place for place, name in enumerate(names) if name in (texts or ())}
    values = {place: words[names[place]] for place in as_text if words and names[place] in words}
    try:
        table = _table(body, len(header.names), mark, MISSING, as_text, block_bytes)
        # Times of day mean nothing to a model but what is written: "09:05" is not "09:05:00".
        if times := {place for place, column in enumerate(table.columns) if pa.types.is_time(column.type)}:
            as_text |= times
            table = _table(body, len(header.names), mark, MISSING, as_text, block_bytes)
    except pa.ArrowException as error:
        reason = printable(str(error), 200)
        raise _fault(text, mark, label, header) or InputError(
            f"{label} is not a table: {reason}. Save it as CSV."
        ) from None
    # A quote that is never closed swallows rows without a complaint.
    swallowed = table.num_rows < max(text.count(b"\n"), text.count(b"\r")) - header.lines
    if b'"' in text and swallowed and not skip_bad_lines:
        fault = _fault(text, mark, label, header)
        if fault:
            raise fault
    if not table.num_rows:
        raise _no_rows(label)
    if any(
        pa.types.is_string(column.type) and pc.any(pc.equal(column, _UNKNOWN)).as_py()
        for place, column in enumerate(table.columns)
        if _UNKNOWN not in values.get(place, ())
    ):
        table = _table(body, len(header.names), mark, (*MISSING, _UNKNOWN), as_text, block_bytes)
        notes.append(f"{label}: {_UNKNOWN!r} was read as missing.")
    columns = [_without_spaces(column, is_text=place in as_text) for place, column in enumerate(table.columns)]
    if values:
        written = _table(body, len(header.names), mark, (), values, block_bytes, only=values)
        for place, column in zip(values, written.columns, strict=True):
            columns[place] = _with_values(column, values[place])
    if has_header:
        _check_names(header.names, columns, label)
    pointed, found, numbers = with_decimal_points(
        dict(zip(range(len(columns)), columns, strict=True)),
        as_text,
        likely=decimal,
        is_known=texts is not None,
        is_doubtful=mark == ",",
    )
    return Parsed(header.names, list(pointed.values()), tuple(notes)), Dialect(
        mark, found, tuple(names[one] for one in numbers)
    )


def _no_rows(label: str) -> InputError:
    return InputError(f"{label} has a header but no rows. Add rows below the column names.")


def _find_delimiter(text: bytes) -> str:
    """The delimiter that cuts most rows into as many fields as the header has, and into more than one."""
    lines = list(islice(_lines(text), _SAMPLE_LINES))

    def fit(mark: str) -> tuple[float, bool, int]:
        rows = [row for row in csv.reader(lines, delimiter=mark) if row]
        above = _preamble(rows)
        rows = rows[above:]
        if len(rows) < 2 or len(rows[0]) == 1:
            return 0.0, False, 0
        # Names with another delimiter look like a title.
        return sum(len(row) == len(rows[0]) for row in rows[1:]) / len(rows[1:]), not above, len(rows[0])

    return max(DELIMITERS, key=fit)


def _preamble(rows: list[list[str]]) -> int:
    """How many rows are a title or remarks above the table: lines without a delimiter, or with empty fields after it.

    What follows them must be a row of names, and rows that are as long.
    """
    first = next((place for place, row in enumerate(rows) if sum(bool(cell.strip()) for cell in row) > 1), 0)
    while first < len(rows) and rows[first][0].lstrip().startswith("#"):
        if first + 1 < len(rows) and len(rows[first]) == len(rows[first + 1]):
            # "#id,width" names columns.
            break
        first += 1
    table = rows[first:]
    if not 0 < first <= _MOST_PREAMBLE or len(table) < 2 or len(table[0]) < 2:
        return 0
    if any(not cell.strip() or _NUMBER.fullmatch(cell.strip()) for cell in table[0]):
        return 0
    return first if all(len(row) == len(table[0]) for row in table[1:10]) else 0


def _header(text: bytes, mark: str, label: str) -> _Header:
    read: list[str] = []

    def kept() -> Iterator[str]:
        for line in _lines(text):
            read.append(line)
            yield line

    sample = [row for row in csv.reader(islice(_lines(text), _SAMPLE_LINES), delimiter=mark) if row]
    above = _preamble(sample)
    rows = (row for row in csv.reader(kept(), delimiter=mark) if row)
    left_out = [mark.join(next(rows)) for _ in range(above)]
    before = len(read)
    names = next((row for row in rows if any(cell.strip() for cell in row)), [])
    if len(read) - before > 1:
        fault = _fault("".join(read[before:]).encode(), mark, label)
        if fault:
            raise fault
    notes: tuple[str, ...] = ()
    if above:
        lines = "line above the column names was" if above == 1 else f"{above} lines above the column names were"
        notes = (f"{label}: the {lines} left out: {printable(' / '.join(left_out))!r}.",)
    return _Header(names, len(read), sum(len(line.encode()) for line in read), notes)


def _check_header(names: list[str], label: str, *, is_known: bool) -> None:
    given = [name.strip() for name in names if name.strip()]
    if not given:
        raise InputError(f"{label} holds nothing but delimiters. Give a file that holds a table.")
    # pandas writes 0, 1, 2, … for columns that have no names.
    counted = len(given) > 2 and given == [str(place) for place in range(len(given))]
    # The table that this one belongs to may have such names; what is lacking is said where it is needed.
    if all(_NUMBER.fullmatch(name) for name in given) and not counted and not is_known:
        raise _no_header(names, label)


def _check_names(names: list[str], columns: list[pa.ChunkedArray], label: str) -> None:
    """A first row whose every number stands above numbers, and some of whose words occur below them, is data."""
    _check_repeated(names, columns, label)
    explained = words = 0
    for name, column in zip((name.strip() for name in names), columns, strict=True):
        is_numeric = pa.types.is_integer(column.type) or pa.types.is_floating(column.type)
        if _NUMBER.fullmatch(name):
            if not is_numeric:
                return
            explained += 1
        elif name and pa.types.is_string(column.type) and pc.any(pc.equal(column, name)).as_py():
            explained += 1
            words += 1
    if words and explained > 0.5 * len(names):
        raise _no_header(names, label)


def _check_repeated(names: list[str], columns: list[pa.ChunkedArray], label: str) -> None:
    """Files that were joined with their headers have the names among the rows, and text in every column."""
    if len(names) < 2 or not all(
        pa.types.is_string(column.type) and name.strip() for name, column in zip(names, columns, strict=True)
    ):
        return
    equal = functools.reduce(
        pc.and_, (pc.equal(column, name.strip()) for name, column in zip(names, columns, strict=True))
    )
    if pc.any(equal).as_py():
        raise InputError(
            f"{label}: row {pc.index(equal, True).as_py() + 1:,} below the column names has the names once more, as"
            " where files were joined. Remove such rows."
        )


def _no_header(names: list[str], label: str) -> InputError:
    return InputError(
        f"{label}: the first row looks like data, not like column names: {printable(', '.join(names))!r}."
        " Add a first row of names, or say --no-header."
    )


def _well_formed(
    body: pa.Buffer, width: int, mark: str, lines_above: int, label: str
) -> tuple[pa.Buffer, tuple[str, ...]]:
    """The rows that have as many fields as the header, and a note on the others.

    Raises:
        InputError: so many rows are wrong that it must be the header.
    """
    good: list[str] = []
    record: list[str] = []
    bad: list[int] = []

    def kept() -> Iterator[str]:
        for line in _lines(bytes(body)):
            record.append(line)
            yield line

    count, last = 0, 0
    for row in (rows := csv.reader(kept(), delimiter=mark)):
        first, last = last + 1, rows.line_num
        if row or width == 1:
            count += 1
            if max(1, len(row)) == width and (last == first or _is_well_quoted(record, mark)):
                good.extend(record)
            else:
                bad.append(lines_above + first)
        record.clear()
    if len(bad) > max(1, _MOST_SKIPPED * count):
        raise InputError(
            f"{label}: {len(bad):,} of {count:,} rows do not have {_fields(width)} as the header has, the first in line"
            f" {bad[0]}: too many to leave out. Look at the header, or name the --delimiter."
        )
    if not bad:
        return body, ()
    shown = ", ".join(map(str, bad[:10])) + (", …" if len(bad) > 10 else "")
    what = "1 bad line was" if len(bad) == 1 else f"{len(bad):,} bad lines were"
    return pa.py_buffer("".join(good).encode()), (f"{label}: {what} left out: {shown}.",)


def _table(
    body: pa.Buffer,
    width: int,
    mark: str,
    missing: tuple[str, ...],
    as_text: Collection[int],
    block_bytes: int,
    *,
    only: Collection[int] = (),
) -> pa.Table:
    return arrow_csv.read_csv(
        pa.BufferReader(body),
        read_options=arrow_csv.ReadOptions(
            column_names=[str(place) for place in range(width)], block_size=min(body.size + 1, block_bytes)
        ),
        parse_options=arrow_csv.ParseOptions(delimiter=mark, newlines_in_values=True, ignore_empty_lines=width > 1),
        convert_options=arrow_csv.ConvertOptions(
            null_values=missing,
            strings_can_be_null=True,
            column_types={str(place): pa.string() for place in as_text},
            include_columns=[str(place) for place in only],
        ),
    )


def _without_spaces(column: pa.ChunkedArray, *, is_text: bool) -> pa.ChunkedArray:
    """Text without outer spaces, and what that makes of it: a number unless it is to stay text, or a missing cell."""
    if not pa.types.is_string(column.type):
        return column
    trimmed = pc.utf8_trim_whitespace(column)
    if trimmed.equals(column):
        return column
    known = pc.if_else(pc.is_in(trimmed, pa.array(MISSING)), pa.scalar(None, pa.string()), trimmed)
    for kind in () if is_text else (pa.int64(), pa.float64()):
        with contextlib.suppress(pa.ArrowInvalid):
            return known.cast(kind)
    return known


def _with_values(column: pa.ChunkedArray, values: Collection[str]) -> pa.ChunkedArray:
    """Text without outer spaces in which some of `WORDS` are values; the others are missing cells."""
    trimmed = pc.utf8_trim_whitespace(column)
    missing = pa.array(sorted({*MISSING, _UNKNOWN} - {*values}))
    return pc.if_else(pc.is_in(trimmed, missing), pa.scalar(None, pa.string()), trimmed)


def _fault(text: bytes, mark: str, label: str, header: _Header | None = None) -> InputError | None:
    """What is wrong with the first row that is no row, and in which line of the file.

    Args:
        header: what stands above the rows; None if it is a part of the text that is looked at.
    """
    record: list[str] = []

    def kept() -> Iterator[str]:
        # Where no quote is open, the end mark is a row of its own.
        for line in chain(_lines(text[header.bytes :] if header else text), ["\n", _END]):
            record.append(line)
            yield line

    width, above, last = (len(header.names), header.lines, 0) if header else (0, 0, 0)
    for row in (rows := csv.reader(kept(), delimiter=mark)):
        first, last = last + 1, rows.line_num
        if row == [_END]:
            return None
        if last > first and not _is_well_quoted(record, mark):
            opened = above + first + sum(len(_LINE_END.findall(cell)) for cell in row[:-1])
            return InputError(
                f"{label}: a quote opens in line {opened} and does not close where its field ends:"
                f" {printable(row[-1].removesuffix(_END).rstrip())!r}. Close it, or remove it."
            )
        record.clear()
        if not width:
            width = len(row) if any(cell.strip() for cell in row) else 0
        elif row and len(row) != width:
            shown = printable(mark.join(row))
            remedy = (
                f"Put text that holds {mark!r} in double quotes, or remove what is too much."
                if len(row) > width
                else "Add what is missing; an empty field is enough."
            )
            return InputError(
                f"{label}: line {above + first} has {_fields(len(row))}, but the header has {width}: {shown!r}."
                f" {remedy} Or leave such lines out with --skip-bad-lines."
            )
    return None


def _is_well_quoted(record: list[str], mark: str) -> bool:
    try:
        return len(list(csv.reader(record, delimiter=mark, strict=True))) > 0
    except csv.Error:
        return False


def _fields(count: int) -> str:
    return "1 field" if count == 1 else f"{count} fields"


def _lines(text: bytes) -> Iterator[str]:
    """The lines with their ends, whichever of the three usual ends they have."""
    return io.TextIOWrapper(io.BytesIO(text), encoding="utf-8", newline="")
