"""Luck in the choice of the epoch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from automl.diagnostics import Evidence, Finding, NotApplicable, learning_curve
from automl.diagnostics.early_stopping import check
from automl.trial import Params, Trial

RNG = np.random.default_rng(2)
X = RNG.normal(size=400)
Y = X + RNG.normal(scale=0.3, size=400)
EPOCHS = np.arange(1, 41)
SETTLED = 0.3 + 0.7 * np.exp(-EPOCHS / 4)


def course(
    evidence_of: Callable[..., Evidence], errors: np.ndarray, schedule: str = "cosine", optimizer: str = "adam"
) -> Any:
    params: Params = {"epochs": 40, "learning_rate": 0.03, "schedule": schedule, "optimizer": optimizer}
    trial = Trial(0, "mlp", params, curves={"val_rmse": [float(error) for error in errors]})
    return evidence_of(Y, {0: X}, train=200, val=100, trials=[trial])


def test_a_smooth_curve_holds_no_luck_even_if_it_is_steep(evidence_of: Callable[..., Evidence]) -> None:
    for errors in (SETTLED, SETTLED[:5], SETTLED + np.maximum(0, EPOCHS - 8) * 0.02):
        found = check(course(evidence_of, errors))
        assert isinstance(found, Finding)
        assert found.severity == "fine"
        assert found.figures["luck"] < 0.05


def test_finds_the_luck_of_the_best_of_noisy_epochs(evidence_of: Callable[..., Evidence]) -> None:
    noise, best = 0.07, []
    for seed in range(20):
        errors = SETTLED + noise * np.random.default_rng(seed).normal(size=40)
        found = check(course(evidence_of, errors))
        assert isinstance(found, Finding)
        # The luck that there is: how far the best epoch is below its own level without noise.
        truth = (SETTLED[errors.argmin()] - errors.min()) / (Y[200:300].std() - errors.min())
        best.append((found.figures["luck"], truth, found.severity))
    measured, truth = (np.mean([one[place] for one in best]) for place in (0, 1))
    assert 0.65 * truth < measured < 1.1 * truth
    assert sum(severity != "fine" for _, _, severity in best) >= 18


def test_trees_that_learn_each_by_itself_have_no_epochs_to_compare(evidence_of: Callable[..., Evidence]) -> None:
    at_once = np.concatenate([[0.29], 0.3 + np.arange(9) / 1000])
    assert isinstance(check(course(evidence_of, at_once)), Finding)
    averaged = course(evidence_of, at_once, optimizer="averaging")
    assert isinstance(check(averaged), NotApplicable)
    assert isinstance(learning_curve.check(averaged), NotApplicable)


def test_a_single_dip_is_luck(evidence_of: Callable[..., Evidence]) -> None:
    errors = SETTLED.copy()
    errors[30] -= 0.2
    found = check(course(evidence_of, errors))
    assert isinstance(found, Finding)
    assert found.severity == "warning"
    assert found.figures["luck"] == pytest.approx(0.2 / (Y[200:300].std() - errors.min()), rel=0.15)
    assert isinstance(check(course(evidence_of, errors, schedule="coslog4")), NotApplicable)


def test_trusts_no_test_score_where_there_is_none(evidence_of: Callable[..., Evidence]) -> None:
    errors = SETTLED.copy()
    errors[30] -= 0.2
    known = course(evidence_of, errors)
    found = check(known)
    assert isinstance(found, Finding)
    assert found.advice.startswith("Trust the test score")
    data = replace(known.data, split=replace(known.data.split, test=np.arange(0)))
    found = check(replace(known, data=data))
    assert isinstance(found, Finding)
    assert found.advice == "Lower learning rates and more validation rows help."


def test_finds_that_the_best_epoch_came_at_once(evidence_of: Callable[..., Evidence]) -> None:
    found = check(course(evidence_of, np.array([0.6, 0.4, *np.linspace(0.55, 0.9, 18)])))
    assert isinstance(found, Finding)
    assert "at once" in found.title
    assert "--set mlp.learning_rate=1.0e-03..1.0e-02" in found.advice


def test_names_the_member_whose_best_epoch_came_at_once(evidence_of: Callable[..., Evidence]) -> None:
    at_once = [0.6, 0.4, *np.linspace(0.55, 0.9, 18)]
    params: Params = {"epochs": 40, "learning_rate": 0.03, "schedule": "cosine"}
    curves = {0: SETTLED.tolist(), 1: at_once, 2: at_once}
    families = {0: "mlp", 1: "resnet", 2: "resnet"}
    trials = [Trial(number, families[number], params, curves={"val_rmse": curve}) for number, curve in curves.items()]
    members = {0: 0.4, 1: 0.35, 2: 0.25}
    found = check(evidence_of(Y, dict.fromkeys(members, X), train=200, val=100, trials=trials, members=members))
    assert isinstance(found, Finding)
    assert found.title == "The best epoch comes at once: 2 epochs of 20"
    assert "--set resnet.learning_rate=" in found.advice
    assert "  " not in found.explanation
