"""Whether more rows would help."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from automl.diagnostics import Audit, Evidence, Finding, NotApplicable
from automl.diagnostics.more_data import check


def asked(evidence_of: Callable[..., Evidence], *, half: float, val: int) -> Finding:
    """A model whose error has a standard deviation of 1, and on half of its rows this one."""
    rng = np.random.default_rng(1)
    y, wrong = rng.normal(scale=3, size=(2, 100 + val))
    wrong = wrong / 3
    evidence = evidence_of(y, {0: y + wrong}, train=100, val=val)
    fewer = (y + wrong * half + 0.02 * rng.normal(size=len(y)))[100:]
    found = check(replace(evidence, audit=Audit(fewer_rows={0.5: fewer})))
    assert isinstance(found, Finding)
    return found


def test_says_that_more_rows_would_help(evidence_of: Callable[..., Evidence]) -> None:
    assert asked(evidence_of, half=1.3, val=400).title == "More rows would make the model better"


def test_says_that_more_rows_would_bring_little(evidence_of: Callable[..., Evidence]) -> None:
    assert "would bring little" in asked(evidence_of, half=1.0, val=400).title


def test_half_of_the_rows_of_every_group_says_nothing_of_more_groups(evidence_of: Callable[..., Evidence]) -> None:
    y = np.random.default_rng(1).normal(size=200)
    evidence = evidence_of(y, {0: y + 0.1}, train=100, val=100)
    in_groups = replace(evidence, data=replace(evidence.data, groups="x"), audit=Audit(fewer_rows={0.5: y[100:]}))
    assert isinstance(check(in_groups), NotApplicable)


def test_a_lucky_leader_is_not_compared_with_one_that_is_not(evidence_of: Callable[..., Evidence]) -> None:
    rng = np.random.default_rng(1)
    y, wrong = rng.normal(size=(2, 500))
    evidence = evidence_of(y, {0: y + 0.7 * wrong}, train=100, val=400)
    usual = [(y + wrong + 0.02 * rng.normal(size=500))[100:] for _ in range(2)]
    lucky = check(replace(evidence, audit=Audit(fewer_rows={0.5: usual[0]})))
    repeated = check(replace(evidence, audit=Audit(fewer_rows={0.5: usual[0]}, other_seeds={0: usual[1:]})))
    assert isinstance(lucky, Finding)
    assert isinstance(repeated, Finding)
    assert (lucky.severity, repeated.severity) == ("note", "fine")


def test_goes_on_with_the_curve_over_a_quarter_half_and_all_of_the_rows(evidence_of: Callable[..., Evidence]) -> None:
    """Errors of 2, 1.4 and 1.1, each doubling gaining half of what the one before gained."""
    rng = np.random.default_rng(1)
    y, wrong = rng.normal(scale=5, size=(2, 1_100))
    wrong = wrong / np.sqrt(np.mean(wrong[100:] ** 2))
    evidence = evidence_of(y, {0: y + 1.1 * wrong}, train=100, val=1_000)
    fewer = {share: (y + error * wrong)[100:] for share, error in ((0.5, 1.4), (0.25, 2.0))}
    found = check(replace(evidence, audit=Audit(fewer_rows=fewer)))
    assert isinstance(found, Finding)
    assert found.figures["doubling_gains"] == pytest.approx(0.15)
    assert "twice the rows would gain about 0.1500 (" in found.explanation
    assert found.figures["doubling_gains_low"] < 0.15 < found.figures["doubling_gains_high"]


@pytest.mark.parametrize(("quarter", "gain"), [(1.5, 0.3), (1.3, 0.3), (9.0, 0.3 * 0.3 / 7.6)])
def test_a_doubling_gains_no_more_than_the_last_one(
    evidence_of: Callable[..., Evidence], quarter: float, gain: float
) -> None:
    y, wrong = np.random.default_rng(1).normal(size=(2, 500))
    wrong = wrong / np.sqrt(np.mean(wrong[100:] ** 2))
    evidence = evidence_of(y, {0: y + 1.1 * wrong}, train=100, val=400)
    fewer = {share: (y + error * wrong)[100:] for share, error in ((0.5, 1.4), (0.25, quarter))}
    found = check(replace(evidence, audit=Audit(fewer_rows=fewer)))
    assert isinstance(found, Finding)
    assert found.figures["doubling_gains"] == pytest.approx(gain)


def test_what_is_not_shown_is_not_denied(evidence_of: Callable[..., Evidence]) -> None:
    rng = np.random.default_rng(2)
    y = rng.normal(size=115)
    evidence = evidence_of(y, {0: y + rng.normal(scale=0.5, size=115)}, train=100, val=15)
    found = check(replace(evidence, audit=Audit(fewer_rows={0.5: (y + rng.normal(scale=0.6, size=115))[100:]})))
    assert isinstance(found, Finding)
    assert "cannot be told" in found.title


def test_has_no_answer_without_a_training_on_half_of_the_rows(evidence_of: Callable[..., Evidence]) -> None:
    y = np.random.default_rng(0).normal(size=300)
    assert isinstance(check(evidence_of(y, {0: y}, train=100, val=100)), NotApplicable)
