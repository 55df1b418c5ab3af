"""Whether probabilities mean what they say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from automl.diagnostics import Answer, Evidence, Finding, NotApplicable
from automl.diagnostics.calibration import check, expected_error
from automl.temperature import tempered


def drawn(seed: int, rows: int, classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities, and classes drawn from them."""
    rng = np.random.default_rng(seed)
    powers = np.exp(rng.normal(scale=1.5, size=(rows, classes)))
    right = powers / powers.sum(axis=1, keepdims=True)
    return right, (right.cumsum(axis=1) > rng.random((rows, 1))).argmax(axis=1)


def answered(evidence_of: Callable[..., Evidence], seed: int, rows: int, sharpened: float, classes: int = 3) -> Answer:
    right, labels = drawn(seed, rows + 60, classes)
    return check(evidence_of(labels, {0: tempered(right, sharpened)}, train=30, val=30, of="classify"))


def asked(evidence_of: Callable[..., Evidence], seed: int, rows: int, sharpened: float, classes: int = 3) -> Finding:
    found = answered(evidence_of, seed, rows, sharpened, classes)
    assert isinstance(found, Finding)
    return found


@pytest.mark.parametrize("classes", [2, 5])
def test_leaves_right_probabilities_alone_however_few_the_rows(
    evidence_of: Callable[..., Evidence], classes: int
) -> None:
    answers = [answered(evidence_of, seed, rows, 1.0, classes) for seed in range(50) for rows in (80, 400)]
    false_alarms = [answer for answer in answers if isinstance(answer, Finding) and answer.severity != "fine"]
    assert len(false_alarms) <= 0.05 * len(answers)


def test_finds_them_on_few_rows_too_and_says_where_they_are_too_few_to_tell(
    evidence_of: Callable[..., Evidence],
) -> None:
    sure = [answered(evidence_of, seed, 150, 0.5, classes) for seed in range(20) for classes in (2, 4)]
    found = [answer for answer in sure if isinstance(answer, Finding) and answer.severity == "warning"]
    assert len(found) >= 0.9 * len(sure)
    nothing = answered(evidence_of, 3, 80, 1.0)
    assert isinstance(nothing, NotApplicable)
    assert "80 test rows are too few to tell" in nothing.why


def test_finds_probabilities_that_are_too_sure_and_too_cautious(evidence_of: Callable[..., Evidence]) -> None:
    for seed in range(10):
        sure, cautious = asked(evidence_of, seed, 1000, 0.5), asked(evidence_of, seed, 1000, 2.0)
        assert (sure.severity, cautious.severity) == ("warning", "warning")
        assert "too sure" in sure.title
        assert "too cautious" in cautious.title


def test_the_error_of_few_rows_is_mostly_chance(evidence_of: Callable[..., Evidence]) -> None:
    found = asked(evidence_of, 3, 160, 1.0)
    assert found.figures["ece"] > 0.03
    assert found.figures["ece"] < 2 * found.figures["ece_by_chance"]


def test_measures_the_distance_between_what_was_said_and_came_true() -> None:
    said = np.repeat([0.2, 0.9], 100)
    true = np.concatenate([np.arange(100) % 10 < 3, np.arange(100) % 10 < 7])
    assert expected_error(said, true) == pytest.approx((0.1 + 0.2) / 2)


def test_leaves_right_probabilities_alone_where_groups_of_rows_come_true_together(
    evidence_of: Callable[..., Evidence],
) -> None:
    accused = {"told": 0, "not told": 0}
    for seed in range(20):
        right, labels = drawn(seed, 240, classes=2)
        groups = np.repeat(np.arange(len(labels)), 10)
        frame = pd.DataFrame({"x": np.arange(len(groups)) * 0.5, "patient": groups})
        of_all = evidence_of(labels[groups], {0: right[groups]}, train=200, val=200, of="classify", frame=frame)
        of_groups = replace(of_all, data=replace(of_all.data, groups="patient"))
        for how, evidence in (("told", of_groups), ("not told", of_all)):
            answer = check(evidence)
            accused[how] += isinstance(answer, Finding) and answer.severity != "fine"
    assert accused["told"] <= 1
    assert accused["not told"] >= 10


def test_too_few_groups_are_too_few_rows(evidence_of: Callable[..., Evidence]) -> None:
    right, labels = drawn(0, 400, classes=2)
    frame = pd.DataFrame({"x": np.arange(400) * 0.5, "patient": np.arange(400) // 10})
    evidence = evidence_of(labels, {0: right}, train=50, val=50, of="classify", frame=frame)
    answer = check(replace(evidence, data=replace(evidence.data, groups="patient")))
    assert isinstance(answer, NotApplicable)
    assert answer.why.startswith("30 test rows, one of each 'patient', are too few")


def test_has_no_answer_for_a_regression_or_a_handful_of_rows(evidence_of: Callable[..., Evidence]) -> None:
    values = np.linspace(0, 1, 300)
    assert isinstance(check(evidence_of(values, {0: values}, train=100, val=100)), NotApplicable)
    right, labels = drawn(0, 70)
    few = evidence_of(labels, {0: right}, train=30, val=30, of="classify")
    assert isinstance(check(few), NotApplicable)
