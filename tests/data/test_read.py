"""Any file ends as a table with notes or as an error that says what and where."""

from __future__ import annotations

import datetime as dt
import gzip
import hashlib
import io
import os
import socket
import threading
import time
import zipfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from automl.data import delimited, files
from automl.data.columns import dates
from automl.data.read import Table, Writing, as_training, from_frame, read
from automl.errors import EnvironmentFault, InputError


def content(table: Table) -> dict[str, list[Any]]:
    """The columns as Python values, with None where one is missing."""
    return {
        str(name): [None if missing else cell for cell, missing in zip(column, column.isna(), strict=True)]
        for name, column in table.frame.items()
    }


def write(folder: Path, data: bytes, name: str = "data.csv") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


# What is read


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(b"a,b\n1,x\n2,y\n", {"a": [1, 2], "b": ["x", "y"]}, id="plain"),
        pytest.param(b"a,b\n1,x\n2,y", {"a": [1, 2], "b": ["x", "y"]}, id="no-last-line-end"),
        pytest.param(b"a,b\r\n1,x\r\n2,y\r\n", {"a": [1, 2], "b": ["x", "y"]}, id="crlf"),
        pytest.param(b"a,b\r1,x\r2,y\r", {"a": [1, 2], "b": ["x", "y"]}, id="cr-only"),
        pytest.param(b"\n\na,b\n\n1,x\n\n", {"a": [1], "b": ["x"]}, id="blank-lines"),
        pytest.param(b"\xef\xbb\xbfa,b\n1,x\n", {"a": [1], "b": ["x"]}, id="utf-8-mark"),
        pytest.param("Stra\u00dfe,\U0001f600\nK\u00f6ln,1\n".encode(), {"Straße": ["Köln"], "😀": [1]}, id="utf-8"),
        pytest.param(b'a,b\n1,"x\ny, ""z"""\n', {"a": [1], "b": ['x\ny, "z"']}, id="quoted-line-end"),
        pytest.param(b"#id,b\n1,x\n", {"#id": [1], "b": ["x"]}, id="a-name-with-a-hash"),
        pytest.param(b'"a\nb",c\n1,2\n', {"a\nb": [1], "c": [2]}, id="line-end-in-a-name"),
        pytest.param(b'a,b\n1,5" pipe\n', {"a": [1], "b": ['5" pipe']}, id="quote-within-a-field"),
        pytest.param(b"a\n1\n2\n", {"a": [1, 2]}, id="one-column"),
        pytest.param(b"a\n1\n\n2\n\n\n", {"a": [1, None, 2]}, id="one-column-with-a-gap"),
        pytest.param(b"a\r\n\r\nx\r\n", {"a": [None, "x"]}, id="one-column-that-begins-with-a-gap"),
        pytest.param(b"a,b\n1,\n,y\n", {"a": [1, None], "b": [None, "y"]}, id="empty-is-missing"),
        pytest.param(b'a,b\nNA,null\n1,""\nNaN,N/A\n', {"a": [None, 1, None], "b": [None] * 3}, id="usual-words"),
        pytest.param(b"a,b\n1e25,true\n2,False\n", {"a": [1e25, 2.0], "b": [True, False]}, id="floats-and-booleans"),
        pytest.param(b"a\n10000000000000000000000000\n1\n", {"a": [1e25, 1.0]}, id="huge-integer"),
        pytest.param(b"a,b\n12:30,x\n13:45:10,y\n", {"a": ["12:30", "13:45:10"], "b": ["x", "y"]}, id="time-of-day"),
        pytest.param(b"a\n2020-01-31\n", {"a": [dt.date(2020, 1, 31)]}, id="date"),
        pytest.param(b"0,1,2\n5,6,7\n", {"0": [5], "1": [6], "2": [7]}, id="names-that-pandas-counts"),
        pytest.param(b"PAR1,b\n1,x\n", {"PAR1": [1], "b": ["x"]}, id="begins-like-parquet"),
        pytest.param(
            b"year,2001,2002\nx,1,2\n", {"year": ["x"], "2001": [1], "2002": [2]}, id="some-names-are-numbers"
        ),
    ],
)
def test_reads_without_a_note(tmp_path: Path, data: bytes, expected: dict[str, list[Any]]) -> None:
    table = read(write(tmp_path, data))
    assert content(table) == expected
    assert table.notes == ()


