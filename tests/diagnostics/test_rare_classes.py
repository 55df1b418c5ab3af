"""Classes with too few rows in a part."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from automl.diagnostics import Data, Finding, NotApplicable
from automl.diagnostics.rare_classes import check

RNG = np.random.default_rng(7)


def fruit(rare: int) -> pd.DataFrame:
    kinds = ["apple"] * 150 + ["pear"] * 150 + ["quince"] * rare
    return pd.DataFrame({"weight": RNG.normal(size=len(kinds)), "y": kinds})


@pytest.mark.parametrize(("rare", "severity"), [(2, "warning"), (15, "warning"), (35, "note"), (100, "fine")])
def test_the_fewer_the_rows_to_be_judged_by_the_worse(data_of: Callable[..., Data], rare: int, severity: str) -> None:
    finding = check(data_of(fruit(rare)))
    assert isinstance(finding, Finding)
    assert finding.severity == severity
    assert ("'quince'" in finding.title) == (severity != "fine")


def test_a_class_that_occurs_in_the_test_file_alone_cannot_be_learned(data_of: Callable[..., Data]) -> None:
    finding = check(data_of(fruit(0), test=fruit(20)))
    assert isinstance(finding, Finding)
    assert finding.severity == "problem"
    assert "no model can learn it" in finding.title


@pytest.mark.parametrize(("rare", "more"), [(30, False), (7, True)])
def test_folds_are_compared_with_the_rows_that_are_cut_into_them(
    data_of: Callable[..., Data], rare: int, more: bool
) -> None:
    finding = check(data_of(fruit(rare), folds=8))
    assert isinstance(finding, Finding)
    assert ("There are more folds (8) than" in finding.explanation) == more


def test_numbers_have_no_classes(shipped: dict[str, Data]) -> None:
    assert isinstance(check(shipped["concrete"]), NotApplicable)


@pytest.mark.parametrize("name", ["german_credit", "heart_cleveland", "penguins"])
def test_says_nothing_of_clean_tables(shipped: dict[str, Data], name: str) -> None:
    finding = check(shipped[name])
    assert isinstance(finding, Finding)
    assert finding.severity == "fine"
