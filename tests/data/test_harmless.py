"""Changes of a file that mean nothing change neither what is understood of it nor what a network sees."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from automl.data.cards import card
from automl.options import Options
from automl.preparation import Prepared, prepare
from tests.benchmarks.fuzz import zipped

Change = Callable[[pd.DataFrame, Path], Path]


def _write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def _csv(frame: pd.DataFrame) -> bytes:
    return frame.to_csv(index=False).encode()


def _spaced(content: bytes) -> bytes:
    """Behind every cell; in these tables no quoted cell holds a comma."""
    return content.replace(b",", b" , ").replace(b"\n", b" \n")


CHANGES: dict[str, Change] = {
    "mark": lambda frame, folder: _write(folder / "t.csv", b"\xef\xbb\xbf" + _csv(frame)),
    "crlf": lambda frame, folder: _write(folder / "t.csv", _csv(frame).replace(b"\n", b"\r\n")),
    "gzip": lambda frame, folder: _write(folder / "t.csv.gz", gzip.compress(_csv(frame))),
    "zip": lambda frame, folder: _write(folder / "t.zip", zipped(_csv(frame))),
    "semicolons": lambda frame, folder: _write(folder / "t.csv", frame.to_csv(index=False, sep=";").encode()),
    "tabs": lambda frame, folder: _write(folder / "t.tsv", frame.to_csv(index=False, sep="\t").encode()),
    "column order": lambda frame, folder: _write(folder / "t.csv", _csv(frame[frame.columns[::-1]])),
    "constant column": lambda frame, folder: _write(folder / "t.csv", _csv(frame.assign(source="survey"))),
    "row index": lambda frame, folder: _write(folder / "t.csv", frame.to_csv().encode()),
    "named row index": lambda frame, folder: _write(folder / "t.csv", frame.to_csv(index_label="row").encode()),
    "quoted cells": lambda frame, folder: _write(folder / "t.csv", frame.to_csv(index=False, quoting=1).encode()),
    "spaces": lambda frame, folder: _write(folder / "t.csv", _spaced(_csv(frame))),
    "utf-16": lambda frame, folder: _write(folder / "t.csv", _csv(frame).decode().encode("utf-16")),
    "parquet": lambda frame, folder: _write(folder / "t.parquet", frame.to_parquet()),
    "json lines": lambda frame, folder: _write(
        folder / "t.jsonl", frame.to_json(orient="records", lines=True, double_precision=15).encode()
    ),
    "remarks above": lambda frame, folder: _write(folder / "t.csv", b"# made by hand\n" + _csv(frame)),
}
TABLES = ("auto_mpg", "concrete", "heart_cleveland", "penguins")


def _prepared(path: Path, name: str) -> Prepared:
    return prepare(path, Options(target=card(name).target, task=card(name).task, seed=1))


@pytest.fixture(scope="module", params=TABLES)
def shipped(request: pytest.FixtureRequest) -> tuple[str, pd.DataFrame, Prepared]:
    path = card(request.param).path
    return request.param, pd.read_csv(path), _prepared(path, request.param)


@pytest.mark.parametrize("change", CHANGES)
def test_a_harmless_change_changes_no_bit(
    shipped: tuple[str, pd.DataFrame, Prepared], change: str, tmp_path: Path
) -> None:
    name, frame, before = shipped
    after = _prepared(CHANGES[change](frame, tmp_path), name)
    assert after.encoding == before.encoding
    assert after.specification == before.specification
    np.testing.assert_array_equal(after.targets, before.targets)
    for part, rows in before.split.parts().items():
        np.testing.assert_array_equal(after.split.parts()[part], rows)
    assert list(after.encoded) == list(before.encoded)
    for scaling, arrays in before.encoded.items():
        np.testing.assert_array_equal(after.encoded[scaling].numbers, arrays.numbers)
        np.testing.assert_array_equal(after.encoded[scaling].codes, arrays.codes)
