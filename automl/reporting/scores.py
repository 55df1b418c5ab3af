"""The scores of a model on new rows, as lines of text."""

from __future__ import annotations

import math
from collections.abc import Mapping

from automl.figures import score
from automl.tasks import task


def score_lines(scores: Mapping[str, float], *, task_name: str, rows: int, source: str) -> list[str]:
    """A heading, then a line per metric with its title; metrics that are undefined on these rows are left out."""
    metrics = task(task_name).METRICS
    lines = [f"{rows:,} rows of {source}"]
    lines += [f"  {metrics[name].title:<24}{score(value)}" for name, value in scores.items() if not math.isnan(value)]
    return lines
