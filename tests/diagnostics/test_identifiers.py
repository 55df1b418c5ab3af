"""Columns that tell single rows from each other."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from automl.diagnostics import Data
from automl.diagnostics.identifiers import check

ROWS = 200
RNG = np.random.default_rng(2)


def customers(**more: object) -> pd.DataFrame:
    return pd.DataFrame({"age": RNG.integers(18, 90, ROWS), **more, "y": ["yes", "no"] * (ROWS // 2)})


def _with_gap(values: np.ndarray) -> np.ndarray:
    values = values.astype(float)
    values[3] = np.nan
    return values


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("ticket", [f"C-{max(1, number)}" for number in range(ROWS)]),
        ("reading", RNG.permutation(ROWS)),
        ("customer_no", _with_gap(RNG.integers(10**6, 10**7, ROWS))),
    ],
)
def test_finds_codes_row_numbers_and_numbered_names(data_of: Callable[..., Data], name: str, cells: object) -> None:
    finding = check(data_of(customers(**{name: cells})))
    assert (finding.severity, finding.columns) == ("warning", (name,))
    assert f"--drop {name}" in finding.advice


@pytest.mark.parametrize(
    "cells",
    [RNG.normal(size=ROWS), RNG.integers(0, 10**6, ROWS), RNG.choice(["a", "b", "c"], ROWS)],
    ids=["measurements", "amounts", "categories"],
)
def test_measurements_may_differ_in_every_row(data_of: Callable[..., Data], cells: object) -> None:
    assert check(data_of(customers(amount=cells))).severity == "fine"


@pytest.mark.parametrize("name", ["concrete", "german_credit", "heart_cleveland", "penguins"])
def test_says_nothing_of_clean_tables(shipped: dict[str, Data], name: str) -> None:
    assert check(shipped[name]).severity == "fine"


def test_names_of_cars_are_worth_a_note(shipped: dict[str, Data]) -> None:
    assert (check(shipped["auto_mpg"]).severity, check(shipped["auto_mpg"]).columns) == ("note", ("name",))
