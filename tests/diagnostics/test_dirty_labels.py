"""Labels that differ only in how they are written."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from automl.diagnostics import Data
from automl.diagnostics.dirty_labels import check, meaning

RNG = np.random.default_rng(8)


def orders(cities: list[str], answers: list[str]) -> pd.DataFrame:
    rows = 120
    return pd.DataFrame(
        {
            "amount": RNG.normal(size=rows),
            "city": [cities[row % len(cities)] for row in range(rows)],
            "y": [answers[row % len(answers)] for row in range(rows)],
        }
    )


@pytest.mark.parametrize("other", ["new york", "New_York", "New-York.", "NEW  YORK", "Ｎｅｗ York"])
def test_finds_other_spellings_of_a_category(data_of: Callable[..., Data], other: str) -> None:
    finding = check(data_of(orders(["New York", "Boston", other], ["yes", "no"])))
    assert (finding.severity, finding.columns) == ("warning", ("city",))


def test_classes_in_two_spellings_are_worse_than_categories(data_of: Callable[..., Data]) -> None:
    finding = check(data_of(orders(["Rome", "Oslo", "rome"], ["Paid", "open", "paid"])))
    assert (finding.severity, finding.columns) == ("warning", ("y", "city"))
    assert "'Paid' and 'paid'" in finding.title


def test_one_odd_cell_among_many_is_a_note(data_of: Callable[..., Data]) -> None:
    frame = pd.concat([orders(["Rome", "Oslo"], ["yes", "no"])] * 4, ignore_index=True)
    frame.loc[3, "city"] = "OSLO"
    assert check(data_of(frame)).severity == "note"


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("A+", "A-"),
        ("A", "A-"),
        ("BBB-", "bbb"),
        ("1-2", "12"),
        ("1.5", "15"),
        ("-1", "1"),
        ("<=50K", ">50K"),
        ("A11", "A12"),
        ("C", "C++"),
    ],
)
def test_signs_and_digits_mean_something(left: str, right: str) -> None:
    assert meaning(left) != meaning(right)


@pytest.mark.parametrize("name", ["concrete", "german_credit", "heart_cleveland", "penguins"])
def test_says_nothing_of_clean_tables(shipped: dict[str, Data], name: str) -> None:
    assert check(shipped[name]).severity == "fine"
