"""Luck in choosing the best trial."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from automl.diagnostics import Evidence, Finding, NotApplicable
from automl.diagnostics.winners_curse import check
from automl.figures import score
from automl.trial import finished


def alike(evidence_of: Callable[..., Evidence], seed: int, *, trials: int, val: int, kept: int | None = None) -> Any:
    """Trials that are all as good on new rows, and err apart."""
    rng = np.random.default_rng(seed)
    rows = 50 + val + 2000
    x = rng.normal(size=rows)
    predictions = {trial: 2 * x + 0.8 * rng.normal(size=rows) for trial in range(trials)}
    y = 2 * x + rng.normal(size=rows)
    evidence = evidence_of(y, predictions, train=50, val=val)
    best = [trial.number for trial in finished(evidence.trials)][:kept]
    return evidence_of(y, predictions, train=50, val=val, kept=best, members={best[0]: 1.0})


@pytest.mark.parametrize(("trials", "kept"), [(12, None), (60, None), (60, 12)])
def test_the_luck_it_finds_is_what_test_rows_show(
    evidence_of: Callable[..., Evidence], trials: int, kept: int | None
) -> None:
    found, seen = [], []
    for seed in range(15):
        evidence = alike(evidence_of, seed, trials=trials, val=150, kept=kept)
        answer = check(evidence)
        assert isinstance(answer, Finding)
        winner = finished(evidence.trials)[0]
        assert winner.objective is not None
        found.append(answer.figures["luck"])
        seen.append(winner.scores["test"]["rmse"] - winner.objective)
    assert np.mean(found) == pytest.approx(np.mean(seen), rel=0.3)
    assert np.mean(seen) > 0.05


def test_warns_where_a_score_on_few_rows_is_the_best_of_many(evidence_of: Callable[..., Evidence]) -> None:
    found = check(alike(evidence_of, 1, trials=60, val=60))
    assert isinstance(found, Finding)
    assert found.severity == "warning"


def test_sends_nobody_to_test_rows_that_there_are_not(evidence_of: Callable[..., Evidence]) -> None:
    rng = np.random.default_rng(1)
    x, noise, *wrong = rng.normal(size=(62, 110))
    predictions = {trial: 2 * x + 0.8 * own for trial, own in enumerate(wrong)}
    found = check(evidence_of(2 * x + noise, predictions, train=50, val=60))
    assert isinstance(found, Finding)
    assert found.severity == "warning"
    assert found.advice.startswith(f"Expect {score(found.figures['corrected'])} on new rows. More validation rows")


def test_says_where_test_rows_show_nothing_of_the_luck(evidence_of: Callable[..., Evidence]) -> None:
    rng = np.random.default_rng(1)
    x, *wrong = rng.normal(size=(61, 2_110))
    # The test rows are easier than the others.
    y = 2 * x + np.where(np.arange(2_110) < 110, 1.0, 0.1) * rng.normal(size=2_110)
    spread = np.where(np.arange(2_110) < 110, 0.8, 0.1)
    predictions = {trial: 2 * x + spread * own for trial, own in enumerate(wrong)}
    best = finished(evidence_of(y, predictions, train=50, val=60).trials)[0].number
    found = check(evidence_of(y, predictions, train=50, val=60, members={best: 1.0}))
    assert isinstance(found, Finding)
    assert (found.severity, found.figures["share_of_learned"] > 0.1) == ("note", True)
    assert "of which test rows show nothing" in found.title


def test_where_one_is_clearly_the_best_there_is_no_luck(evidence_of: Callable[..., Evidence]) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=1000)
    y = x + 0.5 * rng.normal(size=1000)
    predictions = {trial: (0.2 + 0.2 * trial) * x for trial in range(5)}
    found = check(evidence_of(y, predictions, train=100, val=500, members={4: 1.0}))
    assert isinstance(found, Finding)
    assert (found.severity, found.figures["luck"]) == ("fine", 0.0)
    assert "4" in found.explanation
    assert found.figures["on_test"] == pytest.approx(0.5, abs=0.05)


def test_has_no_answer_without_a_choice_or_without_skill(evidence_of: Callable[..., Evidence]) -> None:
    rng = np.random.default_rng(0)
    y = rng.normal(size=300)
    assert isinstance(check(evidence_of(y, {0: 0.5 * y}, train=100, val=100)), NotApplicable)
    noise = {trial: y.mean() + rng.normal(size=300) for trial in range(5)}
    assert isinstance(check(evidence_of(y, noise, train=100, val=100)), NotApplicable)