@pytest.mark.parametrize(
    ("data", "expected", "note"),
    [
        pytest.param(
            b"a;b\n1;x, y\n2;z\n",
            {"a": [1, 2], "b": ["x, y", "z"]},
            "data.csv: the delimiter is ';', the encoding is utf-8 and the decimal sign is '.'.",
            id="semicolon",
        ),
        pytest.param(
            b"a\tb\n1\tx, y\n2\tz\n",
            {"a": [1, 2], "b": ["x, y", "z"]},
            "data.csv: the delimiter is a tab, the encoding is utf-8 and the decimal sign is '.'.",
            id="tab",
        ),
        pytest.param(
            b'a|b\n1|"x|y"\n2|z\n',
            {"a": [1, 2], "b": ["x|y", "z"]},
            "data.csv: the delimiter is '|', the encoding is utf-8 and the decimal sign is '.'.",
            id="bar",
        ),
        pytest.param(
            b"a;b;c\n1,5;x;7\n-2,25;y, z;\n",
            {"a": [1.5, -2.25], "b": ["x", "y, z"], "c": [7, None]},
            "data.csv: the delimiter is ';', the encoding is utf-8 and the decimal sign is ','.",
            id="decimal-comma",
        ),
        pytest.param(
            b"a;b\n1,234;x\n22,500;y\n",
            {"a": ["1,234", "22,500"], "b": ["x", "y"]},
            "data.csv: the delimiter is ';', the encoding is utf-8 and the decimal sign is '.'.",
            id="perhaps-thousands",
        ),
        pytest.param(
            b"a;b;c\n12,5;1,5 m;1234\n-;x;A\n3,75;2,5;567\n",
            {"a": ["12.5", "-", "3.75"], "b": ["1,5 m", "x", "2,5"], "c": ["1234", "A", "567"]},
            "data.csv: the delimiter is ';', the encoding is utf-8 and the decimal sign is ','.",
            id="decimal-comma-and-odd-cells",
        ),
        pytest.param(
            b"a;b\n1234;x\n" + b"567;x\n" * 30 + b"A;y\n",
            {"a": ["1234"] + ["567"] * 30 + ["A"], "b": ["x"] * 31 + ["y"]},
            "data.csv: the delimiter is ';', the encoding is utf-8 and the decimal sign is '.'.",
            id="no-comma-at-all",
        ),
        pytest.param(
            "a;b\n12,50 €;1.234,50\n-3,00\u00a0€;999,00\n(0,75 €);-12.345.678,05\n".encode(),
            {"a": ["12.50 €", "-3.00\u00a0€", "(0.75 €)"], "b": [1234.5, 999.0, -12345678.05]},
            "data.csv: the delimiter is ';', the encoding is utf-8 and the decimal sign is ','.",
            id="european-money",
        ),
        pytest.param(
            b"a;b\n$1,234;x\n$950;y\n-$22,500;z\n",
            {"a": ["$1,234", "$950", "-$22,500"], "b": ["x", "y", "z"]},
            "data.csv: the delimiter is ';', the encoding is utf-8 and the decimal sign is '.'.",
            id="perhaps-thousands-of-money",
        ),
        pytest.param(
            b"a;b;c\n$1,234;(1,234);2,345\n$1200;1500;345\n$950;950;45\n",
            {"a": ["$1,234", "$1200", "$950"], "b": ["(1,234)", "1500", "950"], "c": ["2,345", "345", "45"]},
            "data.csv: the delimiter is ';', the encoding is utf-8 and the decimal sign is '.'.",
            id="money-with-thousands-and-without",
        ),
        pytest.param(
            "a,b\n1,Köln\n".encode("cp1252"),
            {"a": [1], "b": ["Köln"]},
            "data.csv: the delimiter is ',', the encoding is cp1252 and the decimal sign is '.'.",
            id="windows-1252",
        ),
        pytest.param(
            "a,b\n1,Köln\n".encode("utf-16"),
            {"a": [1], "b": ["Köln"]},
            "data.csv: the delimiter is ',', the encoding is utf-16 and the decimal sign is '.'.",
            id="utf-16",
        ),
        pytest.param(
            b"a,b,c\n1,?,x\n?,2.5,?\n",
            {"a": [1, None], "b": [None, 2.5], "c": ["x", None]},
            "data.csv: '?' was read as missing.",
            id="question-mark",
        ),
        pytest.param(
            b"a,b,a,a__2,a\n1,2,3,4,5\n",
            {"a": [1], "b": [2], "a__3": [3], "a__2": [4], "a__4": [5]},
            "data.csv: repeated column names were changed: 'a' to 'a__3', 'a' to 'a__4'.",
            id="repeated-names",
        ),
        pytest.param(
            b"a,a\n1,2\n",
            {"a": [1], "a__2": [2]},
            "data.csv: repeated column names were changed: 'a' to 'a__2'.",
            id="a-name-twice",
        ),
        pytest.param(
            b"a, ,b\n1,7,3\n",
            {"a": [1], "column_2": [7], "b": [3]},
            "data.csv: columns without a name were called column_2.",
            id="no-name",
        ),
        pytest.param(
            b",a\n0,x\n1,y\n2,z\n",
            {"a": ["x", "y", "z"]},
            "data.csv: a column without a name that only numbers the rows was dropped.",
            id="rows-numbered-from-0",
        ),
        pytest.param(
            b"a,Unnamed: 0\nx,1\ny,2\n",
            {"a": ["x", "y"]},
            "data.csv: a column without a name that only numbers the rows was dropped.",
            id="rows-numbered-from-1",
        ),
        pytest.param(
            "a,b\n1,word\n".encode("utf-16-le"),
            {"a": [1], "b": ["word"]},
            "data.csv: the delimiter is ',', the encoding is utf-16-le and the decimal sign is '.'.",
            id="utf-16-without-a-mark",
        ),
        pytest.param(
            b"Report of May\n\na,b,c\n1,2,3\n",
            {"a": [1], "b": [2], "c": [3]},
            "data.csv: the line above the column names was left out: 'Report of May'.",
            id="title",
        ),
        pytest.param(
            b"# made by hand\n# in May\na,b\n1,x\n",
            {"a": [1], "b": ["x"]},
            "data.csv: the 2 lines above the column names were left out: '# made by hand / # in May'.",
            id="remarks",
        ),
        pytest.param(
            b"a , b\n1, x\n NA ,y \n",
            {"a": [1, None], "b": ["x", "y"]},
            "data.csv: spaces around column names were removed: 'a ', ' b'.",
            id="spaces",
        ),
        pytest.param(
            b'{"a": 1, "b": "x"}\n{"a": 2}\n',
            {"a": [1, 2], "b": ["x", None]},
            "data.csv: it holds JSON, and was read as such.",
            id="json-lines",
        ),
        pytest.param(
            b'[{"a": 1, "b": "x"},\n{"a": 2}]\n',
            {"a": [1, 2], "b": ["x", None]},
            "data.csv: it holds JSON, and was read as such.",
            id="json-list",
        ),
        pytest.param(
            b"a,b\n" + b"1,word\n" * 100 + b"2,w\0ord\n",
            {"a": [1] * 100 + [2], "b": ["word"] * 101},
            "data.csv: NUL characters were removed (1).",
            id="nul",
        ),
    ],
)
def test_reads_with_a_note(tmp_path: Path, data: bytes, expected: dict[str, list[Any]], note: str) -> None:
    table = read(write(tmp_path, data))
    assert content(table) == expected
    assert table.notes == (note,)


@pytest.mark.parametrize("cells", [(3, 4), (0, 2), (1, 1), (0, None)])
def test_keeps_an_unnamed_column_that_is_more_than_a_number_of_the_row(
    tmp_path: Path, cells: tuple[int | None, ...]
) -> None:
    first, second = ("" if cell is None else cell for cell in cells)
    assert content(read(write(tmp_path, f",a\n{first},x\n{second},y\n".encode()))) == {
        "column_1": list(cells),
        "a": ["x", "y"],
    }


def test_a_numbering_is_kept_when_nothing_else_is_there(tmp_path: Path) -> None:
    assert content(read(write(tmp_path, b"Unnamed: 0\n0\n1\n"))) == {"Unnamed: 0": [0, 1]}


def test_takes_the_delimiter_and_the_encoding_that_are_given(tmp_path: Path) -> None:
    path = write(tmp_path, "a,b;c\n1,ы;2\n".encode("koi8-r"))
    assert content(read(path, delimiter=";", encoding="koi8-r")) == {"a,b": ["1,ы"], "c": [2]}


def test_the_first_row_is_data_if_that_is_said(tmp_path: Path) -> None:
    table = read(write(tmp_path, b"5.1,setosa\n4.9,virginica\n"), has_header=False)
    assert content(table) == {"column_1": [5.1, 4.9], "column_2": ["setosa", "virginica"]}


def test_leaves_bad_lines_out_if_that_is_said(tmp_path: Path) -> None:
    path = write(tmp_path, b"a,b\n" + b"1,x\n" * 30 + b'2\n3,"y\nz"\n4,x,5\n')
    table = read(path, skip_bad_lines=True)
    assert content(table) == {"a": [1] * 30 + [3], "b": ["x"] * 30 + ["y\nz"]}
    assert table.notes == ("data.csv: 2 bad lines were left out: 32, 35.",)


def test_a_gap_in_a_single_column_is_no_bad_line(tmp_path: Path) -> None:
    table = read(write(tmp_path, b"a\n1\n\n2,3\n" + b"4\n" * 30 + b"\n"), skip_bad_lines=True)
    assert content(table) == {"a": [1, None] + [4] * 30}
    assert table.notes == ("data.csv: 1 bad line was left out: 4.",)


