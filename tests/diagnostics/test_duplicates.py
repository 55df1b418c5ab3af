"""Copies of training rows among the rows to be judged."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from automl.diagnostics import Data
from automl.diagnostics.duplicates import check

RNG = np.random.default_rng(3)


def measured(rows: int) -> pd.DataFrame:
    return pd.DataFrame(RNG.normal(size=(rows, 4)), columns=list("abcd")).assign(y=RNG.choice(["yes", "no"], rows))


def coarse(rows: int) -> pd.DataFrame:
    return pd.DataFrame(RNG.integers(0, 4, size=(rows, 4)), columns=list("abcd")).assign(y=RNG.choice(["p", "q"], rows))


@pytest.mark.parametrize(("copies", "severity"), [(0, "fine"), (10, "warning"), (40, "problem")])
def test_tells_how_many_test_rows_are_training_rows(data_of: Callable[..., Data], copies: int, severity: str) -> None:
    train, test = measured(400), measured(100)
    data = data_of(train, test=pd.concat([test.iloc[copies:], train.iloc[:copies]]))
    finding = check(data)
    assert finding.severity == severity
    # Some of the copied rows are validation rows.
    assert copies / 2 <= 100 * finding.figures["copies"] <= copies


def test_copies_under_a_new_number_stay_on_one_side_too(data_of: Callable[..., Data]) -> None:
    frame = measured(300)
    both = pd.concat([frame, frame.iloc[:150]], ignore_index=True)
    finding = check(data_of(both.assign(entry=[f"e{number}" for number in range(450)])))
    assert (finding.severity, finding.figures["copies"]) == ("note", 0)


def test_exact_copies_stay_on_one_side_of_a_random_split(data_of: Callable[..., Data]) -> None:
    frame = measured(300)
    finding = check(data_of(pd.concat([frame, frame.iloc[:150]], ignore_index=True)))
    assert (finding.severity, finding.figures["copies"]) == ("note", 0)
    assert "150 rows repeat an earlier one" in finding.title


def test_rows_of_a_coarse_table_meet_by_coincidence(data_of: Callable[..., Data]) -> None:
    finding = check(data_of(coarse(400), test=coarse(100)))
    assert finding.figures["copies"] > 0.3
    assert finding.severity == "note"
    assert "may meet by coincidence" in finding.explanation


def test_equal_rows_with_another_target_are_worth_a_note(data_of: Callable[..., Data]) -> None:
    train, test = measured(400), measured(100)
    contrary = train.iloc[:40].assign(y=train["y"].iloc[:40].map({"yes": "no", "no": "yes"}))
    finding = check(data_of(train, test=pd.concat([test.iloc[40:], contrary])))
    assert finding.severity == "note"
    assert "have another target" in finding.title


@pytest.mark.parametrize("name", ["auto_mpg", "german_credit", "heart_cleveland", "penguins"])
def test_says_nothing_of_clean_tables(shipped: dict[str, Data], name: str) -> None:
    assert check(shipped[name]).severity == "fine"


def test_the_repeated_rows_of_a_table_that_crosses_nowhere_are_worth_a_note(shipped: dict[str, Data]) -> None:
    finding = check(shipped["concrete"])
    assert (finding.severity, finding.title) == ("note", "25 rows repeat an earlier one")
