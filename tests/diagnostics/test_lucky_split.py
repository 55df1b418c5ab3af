"""Test rows that are easier than the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import mannwhitneyu, norm

from automl.diagnostics import Answer, Evidence, Finding, NotApplicable
from automl.diagnostics.lucky_split import above, check


def asked(
    evidence_of: Callable[..., Evidence], *, noise: tuple[float, float], seed: int = 0, test: int = 300
) -> Answer:
    """The answer where predictions are off by so much on validation and on test rows."""
    rng = np.random.default_rng(seed)
    y = rng.normal(size=400 + test)
    scale = np.where(np.arange(len(y)) < 400, noise[0], noise[1])
    return check(evidence_of(y, {0: y + scale * rng.normal(size=len(y))}, train=100, val=300))


def test_leaves_rows_drawn_at_random_alone(evidence_of: Callable[..., Evidence]) -> None:
    answers = [asked(evidence_of, noise=(0.5, 0.5), seed=seed) for seed in range(60)]
    told = [answer for answer in answers if isinstance(answer, Finding)]
    assert len(told) >= 50
    assert [answer for answer in told if answer.severity != "fine"] == []


def test_tells_that_test_rows_are_easier(evidence_of: Callable[..., Evidence]) -> None:
    for seed in range(10):
        found = asked(evidence_of, noise=(0.5, 0.25), seed=seed)
        assert isinstance(found, Finding)
        assert found.severity == "warning"
        assert found.figures["deviations"] > 3.4
        assert "the test score promises too much" in found.title


def test_a_few_rows_with_large_errors_hide_nothing(evidence_of: Callable[..., Evidence]) -> None:
    rng = np.random.default_rng(3)
    y, noise = rng.normal(size=(2, 700))
    noise = np.where(np.arange(700) < 400, noise, noise / 2)
    noise[[150, 250, 350, 450]] *= 40
    found = check(evidence_of(y, {0: y + noise}, train=100, val=300))
    assert isinstance(found, Finding)
    assert found.figures["deviations"] < 2 < 3.4 < found.figures["deviations_of_ranks"]
    assert found.severity == "warning"


def test_less_is_asked_of_rows_that_somebody_chose(evidence_of: Callable[..., Evidence]) -> None:
    y = np.random.default_rng(5).normal(size=700)
    # On test rows, the same errors as on validation rows but for their size.
    errors = norm.ppf(np.linspace(0.001, 0.999, 300))
    noise = np.concatenate([np.zeros(100), errors, 0.84 * errors])
    evidence = evidence_of(y, {0: y + noise}, train=100, val=300)
    chosen = replace(evidence, data=replace(evidence.data, has_own_test=True))
    drawn, found = check(evidence), check(chosen)
    assert isinstance(found, Finding)
    assert 2.6 < max(found.figures["deviations"], found.figures["deviations_of_ranks"]) < 3.4
    assert found.severity == "warning"
    assert isinstance(drawn, NotApplicable)
    assert "cannot be told from so few" in drawn.why


@pytest.mark.parametrize(("noise", "own", "is_found"), [(0.25, False, False), (0.25, True, False), (0.05, True, True)])
def test_in_folds_test_rows_seem_easier_since_more_networks_judge_them(
    evidence_of: Callable[..., Evidence], noise: float, own: bool, is_found: bool
) -> None:
    rng = np.random.default_rng(0)
    y = rng.normal(size=900)
    predictions = y + np.where(np.arange(900) < 600, 0.5, noise) * rng.normal(size=900)
    evidence = evidence_of(y, {0: predictions}, train=300, val=300)
    rows = evidence.data.split.val
    split = replace(evidence.data.split, train=rows, folds=rows % 5)
    answer = check(replace(evidence, data=replace(evidence.data, split=split, has_own_test=own)))
    assert isinstance(answer, Finding) == is_found
    said = answer.explanation if isinstance(answer, Finding) else answer.why
    assert "a test row by the mean of those of all folds" in said


def test_harder_rows_are_no_matter_of_luck(evidence_of: Callable[..., Evidence]) -> None:
    found = asked(evidence_of, noise=(0.25, 0.5))
    assert isinstance(found, Finding)
    assert found.severity == "fine"


@pytest.mark.parametrize("digits", [0, 1, 12])
def test_ranks_are_compared_as_by_mann_and_whitney(digits: int) -> None:
    rng = np.random.default_rng(digits)
    one, other = np.round(rng.normal(0.2, size=80), digits), np.round(rng.normal(size=60), digits)
    known = mannwhitneyu(one, other, alternative="greater", method="asymptotic", use_continuity=False).pvalue
    assert above(one, other) == pytest.approx(norm.isf(known))
    assert above(np.ones(5), np.ones(4)) == 0


def test_has_no_answer_without_test_rows(evidence_of: Callable[..., Evidence]) -> None:
    assert isinstance(asked(evidence_of, noise=(0.5, 0.5), test=0), NotApplicable)