def test_a_table_of_bad_lines_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="data.csv: 3 of 4 rows do not have 2 fields as the header has, the first in"):
        read(write(tmp_path, b"a,b\n1,2\n" + b"1,2,3\n" * 3), skip_bad_lines=True)


@pytest.mark.parametrize("data", [b"a,b\n", b"a,b", b"a,b\n\n \n"])
def test_may_be_empty_if_that_is_said(tmp_path: Path, data: bytes) -> None:
    assert content(read(write(tmp_path, data), may_be_empty=True)) == {"a": [], "b": []}


def zipped(files: dict[str, bytes]) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in files.items():
            file.writestr(name, data)
    return archive.getvalue()


def test_reads_the_one_table_of_an_archive(tmp_path: Path) -> None:
    files = {"read me.txt": b"Hello.", "__MACOSX/._data.csv": b"\0", "inner/data.csv": b"a,b\n1,x\n"}
    table = read(write(tmp_path, zipped(files), "data.zip"))
    assert (content(table), table.name) == ({"a": [1], "b": ["x"]}, "data")


def test_a_locked_archive_is_refused(tmp_path: Path) -> None:
    locked = bytearray(zipped({"data.csv": b"a,b\n1,x\n"}))
    # The flag is in the local and in the central entry.
    locked[6] |= 1
    locked[locked.rindex(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(InputError, match="data.zip is locked with a password. Unpack it first."):
        read(write(tmp_path, bytes(locked), "data.zip"))


def test_reads_what_is_piped_in(monkeypatch: pytest.MonkeyPatch) -> None:
    for data in (b"a,b\n1,x\n", gzip.compress(b"a,b\n1,x\n"), zipped({"t.csv": b"a,b\n1,x\n"})):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))
        assert content(read("-")) == {"a": [1], "b": ["x"]}


def test_a_column_that_turns_into_text_late_is_text(tmp_path: Path) -> None:
    rows = b"".join(b"%d,%d\n" % (row, row) for row in range(200_000))  # 2.6 MB, more than Arrow looks at by default
    frame = read(write(tmp_path, b"a,b\n" + rows + b"1,many\n")).frame
    assert frame["a"].sum() == sum(range(200_000)) + 1
    assert (frame["b"].iloc[0], frame["b"].iloc[-1]) == ("0", "many")


def test_blocks_do_not_matter() -> None:
    text = b"a,b\n" + b'1,"x\ny"\n' * 50 + b"z,3\n"
    parsed, _ = delimited.parse(text, label="data.csv", block_bytes=61)
    assert parsed.columns[0].num_chunks > 1
    assert parsed.columns[0].to_pylist() == ["1"] * 50 + ["z"]
    assert parsed.columns[1].to_pylist() == ["x\ny"] * 50 + ["3"]


def test_finds_the_delimiter_although_a_row_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="line 3 has 2 fields, but the header has 3"):
        read(write(tmp_path, b"a;b;c\n1;2;3\n4;5\n6;7;8\n"))


def test_reads_cells_of_a_megabyte(tmp_path: Path) -> None:
    text = "long," * 200_000
    assert content(read(write(tmp_path, f'a,b\n1,"{text}"\n2,x\n'.encode())))["b"] == [text, "x"]


def test_reads_ten_thousand_columns(tmp_path: Path) -> None:
    names = ",".join(f"column number {place}" for place in range(10_000))
    frame = read(write(tmp_path, f"{names}\n{'1,' * 9_999}2\n".encode())).frame
    assert (frame.shape, frame["column number 9999"].iloc[0]) == ((1, 10_000), 2)


