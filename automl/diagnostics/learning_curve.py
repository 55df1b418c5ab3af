"""What the validation error did over the epochs: whether it settled, rose again, was still falling, or jumped about."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from automl.diagnostics import Answer, Evidence, Finding, NotApplicable, Severity
from automl.diagnostics._curves import Curve, curves, typical
from automl.figures import count, percent
from automl.trial import Trial

STAGE = "training"
TITLE = "Learning curves"

# Each as a share of what the member had learned by its best epoch. Of 26 whole trainings on 15 tables, nine in ten had
# at most 0.01 of the first, 0.17 of the second, and 0.03 of the third; of 47 that ran out of time, half had 0.02 of the
# first. That was measured before epochs were judged with a temperature.
FALLING, STILL_LEARNING = 0.02, 0.05
RISING = 0.1
JUMPING, WILD = 0.1, 0.25
# The last part of the epochs, in which little should be left to learn.
LAST_PART = 0.25
# Of fewer epochs one cannot tell jumps from learning, and none of them is the last part.
LEAST_EPOCHS = 10
AT_THE_END = 3


def check(evidence: Evidence) -> Answer:
    """Looks at the validation errors of the members; what half of the model's weight stays within counts.

    Falling is what the last quarter of the epochs took off the lowest error, unless validation itself had ended the
    training, or more epochs had been tried and were worse; of less than ten epochs, what as many as ten would take off,
    if it fell with their logarithm. Rising is the median of the last three epochs less the lowest. Jumping is the
    median step between two epochs in the second half, whichever the direction. Of less than ten epochs that don't fall
    any more, none is called settled.
    """
    known = curves(evidence)
    if not known:
        return NotApplicable(
            "learning_curve", "No member of the model learns step by step, and enough for its curve to have a shape."
        )
    figures = {name: typical(measure, known) for name, measure in MEASURES.items()}
    if figures["falling"] >= FALLING:
        return _still_falling(max(known, key=lambda curve: curve.weight * _falling(curve)), figures)
    trial, best = known[0].trial, _best_epoch(known[0])
    if figures["jumping"] >= JUMPING:
        explained = (
            f"{best}From one epoch to the next the validation error changes by {percent(figures['jumping'])} of all "
            "that was learned. The epoch that was kept is then partly a lucky one."
        )
        advice = (
            f"Lower the learning rates (--set {trial.family}.learning_rate={_smaller(trial)}) or take larger batches."
        )
        severity: Severity = "warning" if figures["jumping"] >= WILD else "note"
        return Finding(
            "learning_curve", severity, "Training is unstable: the error jumps about", explained, advice, figures
        )
    if figures["rising"] >= RISING:
        explained = (
            f"{best}After it the validation error rose again, by {percent(figures['rising'])} of what had been "
            "learned: the network went on to learn its training rows by heart. The best epoch's weights were kept."
        )
        title = "The validation error rises again after the best epoch: the networks are large for these rows"
        advice = "Prefer smaller networks, more dropout or weight decay, or lower learning rates, with --set."
        # However far it rises: what is saved and scored is the best epoch, so that nobody is misled.
        return Finding("learning_curve", "note", title, explained, advice, figures)
    few = max((curve for curve in known if _is_too_short(curve)), key=lambda curve: curve.weight, default=None)
    if few is not None and figures["too_short"]:
        return _too_short(few, figures)
    title = "The validation error has fallen and settled, as it should"
    return Finding("learning_curve", "fine", title, f"{best}Its error hardly changed at the end.", "", figures)


def _best_epoch(curve: Curve) -> str:
    trial = curve.trial
    return (
        f"The best epoch of #{trial.number} {trial.family} is number {curve.best} of {count(curve.epochs, 'epoch')}. "
    )


def _still_falling(curve: Curve, figures: dict[str, float]) -> Finding:
    why, few = _why_it_ended(curve.trial), _is_too_short(curve)
    brought = _last_step(curve) if few else _falling(curve)
    explained = (
        f"{_best_epoch(curve)}The last {'epoch' if few else 'quarter of the epochs'} still brought {percent(brought)} "
        f"of all that it learned, when {why}. A longer training would probably be better."
    )
    severity: Severity = "warning" if figures["falling"] >= STILL_LEARNING else "note"
    title = f"Training ended too soon: the error was still falling when {why}"
    return Finding("learning_curve", severity, title, explained, _longer(curve.trial), figures)


def _too_short(curve: Curve, figures: dict[str, float]) -> Finding:
    trained = count(curve.epochs, "epoch")
    title = f"Trained for {trained} only, too few to tell whether there was more to learn"
    explained = (
        f"{_best_epoch(curve)}Then {_why_it_ended(curve.trial)}. The validation error hardly fell at the end; in so "
        "few epochs, that may be the learning rate, which falls with them, or chance."
    )
    return Finding("learning_curve", "note", title, explained, _longer(curve.trial), figures)


def _why_it_ended(trial: Trial) -> str:
    return "the time ran out" if trial.stopped == "time" else "its epochs were over"


def _longer(trial: Trial) -> str:
    if trial.stopped == "time":
        return "Give it more --time, or try fewer settings: --trials, --families."
    epochs = int(trial.params.get("epochs", trial.best_epoch))
    return f"Allow more epochs: --set {trial.family}.epochs={epochs}..{4 * max(epochs, 10)}"


def _is_too_short(curve: Curve) -> bool:
    return curve.epochs < LEAST_EPOCHS and not _was_long_enough(curve.trial)


def _was_long_enough(trial: Trial) -> bool:
    """Whether validation ended it, or a longer training of the same setting was worse."""
    was_longer = trial.place is not None and trial.place.planned < float(trial.params.get("epochs", 0))
    return trial.stopped == "early" or (not trial.stopped and was_longer)


def _falling(curve: Curve) -> float:
    if _was_long_enough(curve.trial):
        return 0.0
    if _is_too_short(curve):
        pace = _last_step(curve) / math.log(curve.epochs / max(curve.epochs - 1, 0.5))
        return min(1.0, pace * math.log(LEAST_EPOCHS / curve.epochs))
    before = curve.errors[: max(1, int((1 - LAST_PART) * len(curve.errors)))]
    return float(before.min())


def _last_step(curve: Curve) -> float:
    """What the last epoch took off, if it was the best."""
    return max(0.0, float(curve.errors[-2] - curve.errors[-1])) if curve.best == curve.epochs else 0.0


def _rising(curve: Curve) -> float:
    after = curve.errors[curve.best :]
    return float(np.median(after[-AT_THE_END:]))


def _jumping(curve: Curve) -> float:
    if curve.epochs < LEAST_EPOCHS or curve.is_cyclic:
        return 0.0
    steps = np.abs(np.diff(curve.errors[1 + curve.epochs // 2 :]))
    return float(np.median(steps))


def _smaller(trial: Trial) -> str:
    rate = float(trial.params.get("learning_rate", 1e-3))
    return f"{rate / 30:.1e}..{rate / 3:.1e}"


MEASURES: dict[str, Callable[[Curve], float]] = {
    "falling": _falling,
    "rising": _rising,
    "jumping": _jumping,
    "too_short": lambda curve: float(_is_too_short(curve)),
}
