"""Changes of a file that mean nothing change neither what is understood of it nor what a network sees."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from automl.data.cards import card
from automl.options import Options
from automl.preparation import Prepared, prepare
from tests.benchmarks.harmless import CHANGES

TABLES = ("auto_mpg", "concrete", "heart_cleveland", "penguins")


def _prepared(path: Path, name: str) -> Prepared:
    return prepare(path, Options(target=card(name).target, task=card(name).task, seed=1))


@pytest.fixture(scope="module", params=TABLES)
def shipped(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, pd.DataFrame, Prepared]:
    frame = pd.read_csv(card(request.param).path)
    if request.param == "penguins":
        # Some readers make dates of them, others leave texts.
        frame["seen"] = pd.date_range("2020-01-01", periods=len(frame), freq="7h").astype(str)
    path = tmp_path_factory.mktemp("plain") / "t.csv"
    frame.to_csv(path, index=False)
    return request.param, frame, _prepared(path, request.param)


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
