"""How checks are asked, and how their answers are kept."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from automl import diagnostics, plugins
from automl.diagnostics import (
    OF_TRIALS,
    Answer,
    Evidence,
    Finding,
    NotApplicable,
    ask,
    ask_of_trials,
    checks,
    from_json,
    skipped,
    to_json,
    worst_first,
)


class Broken:
    STAGE = "data"
    TITLE = "Nothing"

    @staticmethod
    def check(evidence: Any) -> Answer:
        raise ZeroDivisionError


def test_a_check_that_fails_costs_its_answer_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnostics, "names", lambda: ["broken"])
    monkeypatch.setattr(plugins, "load", lambda *_, **__: Broken)
    (answer,) = ask("data", None, log=tmp_path / "log.txt")  # type: ignore[arg-type]
    assert isinstance(answer, NotApplicable)
    assert "ZeroDivisionError" in answer.why
    assert "Traceback" in (tmp_path / "log.txt").read_text()


def test_a_check_that_there_is_no_time_for_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnostics, "names", lambda: ["broken"])
    monkeypatch.setattr(plugins, "load", lambda *_, **__: Broken)
    (answer,) = ask("data", None, until=time.monotonic() - 1)  # type: ignore[arg-type]
    assert isinstance(answer, NotApplicable)
    assert "--time" in answer.why
    assert skipped([answer]) == ["Nothing"]


def test_trials_are_asked_alone_and_the_best_first(evidence_of: Callable[..., Evidence]) -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=600)
    noise = 1.2 * rng.normal(size=600)
    by_heart = np.where(np.arange(600) < 300, truth, truth + noise)
    evidence = evidence_of(
        truth, {0: by_heart, 1: truth + noise / 2, 2: truth + noise}, train=300, val=150, kept=[0, 1]
    )
    answers = ask_of_trials(evidence)
    # Of trial 2, what it predicts is no longer known.
    assert list(answers) == [1, 0]
    assert all({answer.code for answer in own} == set(OF_TRIALS) for own in answers.values())
    found = {number: [finding.code for finding in worst_first(own)] for number, own in answers.items()}
    assert found == {1: [], 0: ["generalisation_gap", "underfitting"]}
    gap = worst_first(answers[0])[0]
    assert gap.figures["gap"] == pytest.approx(np.sqrt(np.mean(noise[450:] ** 2)), rel=1e-6)


def test_trials_for_which_there_is_no_time_are_not_asked(evidence_of: Callable[..., Evidence]) -> None:
    truth = np.arange(60.0)
    assert ask_of_trials(evidence_of(truth, {0: truth}, train=30, val=15), until=time.monotonic() - 1) == {}


def test_the_worst_comes_first_and_what_is_fine_not_at_all() -> None:
    answers: list[Answer] = [
        Finding("a", "note", "A", "."),
        Finding("b", "fine", "B", "."),
        Finding("c", "problem", "C", "."),
        NotApplicable("d", "No test rows."),
        Finding("e", "warning", "E", "."),
        Finding("f", "problem", "F", "."),
    ]
    assert [finding.code for finding in worst_first(answers)] == ["c", "f", "e", "a"]


@pytest.mark.parametrize("code", ["column_importance", "more_data", "seed_noise"])
def test_want_of_time_is_not_the_only_reason_why_something_was_not_measured(
    evidence_of: Callable[..., Evidence], code: str
) -> None:
    truth = np.linspace(0, 1, 90)
    answer = checks("run")[code].check(evidence_of(truth, {0: truth}, train=30, val=30))
    assert isinstance(answer, NotApplicable)
    assert all(reason in answer.why for reason in ("short", "interrupted", "--quality fast"))


def test_what_follows_from_having_learned_nothing_is_not_said_again() -> None:
    weak = Finding("weak_spots", "warning", "W", ".")
    leak = Finding("target_leak", "note", "L", ".")
    nothing = Finding("underfitting", "problem", "U", ".")
    assert worst_first([weak, leak]) == [weak, leak]
    assert worst_first([weak, leak, nothing]) == [nothing, leak]


def test_answers_survive_json() -> None:
    found = Finding("a", "note", "A", "Because.", "Do.", {"gap": 0.5}, ("x",))
    assert from_json(to_json(found)) == found
    for none in (NotApplicable("d", "No test rows."), NotApplicable("d", "It failed.", was_skipped=True)):
        assert from_json(to_json(none)) == none


def test_a_figure_that_json_lacks_comes_back_as_no_number() -> None:
    record = {**to_json(Finding("a", "note", "A", "Because.")), "figures": {"gap": None}}
    answer = from_json(record)
    assert isinstance(answer, Finding)
    assert math.isnan(answer.figures["gap"])
