"""What a person should read first of a run, in Markdown: MLflow shows it as the run's description."""

from __future__ import annotations

import math
from typing import Any

import jinja2

from automl.data.profile import Profile
from automl.diagnostics import worst_first
from automl.figures import score
from automl.plain import markdown
from automl.reporting import Result
from automl.reporting.findings import MOST_FINDINGS
from automl.reporting.refit import again
from automl.reporting.verdict import PARTS
from automl.resources import folder
from automl.tasks import task


def summary(result: Result, profile: Profile, *, data: str) -> str:
    """The task, how far the best network can be trusted, how it compares with the baselines, and its scores."""
    environment = jinja2.Environment(  # noqa: S701  Markdown, not HTML: `md` escapes.
        loader=jinja2.FileSystemLoader(folder("reports")), trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["md"] = markdown
    template = environment.get_template("mlflow_description.md.j2")
    return template.render(
        task=profile.target.task,
        target=profile.target.name,
        data=data,
        rows=f"{profile.rows:,}",
        split=result.split.how,
        folder=str(result.folder),
        **_of_best(result, profile),
    )


def _of_best(result: Result, profile: Profile) -> dict[str, Any]:
    best = result.best
    if best is None:
        return {"sentences": ["No trial succeeded."], "scores": []}
    rows = {name: len(numbers) for name, numbers in result.split.parts().items()}
    metrics = task(profile.target.task).METRICS
    return {
        "model": best.title,
        "sentences": [
            result.verdict,
            *([again(best)] if again(best) else []),
        ],
        "findings": worst_first(result.answers)[:MOST_FINDINGS],
        "parts": [PARTS[name] for name in rows],
        "scores": [
            {"title": metric.title, "values": [score(best.scores[name][metric.name]) for name in rows]}
            for metric in metrics.values()
            if not math.isnan(best.scores["val"][metric.name])
        ],
    }
