"""Which columns matter to the model."""

from __future__ import annotations

from typing import Any

from automl.figures import score
from automl.reporting.facts import ReportFacts
from automl.reporting.plots.bars import lying

TITLE = "Columns that matter"
TOP = 20


def show(facts: ReportFacts) -> dict[str, Any] | None:
    """The twenty most important columns."""
    shown = facts.importance[:TOP]
    if not shown:
        return None
    figure = lying(
        [column.column for column in shown],
        [column.harm for column in shown],
        title="How much the error grows when a column is shuffled",
        text=score,
        deviations=[column.deviation for column in shown],
        note="The thin line is one standard deviation to either side, from one shuffling to another.",
    )
    return {"figure_of": figure, "more": len(facts.importance) - len(shown)}
