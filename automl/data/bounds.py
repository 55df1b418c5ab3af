"""Stored tables that would fill the memory: a few bytes of Parquet or Arrow may stand for any number of cells."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from automl.errors import InputError

# What becomes larger than both must be a trap, as for gzip data.
MOST_BYTES = 2 << 30
MOST_RATIO = 200
# A number, a date, or where a text begins.
BYTES_PER_CELL = 8

# Of Arrow's messages (format/Message.fbs): which kind of header says what follows.
_DICTIONARY, _BATCH = 2, 3
_MAGIC = b"ARROW1"
_CONTINUED = 0xFFFFFFFF


def check_cells(cells: int, *, stored: int, label: str) -> None:
    """Does nothing if so many cells may come out of so many bytes.

    Raises:
        InputError: they are too many.
    """
    _check(cells * BYTES_PER_CELL, stored, label)


def cells(file: parquet.ParquetFile) -> int:
    """How many cells Parquet data claims to hold, those of lists included."""
    groups = [file.metadata.row_group(number) for number in range(file.metadata.num_row_groups)]
    held = sum(group.column(number).num_values for group in groups for number in range(group.num_columns))
    return max(held, file.metadata.num_rows * file.metadata.num_columns)


def repeating(file: parquet.ParquetFile, *, stored: int) -> list[str]:
    """The columns of texts in Parquet data that might be larger than they may be, since a text is stored once.

    They are to be read as dictionaries.
    """
    facts = file.metadata
    kinds = file.schema_arrow
    texts = {kind.name for kind in kinds if pa.types.is_string(kind.type) or pa.types.is_binary(kind.type)}
    sizes: dict[str, int] = {}
    for group in range(facts.num_row_groups):
        for number in range(facts.num_columns):
            chunk = facts.row_group(group).column(number)
            if chunk.path_in_schema in texts:
                sizes[chunk.path_in_schema] = sizes.get(chunk.path_in_schema, 0) + chunk.total_uncompressed_size
    return [name for name, size in sizes.items() if size * facts.num_rows > _most(stored)]


def check_texts(columns: Sequence[pa.ChunkedArray], *, stored: int, label: str) -> None:
    """Does nothing if the texts of a table may come out of so many bytes, once each cell has one of its own.

    Raises:
        InputError: they are too many.
    """
    _check(sum(_bytes(chunk) for column in columns for chunk in column.chunks), stored, label)


def check_buffers(content: bytes, *, label: str) -> None:
    """Does nothing if the buffers of Arrow data, compressed or not, may come out of it.

    Raises:
        InputError: they are too many, or the data is damaged.
    """
    try:
        claimed = sum(_claimed(content))
    except (struct.error, IndexError, OverflowError):
        raise InputError(f"{label} is damaged: its buffers are not where it says. Fetch or make it again.") from None
    _check(claimed, len(content), label)


def _most(stored: int) -> int:
    return max(MOST_BYTES, MOST_RATIO * stored)


def _check(size: int, stored: int, label: str) -> None:
    if size > _most(stored):
        raise InputError(
            f"{label} would become {size / 1e9:,.1f} GB, more than {MOST_RATIO} times its size. "
            "If you trust it, save it as CSV."
        )


def _bytes(chunk: pa.Array) -> int:
    """What the cells of a chunk take when each has its own text; 0 for what cannot repeat one."""
    if isinstance(chunk, pa.ExtensionArray):
        return _bytes(chunk.storage)
    if isinstance(chunk, pa.DictionaryArray):
        lengths = _lengths(chunk.dictionary)
        return 0 if lengths is None else int(pc.sum(pc.take(lengths, chunk.indices)).as_py() or 0)
    if isinstance(chunk, pa.RunEndEncodedArray):
        lengths = _lengths(chunk.values)
        longest = pc.max(lengths).as_py() if lengths is not None else None
        return len(chunk) * int(longest or BYTES_PER_CELL)
    if pa.types.is_string_view(chunk.type) or pa.types.is_binary_view(chunk.type):
        return int(pc.sum(_lengths(chunk)).as_py() or 0)
    return 0


def _lengths(texts: pa.Array) -> pa.Array | None:
    kind = texts.type
    if pa.types.is_string_view(kind) or pa.types.is_binary_view(kind):
        # Four numbers to a cell, of which the first is the length; cells may share what they show.
        lengths = np.frombuffer(texts.buffers()[1], np.int32)[::4]
        return pa.array(lengths[texts.offset : texts.offset + len(texts)], pa.int64())
    if any(is_kind(kind) for is_kind in (pa.types.is_string, pa.types.is_large_string)):
        return pc.cast(pc.binary_length(texts), pa.int64())
    if any(is_kind(kind) for is_kind in (pa.types.is_binary, pa.types.is_large_binary)):
        return pc.cast(pc.binary_length(texts), pa.int64())
    return None


def _claimed(content: bytes) -> Iterator[int]:
    """The bytes of each buffer in Arrow data once it is unpacked, and of the cells of each batch of rows."""
    places = _blocks(content) if content.startswith(_MAGIC) else _messages(content)
    for start, length, body in places:
        message = _Table.at_root(content, start, length)
        kind = message.number(1, "B")
        header = message.table(2)
        batch = header.table(1) if kind == _DICTIONARY and header is not None else header
        if kind not in (_DICTIONARY, _BATCH) or batch is None:
            continue
        compressed = batch.table(3) is not None
        cells = batch.number(0, "q") * BYTES_PER_CELL * batch.length(1)
        yield max(cells, sum(_unpacked(content, body + at, size, compressed) for at, size in batch.pairs(2)))


def _unpacked(content: bytes, place: int, size: int, compressed: bool) -> int:
    """What a buffer takes: in front of a compressed one is how long it was before; -1 if it could not be compressed."""
    return max(size, struct.unpack_from("<q", content, place)[0]) if compressed and size else size


def _blocks(content: bytes) -> Iterator[tuple[int, int, int]]:
    """Of a file: where each message of its footer and that message's body begin."""
    (size,) = struct.unpack_from("<i", content, len(content) - len(_MAGIC) - 4)
    footer = _Table.at_root(content, len(content) - len(_MAGIC) - 4 - size, size)
    for field in (2, 3):
        for offset, length, _ in footer.blocks(field):
            yield *_message(content, offset)[:2], offset + length


