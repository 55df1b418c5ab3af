"""The shape of learning curves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from automl.diagnostics import Evidence, Finding, NotApplicable
from automl.diagnostics.learning_curve import check
from automl.trial import Params, Place, Trial

RNG = np.random.default_rng(1)
X = RNG.normal(size=400)
Y = X + RNG.normal(scale=0.3, size=400)
EPOCHS = np.arange(1, 41)
SETTLED = 0.3 + 0.7 * np.exp(-EPOCHS / 4)


def course(
    evidence_of: Callable[..., Evidence], errors: np.ndarray, *, stopped: str = "", schedule: str = "cosine"
) -> Any:
    params: Params = {"epochs": 40, "learning_rate": 0.003, "schedule": schedule}
    curves = {"val_rmse": [float(error) for error in errors]}
    trial = Trial(0, "mlp", params, curves=curves, best_epoch=int(errors.argmin()) + 1, stopped=stopped)
    return evidence_of(Y, {0: X}, train=200, val=100, trials=[trial])


def test_a_curve_that_falls_and_settles_is_fine(evidence_of: Callable[..., Evidence]) -> None:
    found = check(course(evidence_of, SETTLED))
    assert isinstance(found, Finding)
    assert found.severity == "fine"


def test_finds_that_the_epochs_were_over_too_soon(evidence_of: Callable[..., Evidence]) -> None:
    found = check(course(evidence_of, SETTLED[:6]))
    assert isinstance(found, Finding)
    assert (found.severity, "its epochs were over" in found.title) == ("warning", True)
    assert "--set mlp.epochs=40..160" in found.advice
    by_time = check(course(evidence_of, SETTLED[:6], stopped="time"))
    assert isinstance(by_time, Finding)
    assert "--time" in by_time.advice
    stopped_by_validation = check(course(evidence_of, SETTLED[:6], stopped="early"))
    assert isinstance(stopped_by_validation, Finding)
    assert stopped_by_validation.severity == "fine"


@pytest.mark.parametrize("epochs", [6, 16])
def test_a_short_training_that_beat_a_longer_one_was_long_enough(
    evidence_of: Callable[..., Evidence], epochs: int
) -> None:
    errors = np.linspace(1.0, 0.5, epochs)
    short = course(evidence_of, errors)
    (trial,) = short.trials
    place = Place(epochs, epochs)
    of_forty = replace(short, trials=[replace(trial, place=place)])
    out_of_time = replace(short, trials=[replace(trial, place=place, stopped="time")])
    answers = [check(evidence) for evidence in (short, of_forty, out_of_time)]
    assert [answer.severity for answer in answers if isinstance(answer, Finding)] == ["warning", "fine", "warning"]


def test_the_epoch_that_was_kept_is_the_best(evidence_of: Callable[..., Evidence]) -> None:
    """Of epochs that are right as often, the surest is kept."""
    evidence = course(evidence_of, np.full(40, 0.4))
    (trial,) = evidence.trials
    found = check(replace(evidence, trials=[replace(trial, best_epoch=33)]))
    assert isinstance(found, Finding)
    assert "is number 33 of 40 epochs" in found.explanation


def test_a_single_epoch_is_too_few(evidence_of: Callable[..., Evidence]) -> None:
    found = check(course(evidence_of, np.array([0.6])))
    assert isinstance(found, Finding)
    assert (found.severity, found.figures["falling"]) == ("warning", 1.0)


def test_of_few_epochs_it_is_asked_what_ten_would_bring(evidence_of: Callable[..., Evidence]) -> None:
    naive = float(np.sqrt(np.mean((Y[200:300] - Y[:200].mean()) ** 2)))
    errors = naive - 0.5 - 0.01 * np.log(np.arange(1, 4))
    found = check(course(evidence_of, errors))
    assert isinstance(found, Finding)
    learned = 0.5 + 0.01 * np.log(3)
    assert found.figures["falling"] == pytest.approx(0.01 * np.log(10 / 3) / learned)
    assert (found.severity, "ended too soon" in found.title) == ("note", True)
    assert "The last epoch still brought 0.8% of all" in found.explanation


def test_a_few_epochs_are_never_called_settled(evidence_of: Callable[..., Evidence]) -> None:
    errors = np.array([0.55, 0.5, 0.52])
    back_up = check(course(evidence_of, errors))
    assert isinstance(back_up, Finding)
    assert back_up.figures["falling"] == 0
    assert (back_up.severity, "Trained for 3 epochs only" in back_up.title) == ("note", True)
    assert "--set mlp.epochs=40..160" in back_up.advice
    stopped_by_validation = check(course(evidence_of, errors, stopped="early"))
    assert isinstance(stopped_by_validation, Finding)
    assert "settled" in stopped_by_validation.title


def test_finds_that_validation_rises_again(evidence_of: Callable[..., Evidence]) -> None:
    found = check(course(evidence_of, SETTLED + np.maximum(0, EPOCHS - 15) * 0.03, stopped="early"))
    assert isinstance(found, Finding)
    assert found.severity == "note"
    assert "rises again" in found.title


def test_finds_jumps_but_not_those_of_a_schedule_in_cycles(evidence_of: Callable[..., Evidence]) -> None:
    jumping = SETTLED + 0.15 * (EPOCHS % 2)
    found = check(course(evidence_of, jumping, stopped="early"))
    assert isinstance(found, Finding)
    assert "unstable" in found.title
    assert found.figures["jumping"] == pytest.approx(0.22, abs=0.04)
    cyclic = check(course(evidence_of, jumping, stopped="early", schedule="coslog4"))
    assert isinstance(cyclic, Finding)
    assert "unstable" not in cyclic.title


def test_the_heavier_member_counts_for_more(evidence_of: Callable[..., Evidence]) -> None:
    trials = [
        Trial(0, "mlp", {"epochs": 40}, curves={"val_rmse": SETTLED.tolist()}),
        Trial(1, "resnet", {"epochs": 6}, curves={"val_rmse": SETTLED[:6].tolist()}),
    ]
    severities = []
    for weight in (0.1, 0.9):
        members = {0: 1 - weight, 1: weight}
        found = check(evidence_of(Y, {0: X, 1: X}, train=200, val=100, trials=trials, members=members))
        assert isinstance(found, Finding)
        severities.append(found.severity)
    assert severities == ["fine", "warning"]


def test_where_nothing_was_learned_there_is_no_shape(evidence_of: Callable[..., Evidence]) -> None:
    assert isinstance(check(course(evidence_of, 1.2 + 0.01 * RNG.normal(size=40))), NotApplicable)