def test_fifty_thousand_rows_take_less_than_a_second(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    numbers = {f"number_{place}": rng.normal(size=50_000) for place in range(10)}
    words = {f"word_{place}": rng.choice(["red", "green", "blue, dark"], 50_000) for place in range(5)}
    path = tmp_path / "data.csv"
    pd.DataFrame(numbers | words).to_csv(path, index=False)
    start = time.perf_counter()
    assert read(path).frame.shape == (50_000, 15)
    assert time.perf_counter() - start < 1.0


# Formats

FRAME = pd.DataFrame({"a": [1, 2, 3], "b": ["x", None, "z"], "c": [0.5, np.nan, 2.0]})
EXPECTED = {"a": [1, 2, 3], "b": ["x", None, "z"], "c": [0.5, None, 2.0]}


@pytest.mark.parametrize(
    ("name", "save"),
    [
        ("data.csv", lambda path: FRAME.to_csv(path, index=False)),
        ("data.CSV", lambda path: FRAME.to_csv(path, index=False)),
        ("data.csv.gz", lambda path: FRAME.to_csv(path, index=False)),
        ("data.tsv", lambda path: FRAME.to_csv(path, index=False, sep="\t")),
        ("data.tsv.gz", lambda path: FRAME.to_csv(path, index=False, sep="\t")),
        ("data.txt", lambda path: FRAME.to_csv(path, index=False, sep="|")),
        ("data.parquet", FRAME.to_parquet),
        ("data.feather", FRAME.to_feather),
        ("data.arrow", lambda path: FRAME.to_feather(path, compression="uncompressed")),
        ("data.jsonl", lambda path: FRAME.to_json(path, orient="records", lines=True)),
        ("data.ndjson", lambda path: FRAME.to_json(path, orient="records", lines=True)),
        ("data.jsonl.gz", lambda path: FRAME.to_json(path, orient="records", lines=True)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_format_gives_the_same_table(tmp_path: Path, name: str, save: Callable[[Path], None]) -> None:
    path = tmp_path / name
    save(path)
    table = read(path)
    assert content(table) == EXPECTED
    assert [str(kind) for kind in table.frame.dtypes] == ["int64[pyarrow]", "string[pyarrow]", "double[pyarrow]"]
    assert all(isinstance(kind, pd.ArrowDtype) for kind in table.frame.dtypes)
    assert list(table.frame.index) == [0, 1, 2]
    assert table.name == "data"
    assert table.digest == hashlib.sha256(path.read_bytes()).hexdigest()


def test_reads_an_arrow_stream(tmp_path: Path) -> None:
    with (
        pa.OSFile(str(tmp_path / "data.arrow"), "wb") as sink,
        pa.ipc.new_stream(sink, pa.schema({"a": pa.int64()})) as to,
    ):
        to.write_table(pa.table({"a": [1, 2]}))
    assert content(read(tmp_path / "data.arrow")) == {"a": [1, 2]}


def test_arrow_data_that_points_outside_itself_is_damaged(tmp_path: Path) -> None:
    offsets = pa.py_buffer(np.array([0, 10**6, 1], dtype="int32").tobytes())
    column = pa.StringArray.from_buffers(2, offsets, pa.py_buffer(b"x"))
    pa.feather.write_feather(pa.table({"a": column}), tmp_path / "data.feather", compression="uncompressed")
    with pytest.raises(InputError, match=r"data\.feather is damaged"):
        read(tmp_path / "data.feather")


@pytest.mark.parametrize("index", [[0, 1, 2], [7, 3, 5], ["r", "s", "t"]], ids=str)
def test_a_row_index_that_pandas_stored_is_dropped(tmp_path: Path, index: list[Any]) -> None:
    frame = FRAME.copy()
    frame.index = pd.Index(index)
    frame.to_parquet(tmp_path / "data.parquet", index=True)
    assert pyarrow.parquet.read_table(tmp_path / "data.parquet").column_names[-1] == "__index_level_0__"
    table = read(tmp_path / "data.parquet")
    assert list(table.frame.columns) == ["a", "b", "c"]
    assert table.notes == ("data.parquet: the row index that pandas stored was left out.",)


def test_a_stored_row_index_is_kept_when_nothing_else_is_there(tmp_path: Path) -> None:
    pa.parquet.write_table(pa.table({"__index_level_0__": [7, 3]}), tmp_path / "data.parquet")
    assert content(read(tmp_path / "data.parquet")) == {"__index_level_0__": [7, 3]}


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([Decimal("1.50"), None], pa.decimal128(10, 2), [1.5, None]),
        ([1.5, float("nan")], pa.float16(), [1.5, None]),
        ([1.5, float("nan")], pa.float64(), [1.5, None]),
        ([dt.time(12, 30), None], pa.time32("s"), ["12:30:00", None]),
        ([dt.timedelta(minutes=2), None], pa.duration("ms"), [120.0, None]),
        ([(1, 2, 3), None], pa.month_day_nano_interval(), ["MonthDayNano(months=1, days=2, nanoseconds=3)", None]),
        ([b"x", None], pa.binary(), ["x", None]),
        ([b"xy", None], pa.binary(2), ["xy", None]),
        (["x", None], pa.large_string(), ["x", None]),
        (["x", None], pa.dictionary(pa.int8(), pa.string()), ["x", None]),
        ([None, None], pa.null(), [None, None]),
        ([2**63, None], pa.uint64(), [2**63, None]),
        ([dt.date(9999, 12, 31)], pa.date32(), [dt.date(9999, 12, 31)]),
    ],
    ids=str,
)
def test_unusual_types_become_plain_ones(
    tmp_path: Path, values: list[Any], kind: pa.DataType, expected: list[Any]
) -> None:
    # Not pa.array(values, kind): NumPy values for float16 would be needed there.
    column = pa.array(values, pa.float64()).cast(kind) if pa.types.is_float16(kind) else pa.array(values, kind)
    pa.feather.write_feather(pa.table({"a": column}), tmp_path / "data.feather")
    assert content(read(tmp_path / "data.feather")) == {"a": expected}


def test_dates_that_python_cannot_hold_are_missing(tmp_path: Path) -> None:
    column = pa.array([0, 10**14], pa.int64()).cast(pa.timestamp("s"))
    pa.feather.write_feather(pa.table({"seen": column}), tmp_path / "data.feather")
    table = read(tmp_path / "data.feather")
    assert content(table) == {"seen": [pd.Timestamp("1970-01-01"), None]}
    assert table.notes == ("data.feather: dates outside the years 1 to 9999 in column 'seen' were read as missing.",)


@pytest.mark.parametrize(
    ("zone", "kept"), [(None, [0, 1, 2, 3]), ("UTC", [1, 2]), ("Pacific/Kiritimati", [1, 2]), ("-12:00", [1, 2])]
)
@pytest.mark.parametrize("unit", ["s", "us"])
def test_the_last_day_is_one_to_its_end_where_there_is_no_zone(
    tmp_path: Path, unit: str, zone: str | None, kept: list[int]
) -> None:
    stamps = ["0001-01-01 00:00:00", "0001-01-02 00:00:00", "9999-12-30 23:59:59", "9999-12-31 23:59:59"]
    column = pa.array(np.array(stamps, "datetime64[s]")).cast(pa.timestamp(unit)).cast(pa.timestamp(unit, tz=zone))
    pa.feather.write_feather(pa.table({"seen": column}), tmp_path / "data.feather")
    found = dates(read(tmp_path / "data.feather").frame["seen"])
    assert np.flatnonzero(~np.isnat(found)).tolist() == kept
    assert found[kept].astype("datetime64[s]").tolist() == np.array(stamps, "datetime64[s]")[kept].tolist()


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (pa.list_(pa.int64()), "data.parquet: column 'tags' holds lists or records. Leave it out"),
        (pa.struct({"x": pa.int64()}), "data.parquet: column 'tags' holds lists or records. Leave it out"),
        (pa.map_(pa.string(), pa.int64()), "data.parquet: column 'tags' holds lists or records. Leave it out"),
    ],
    ids=str,
)
def test_nested_types_are_refused(tmp_path: Path, kind: pa.DataType, message: str) -> None:
    pa.parquet.write_table(pa.table({"a": [1], "tags": pa.array([None], kind)}), tmp_path / "data.parquet")
    with pytest.raises(InputError, match=message):
        read(tmp_path / "data.parquet")


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    pa.parquet.write_table(pa.table({"photo": [b"\xff\xd8"]}), tmp_path / "data.parquet")
    with pytest.raises(InputError, match="column 'photo' holds bytes, not text"):
        read(tmp_path / "data.parquet")


@pytest.mark.parametrize(
    ("lines", "expected", "notes"),
    [
        (b'{"a": 1}\n\n{"b": "x"}\n', {"a": [1, None], "b": [None, "x"]}, ()),
        (b'{"a": 1}\n{"a": 2.5}\n{"a": null}', {"a": [1.0, 2.5, None]}, ()),
        (b'{"a": 1}\n{"a": 10000000000000000000000}', {"a": [1.0, 1e22]}, ()),
        (
            b'{"a": 1}\n{"a": "x"}\n{"a": null}',
            {"a": ["1", "x", None]},
            ("data.jsonl: column 'a' holds values of type int and str; it was read as text.",),
        ),
        (b'{"": 1}', {"column_1": [1]}, ("data.jsonl: columns without a name were called column_1.",)),
        (b'{"a": "\\ud800"}', {"a": ["?"]}, ("data.jsonl: column 'a' holds values of type str; it was read as text.",)),
        ('{"a": "ö"}'.encode("cp1252"), {"a": ["ö"]}, ("data.jsonl: the encoding is cp1252.",)),
    ],
)
def test_reads_json_lines(tmp_path: Path, lines: bytes, expected: dict[str, list[Any]], notes: tuple[str, ...]) -> None:
    table = read(write(tmp_path, lines, "data.jsonl"))
    assert content(table) == expected
    assert table.notes == notes


