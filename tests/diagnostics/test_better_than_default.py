"""The model against what it should beat."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from automl.baselines import BOOSTING, Baseline
from automl.diagnostics import Evidence, Finding, NotApplicable
from automl.diagnostics.better_than_default import check

TEST = 300


def asked(evidence: Evidence) -> Finding:
    found = check(evidence)
    assert isinstance(found, Finding)
    return found


def contest(
    evidence_of: Callable[..., Evidence],
    *,
    model: float,
    first: float,
    boosting: float,
    seed: int = 0,
    kept: bool = True,
) -> Evidence:
    """Predictions with errors of these sizes on the test rows."""
    rng = np.random.default_rng(seed)
    rows = 200 + TEST
    x = rng.normal(size=rows)
    y = x + 0.5 * rng.normal(size=rows)
    predictions = {
        0: x + first * rng.normal(size=rows),
        1: x + model * rng.normal(size=rows),
        2: x + boosting * rng.normal(size=rows),
    }
    evidence = evidence_of(y, predictions, train=100, val=100, members={1: 1.0})
    scored = Baseline(BOOSTING, evidence.trials[2].scores)
    return replace(
        evidence,
        trials=evidence.trials[:2],
        predictions={number: evidence.predictions[number] for number in (0, 1)},
        baselines=[scored],
        baseline_predictions={BOOSTING: evidence.predictions[2]} if kept else {},
    )


@pytest.mark.parametrize("kept", [True, False])
def test_tells_a_victory_from_a_defeat(evidence_of: Callable[..., Evidence], kept: bool) -> None:
    won = asked(contest(evidence_of, model=0.1, first=0.6, boosting=0.6, kept=kept))
    assert won.severity == "fine"
    lost = asked(contest(evidence_of, model=0.6, first=0.9, boosting=0.1, kept=kept))
    assert (lost.severity, lost.title) == ("warning", "It loses to gradient boosting")
    assert lost.figures["lead_over_gradient_boosting"] < 0 < lost.figures["lead_over_first_setting"]


def test_sees_that_the_search_has_made_it_worse(evidence_of: Callable[..., Evidence]) -> None:
    found = asked(contest(evidence_of, model=0.6, first=0.1, boosting=0.9))
    assert found.severity == "warning"
    assert "#0 mlp (the first setting)" in found.title


def test_the_luckiest_of_many_is_not_called_better_on_the_rows_that_chose_it(
    evidence_of: Callable[..., Evidence],
) -> None:
    called_better = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        y = rng.normal(size=400)
        predictions = {trial: y + 0.5 * rng.normal(size=400) for trial in range(60)}
        evidence = evidence_of(y, predictions, train=100, val=300)
        luckiest = min(evidence.trials, key=lambda trial: trial.objective or 0.0)
        evidence = evidence_of(y, predictions, train=100, val=300, members={luckiest.number: 1.0})
        if luckiest.number:
            called_better += asked(evidence).title.startswith("It beats")
    assert called_better <= 1


@pytest.mark.parametrize("kept", [True, False])
def test_equals_are_called_equal(evidence_of: Callable[..., Evidence], kept: bool) -> None:
    found = [
        asked(contest(evidence_of, model=0.3, first=0.3, boosting=0.3, seed=seed, kept=kept)) for seed in range(30)
    ]
    assert sum(one.severity == "warning" for one in found) <= 2
    assert sum("about as good as" in one.title for one in found) >= 28


def test_has_no_answer_where_there_is_nothing_to_compare_with(evidence_of: Callable[..., Evidence]) -> None:
    y = np.random.default_rng(0).normal(size=500)
    assert isinstance(check(evidence_of(y, {0: 0.5 * y}, train=100, val=100)), NotApplicable)
