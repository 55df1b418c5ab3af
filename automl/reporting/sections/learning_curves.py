"""How the networks of the model learned, epoch by epoch."""

from __future__ import annotations

from typing import Any

from automl.reporting.facts import ReportFacts
from automl.reporting.plots import Figure
from automl.reporting.plots.curves import Curve, curves
from automl.reporting.plots.panel import Axis
from automl.reporting.verdict import PARTS
from automl.trial import Trial

TITLE = "Learning curves"


def show(facts: ReportFacts) -> dict[str, Any] | None:
    """A figure for each member of the model."""
    numbers = [member.trial for member in facts.best.members] if facts.best else []
    trials = {trial.number: trial for trial in facts.trials}
    drawn = [figure for number in numbers if number in trials and (figure := _curves(trials[number], facts))]
    if not drawn:
        return None
    return {
        "figures": drawn,
        "has_folds": bool(facts.asked.get("folds")),
        "has_temperatures": facts.metric.name == "log_loss" and any(trial.temperature != 1 for trial in facts.trials),
    }


def _curves(trial: Trial, facts: ReportFacts) -> Figure | None:
    """The metric on training and validation rows; None if an epoch's end is all that is known."""
    name = facts.metric.name
    known = {part: trial.curves.get(f"{part}_{name}", []) for part in ("train", "val")}
    drawn = [
        Curve(range(1, len(values) + 1), values, part, PARTS[part]) for part, values in known.items() if len(values) > 1
    ]
    if not drawn:
        return None
    best = (float(trial.best_epoch), f"best epoch: {trial.best_epoch}") if trial.best_epoch else None
    title = f"#{trial.number} {trial.family}"
    return curves(
        drawn,
        title=title,
        x=Axis("epoch", 1, max(len(curve.xs) for curve in drawn), whole=True),
        y=facts.metric.title,
        upright=best,
    )
