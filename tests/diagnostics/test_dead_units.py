"""Units that have died or run away."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from automl.diagnostics import Answer, Audit, Evidence, Finding, NotApplicable
from automl.diagnostics.dead_units import check
from automl.trial import LayerActivity, Trial

SOUND = LayerActivity(1, 100, 7, 0.6, 3.0)
DYING = LayerActivity(2, 100, 60, 0.6, 3.0)
DEAD = LayerActivity(2, 100, 98, 0.6, 3.0)
LOUD = LayerActivity(1, 100, 0, 5.0, 4e4)


def asked(
    evidence_of: Callable[..., Evidence],
    activity: Mapping[int, Sequence[LayerActivity]],
    members: Mapping[int, float] | None = None,
) -> Answer:
    y = np.linspace(0, 1, 300)
    trials = [Trial(number, "mlp", {"activation": "relu", "learning_rate": 0.3}) for number in (0, 1)]
    evidence = evidence_of(y, {0: y, 1: y}, train=100, val=100, members=members or {0: 1.0}, trials=trials)
    return check(replace(evidence, audit=Audit(activity=activity)))


def found(answer: Answer) -> Finding:
    assert isinstance(answer, Finding)
    return answer


def test_a_few_silent_units_are_usual(evidence_of: Callable[..., Evidence]) -> None:
    fine = found(asked(evidence_of, {0: [SOUND]}))
    assert (fine.severity, fine.figures["silent"]) == ("fine", 0.07)


def test_tells_by_the_layer_with_the_most(evidence_of: Callable[..., Evidence]) -> None:
    assert found(asked(evidence_of, {0: [SOUND, DYING]})).severity == "note"
    dead = found(asked(evidence_of, {0: [SOUND, DEAD]}))
    assert (dead.severity, dead.title) == ("warning", "98% of the units of a layer are dead")
    assert "hidden layer 2 of #0 mlp, 98 of 100 units" in dead.explanation
    assert dead.advice.startswith("Lower the learning rates: --set mlp.learning_rate=3.0e-03..1.0e-01, or take")


def test_units_that_run_away_are_told(evidence_of: Callable[..., Evidence]) -> None:
    loud = found(asked(evidence_of, {0: [SOUND, LOUD]}))
    assert (loud.severity, loud.title) == ("warning", "Units have run away: one says 40,000 on average")


def test_a_member_of_little_weight_does_not_decide(evidence_of: Callable[..., Evidence]) -> None:
    light = found(asked(evidence_of, {0: [SOUND], 1: [DEAD]}, {0: 0.9, 1: 0.1}))
    heavy = found(asked(evidence_of, {0: [SOUND], 1: [DEAD]}, {0: 0.6, 1: 0.4}))
    assert (light.severity, heavy.severity) == ("fine", "warning")


def test_has_no_answer_for_networks_without_hidden_units(evidence_of: Callable[..., Evidence]) -> None:
    assert isinstance(asked(evidence_of, {0: []}), NotApplicable)
