"""Repeated entities that the split cuts across."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from automl.diagnostics import Data, Finding, NotApplicable
from automl.diagnostics.groups import check

RNG = np.random.default_rng(6)
VISITS = RNG.permutation(np.repeat(np.arange(80), 5))


def visits(*, spread: float) -> pd.DataFrame:
    """Measurements of 80 patients, which vary from visit to visit so much."""
    own = RNG.normal(size=(80, 4))[VISITS]
    frame = pd.DataFrame(own + spread * RNG.normal(size=own.shape), columns=list("abcd"))
    return frame.assign(y=np.where(RNG.random(80) < 0.5, "ill", "well")[VISITS])


@pytest.mark.parametrize(
    "names", [[f"P{number}" for number in range(80)], RNG.choice(9000, 80, replace=False)], ids=["text", "numbers"]
)
def test_finds_the_column_that_names_the_entity(data_of: Callable[..., Data], names: object) -> None:
    finding = check(data_of(visits(spread=0.1).assign(patient=np.asarray(names)[VISITS])))
    assert isinstance(finding, Finding)
    assert (finding.severity, finding.columns) == ("warning", ("patient",))
    assert "--group patient" in finding.advice
    assert finding.figures["crossing"] > 0.9


def test_who_crosses_the_folds_is_counted(data_of: Callable[..., Data]) -> None:
    """Where copies of all rows stay in one fold, nobody does."""
    frame = visits(spread=0.0).assign(patient=[f"P{number}" for number in VISITS])
    copies = check(data_of(frame, split="0.8/0.2/0", folds=5))
    assert isinstance(copies, Finding)
    assert (copies.severity, copies.figures["crossing"]) == ("fine", 0.0)
    alike = check(data_of(visits(spread=0.1).assign(patient=frame.patient), split="0.8/0.2/0", folds=5))
    assert isinstance(alike, Finding)
    assert alike.severity == "warning"
    assert 0.9 < alike.figures["crossing"] <= 1.0


def test_entities_whose_rows_differ_are_plain_categories(data_of: Callable[..., Data]) -> None:
    frame = visits(spread=3.0).assign(patient=VISITS, y=RNG.choice(["ill", "well"], 400))
    finding = check(data_of(frame.assign(patient=[f"P{number}" for number in VISITS])))
    assert isinstance(finding, Finding)
    assert finding.severity == "fine"


def test_a_measurement_on_which_others_depend_is_no_entity(data_of: Callable[..., Data]) -> None:
    weight = RNG.integers(40, 120, 400)
    frame = pd.DataFrame({name: weight + RNG.normal(size=400) for name in "abcd"})
    finding = check(data_of(frame.assign(weight=weight, y=RNG.choice(["ill", "well"], 400))))
    assert isinstance(finding, Finding)
    assert finding.severity == "fine"


def test_a_split_by_group_needs_no_check(data_of: Callable[..., Data]) -> None:
    frame = visits(spread=0.1).assign(patient=[f"P{number}" for number in VISITS])
    assert isinstance(check(data_of(frame, group="patient")), NotApplicable)


@pytest.mark.parametrize("name", ["auto_mpg", "concrete", "german_credit", "heart_cleveland", "penguins"])
def test_says_nothing_of_clean_tables(shipped: dict[str, Data], name: str) -> None:
    finding = check(shipped[name])
    assert isinstance(finding, Finding)
    assert finding.severity == "fine"