# What is refused


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(b"", "data.csv is empty (0 bytes). Give a file that holds a table.", id="empty"),
        pytest.param(b" \n\n \t\n", "data.csv is empty: it holds nothing but white space.", id="white-space"),
        pytest.param(b"\xef\xbb\xbf", "data.csv is empty: it holds nothing but white space.", id="only-a-mark"),
        pytest.param(b"a,b\n", "data.csv has a header but no rows. Add rows below the column names.", id="header"),
        pytest.param(b"a,b", "data.csv has a header but no rows. Add rows below the column names.", id="no-line-end"),
        pytest.param(b"a,b\n\n\n", "data.csv has a header but no rows. Add rows below", id="header-and-blank-lines"),
        pytest.param(b",,\n,,\n", "data.csv holds nothing but delimiters.", id="delimiters"),
        pytest.param(
            b"5.1,3.5,1.4\n4.9,3.0,1.3\n",
            "data.csv: the first row looks like data, not like column names: '5.1, 3.5, 1.4'. Add a first row",
            id="no-header",
        ),
        pytest.param(
            b"a,b,c\n1,2,3\n4,5,6,7\n",
            "data.csv: line 3 has 4 fields, but the header has 3: '4,5,6,7'. Put text that holds ',' in double quotes",
            id="field-too-many",
        ),
        pytest.param(
            b"a,b,c\n1,2,3\n\n4,5\n",
            "data.csv: line 4 has 2 fields, but the header has 3: '4,5'. Add what is missing",
            id="field-too-few",
        ),
        pytest.param(
            b'a,b\n1,"x\ny"\n3,4,5\n',
            "data.csv: line 4 has 3 fields, but the header has 2: '3,4,5'.",
            id="field-too-many-after-a-quoted-line-end",
        ),
        pytest.param(
            b"a,b\r1,2\r3,4,5\r",
            "data.csv: line 3 has 3 fields, but the header has 2: '3,4,5'.",
            id="field-too-many-with-cr",
        ),
        pytest.param(
            b"a,b\n1,2," + b"x" * 100,
            f"data.csv: line 2 has 3 fields, but the header has 2: '1,2,{'x' * 55}…'.",
            id="long-row",
        ),
        pytest.param(
            b"Report of May\n1,2,3\n4,5,6\n",
            "data.csv: line 2 has 3 fields, but the header has 1: '1,2,3'.",
            id="title-and-no-names",
        ),
        pytest.param(
            b"5.1,3.5,setosa\n4.9,3.0,setosa\n",
            "data.csv: the first row looks like data, not like column names: '5.1, 3.5, setosa'. Add a first row of",
            id="no-header-but-words",
        ),
        pytest.param(
            b'a,b\n1,x\n2,"y\n3,z\n',
            "data.csv: a quote opens in line 3 and does not close where its field ends: 'y 3,z'. Close it",
            id="open-quote",
        ),
        pytest.param(
            b'a,b,c\n1,"x\ny","z\n3,4,5\n',
            "data.csv: a quote opens in line 3 and does not close where its field ends",
            id="open-quote-after-a-quoted-line-end",
        ),
        pytest.param(
            b'a,b\n1,"x\n2,y\n3,"z\n',
            "data.csv: a quote opens in line 2 and does not close where its field ends",
            id="quote-that-swallows-rows",
        ),
        pytest.param(
            b'a,"b\n1,2\n3,4\n', "data.csv: a quote opens in line 1 and does not close", id="open-quote-in-header"
        ),
        pytest.param(b"a,b\n\0\0\0,1\n", "data.csv is not a text table: 30% of it are control characters.", id="nuls"),
        pytest.param(
            b"a,b\n1,K\xf6ln\n2,\x81\n", "data.csv: line 3 is neither UTF-8 nor Windows-1252 text.", id="bytes"
        ),
        pytest.param(b"\x89PNG\r\n\x1a\n\0\0", "data.csv is not a text table: it looks like a PNG image.", id="png"),
        pytest.param(b"\xff\xd8\xff\xe0\0", "data.csv is not a text table: it looks like a JPEG image.", id="jpeg"),
        pytest.param(b"%PDF-1.7\n", "data.csv is not a text table: it looks like a PDF document.", id="pdf"),
        pytest.param(
            b"PK\x03\x04 xl/workbook.xml", "it looks like an Excel workbook. Save the sheet as CSV first.", id="xlsx"
        ),
        pytest.param(
            b"PK\x03\x04 data.csv", "it looks like a zip archive. Rename it so that it ends in .zip.", id="zip"
        ),
        pytest.param(
            gzip.compress(b"a\n1\n"), "it looks like a gzip file. Rename it so that it ends in .gz", id="gzip"
        ),
        pytest.param(
            b"PAR1 PAR1", "it looks like a Parquet file. Rename it so that it ends in .parquet.", id="parquet"
        ),
        pytest.param(b"\n<!DOCTYPE html><p>", "it looks like a web page. Download the file itself", id="html"),
    ],
)
def test_says_what_is_wrong_with_a_text_table(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(InputError) as caught:
        read(write(tmp_path, data))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("data.parquet", b"a,b\n1,2\n", "data.parquet is not a Parquet file: its first bytes are different."),
        ("data.parquet", b"PAR1 and then PAR1", "data.parquet is damaged: "),
        ("data.feather", b"PAR1 PAR1", "data.feather is not an Arrow file: it looks like a Parquet file."),
        ("data.arrow", b"ARROW1\0\0 and more", "data.arrow is damaged: "),
        ("data.csv.gz", b"a,b\n1,2\n", "data.csv.gz is not compressed with gzip: it looks like something else."),
        ("data.csv.gz", gzip.compress(b"a,b\n1,2\n", mtime=0)[:-9], "data.csv.gz is damaged or cut short"),
        ("data.csv.gz", gzip.compress(b"", mtime=0), "data.csv.gz is empty once it is unpacked."),
        ("data.parquet.gz", gzip.compress(b"PAR1", mtime=0), "data.parquet.gz: only text tables are read compressed."),
        (
            "data.xlsx",
            b"PK\x03\x04 xl/workbook",
            "data.xlsx cannot be read as a table: it looks like an Excel workbook.",
        ),
        ("data.xyz", b"a,b\n", "data.xyz cannot be read as a table: its name does not end in .csv, .tsv, .txt"),
        ("data", b"a,b\n", "data cannot be read as a table: its name does not end in .csv"),
        ("data.jsonl", b'{"a": 1}\n{"a": 1,}\n', "data.jsonl: line 2 is not a JSON object: '{\"a\": 1,}'."),
        ("data.jsonl", b'{"a": 1}\n[2]\n', "data.jsonl: line 2 is not a JSON object: '[2]'."),
        ("data.jsonl", b'{"a":' * 200_000, "data.jsonl: line 1 is not a JSON object"),
        ("data.jsonl", b'{"a": [1, 2], "b": 1}', "data.jsonl: column 'a' holds lists or records."),
        ("data.jsonl", b'{"a": 1}\n{"a": {"b": 2}}', "data.jsonl: column 'a' holds lists or records."),
        ("data.jsonl", b"{}\n{}", "data.jsonl has no columns."),
    ],
)
def test_says_what_is_wrong_with_other_formats(tmp_path: Path, name: str, data: bytes, message: str) -> None:
    with pytest.raises(InputError) as caught:
        read(write(tmp_path, data, name))
    assert message in str(caught.value)


def test_a_parquet_file_without_rows_is_refused(tmp_path: Path) -> None:
    FRAME.head(0).to_parquet(tmp_path / "data.parquet")
    with pytest.raises(InputError, match=r"data\.parquet has columns but no rows"):
        read(tmp_path / "data.parquet")


