"""Whether the hidden units of the networks still answer to the rows, or have died or run away in training."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from automl.diagnostics import Answer, Evidence, Finding, NotApplicable, Severity
from automl.figures import percent
from automl.trial import LayerActivity, Trial

STAGE = "training"
TITLE = "Dead or exploding units"

# Of the units of a layer, the share that says the same of every row. Of 30 sound networks with ReLU or GELU on five
# tables, no layer had more than 0.22, and no unit was louder than 4.
SOME, MOST = 0.5, 0.9
# How loud a unit is, which is measured in what columns have: about 1.
LOUD = 100.0
# Of the model's weight, what such networks must have to count.
LEAST_WEIGHT = 0.25


@dataclass(frozen=True)
class _Member:
    """A member of the model, and its layer with the largest share of silent units."""

    trial: Trial
    weight: float
    worst: LayerActivity
    loudest: float

    @property
    def silent(self) -> float:
        return self.worst.silent / self.worst.units


def check(evidence: Evidence) -> Answer:
    """Looks at each member's layer with the most silent units, on validation rows; the loudest over all layers.

    A silent unit says the same of every row: it has died, for example as a ReLU whose input is never positive, or is
    saturated. A few are usual.
    """
    known = sorted(_members(evidence), key=lambda member: -member.weight)
    if not known:
        return NotApplicable("dead_units", "The networks of the model have no hidden units whose activity is known.")
    total = sum(member.weight for member in known)
    silent = sum(member.weight * member.silent for member in known) / total
    loudest = max(member.loudest for member in known)
    figures = {"silent": silent, "loudest": loudest}
    dead = [member for member in known if member.silent >= SOME]
    loud = [member for member in known if member.loudest >= LOUD]
    if _weight(dead) >= LEAST_WEIGHT * total:
        worst = max(dead, key=lambda member: member.silent)
        layer = f"hidden layer {worst.worst.layer} of #{worst.trial.number} {worst.trial.family}"
        explained = (
            f"In {layer}, {worst.worst.silent} of {worst.worst.units} units say the same of every validation row. "
            "They have died in training, as a rule by steps that were too large, and learn no more."
        )
        severity: Severity = "warning" if worst.silent >= MOST else "note"
        title = f"{worst.silent:.0%} of the units of a layer are dead"
        return Finding("dead_units", severity, title, explained, _advice(worst.trial), figures)
    if _weight(loud) >= LEAST_WEIGHT * total:
        worst = max(loud, key=lambda member: member.loudest)
        explained = (
            f"In #{worst.trial.number} {worst.trial.family} a unit says {worst.loudest:,.0f} where about 1 is usual. "
            "Such a network is thrown far off by rows that are a little unlike those it has learned from."
        )
        title = f"Units have run away: one says {worst.loudest:,.0f} on average"
        return Finding("dead_units", "warning", title, explained, _advice(worst.trial), figures)
    title = "The units of the networks answer to the rows"
    explained = f"Of the units of the worst layers, {percent(silent)} say the same of every row; a few are usual."
    return Finding("dead_units", "fine", title, explained, "", figures)


def _members(evidence: Evidence) -> Iterator[_Member]:
    trials = {trial.number: trial for trial in evidence.trials}
    for member in evidence.best.members:
        layers = evidence.audit.activity.get(member.trial, ())
        if layers:
            worst = max(layers, key=lambda layer: layer.silent / layer.units)
            yield _Member(trials[member.trial], member.weight, worst, max(layer.loudest for layer in layers))


def _weight(members: list[_Member]) -> float:
    return sum(member.weight for member in members)


def _advice(trial: Trial) -> str:
    rate = float(trial.params.get("learning_rate", 1e-3))
    smaller = f"Lower the learning rates: --set {trial.family}.learning_rate={rate / 100:.1e}..{rate / 3:.1e}"
    kind = trial.params.get("activation", "relu")
    return f"{smaller}" + (", or take an activation that does not die, such as selu." if kind == "relu" else ".")
