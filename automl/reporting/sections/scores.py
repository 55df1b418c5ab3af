"""The scores of the model and the baselines on training, validation and test rows, side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from automl.figures import score
from automl.reporting.facts import ReportFacts
from automl.reporting.verdict import called

TITLE = "Scores"
Scores = Mapping[str, Mapping[str, float]]


def show(facts: ReportFacts) -> dict[str, Any] | None:
    """A table of the deciding metric, and one of all metrics behind a fold."""
    scored = _scored(facts)
    if not scored:
        return None
    parts = list(facts.rows)
    others = [name for name in facts.task.METRICS if name != facts.metric.name]
    return {
        "parts": parts,
        "better": "Greater is better" if facts.metric.greater_is_better else "Smaller is better",
        "rows": [(name, [_score(scores, part, facts.metric.name) for part in parts]) for name, scores in scored],
        "left_out": [baseline for baseline in facts.baselines if not baseline.scores],
        "others": [
            (
                facts.task.METRICS[metric].title,
                [(name, [_score(scores, part, metric) for part in parts]) for name, scores in scored],
            )
            for metric in others
            if any(math.isfinite(scores.get(part, {}).get(metric, math.nan)) for _, scores in scored for part in parts)
        ],
        "has_folds": bool(facts.asked.get("folds")),
    }


def _scored(facts: ReportFacts) -> list[tuple[str, Scores]]:
    found: list[tuple[str, Scores]] = []
    if facts.best is not None:
        found.append((f"The model: {facts.best.title}", facts.best.scores))
    return found + [(called(baseline).capitalize(), baseline.scores) for baseline in facts.baselines if baseline.scores]


def _score(scores: Scores, part: str, name: str) -> str:
    return score(scores.get(part, {}).get(name, math.nan))
