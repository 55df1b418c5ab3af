"""Test rows that are easier than the others."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from automl.diagnostics import Answer, Evidence, Finding, NotApplicable
from automl.diagnostics.lucky_split import check


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
    assert [answer for answer in answers if not isinstance(answer, Finding) or answer.severity != "fine"] == []


def test_tells_that_test_rows_are_easier(evidence_of: Callable[..., Evidence]) -> None:
    for seed in range(10):
        found = asked(evidence_of, noise=(0.5, 0.25), seed=seed)
        assert isinstance(found, Finding)
        assert found.severity == "warning"
        assert found.figures["deviations"] > 3.4
        assert "the test score promises too much" in found.title


def test_harder_rows_are_no_matter_of_luck(evidence_of: Callable[..., Evidence]) -> None:
    found = asked(evidence_of, noise=(0.25, 0.5))
    assert isinstance(found, Finding)
    assert found.severity == "fine"


def test_has_no_answer_without_test_rows(evidence_of: Callable[..., Evidence]) -> None:
    assert isinstance(asked(evidence_of, noise=(0.5, 0.5), test=0), NotApplicable)
