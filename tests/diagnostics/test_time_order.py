"""Rows that depend on their neighbours, while the split is random."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from automl.diagnostics import Data, Finding, NotApplicable
from automl.diagnostics.time_order import check

ROWS = 600


def walk(*, memory: float) -> pd.DataFrame:
    """A demand with a season that no feature tells; with memory 0, none."""
    rng = np.random.default_rng(5)
    state = np.zeros(ROWS)
    for row in range(1, ROWS):
        state[row] = memory * state[row - 1] + np.sqrt(1 - memory**2) * rng.normal()
    price = rng.normal(size=ROWS)
    return pd.DataFrame({"price": price, "noise": rng.normal(size=ROWS), "y": price + state})


def test_neighbours_that_share_what_no_feature_tells_are_found(data_of: Callable[..., Data]) -> None:
    finding = check(data_of(walk(memory=0.9)))
    assert isinstance(finding, Finding)
    assert finding.severity == "note"
    assert finding.figures["alike"] > 0.5
    shuffled = check(data_of(walk(memory=0.9).sample(frac=1, random_state=0)))
    assert isinstance(shuffled, Finding)
    assert shuffled.severity == "fine"


@pytest.mark.parametrize("shuffle", [False, True])
def test_dates_give_the_order_whatever_the_file_has(data_of: Callable[..., Data], shuffle: bool) -> None:
    frame = walk(memory=0.9).assign(day=pd.date_range("2020-01-01", periods=ROWS).astype(str))
    finding = check(data_of(frame.sample(frac=1, random_state=0) if shuffle else frame))
    assert isinstance(finding, Finding)
    assert (finding.severity, finding.columns) == ("warning", ("day",))
    assert "--time-column day" in finding.advice


def test_dates_of_independent_rows_are_worth_a_note(data_of: Callable[..., Data]) -> None:
    finding = check(data_of(walk(memory=0.0).assign(day=pd.date_range("2020-01-01", periods=ROWS).astype(str))))
    assert isinstance(finding, Finding)
    assert finding.severity == "note"
    assert "--time-column day" in finding.advice


def test_a_file_sorted_by_the_target_has_no_order_in_time(data_of: Callable[..., Data]) -> None:
    finding = check(data_of(walk(memory=0.0).sort_values("y")))
    assert isinstance(finding, Finding)
    assert finding.severity == "fine"
    assert "sorted by the target" in finding.title


def test_a_split_by_time_needs_no_check(data_of: Callable[..., Data]) -> None:
    frame = walk(memory=0.9).assign(day=pd.date_range("2020-01-01", periods=ROWS).astype(str))
    assert isinstance(check(data_of(frame, time_column="day")), NotApplicable)


@pytest.mark.parametrize("name", ["german_credit", "heart_cleveland", "penguins"])
def test_says_nothing_of_clean_tables(shipped: dict[str, Data], name: str) -> None:
    finding = check(shipped[name])
    assert isinstance(finding, Finding)
    assert finding.severity == "fine"
