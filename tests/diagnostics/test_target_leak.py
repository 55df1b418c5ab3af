"""A column that gives the target away."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from automl.diagnostics import Data
from automl.diagnostics.target_leak import check

RNG = np.random.default_rng(1)
ROWS = 400
STRENGTH = RNG.normal(size=ROWS)
KIND = np.where(STRENGTH + RNG.normal(size=ROWS) > 0, "ill", "well")
PRICE = 50 + 10 * STRENGTH + 5 * RNG.normal(size=ROWS)


def patients(target: object, **more: object) -> pd.DataFrame:
    return pd.DataFrame({"strength": STRENGTH, "noise": RNG.normal(size=ROWS), **more, "y": target})


@pytest.mark.parametrize(
    ("target", "leak"),
    [
        (KIND, KIND),
        (KIND, np.where(KIND == "ill", 7, 3)),
        (KIND, np.where(RNG.random(ROWS) < 0.02, "well", KIND)),
        (KIND, np.where(KIND == "ill", RNG.normal(size=ROWS), np.nan)),
        (PRICE, PRICE),
        (PRICE, np.exp(-PRICE / 20)),
        (PRICE, PRICE + RNG.normal(size=ROWS)),
    ],
    ids=["copy", "code", "noisy classes", "known for one class", "number", "function of it", "noisy number"],
)
def test_accuses_what_alone_tells_far_more_than_all_others(
    data_of: Callable[..., Data], target: object, leak: object
) -> None:
    finding = check(data_of(patients(target, remark=leak)))
    assert finding.columns == ("remark",)
    assert finding.severity in ("warning", "problem")
    assert "--drop remark" in finding.advice


def test_finds_two_copies_that_hide_each_other(data_of: Callable[..., Data]) -> None:
    finding = check(data_of(patients(PRICE, net=PRICE / 1.2, gross=PRICE * 1.1)))
    assert set(finding.columns) == {"net", "gross"}
    assert finding.severity == "problem"


def test_a_name_from_after_the_event_makes_a_strong_column_suspect(data_of: Callable[..., Data]) -> None:
    weak = np.where(RNG.random(ROWS) < 0.4, "well", KIND)
    assert check(data_of(patients(KIND, final_result=weak))).columns == ("final_result",)
    assert check(data_of(patients(KIND, colour=weak))).severity == "fine"


@pytest.mark.parametrize("name", ["auto_mpg", "concrete", "german_credit", "heart_cleveland", "penguins"])
def test_says_nothing_of_honest_columns(shipped: dict[str, Data], name: str) -> None:
    assert check(shipped[name]).severity == "fine"


def test_names_of_strangers_are_harmless(data_of: Callable[..., Data]) -> None:
    finding = check(data_of(patients(KIND, **{"a\x1b[31m" + "b" * 60: KIND})))
    assert "\x1b" not in finding.title + finding.explanation + finding.advice
    assert "b" * 41 not in finding.title


def test_what_every_row_of_a_group_has_is_told_by_other_groups(data_of: Callable[..., Data]) -> None:
    rng = np.random.default_rng(5)
    patient = np.repeat(np.arange(50), 20)
    ill = rng.random(50) < 0.5
    # Of each patient another, so that a patient's rows tell each other's answer by it.
    age = rng.permutation(np.arange(30, 80))
    sensors = {name: ill[patient] + 3 * rng.normal(size=1000) for name in ("heat", "pulse")}
    frame = pd.DataFrame({"patient": patient, "age": age[patient], **sensors})
    frame["y"] = np.where(ill, "ill", "well")[patient]
    assert check(data_of(frame.drop(columns="patient"))).columns == ("age",)
    assert check(data_of(frame, group="patient")).severity == "fine"


def test_a_seed_may_be_larger_than_scikit_learn_takes(data_of: Callable[..., Data]) -> None:
    assert check(data_of(patients(KIND, remark=KIND), seed=20240101123)).columns == ("remark",)


def test_rows_of_a_single_group_tell_of_each_other(data_of: Callable[..., Data]) -> None:
    """There is no other group that could."""
    site = np.repeat(["a", "b", "c"], [240, 80, 80])
    table = data_of(patients(KIND, remark=KIND, site=site), group="site")
    assert len(set(site[table.split.train])) == 1
    assert check(table).columns == ("remark",)