def _messages(content: bytes) -> Iterator[tuple[int, int, int]]:
    """Of a stream: where each message and its body begin."""
    place = 0
    while place + 8 <= len(content):
        start, length, end = _message(content, place)
        if not length:
            return
        yield start, length, end
        place = end + max(0, _Table.at_root(content, start, length).number(3, "q"))


def _message(content: bytes, place: int) -> tuple[int, int, int]:
    """Where a message begins, its length, and where its body begins."""
    (first,) = struct.unpack_from("<I", content, place)
    start = place + 8 if first == _CONTINUED else place + 4
    (length,) = struct.unpack_from("<i", content, start - 4)
    return start, length, start + length


class _Table:
    """A table of a FlatBuffer, whose fields have numbers."""

    def __init__(self, content: bytes, place: int) -> None:
        self._content, self._place = content, place
        self._fields = place - self._read("<i", place)

    @classmethod
    def at_root(cls, content: bytes, start: int, length: int) -> _Table:
        if not (start >= 0 and 0 < length <= len(content) - start):
            raise IndexError
        return cls(content, start + struct.unpack_from("<I", content, start)[0])

    def number(self, field: int, kind: str) -> int:
        """0 where the field is left out."""
        place = self._at(field)
        return self._read("<" + kind, place) if place else 0

    def table(self, field: int) -> _Table | None:
        place = self._at(field)
        return _Table(self._content, place + self._read("<I", place)) if place else None

    def length(self, field: int) -> int:
        """Of a vector."""
        return self._vector(field)[1]

    def pairs(self, field: int) -> Iterator[tuple[int, int]]:
        """A vector of two numbers of eight bytes each."""
        start, length = self._vector(field)
        for number in range(length):
            first, second = struct.unpack_from("<qq", self._content, start + 16 * number)
            yield first, second

    def blocks(self, field: int) -> Iterator[tuple[int, int, int]]:
        """A vector of a number of eight bytes, one of four, and one of eight after a gap."""
        start, length = self._vector(field)
        for number in range(length):
            offset, size, body = struct.unpack_from("<qi4xq", self._content, start + 24 * number)
            yield offset, size, body

    def _vector(self, field: int) -> tuple[int, int]:
        place = self._at(field)
        if not place:
            return 0, 0
        start = place + self._read("<I", place)
        return start + 4, min(self._read("<I", start), len(self._content))

    def _at(self, field: int) -> int:
        """Where the field is; 0 if it is left out."""
        known = self._read("<H", self._fields)
        entry = 4 + 2 * field
        offset = self._read("<H", self._fields + entry) if entry < known else 0
        return self._place + offset if offset else 0

    def _read(self, kind: str, place: int) -> int:
        if place < 0:
            raise IndexError
        return int(struct.unpack_from(kind, self._content, place)[0])
