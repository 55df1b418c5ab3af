"""What the model is made of, and how fast that is."""

from __future__ import annotations

from typing import Any

from automl.figures import count, rate
from automl.reporting.facts import ReportFacts
from automl.reporting.refit import again

TITLE = "The model"


def show(facts: ReportFacts) -> dict[str, Any] | None:
    """A row for each member, the heaviest first."""
    best = facts.best
    if best is None:
        return None
    scores = {trial.number: trial.scores for trial in facts.trials}
    return {
        "members": [
            {"member": member, "scores": scores.get(member.trial, {}), "speed": rate(member.rows_per_second)}
            for member in best.members
        ],
        "parts": list(facts.rows),
        "networks": count(best.networks, "network"),
        "parameters": count(best.parameters, "weight"),
        "speed": rate(best.rows_per_second) if best.rows_per_second else "",
        "temperature": best.temperature,
        "again": again(best),
    }
