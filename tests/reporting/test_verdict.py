"""The sentence that sums a run up."""

from __future__ import annotations

from dataclasses import replace

import pytest

from automl.diagnostics import Answer, Finding, NotApplicable, Severity
from automl.ensemble import Ensemble, Member
from automl.reporting.verdict import verdict
from automl.tasks import classify

LOG_LOSS = classify.METRICS["log_loss"]
SCORES = {part: {"log_loss": value} for part, value in (("train", 0.2), ("val", 0.279), ("test", 0.283))}
BEST = Ensemble((Member(0, "mlp", {}, 1.0, 10, 1),), 1.0, 0.279, SCORES)


def finding(code: str, severity: Severity, **figures: float) -> Finding:
    return Finding(code, severity, "A title", "An explanation.", figures=figures)


def test_gives_the_score_its_spread_and_the_share_of_luck() -> None:
    answers: list[Answer] = [
        finding("generalisation_gap", "fine", spread=0.012),
        finding("winners_curse", "fine", share_of_gain=0.03),
    ]
    assert verdict(BEST, LOG_LOSS, answers, unseen="test") == (
        "The model generalises: test log loss 0.283 ± 0.012 against 0.279 on validation; "
        "3% of the gain over the first setting is selection luck."
    )


@pytest.mark.parametrize(
    ("spread", "numbers"),
    [
        (0.001055, "test log loss 0.2830 ± 0.0011 against 0.2790 on"),
        (0.0996, "test log loss 0.28 ± 0.10 against 0.28 on"),
        # Of rows that are all right, the bootstrap knows no other score.
        (0.0, "test log loss 0.2830 against 0.2790 on"),
    ],
)
def test_the_scores_end_where_the_standard_error_does(spread: float, numbers: str) -> None:
    answers = [finding("generalisation_gap", "fine", spread=spread)]
    assert numbers in verdict(BEST, LOG_LOSS, answers, unseen="test")


@pytest.mark.parametrize(
    ("share", "said"), [(0.0, "; 0%"), (0.002, "; less than 1%"), (0.005, "; less than 1%"), (0.376, "; 38%")]
)
def test_luck_has_no_tenths_of_a_percent(share: float, said: str) -> None:
    answers = [finding("winners_curse", "fine", share_of_gain=share)]
    assert f"{said} of the gain over" in verdict(BEST, LOG_LOSS, answers, unseen="test")


def test_says_what_nobody_has_looked_for() -> None:
    answers: list[Answer] = [
        finding("generalisation_gap", "fine", spread=0.012),
        NotApplicable("target_leak", "There was too little time for it.", was_skipped=True),
        NotApplicable("groups", "No column names an entity."),
    ]
    text = verdict(BEST, LOG_LOSS, answers, unseen="test")
    assert text.endswith("on validation; nobody has looked for: target leaks.")


def test_says_that_validation_rows_flatter_where_there_are_no_test_rows() -> None:
    text = verdict(BEST, LOG_LOSS, [finding("generalisation_gap", "fine", spread=0.012)], unseen="val")
    assert "validation log loss 0.279 ± 0.012, a little too good" in text
    assert "against 0.200 on training" in text
    assert "0.283" not in text


@pytest.mark.parametrize(
    ("code", "severity", "begin"),
    [
        ("underfitting", "problem", "The model has learned nothing that holds on new rows:"),
        ("generalisation_gap", "problem", "The model has learned its training rows by heart"),
        ("target_leak", "problem", "The scores are too good to be trusted"),
        ("generalisation_gap", "warning", "The model overfits:"),
        ("generalisation_gap", "note", "The model overfits mildly:"),
        ("calibration", "problem", "The model generalises:"),
        ("duplicates", "problem", "The scores may promise too much, since rows that judge the model repeat rows"),
        ("groups", "warning", "The scores may promise too much, since rows that belong together"),
        ("lucky_split", "warning", "The scores may promise too much, since the test rows are easier"),
        ("underfitting", "warning", "The model has learned less than there is:"),
        ("overtuning", "problem", "The search has made the model worse:"),
    ],
)
def test_begins_with_what_the_worst_finding_makes_of_it(code: str, severity: Severity, begin: str) -> None:
    assert verdict(BEST, LOG_LOSS, [finding(code, severity)], unseen="test").startswith(begin)


def test_nothing_learned_counts_more_than_a_leak() -> None:
    answers = [finding("target_leak", "problem"), finding("underfitting", "problem")]
    assert "learned nothing" in verdict(BEST, LOG_LOSS, answers, unseen="test")


def test_what_is_not_certain_is_not_said_to_generalise() -> None:
    answers = [finding("underfitting", "warning", is_certain=0.0), finding("generalisation_gap", "fine")]
    assert verdict(BEST, LOG_LOSS, answers, unseen="test").startswith("Whether the model has learned anything")


def test_a_score_that_is_not_defined_tells_nothing() -> None:
    undefined = replace(BEST, scores={**SCORES, "test": {"log_loss": float("nan")}})
    text = verdict(undefined, LOG_LOSS, [finding("calibration", "fine")], unseen="test")
    assert text.startswith("How the model does on new rows cannot be told: test log loss –")
