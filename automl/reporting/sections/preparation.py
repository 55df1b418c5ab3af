"""What was done to the data, and what to look out for in it."""

from __future__ import annotations

from typing import Any

from automl.figures import count
from automl.reporting.facts import ReportFacts

PURPOSES = {"train": "training", "val": "validation", "test": "the test"}
TITLE = "What was done to the data"


def show(facts: ReportFacts) -> dict[str, Any]:
    """The notes of reading and profiling, the warnings, and the split."""
    profile = facts.profile
    return {
        "split": facts.asked["split"]["how"],
        "parts": [f"{count(rows, 'row')} for {PURPOSES[part]}" for part, rows in facts.rows.items()],
        "has_folds": bool(facts.asked.get("folds")),
        "notes": [*facts.asked.get("notes", []), *profile.notes],
        "warnings": profile.warnings,
    }
