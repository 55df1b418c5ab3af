"""Columns with one value in all rows, or in nearly all."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from automl.diagnostics import Data
from automl.diagnostics.constant_columns import check

ROWS = 500
RNG = np.random.default_rng(9)


def parts(**more: object) -> pd.DataFrame:
    return pd.DataFrame({"length": RNG.normal(size=ROWS), **more, "y": ["ok", "bad"] * (ROWS // 2)})


def flag(others: int) -> list[int]:
    return [1] * others + [0] * (ROWS - others)


@pytest.mark.parametrize(
    "cells", [["v2"] * ROWS, flag(2), [None] * (ROWS - 2) + ["x", "z"]], ids=["constant", "nearly", "missing"]
)
def test_names_the_column_that_tells_nothing(data_of: Callable[..., Data], cells: object) -> None:
    finding = check(data_of(parts(version=cells)))
    assert (finding.severity, finding.columns) == ("note", ("version",))


def test_what_models_see_can_be_left_out(data_of: Callable[..., Data]) -> None:
    assert "--drop version" in check(data_of(parts(version=flag(2)))).advice
    assert check(data_of(parts(version=["v2"] * ROWS))).advice == ""


def test_a_box_to_tick_is_not_constant(data_of: Callable[..., Data]) -> None:
    assert check(data_of(parts(python=["Python", None] * (ROWS // 2)))).severity == "fine"


def test_a_constant_with_gaps_is_nearly_one(data_of: Callable[..., Data]) -> None:
    finding = check(data_of(parts(version=["v2"] * (ROWS - 4) + [None] * 4)))
    assert finding.columns == ("version",)
    assert finding.explanation.startswith("In all but 4 training rows or fewer the same")
    assert finding.explanation.endswith("They are left out already.")


def test_a_column_is_not_called_constant_because_the_user_says_so(data_of: Callable[..., Data]) -> None:
    assert check(data_of(parts(code=["p", "q"] * (ROWS // 2)), kinds={"code": "constant"})).severity == "fine"


def test_a_rare_value_may_tell_something(data_of: Callable[..., Data]) -> None:
    assert check(data_of(parts(version=flag(30)))).severity == "fine"


@pytest.mark.parametrize("name", ["auto_mpg", "concrete", "german_credit", "heart_cleveland", "penguins"])
def test_says_nothing_of_clean_tables(shipped: dict[str, Data], name: str) -> None:
    assert check(shipped[name]).severity == "fine"
