"""What an ensemble has from its members."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from automl.diagnostics import Evidence, Finding, NotApplicable
from automl.diagnostics.diversity import check
from automl.trial import Trial

ROWS = 800
THIRDS = {0: 0.5, 1: 0.25, 2: 0.25}


def together(evidence_of: Callable[..., Evidence], *, shared: float, own: tuple[float, float, float]) -> Finding:
    rng = np.random.default_rng(0)
    y = rng.normal(size=ROWS)
    same = shared * rng.normal(size=ROWS)
    predictions = {member: y + same + size * rng.normal(size=ROWS) for member, size in enumerate(own)}
    trials = [Trial(0, "mlp", {}), Trial(1, "mlp", {}), Trial(2, "resnet", {})]
    found = check(evidence_of(y, predictions, train=100, val=100, members=THIRDS, trials=trials))
    assert isinstance(found, Finding)
    return found


def test_members_that_err_apart_make_it_better(evidence_of: Callable[..., Evidence]) -> None:
    found = together(evidence_of, shared=0.0, own=(0.4, 0.4, 0.4))
    assert found.severity == "fine"
    assert found.figures["gain_low"] > 0
    assert found.figures["effective_size"] == pytest.approx(1 / (0.25 + 2 * 0.0625))
    assert found.figures["heaviest_family"] == 0.75
    # Of squared errors, the members' mean is 0.16 and the ensemble's 0.16 * (0.25 + 2 * 0.0625).
    assert found.figures["ambiguity"] == pytest.approx(0.1, abs=0.01)
    assert abs(found.figures["error_correlation"]) < 0.1


def test_copies_make_it_no_better(evidence_of: Callable[..., Evidence]) -> None:
    found = together(evidence_of, shared=0.4, own=(0.01, 0.01, 0.01))
    assert (found.severity, "next to nothing" in found.title) == ("note", True)
    assert found.figures["error_correlation"] > 0.95


def test_without_test_rows_nothing_can_be_said(evidence_of: Callable[..., Evidence]) -> None:
    y = np.random.default_rng(0).normal(size=ROWS)
    predictions = {member: y + np.random.default_rng(member).normal(size=ROWS) for member in THIRDS}
    assert isinstance(check(evidence_of(y, predictions, train=100, val=ROWS - 100, members=THIRDS)), NotApplicable)


def test_sees_members_that_make_it_worse(evidence_of: Callable[..., Evidence]) -> None:
    found = together(evidence_of, shared=0.0, own=(0.1, 0.9, 0.9))
    assert found.severity == "warning"
    assert "#0 mlp" in found.title


def test_a_single_trial_has_no_diversity(evidence_of: Callable[..., Evidence]) -> None:
    y = np.linspace(0, 1, 300)
    assert isinstance(check(evidence_of(y, {0: y}, train=100, val=100)), NotApplicable)
