"""How far the seed decides, and which trials are as good as the best."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest

from automl.diagnostics import Audit, Evidence, Finding, NotApplicable
from automl.diagnostics.seed_noise import check
from automl.trial import Trial

ROWS, TRAIN = 500, 100
TRIALS = (
    Trial(0, "mlp", {}, parameters=90_000),
    Trial(1, "linear", {}, parameters=50),
    Trial(2, "mlp", {}, parameters=900),
)


def asked(
    evidence_of: Callable[..., Evidence],
    errors: Mapping[int, float],
    again: Mapping[int, Sequence[float]],
    members: Mapping[int, float] | None = None,
) -> Finding | NotApplicable:
    """Trials with these errors on validation rows, and with those when they are trained with other seeds."""
    y, wrong = np.random.default_rng(1).normal(size=(2, ROWS))
    wrong = wrong / np.sqrt(np.mean(wrong[TRAIN:] ** 2))
    predictions = {number: y + error * wrong for number, error in errors.items()}
    evidence = evidence_of(y, predictions, train=TRAIN, val=ROWS - TRAIN, trials=TRIALS, members=members)
    seeds = {number: [(y + error * wrong)[TRAIN:] for error in own] for number, own in again.items()}
    return check(replace(evidence, audit=Audit(other_seeds=seeds)))


def test_tells_the_mean_and_the_spread_of_a_training(evidence_of: Callable[..., Evidence]) -> None:
    found = asked(evidence_of, {0: 1.0, 1: 2.0}, {0: [1.1, 1.2]})
    assert isinstance(found, Finding)
    assert found.figures == pytest.approx({"mean": 1.1, "spread": 0.1, "runs": 3})
    assert found.title == "Another seed would change the best trial by 0.1000 or so"
    assert "has a validation RMSE of 1.100 ± 0.100. Within that noise are 0 other trials." in found.explanation


def test_all_settings_together_tell_the_spread(evidence_of: Callable[..., Evidence]) -> None:
    found = asked(evidence_of, {0: 1.0, 1: 2.0}, {0: [1.1, 1.2], 1: [2.4]})
    assert isinstance(found, Finding)
    # Squares of 0.02 with two degrees of freedom, and of 0.08 with one.
    assert found.figures["spread"] == pytest.approx(np.sqrt(0.1 / 3))
    assert "#1 linear has 2.200 with 2." in found.explanation


def test_a_trial_is_judged_by_its_mean_where_that_is_known(evidence_of: Callable[..., Evidence]) -> None:
    by_one = asked(evidence_of, {0: 1.0, 1: 1.01}, {0: [1.02, 0.98]})
    by_mean = asked(evidence_of, {0: 1.0, 1: 1.01}, {0: [1.02, 0.98], 1: [1.21]})
    assert isinstance(by_one, Finding)
    assert isinstance(by_mean, Finding)
    assert "is 1 other trial" in by_one.explanation
    # 1.11 ± 0.08 against 1.00 ± 0.08, which differ by one and a half standard errors.
    assert "is 1 other trial" in by_mean.explanation
    unlike = asked(evidence_of, {0: 1.0, 1: 1.11}, {0: [1.02, 0.98], 1: [1.11]})
    assert isinstance(unlike, Finding)
    assert "are 0 other trials" in unlike.explanation


def test_a_smaller_network_that_is_as_good_is_named(evidence_of: Callable[..., Evidence]) -> None:
    found = asked(evidence_of, {0: 1.0, 1: 1.01}, {0: [1.02, 0.98]})
    assert isinstance(found, Finding)
    assert (found.severity, found.title) == ("note", "#1 linear is as good with 50 weights")
    assert "--families linear" in found.advice
    of_two = asked(evidence_of, {0: 1.0, 1: 1.01}, {0: [1.02, 0.98]}, members={0: 0.6, 1: 0.4})
    assert isinstance(of_two, Finding)
    assert of_two.severity == "fine"


def test_a_smaller_network_of_the_same_family_is_not_had_by_naming_the_family(
    evidence_of: Callable[..., Evidence],
) -> None:
    found = asked(evidence_of, {0: 1.0, 2: 1.01}, {0: [1.02, 0.98]})
    assert isinstance(found, Finding)
    assert found.title == "#2 mlp is as good with 900 weights"
    assert ("--families" in found.advice, "--set" in found.advice) == (False, True)


def test_has_no_answer_where_the_best_was_trained_once(evidence_of: Callable[..., Evidence]) -> None:
    assert isinstance(asked(evidence_of, {0: 1.0, 1: 2.0}, {}), NotApplicable)
    assert isinstance(asked(evidence_of, {0: 1.0, 1: 2.0}, {1: [2.0]}), NotApplicable)
