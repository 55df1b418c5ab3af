"""Rows that the model errs on more than on others."""

from __future__ import annotations

from typing import Any

from automl.figures import percent, score
from automl.reporting.facts import ReportFacts

TITLE = "Weak spots"
TOP = 10


def show(facts: ReportFacts) -> dict[str, Any] | None:
    """The ten worst."""
    if not facts.weak_spots:
        return None
    is_share = facts.task.PREDICTS == "probabilities"
    written = percent if is_share else score
    return {
        "error": "the share of wrong answers" if is_share else "the mean distance from the true value",
        "spots": [
            {
                "where": spot.where,
                "rows": f"{spot.rows:,}",
                "error": written(spot.error),
                "average": written(spot.average),
            }
            for spot in facts.weak_spots[:TOP]
        ],
    }