@pytest.mark.parametrize("delimiter", ["", ";;", '"', "\n", "é"])
def test_an_impossible_delimiter_is_refused(tmp_path: Path, delimiter: str) -> None:
    with pytest.raises(InputError, match="is not one plain character"):
        read(write(tmp_path, b"a,b\n1,2\n"), delimiter=delimiter)


@pytest.mark.parametrize("encoding", ["klingon", "base64", "utf\0", "undefined"])
def test_an_impossible_encoding_is_refused(tmp_path: Path, encoding: str) -> None:
    with pytest.raises(InputError, match="There is no text encoding"):
        read(write(tmp_path, b"a,b\n1,2\n"), encoding=encoding)


def test_a_wrong_encoding_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="line 2 is not ascii text"):
        read(write(tmp_path, "a,b\n1,ö\n".encode()), encoding="ascii")


def test_gzip_data_that_grows_too_much_is_refused() -> None:
    bomb = gzip.compress(bytes(1_000_000))  # about 1,000 times smaller
    with pytest.raises(InputError, match=r"bomb\.csv\.gz unpacks to more than [0-9]+ times its size"):
        files.unpacked(bomb, "bomb.csv.gz", most_bytes=500_000)
    assert files.unpacked(bomb, "bomb.csv.gz", most_bytes=1_000_000) == bytes(1_000_000)
    assert files.unpacked(bomb, "bomb.csv.gz", most_bytes=0, most_ratio=2_000) == bytes(1_000_000)


# Paths


def test_names_the_nearest_file(tmp_path: Path) -> None:
    write(tmp_path, b"a\n1\n", "penguins.csv")
    with pytest.raises(InputError, match=r"There is no file '.*pengins\.csv'. Did you mean 'penguins.csv'\?"):
        read(tmp_path / "pengins.csv")


def test_says_that_the_folder_is_missing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="its folder does not exist"):
        read(tmp_path / "nowhere" / "data.csv")


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no file"):
        read(write(tmp_path, b"a\n1\n") / "data.csv")


def test_lists_the_tables_of_a_folder(tmp_path: Path) -> None:
    write(tmp_path, b"a\n1\n", "one.csv")
    write(tmp_path, b"", "two.parquet")
    write(tmp_path, b"", "readme.md")
    with pytest.raises(
        InputError, match=r"is a folder. Give the path of a file in it. It holds: one.csv, two.parquet."
    ):
        read(tmp_path)


@pytest.mark.parametrize(
    "address", ["https://example.org/data.csv", "s3://bucket/data.csv", Path("http://x.org/a.csv")]
)
def test_a_web_address_is_refused(address: str | Path) -> None:
    with pytest.raises(InputError, match=r"is a web address\. Download the file first"):
        read(address)


def test_a_pipe_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "data.csv")
    with pytest.raises(InputError, match="is a pipe or a device, not a file"):
        read(tmp_path / "data.csv")


def test_a_device_is_refused() -> None:
    with pytest.raises(InputError, match="'/dev/zero' is a pipe or a device, not a file"):
        read("/dev/zero")


def test_a_socket_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the path of a socket must be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("data.csv")
        with pytest.raises(InputError, match=r"'data\.csv' is a pipe or a device, not a file"):
            read("data.csv")


def test_a_link_to_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data.csv").symlink_to(tmp_path / "data.csv")
    with pytest.raises(InputError, match="is a symbolic link that leads back to itself"):
        read(tmp_path / "data.csv")


def test_a_link_to_a_file_is_followed(tmp_path: Path) -> None:
    (tmp_path / "link.csv").symlink_to(write(tmp_path, b"a\n1\n"))
    assert read(tmp_path / "link.csv").name == "link"


@pytest.mark.parametrize(
    ("path", "message"), [("data\0.csv", "holds a NUL character"), ("x" * 300 + ".csv", "is too long for a file")]
)
def test_an_impossible_path_is_refused(path: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(path)


def test_a_file_that_may_not_be_read_is_a_fault_of_the_environment(tmp_path: Path) -> None:
    path = write(tmp_path, b"a\n1\n")
    path.chmod(0o000)
    user = os.geteuid()
    if user == 0:  # who may read everything
        os.seteuid(65534)
    try:
        with pytest.raises(EnvironmentFault, match="may not be read by this user"):
            read(path)
    finally:
        os.seteuid(user)


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file that opens but cannot be read")
def test_a_disk_error_is_a_fault_of_the_environment(tmp_path: Path) -> None:
    (tmp_path / "data.csv").symlink_to("/proc/self/mem")
    with pytest.raises(EnvironmentFault, match="cannot be read: Input/output error"):
        read(tmp_path / "data.csv")


def test_a_file_that_changes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    with path.open("wb") as file:
        file.truncate(256_000_000)  # long enough to be touched while it is read
    done = threading.Event()

    def touch() -> None:
        while not done.is_set():
            os.utime(path)

    toucher = threading.Thread(target=touch)
    toucher.start()
    try:
        with pytest.raises(InputError, match=r"data\.csv changed while it was being read"):
            read(path)
    finally:
        done.set()
        toucher.join()


@pytest.mark.parametrize(
    ("file_name", "name"),
    [
        ("penguins.csv.gz", "penguins"),
        ("my.data.csv", "my.data"),
        ("übung 1 (neu).csv", "übung_1_neu"),
        ("..strange..csv", "strange"),
        ("$%.csv", "data"),
        ("n" * 200 + ".csv", "n" * 60),
        ("\x1b[31m.csv", "31m"),
        (os.fsdecode(b"caf\xe9.csv"), "caf"),
    ],
)
def test_the_name_is_fit_for_a_folder(tmp_path: Path, file_name: str, name: str) -> None:
    data = b"a;b\n1;2\n"
    table = read(write(tmp_path, gzip.compress(data) if file_name.endswith(".gz") else data, file_name))
    assert table.name == name
    (note,) = table.notes
    assert note.isprintable()


# Data frames


@pytest.mark.parametrize(
    ("column", "expected", "kind"),
    [
        (pd.Series([1, 2], dtype="int8"), [1, 2], "int8[pyarrow]"),
        (pd.Series([1.5, np.nan]), [1.5, None], "double[pyarrow]"),
        (pd.Series([1.5, np.nan], dtype="float16"), [1.5, None], "float[pyarrow]"),
        (pd.Series([1, None], dtype="Int64"), [1, None], "int64[pyarrow]"),
        (pd.Series([1.5, float("nan")], dtype=pd.ArrowDtype(pa.float64())), [1.5, None], "double[pyarrow]"),
        (pd.Series(["x", None], dtype="object"), ["x", None], "string[pyarrow]"),
        (pd.Series(["x", None], dtype="str"), ["x", None], "string[pyarrow]"),
        (pd.Series(["x", None], dtype="category"), ["x", None], "string[pyarrow]"),
        (pd.Series([3, 1], dtype="category"), [3, 1], "int64[pyarrow]"),
        (pd.Series([True, None], dtype="object"), [True, None], "bool[pyarrow]"),
        (pd.Series([10**30, 1], dtype="object"), [1e30, 1.0], "double[pyarrow]"),
        (pd.Series(["x", 1, None], dtype="object"), ["x", "1", None], "string[pyarrow]"),
        (pd.Series(pd.cut([1, 3], [0, 2, 4])), ["(0, 2]", "(2, 4]"], "string[pyarrow]"),
        (pd.Series(pd.period_range("2020-01", periods=2, freq="M")), ["2020-01", "2020-02"], "string[pyarrow]"),
        (pd.Series([0, 7], dtype="Sparse[int64]"), [0, 7], "int64[pyarrow]"),
        (pd.Series([pd.Timedelta("2min"), pd.NaT]), [120.0, None], "double[pyarrow]"),
        (pd.Series([1 + 2j]), ["(1+2j)"], "string[pyarrow]"),
        (pd.Series([None, None], dtype="object"), [None, None], "double[pyarrow]"),
    ],
)
def test_a_frame_gets_arrow_types(column: pd.Series[Any], expected: list[Any], kind: str) -> None:
    table = from_frame(pd.DataFrame({"a": column}))
    assert content(table) == {"a": expected}
    assert str(table.frame["a"].dtype) == kind
    assert isinstance(table.frame["a"].dtype, pd.ArrowDtype)
    assert table.name == "data"


def test_the_frame_is_copied() -> None:
    values = np.array([1, 2])
    frame = pd.DataFrame({"a": values}, copy=False)
    table = from_frame(frame)
    table.frame.loc[0, "a"] = 5
    assert list(frame["a"]) == [1, 2]
    table = from_frame(frame)
    values[0] = 7
    assert list(frame["a"]) == [7, 2]
    assert content(table) == {"a": [1, 2]}


def test_names_of_a_frame_become_unique_texts() -> None:
    frame = pd.DataFrame([[1, 2, 3, 4]], columns=["x", "x", 0, ""])
    table = from_frame(frame)
    assert content(table) == {"x": [1], "x__2": [2], "0": [3], "column_4": [4]}
    assert table.notes == (
        "data: columns without a name were called column_4.",
        "data: repeated column names were changed: 'x' to 'x__2'.",
    )


def test_levels_of_column_names_are_joined() -> None:
    frame = pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("size", "min"), ("size", "max")]))
    assert list(from_frame(frame).frame.columns) == ["size_min", "size_max"]


