"""Classes and slices where the model errs most."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from automl.diagnostics import Evidence, Finding, NotApplicable
from automl.diagnostics.weak_spots import Slice, check, find

ROWS = 700


def table(rng: np.random.Generator) -> pd.DataFrame:
    numbers = {f"number {n}": rng.normal(size=ROWS) for n in range(8)}
    return pd.DataFrame({**numbers, "colour": rng.choice(["red", "green", "blue", "grey", "pink"], ROWS)})


def asked(
    evidence_of: Callable[..., Evidence], frame: pd.DataFrame, wrong: np.ndarray, rng: np.random.Generator
) -> Finding:
    labels = rng.integers(3, size=ROWS)
    answers = np.where(rng.random(ROWS) < wrong, (labels + 1) % 3, labels)
    found = check(evidence_of(labels, {0: np.eye(3)[answers]}, train=100, val=100, of="classify", frame=frame))
    assert isinstance(found, Finding)
    return found


@pytest.mark.parametrize("seed", range(5))
def test_names_the_category_where_it_errs_most(evidence_of: Callable[..., Evidence], seed: int) -> None:
    rng = np.random.default_rng(seed)
    frame = table(rng)
    found = asked(evidence_of, frame, np.where(frame["colour"] == "blue", 0.6, 0.1), rng)
    assert found.severity != "fine"
    assert "colour is 'blue'" in found.title
    assert found.columns[0] == "colour"
    assert found.figures["worst_times"] == pytest.approx(3, abs=0.6)


@pytest.mark.parametrize("seed", range(5))
def test_names_the_range_of_a_number(evidence_of: Callable[..., Evidence], seed: int) -> None:
    rng = np.random.default_rng(seed)
    frame = table(rng)
    high = (frame["number 3"] > np.quantile(frame["number 3"], 0.8)).to_numpy()
    y = rng.normal(size=ROWS)
    prediction = y + rng.normal(size=ROWS) * np.where(high, 8.0, 1.0)
    found = check(evidence_of(y, {0: prediction}, train=100, val=100, frame=frame))
    assert isinstance(found, Finding)
    assert (found.columns, found.severity) == (("number 3",), "warning")
    assert "--balance" not in found.advice


def test_names_the_class_that_is_never_recognised(evidence_of: Callable[..., Evidence]) -> None:
    labels = np.random.default_rng(1).choice(3, p=[0.6, 0.3, 0.1], size=ROWS)
    answers = np.where(labels == 2, 0, labels)
    found = check(evidence_of(labels, {0: np.eye(3)[answers]}, train=100, val=100, of="classify"))
    assert isinstance(found, Finding)
    assert (found.severity, "target is 'c2'" in found.title) == ("warning", True)
    assert "--balance" in found.advice


def test_the_worst_of_many_slices_is_bad_by_chance(evidence_of: Callable[..., Evidence]) -> None:
    found = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        found.append(asked(evidence_of, table(rng), np.full(ROWS, 0.1), rng).severity)
    assert found.count("fine") >= 38


def test_rows_of_a_group_err_together() -> None:
    def falsely(*, told: bool) -> int:
        found = 0
        for seed in range(25):
            rng = np.random.default_rng(seed)
            groups = np.repeat(np.arange(40), rng.integers(10, 50, size=40))
            errors = (rng.random(len(groups)) < np.clip(rng.normal(0.2, 0.12, size=40), 0, 1)[groups]).astype(float)
            columns = rng.integers(5, size=(8, 40))[:, groups]
            slices = [Slice(f"{n}", "", own == value) for n, own in enumerate(columns) for value in range(5)]
            shuffled = rng.permutation(len(groups))
            slices = [replace(cut, rows=cut.rows[shuffled]) for cut in slices]
            found += bool(find(slices, errors[shuffled], groups=groups[shuffled] if told else None, rng=rng))
        return found

    assert falsely(told=False) > 4
    assert falsely(told=True) <= 2


def test_a_few_rows_are_not_cut_into_slices(evidence_of: Callable[..., Evidence]) -> None:
    y = np.linspace(0, 1, 230)
    assert isinstance(check(evidence_of(y, {0: y + 0.1}, train=100, val=100)), NotApplicable)


def test_a_name_from_the_data_cannot_command_a_terminal(evidence_of: Callable[..., Evidence]) -> None:
    rng = np.random.default_rng(0)
    frame = table(rng).rename(columns={"colour": "col\x1b[31mour" + "r" * 60})
    found = asked(evidence_of, frame, np.where(frame.iloc[:, -1] == "blue", 0.6, 0.1), rng)
    assert "\x1b" not in found.title + found.explanation
    assert "rrr…" in found.title
