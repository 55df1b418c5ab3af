"""Tables that are no tables, or that would fill the memory."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest

from automl.data import bounds
from automl.data.files import unpacked
from automl.data.read import read
from automl.errors import InputError

if TYPE_CHECKING:
    from tests.hostile.conftest import Canary

Write = Callable[[Path, "Canary"], object]
# A number of rows that Arrow writes in a few hundred bytes, and that no memory of a test's machine holds as numbers.
MANY = 2_000_000_000


class Bomb:
    def __init__(self, code: str) -> None:
        self.code = code

    def __reduce__(self) -> tuple[Any, ...]:
        return eval, (self.code,)


def zipped(members: dict[str, bytes], *, flag: int = 0) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    packed = bytearray(buffer.getvalue())
    for signature, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = packed.find(signature)
        while flag and at >= 0:
            packed[at + place] |= flag
            at = packed.find(signature, at + 4)
    return bytes(packed)


def stored(table: pa.Table, *, kind: str = "file", compression: str | None = None) -> Write:
    def write(path: Path, canary: Canary) -> None:
        options = pa.ipc.IpcWriteOptions(compression=compression)
        new = pa.ipc.new_file if kind == "file" else pa.ipc.new_stream
        with new(path, table.schema, options=options) as file:
            file.write_table(table)

    return write


def parquet(table: pa.Table) -> Write:
    return lambda path, _: pa.parquet.write_table(table, path)


def text_repeated() -> pa.Table:
    """A text of a megabyte, 10,000 times."""
    return pa.table({"a": pa.DictionaryArray.from_arrays(np.zeros(10_000, np.int8), pa.array(["x" * 1_000_000]))})


def nothing() -> pa.Table:
    return pa.table({"a": pa.Array.from_buffers(pa.null(), MANY, [None])})


def runs() -> pa.Table:
    return pa.table({"a": pa.RunEndEncodedArray.from_arrays(pa.array([MANY], pa.int64()), pa.array(["x"]))})


def views() -> pa.Table:
    """10,000 cells that show the same megabyte."""
    view = struct.pack("<i4sii", 1_000_000, b"xxxx", 0, 0)
    buffers = [None, pa.py_buffer(view * 10_000), pa.py_buffer(b"x" * 1_000_000)]
    return pa.table({"a": pa.Array.from_buffers(pa.string_view(), 10_000, buffers)})


def zeros() -> pa.Table:
    """More than a megabyte of equal numbers, which take a few hundred bytes."""
    return pa.table({"a": pa.array(np.zeros(1_000_000, np.int64))})


def claiming(place_of: bytes, claim: int) -> Write:
    """A compressed buffer whose length before it was compressed is said to be another."""

    def write(path: Path, canary: Canary) -> None:
        stored(pa.table({"a": np.zeros(100_000)}), compression="zstd")(path, canary)
        content = bytearray(path.read_bytes())
        at = content.find(place_of)
        struct.pack_into("<q", content, at - 8, claim)
        path.write_bytes(content)

    return write


def with_metadata(path: Path, canary: Canary) -> None:
    """What pyarrow 14.0.0 unpickled (CVE-2023-47248)."""
    facts = {
        b"ARROW:extension:name": b"arrow.py_extension_type",
        b"ARROW:extension:metadata": pickle.dumps(Bomb(canary.code)),
    }
    field = pa.field("a", pa.int64(), metadata=facts)
    table = pa.table(
        [pa.array([1, 2, 3])], schema=pa.schema([field], metadata={b"pandas": pickle.dumps(Bomb(canary.code))})
    )
    pa.parquet.write_table(table, path)


def extension(path: Path, canary: Canary) -> None:
    with_metadata(path.with_suffix(".parquet"), canary)
    pa.feather.write_feather(pa.parquet.read_table(path.with_suffix(".parquet")), path)


REFUSED: dict[str, tuple[str, Write, str]] = {
    "pickle": (
        "t.pkl",
        lambda path, canary: path.write_bytes(pickle.dumps(Bomb(canary.code))),
        "a pickle|does not end in",
    ),
    "pickle called CSV": ("t.csv", lambda path, canary: path.write_bytes(pickle.dumps(Bomb(canary.code))), "a pickle"),
    "HDF5": ("t.h5", lambda path, _: path.write_bytes(b"\x89HDF\r\n\x1a\n"), "an HDF5 file"),
    "NumPy objects": (
        "t.npy",
        lambda path, canary: np.save(path, np.array([Bomb(canary.code)], dtype=object)),
        "a NumPy array",
    ),
    "SQLite": ("t.csv", lambda path, _: path.write_bytes(b"SQLite format 3\0"), "an SQLite database"),
    "encrypted zip": (
        "t.zip",
        lambda path, _: path.write_bytes(zipped({"t.csv": b"a\n1\n"}, flag=1)),
        "locked with a password",
    ),
    "zip with two tables": (
        "t.zip",
        lambda path, _: path.write_bytes(zipped({"a.csv": b"a\n1\n", "b.csv": b"a\n2\n"})),
        "holds 2 tables: a.csv, b.csv",
    ),
    "gzip cut short": (
        "t.csv.gz",
        lambda path, _: path.write_bytes(gzip.compress(b"a\n1\n")[:-4]),
        "damaged or cut short",
    ),
    "gzip of a pickle": (
        "t.csv.gz",
        lambda path, canary: path.write_bytes(gzip.compress(pickle.dumps(Bomb(canary.code)))),
        "a pickle",
    ),
    "text a megabyte long, in Parquet": ("t.parquet", parquet(text_repeated()), "would become 10.0 GB"),
    "text a megabyte long, in Arrow": ("t.arrow", stored(text_repeated()), "would become 10.0 GB"),
    "text a megabyte long, in views": ("t.arrow", stored(views()), "would become 10.0 GB"),
    "rows of nothing": ("t.arrow", stored(nothing()), "would become 16.0 GB"),
    "rows of nothing, streamed": ("t.arrow", stored(nothing(), kind="stream"), "would become 16.0 GB"),
    "rows of one run": ("t.arrow", stored(runs()), "would become"),
    "a million zeros in Parquet": ("t.parquet", parquet(zeros()), "would become 0.0 GB"),
    "a million zeros in Feather": ("t.feather", stored(zeros(), compression="zstd"), "would become 0.0 GB"),
    "buffer that claims 1 TB": ("t.arrow", claiming(b"\x28\xb5\x2f\xfd", 10**12), "would become 1,000.0 GB"),
    "lists": ("t.parquet", parquet(pa.table({"a": [[1, 2]], "b": [1]})), "lists or records"),
    "keys without end": (
        "t.jsonl",
        lambda path, _: path.write_text("\n".join(f'{{"k{number}": 1}}' for number in range(30_000))),
        "would become 7.2 GB",
    ),
    "JSON nested without end": (
        "t.jsonl",
        lambda path, _: path.write_text('{"a": ' + "[" * 100_000),
        "not a JSON object",
    ),
    "pipe": ("t.csv", lambda path, _: os.mkfifo(path), "a pipe or a device"),
    "link to an endless device": ("t.csv", lambda path, _: path.symlink_to("/dev/zero"), "a pipe or a device"),
    "link to itself": ("t.csv", lambda path, _: path.symlink_to(path), "leads back to itself"),
    "terminal": ("t.csv", lambda path, _: path.symlink_to("/dev/tty"), "a pipe or a device|cannot be read"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_is_refused(tmp_path: Path, canary: Canary, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    called, write, message = REFUSED[name]
    write(tmp_path / called, canary)
    if "zeros" in name:
        # Two gigabytes of them would take their time to be made.
        monkeypatch.setattr(bounds, "MOST_BYTES", 1_000_000)
    canary.watches = True
    with pytest.raises(InputError, match=message):
        read(tmp_path / called)


HARMLESS: dict[str, tuple[str, Write]] = {
    "pickled type in Parquet": ("t.parquet", with_metadata),
    "pickled type in Feather": ("t.feather", extension),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_is_read_as_plain_values(tmp_path: Path, canary: Canary, name: str) -> None:
    called, write = HARMLESS[name]
    write(tmp_path / called, canary)
    canary.watches = True
    assert read(tmp_path / called).frame["a"].tolist() == [1, 2, 3]


@pytest.mark.parametrize("member", ["../../cage/secret.csv", "/tmp/evil.csv", "..\\evil.csv"])
def test_no_member_of_a_zip_lands_outside(tmp_path: Path, canary: Canary, member: str) -> None:
    (tmp_path / "t.zip").write_bytes(zipped({member: b"a,b\n1,2\n"}))
    before = set(tmp_path.rglob("*"))
    canary.watches = True
    try:
        frame = read(tmp_path / "t.zip").frame
    except InputError:
        pass
    else:
        assert frame.to_numpy().tolist() == [[1, 2]]
    assert set(tmp_path.rglob("*")) == before


def test_a_gzip_bomb_is_stopped_on_the_way() -> None:
    with pytest.raises(InputError, match="unpacks to more than 200 times its size"):
        unpacked(gzip.compress(b"0" * 50_000_000), "t.csv.gz", most_bytes=1_000_000)


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:1/t.csv",
        "https://x.test/t.csv",
        "s3://x/t.csv",
        "ftp://x/t.csv",
        "file:///etc/passwd",
        "hf://a/b",
    ],
)
def test_an_address_is_to_be_downloaded_first(canary: Canary, address: str) -> None:
    canary.watches = True
    with pytest.raises(InputError, match="Download the file first"):
        read(address)


def plain() -> pa.Table:
    numbers = np.arange(5_000)
    return pa.table(
        {
            "number": numbers,
            "text": [f"text {number % 7}" for number in numbers],
            "category": pa.array([f"c{number % 3}" for number in numbers]).dictionary_encode(),
            "view": pa.array([f"view {number}" for number in numbers], pa.string_view()),
            "nothing": pa.nulls(5_000),
        }
    )


@pytest.mark.parametrize("compression", [None, "lz4", "zstd"])
@pytest.mark.parametrize("kind", ["file", "stream"])
def test_sound_arrow_data_claims_what_it_holds(
    tmp_path: Path, canary: Canary, kind: str, compression: str | None
) -> None:
    stored(plain(), kind=kind, compression=compression)(tmp_path / "t.arrow", canary)
    assert read(tmp_path / "t.arrow").frame.shape[0] == 5_000
    claimed = sum(bounds._claimed((tmp_path / "t.arrow").read_bytes()))
    assert plain().nbytes <= claimed < 2 * plain().nbytes


@pytest.mark.parametrize("at", range(0, 600, 7))
def test_arrow_data_altered_anywhere_is_read_or_refused(tmp_path: Path, canary: Canary, at: int) -> None:
    stored(plain().slice(0, 50), compression="zstd")(tmp_path / "t.arrow", canary)
    content = bytearray((tmp_path / "t.arrow").read_bytes())
    place = len(content) - 600 + at if at % 2 else at + 8
    content[place : place + 4] = b"\xff\xff\xff\x7f"
    (tmp_path / "t.arrow").write_bytes(content)
    # No error but ours may come out, and no damage to the process.
    with contextlib.suppress(InputError):
        read(tmp_path / "t.arrow")