def test_a_named_row_index_is_left_out_with_a_note() -> None:
    table = from_frame(pd.DataFrame({"a": [1]}, index=pd.Index(["r1"], name="id")))
    assert table.notes == ("data: the row index ('id') was left out.",)
    assert list(table.frame.index) == [0]


def test_a_frame_may_have_no_rows() -> None:
    assert from_frame(FRAME.head(0)).frame.shape == (0, 3)


@pytest.mark.parametrize("cell", [[1], {"x": 1}, object()], ids=["list", "dictionary", "object"])
def test_cells_that_are_no_values_are_refused(cell: object) -> None:
    with pytest.raises(InputError, match="data: column 'a' holds lists or records"):
        from_frame(pd.DataFrame({"a": pd.Series([cell, "x"], dtype="object")}))


def test_a_frame_without_columns_is_refused() -> None:
    with pytest.raises(InputError, match="data has no columns"):
        from_frame(pd.DataFrame(index=[0, 1]))


def test_the_digest_is_of_the_content() -> None:
    digest = from_frame(FRAME).digest
    assert digest == from_frame(FRAME.copy().set_index(pd.Index([7, 8, 9]))).digest
    assert digest == from_frame(from_frame(FRAME).frame).digest
    assert digest != from_frame(FRAME.rename(columns={"a": "A"})).digest
    assert digest != from_frame(FRAME.iloc[::-1]).digest
    assert digest != from_frame(FRAME.astype({"a": float})).digest


# Everything else

NASTY = st.text(alphabet='ab01.,;|\t"\r\n \0?-é{}[]:', max_size=200).map(str.encode)
SUFFIXES = [".csv", ".csv.gz", ".tsv", ".parquet", ".feather", ".arrow", ".jsonl", ".jsonl.gz", ".txt"]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.one_of(st.binary(max_size=300), NASTY, NASTY.map(lambda text: b"a,b\n" + text), NASTY.map(gzip.compress)),
    suffix=st.sampled_from(SUFFIXES),
)
@example(data=b"\xff\xfe\x00\xd8", suffix=".csv")
@example(data=b"ARROW1\0\0\xff\xff\xff\xff\x10\0\0\0", suffix=".arrow")
@example(data=b"1" * 5000, suffix=".jsonl")
def test_any_bytes_end_in_a_table_or_in_an_error_for_people(tmp_path: Path, data: bytes, suffix: str) -> None:
    path = write(tmp_path, data, f"data{suffix}")
    table, message = None, ""
    try:
        table = read(path)
    except (InputError, EnvironmentFault) as error:
        message = str(error)
    if table is None:
        assert message.startswith("data")
        assert message.isprintable()
        assert message.endswith((".", "}"))
    else:
        assert len(table.frame) > 0
        assert all(table.frame.columns)
        assert table.frame.columns.is_unique
        assert all(isinstance(kind, pd.ArrowDtype) for kind in table.frame.dtypes)
        assert all(note.startswith("data") for note in table.notes)


def test_a_table_is_read_like_the_one_that_it_belongs_to(tmp_path: Path) -> None:
    lines = [f"0,{500 + row};1.10;{'NA' if row else '01'}" for row in range(9)]
    training = read(write(tmp_path, "\n".join(["length;version;zip", "0,5;2.0.1;1A", *lines]).encode(), "training.csv"))
    new = write(tmp_path, b"length;version;zip\n3,339;1.10; 01 \n", "new.csv")
    assert content(read(new)) == {"length": ["3,339"], "version": [1.1], "zip": [1]}
    assert content(read(new, like=training.writing)) == {"length": [3.339], "version": ["1.10"], "zip": ["01"]}
    # Without a decimal comma in training, one that is plain is still found out.
    plain = write(tmp_path, b"length;width\n0,25;1\n3,339;2\n", "plain.csv")
    assert content(read(plain, like=read(plain).writing)) == {"length": [0.25, 3.339], "width": [1, 2]}


def test_an_odd_cell_among_numbers_changes_no_decimal_sign(tmp_path: Path) -> None:
    new = write(tmp_path, b"price;area\n0,250;12,345\nk.A.;-\n", "new.csv")
    expected = {"price": ["0.250", "k.A."], "area": ["12.345", "-"]}
    for rows in (b"0,125;5,5\n2,5;7\n", b"0,125;5,5\n-;7\n", b"0,125;5,5\n" + b"2,5;7\n" * 30 + b"k.A.;8\n"):
        training = read(write(tmp_path, b"price;area\n" + rows, "training.csv"))
        assert content(read(new, like=training.writing)) == expected
    assert content(read(new))["price"] == ["0,250", "k.A."]
    # Another column shows the sign where training was not by text.
    typed = from_frame(pd.DataFrame({"price": [0.125, 2.5], "area": [5.5, 7.0]}))
    shown = write(tmp_path, b"price;area\n0,250;12,3\nk.A.;4\n", "shown.csv")
    assert content(read(shown, like=typed.writing)) == {"price": ["0.250", "k.A."], "area": [12.3, 4.0]}


