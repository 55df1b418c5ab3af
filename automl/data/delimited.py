"""Delimited text becomes columns: the delimiter, the header and the decimal sign are found out.

Arrow parses and decides the types. Only when it fails is the text read again, row by row, to say where the fault is.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv

from automl.data.arrow import Parsed
from automl.data.files import printable
from automl.errors import InputError

DELIMITERS = (",", ";", "\t", "|")
MISSING: tuple[str, ...] = tuple(arrow_csv.ConvertOptions().null_values)

_SAMPLE_LINES = 100
# A row must fit into a block.
_BLOCK_BYTES = 1 << 30
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?")
_COMMA_NUMBER = r"^[+-]?\d+(,\d+)?([eE][+-]?\d+)?$"
_MAYBE_THOUSANDS = r"^[+-]?([1-9]\d{0,2}(,\d{3})*|0)$"
_LINE_END = re.compile(r"\r\n|\r|\n")
# NUL characters have been removed from the text.
_END = "\0"

# A cell of text may be longer than the 128 KiB that Python allows by default.
csv.field_size_limit(2**31 - 1)


@dataclass(frozen=True)
class _Header:
    names: list[str]
    lines: int
    bytes: int


@dataclass(frozen=True)
class Dialect:
    """How the text is written."""

    delimiter: str
    decimal: str


def parse(
    text: bytes, *, label: str, delimiter: str | None = None, block_bytes: int = _BLOCK_BYTES
) -> tuple[Parsed, Dialect]:
    """The columns of UTF-8 text whose first row names them, and how the text is written.

    Raises:
        InputError: the header is missing, no row follows it, a row is too long or too short, or a quote stays open.
    """
    if delimiter is not None and (len(delimiter) != 1 or not delimiter.isascii() or delimiter in '\r\n"'):
        raise InputError(f"The delimiter {delimiter!r} is not one plain character. Examples: , ; | or a tab.")
    mark = delimiter or _find_delimiter(text)
    header = _header(text, mark, label)
    _check_header(header.names, label)
    body = pa.py_buffer(text).slice(header.bytes)
    if not body.size:
        raise _no_rows(label)
    try:
        table = _table(body, len(header.names), mark, MISSING, block_bytes)
    except pa.ArrowException as error:
        reason = printable(str(error), 200)
        raise _fault(text, mark, label) or InputError(f"{label} is not a table: {reason}. Save it as CSV.") from None
    # A quote that is never closed swallows rows without a complaint.
    if b'"' in text and table.num_rows < max(text.count(b"\n"), text.count(b"\r")) - header.lines:
        fault = _fault(text, mark, label)
        if fault:
            raise fault
    if not table.num_rows:
        raise _no_rows(label)
    notes: tuple[str, ...] = ()
    if any(pa.types.is_string(column.type) and pc.any(pc.equal(column, "?")).as_py() for column in table.columns):
        table = _table(body, len(header.names), mark, (*MISSING, "?"), block_bytes)
        notes = (f"{label}: '?' was read as missing.",)
    columns, decimal = (table.columns, ".") if mark == "," else _with_decimal_points(table.columns)
    return Parsed(header.names, columns, notes), Dialect(mark, decimal)


def _no_rows(label: str) -> InputError:
    return InputError(f"{label} has a header but no rows. Add rows below the column names.")


def _find_delimiter(text: bytes) -> str:
    """The delimiter that cuts most rows into as many fields as the header has, and into more than one."""
    lines = list(islice(_lines(text), _SAMPLE_LINES))

    def fit(mark: str) -> tuple[float, int]:
        rows = [row for row in csv.reader(lines, delimiter=mark) if row]
        if len(rows) < 2 or len(rows[0]) == 1:
            return 0.0, 0
        return sum(len(row) == len(rows[0]) for row in rows[1:]) / len(rows[1:]), len(rows[0])

    return max(DELIMITERS, key=fit)


def _header(text: bytes, mark: str, label: str) -> _Header:
    read: list[str] = []

    def kept() -> Iterator[str]:
        for line in _lines(text):
            read.append(line)
            yield line

    names = next((row for row in csv.reader(kept(), delimiter=mark) if any(cell.strip() for cell in row)), [])
    if len(read) > 1:
        fault = _fault("".join(read).encode(), mark, label)
        if fault:
            raise fault
    return _Header(names, len(read), sum(len(line.encode()) for line in read))


def _check_header(names: list[str], label: str) -> None:
    given = [name.strip() for name in names if name.strip()]
    if not given:
        raise InputError(f"{label} holds nothing but delimiters. Give a file that holds a table.")
    # pandas writes 0, 1, 2, … for columns that have no names.
    counted = len(given) > 2 and given == [str(place) for place in range(len(given))]
    if all(_NUMBER.fullmatch(name) for name in given) and not counted:
        shown = printable(", ".join(names))
        raise InputError(
            f"{label}: the first row looks like data, not like column names: {shown!r}. Add a first row of names."
        )


def _table(body: pa.Buffer, width: int, mark: str, missing: tuple[str, ...], block_bytes: int) -> pa.Table:
    return arrow_csv.read_csv(
        pa.BufferReader(body),
        read_options=arrow_csv.ReadOptions(
            column_names=[str(place) for place in range(width)], block_size=min(body.size + 1, block_bytes)
        ),
        parse_options=arrow_csv.ParseOptions(delimiter=mark, newlines_in_values=True),
        convert_options=arrow_csv.ConvertOptions(null_values=missing, strings_can_be_null=True),
    )


def _with_decimal_points(columns: list[pa.ChunkedArray]) -> tuple[list[pa.ChunkedArray], str]:
    """Columns of numbers with decimal commas as numbers, and the decimal sign that was found."""
    trimmed = [pc.utf8_trim_whitespace(column) if pa.types.is_string(column.type) else None for column in columns]
    candidates = [
        place for place, texts in enumerate(trimmed) if texts is not None and _all_match(texts, _COMMA_NUMBER)
    ]
    # "1,234" alone may stand for a thousand and more; another number must show that the comma is a decimal sign.
    if all(_all_match(trimmed[place], _MAYBE_THOUSANDS) for place in candidates):
        return columns, "."
    return [
        pc.replace_substring(trimmed[place], ",", ".").cast(pa.float64()) if place in candidates else column
        for place, column in enumerate(columns)
    ], ","


def _all_match(texts: pa.ChunkedArray, pattern: str) -> bool:
    return bool(pc.all(pc.match_substring_regex(texts, pattern)).as_py())


def _fault(text: bytes, mark: str, label: str) -> InputError | None:
    """What is wrong with the first row that is no row, and in which line of the file."""
    record: list[str] = []

    def kept() -> Iterator[str]:
        # Where no quote is open, the end mark is a row of its own.
        for line in chain(_lines(text), ["\n", _END]):
            record.append(line)
            yield line

    width, last = 0, 0
    for row in (rows := csv.reader(kept(), delimiter=mark)):
        first, last = last + 1, rows.line_num
        if row == [_END]:
            return None
        if last > first and not _is_well_quoted(record, mark):
            opened = first + sum(len(_LINE_END.findall(cell)) for cell in row[:-1])
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
                f"{label}: line {first} has {_fields(len(row))}, but the header has {width}: {shown!r}. {remedy}"
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
