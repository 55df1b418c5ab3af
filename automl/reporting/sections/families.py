"""Which families of networks were tried and why, and what came of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from automl.figures import score
from automl.reporting.facts import ReportFacts
from automl.trial import Trial, finished

TITLE = "Families that were considered"


def show(facts: ReportFacts) -> dict[str, Any] | None:
    """A row for each family, those that were tried first."""
    known = facts.asked.get("families", [])
    if not known:
        return None
    given_up = facts.outcome.left_out if facts.outcome else {}
    members = facts.best.members if facts.best else ()
    return {
        "families": [
            {
                "summary": "",
                **family,
                "weight": sum(member.weight for member in members if member.family == family["name"]),
                "given_up": given_up.get(family["name"], ""),
                **_tried([trial for trial in facts.trials if trial.family == family["name"]], facts),
            }
            for family in sorted(known, key=lambda family: not family["taken"])
        ]
    }


def _tried(trials: Sequence[Trial], facts: ReportFacts) -> dict[str, Any]:
    best = next(iter(finished(trials)), None)
    return {
        "trials": len(trials),
        "best": "" if best is None or best.objective is None else score(facts.metric.score(best.objective)),
    }
