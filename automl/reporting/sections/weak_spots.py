"""Rows that the model does worse on than on others."""

from __future__ import annotations

from typing import Any

from automl.reporting.facts import ReportFacts

TITLE = "Weak spots"
TOP = 10


def show(facts: ReportFacts) -> dict[str, Any] | None:
    """The ten worst."""
    return {"spots": facts.weak_spots[:TOP]} if facts.weak_spots else None