def test_words_that_were_values_in_training_are_values(tmp_path: Path) -> None:
    training = from_frame(pd.DataFrame({"country": [" NA", "DE", "?", None, ""], "colour": list("abcde"), "width": 1}))
    assert training.writing.words == {"country": ("?", "NA")}
    rows = b"country;colour;width\nNA;NA;1\n?;x;NA\n null ;y;2\n;z;3\n"
    table = read(write(tmp_path, rows), like=training.writing)
    assert content(table) == {
        "country": ["NA", "?", None, None],
        "colour": [None, "x", "y", "z"],
        "width": [1, None, 2, 3],
    }
    assert not any("was read as missing" in note for note in table.notes)
    table = read(write(tmp_path, rows.replace(b"x;NA", b"x;?")), like=training.writing)
    assert content(table)["country"] == ["NA", "?", None, None]
    assert content(table)["width"] == [1, None, 2, 3]
    assert "data.csv: '?' was read as missing." in table.notes


def test_a_frame_of_any_types_is_read_as_in_training() -> None:
    frame = pd.DataFrame(
        {
            "took": pd.to_timedelta([90, None], unit="s"),
            "said": [b"yes", b"no"],
            "at": [dt.time(9, 5), None],
            " price ": [Decimal("1.5"), Decimal(2)],
            "extra": [[1], [2]],
        },
        index=[7, 3],
    )
    read_as = as_training(frame, {"took", "said", "at", "price"})
    trained = from_frame(frame.drop(columns="extra")).frame
    assert read_as.index.tolist() == [7, 3]
    pd.testing.assert_frame_equal(read_as[list(trained)].reset_index(drop=True), trained)
    assert read_as["extra"].tolist() == [[1], [2]]
    with pytest.raises(InputError, match="'extra' holds lists"):
        as_training(frame, {"extra"})


def test_a_column_may_be_called_as_an_argument_of_pandas() -> None:
    frame = pd.DataFrame({"self": [True, None], "x": [1, 2]}, dtype=object)
    assert list(as_training(frame, ["self", "x"]).columns) == ["self", "x"]


def test_decimal_commas_between_quotes_are_such_where_no_number_has_a_point(tmp_path: Path) -> None:
    commas = write(tmp_path, b'price,area,count\n"12,5","1.250,75",3\n"0,25","9,5",4\n', "commas.csv")
    assert content(read(commas)) == {"price": [12.5, 0.25], "area": [1250.75, 9.5], "count": [3, 4]}
    assert "commas.csv: the delimiter is ',', the encoding is utf-8 and the decimal sign is ','." in read(commas).notes
    points = write(tmp_path, b'pair,area\n"12,5",1.5\n"0,25",2\n', "points.csv")
    assert content(read(points)) == {"pair": ["12,5", "0,25"], "area": [1.5, 2]}
    thousands = write(tmp_path, b'price,count\n"1,250",3\n"2,500",4\n', "thousands.csv")
    assert content(read(thousands))["price"] == ["1,250", "2,500"]


def test_decimal_commas_in_a_frame_are_such_where_no_number_has_a_point() -> None:
    frame = pd.DataFrame({"weight": ["0,750", "12,5"], "zip": ["01", "02"], "count": [3, 4]})
    table = from_frame(frame)
    assert content(table) == {"weight": [0.75, 12.5], "zip": ["01", "02"], "count": [3, 4]}
    assert table.notes == ("data: the decimal sign is ','.",)
    assert (table.writing.decimal, table.writing.texts) == (",", ("zip",))
    assert content(from_frame(frame.assign(share=0.5)))["weight"] == ["0,750", "12,5"]


def test_texts_of_rows_are_read_with_the_decimal_comma_of_the_training_table() -> None:
    rows = pd.DataFrame({"weight": ["1,250", None, "2.5"], "zip": ["1,250", "01", ""]})
    read_as = as_training(rows, {"weight", "zip"}, numbers={"weight"})
    assert read_as["weight"].astype(object).where(read_as["weight"].notna(), None).tolist() == [1.25, None, 2.5]
    assert read_as["zip"].tolist() == ["1,250", "01", ""]


def test_thousands_may_be_set_apart_by_spaces_before_a_decimal_comma(tmp_path: Path) -> None:
    rows = "price;count\n1\u00a0234,56;3\n12\u202f345 678,5;4\n0,25;5\n"
    assert content(read(write(tmp_path, rows.encode())))["price"] == [1234.56, 12345678.5, 0.25]


@pytest.mark.parametrize("nested", [[["a"], ["b"]], [{"x": 1}, {"x": 2}]], ids=["lists", "records"])
def test_what_nobody_needs_may_be_unreadable(tmp_path: Path, nested: list[object]) -> None:
    frame = pd.DataFrame({"x": [1, 2], "tags": nested, "y": ["a", "b"]})
    frame.to_json(tmp_path / "t.jsonl", orient="records", lines=True)
    frame.to_parquet(tmp_path / "t.parquet")
    expected = {"x": [1, 2], "tags": [None, None], "y": ["a", "b"]}
    for name in ("t.jsonl", "t.parquet"):
        with pytest.raises(InputError, match="'tags' holds lists or records"):
            read(tmp_path / name)
        assert content(read(tmp_path / name, left_out=["tags"])) == expected
        assert content(read(tmp_path / name, like=Writing(needed={"x", "y"}))) == expected
    assert content(from_frame(frame, left_out=["tags"])) == expected
    assert any("'tags' cannot be read and is not needed" in note for note in from_frame(frame, left_out=["tags"]).notes)


def test_names_among_the_rows_are_told_from_a_header_that_is_missing(tmp_path: Path) -> None:
    joined = write(tmp_path, b"age,city\n31,Rome\n40,Oslo\nage,city\n25,Bern\n")
    with pytest.raises(InputError, match="row 3 below the column names has the names once more"):
        read(joined)


def test_numbers_may_name_columns_that_a_model_knows(tmp_path: Path) -> None:
    rows = write(tmp_path, b"1,2,5\n0.5,7,x\n")
    with pytest.raises(InputError, match="looks like data"):
        read(rows)
    assert content(read(rows, like=Writing())) == {"1": [0.5], "2": [7], "5": ["x"]}


def test_one_object_of_columns_is_no_table_of_rows(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": [1, 2], "y": ["a", "b"]})
    frame.to_json(tmp_path / "t.json")
    with pytest.raises(InputError, match=r"holds columns, not rows\. .* orient='records', lines=True"):
        read(tmp_path / "t.json")


def test_times_of_day_are_the_same_in_a_file_and_in_a_frame(tmp_path: Path) -> None:
    times = [dt.time(9, 5), dt.time(23, 59, 1, 500_000), None]
    assert content(from_frame(pd.DataFrame({"at": times})))["at"] == ["09:05:00", "23:59:01.500000", None]
