"""Test rows that differ from training rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from automl.diagnostics import Data, Finding, NotApplicable
from automl.diagnostics.drift import check

RNG = np.random.default_rng(4)


def sales(rows: int, *, shift: float = 0.0, wet: float = 0.3, turn: float = 1.0) -> pd.DataFrame:
    left = RNG.normal(size=rows)
    return pd.DataFrame(
        {
            "price": left + shift,
            "demand": turn * left + 0.3 * RNG.normal(size=rows),
            "weather": np.where(RNG.random(rows) < wet, "wet", "dry"),
            "y": RNG.normal(size=rows),
        }
    )


@pytest.mark.parametrize(
    ("test", "column"),
    [(sales(400, shift=0.4), "price"), (sales(400, wet=0.7), "weather")],
    ids=["numbers", "categories"],
)
def test_names_the_column_that_differs(data_of: Callable[..., Data], test: pd.DataFrame, column: str) -> None:
    finding = check(data_of(sales(1200), test=test))
    assert isinstance(finding, Finding)
    assert (finding.severity, finding.columns) == ("warning", (column,))


def test_a_model_sees_what_no_single_column_shows(data_of: Callable[..., Data]) -> None:
    finding = check(data_of(sales(1200), test=sales(400, turn=-1.0)))
    assert isinstance(finding, Finding)
    assert (finding.severity, finding.columns) == ("problem", ())
    assert finding.figures["adversarial_auc"] > 0.9


def test_the_same_kind_of_rows_passes(data_of: Callable[..., Data]) -> None:
    finding = check(data_of(sales(1200), test=sales(400)))
    assert isinstance(finding, Finding)
    assert finding.severity == "fine"
    assert abs(finding.figures["adversarial_auc"] - 0.5) < 4 * finding.figures["adversarial_noise"]


def test_values_that_occur_once_do_not_tell_where_a_row_is(data_of: Callable[..., Data]) -> None:
    train, test = sales(1200), sales(400)
    train["job"] = [f"job {number}" for number in RNG.integers(0, 3000, 1200)]
    test["job"] = [f"job {number}" for number in RNG.integers(0, 3000, 400)]
    finding = check(data_of(train, test=test, kinds={"job": "category"}))
    assert isinstance(finding, Finding)
    assert finding.severity == "fine"


def test_time_itself_is_no_drift(data_of: Callable[..., Data]) -> None:
    frame = sales(1000).assign(day=pd.date_range("2020-01-01", periods=1000).astype(str), number=range(1000))
    finding = check(data_of(frame, time_column="day"))
    assert isinstance(finding, Finding)
    assert finding.severity == "fine"


def test_few_test_rows_are_not_judged(data_of: Callable[..., Data]) -> None:
    assert isinstance(check(data_of(sales(300), test=sales(20, shift=5.0))), NotApplicable)


@pytest.mark.parametrize("name", ["auto_mpg", "concrete", "german_credit", "heart_cleveland", "penguins"])
def test_says_nothing_where_rows_were_drawn_at_random(shipped: dict[str, Data], name: str) -> None:
    finding = check(shipped[name])
    assert isinstance(finding, Finding)
    assert finding.severity == "fine"


def test_rows_without_a_group_stand_alone(data_of: Callable[..., Data]) -> None:
    frame = sales(1200).assign(home=pd.Series(["a"] * 60))
    other = sales(400, shift=0.4).assign(home=pd.Series(["b"] * 20))
    finding = check(data_of(frame, test=other, group="home"))
    assert isinstance(finding, Finding)
    assert finding.severity == "warning"
    assert "price" in finding.columns


def test_rows_of_a_group_are_not_so_many_proofs(data_of: Callable[..., Data]) -> None:
    rng = np.random.default_rng(8)
    accused = 0
    for seed in range(10):
        group = np.repeat(np.arange(60), 20)
        own = {name: rng.normal(size=60)[group] + rng.normal(size=1200) for name in ("heat", "load", "wear")}
        frame = pd.DataFrame({"machine": [f"m{each}" for each in group], **own, "y": rng.normal(size=1200)})
        finding = check(data_of(frame, group="machine", seed=seed))
        accused += isinstance(finding, Finding) and finding.severity != "fine"
    assert accused <= 1


def test_a_seed_may_be_larger_than_scikit_learn_takes(data_of: Callable[..., Data]) -> None:
    assert isinstance(check(data_of(sales(1200), test=sales(400), seed=20240101123)), Finding)
