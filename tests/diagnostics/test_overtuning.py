"""A search that goes on for too long."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from automl.diagnostics import Evidence, Finding, NotApplicable
from automl.diagnostics.overtuning import check, incumbents
from automl.trial import Trial

VAL, TEST = 100, 400


def going(
    evidence_of: Callable[..., Evidence], on_val: list[float], on_test: list[float], seed: int = 0, **more: Any
) -> Any:
    """Trials whose errors have these standard deviations."""
    rng = np.random.default_rng(seed)
    rows = 50 + VAL + TEST
    y = rng.normal(size=rows)
    wrong = rng.normal(size=rows)
    sizes = [np.r_[np.full(50 + VAL, val), np.full(TEST, test)] for val, test in zip(on_val, on_test, strict=True)]
    predictions = {trial: y + size * (0.9 * wrong + 0.4 * rng.normal(size=rows)) for trial, size in enumerate(sizes)}
    return evidence_of(y, predictions, train=50, val=VAL, members={len(sizes) - 1: 1.0}, **more)


FALLING = [0.9, 0.7, 0.5, 0.4, 0.3]


def test_finds_that_the_later_trials_are_worse_on_new_rows(evidence_of: Callable[..., Evidence]) -> None:
    found = check(going(evidence_of, FALLING, [0.9, 0.7, 0.5, 0.7, 0.8]))
    assert isinstance(found, Finding)
    assert found.severity == "warning"
    assert "#2 was better on new rows than #4" in found.title
    assert found.figures["lost_share"] == pytest.approx(0.75, abs=0.2)


def test_finds_that_the_first_setting_was_the_best(evidence_of: Callable[..., Evidence]) -> None:
    found = check(going(evidence_of, FALLING, [0.4, 0.5, 0.6, 0.7, 0.8]))
    assert isinstance(found, Finding)
    assert found.severity == "problem"


def test_a_model_that_is_more_than_the_last_trial_is_judged_itself(evidence_of: Callable[..., Evidence]) -> None:
    evidence = going(evidence_of, FALLING, [0.4, 0.5, 0.6, 0.7, 0.8])
    good = {part: {**own, "rmse": 0.3} for part, own in evidence.best.scores.items()}
    found = check(dataclasses.replace(evidence, best=dataclasses.replace(evidence.best, scores=good)))
    assert isinstance(found, Finding)
    assert (found.severity, "The model as a whole has 0.3000" in found.explanation) == ("fine", True)


def test_keeps_quiet_where_new_rows_agree_or_chance_explains_it(evidence_of: Callable[..., Evidence]) -> None:
    severities = []
    for seed in range(20):
        for on_test in (FALLING, [0.5, 0.5, 0.5, 0.5, 0.5]):
            found = check(going(evidence_of, FALLING, on_test, seed))
            assert isinstance(found, Finding)
            severities.append(found.severity)
    assert severities.count("fine") >= 38


def test_follows_the_best_so_far_in_the_order_in_which_trials_began() -> None:
    trials = [
        Trial(3, "mlp", {}, "finished", 0.1),
        Trial(0, "mlp", {}, "finished", 0.5),
        Trial(1, "mlp", {}, "finished", 0.6),
        Trial(2, "mlp", {}, "pruned", None),
        Trial(4, "mlp", {}, "finished", 0.4),
    ]
    assert [trial.number for trial in incumbents(trials)] == [0, 3]


def test_needs_only_the_scores_of_trials_that_are_not_kept(evidence_of: Callable[..., Evidence]) -> None:
    found = check(going(evidence_of, FALLING, [0.9, 0.7, 0.5, 0.7, 0.8], kept=[3, 4]))
    assert isinstance(found, Finding)
    assert found.severity == "warning"


def test_has_no_answer_without_test_rows_or_without_progress(evidence_of: Callable[..., Evidence]) -> None:
    y = np.linspace(0, 1, 200)
    assert isinstance(check(evidence_of(y, {0: 0.5 * y}, train=100, val=100)), NotApplicable)
    assert isinstance(check(going(evidence_of, [0.3, 0.4, 0.5], [0.3, 0.4, 0.5])), NotApplicable)
