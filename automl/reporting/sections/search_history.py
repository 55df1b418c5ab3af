"""How the search went on: the score of each trial, and the best so far."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from automl.figures import score
from automl.plain import plain
from automl.reporting.facts import ReportFacts
from automl.reporting.plots import Figure, marks
from automl.reporting.plots.panel import Axis, Panel, axis, without_outliers
from automl.trial import Trial

TITLE = "Search history"
COLOURS = 8
MOST_TRIALS = 1_500


def show(facts: ReportFacts) -> dict[str, Any] | None:
    """A wide figure, with a colour for each family."""
    ended = [trial for trial in facts.trials if trial.status != "running"]
    if len(ended) < 2 or not any(trial.status == "finished" for trial in ended):
        return None
    return {"figure_of": _figure(ended, facts), "dropped": max(0, len(ended) - MOST_TRIALS)}


def _figure(trials: Sequence[Trial], facts: ReportFacts) -> Figure:
    metric = facts.metric
    reached = {trial.number: _score(trial, facts) for trial in trials}
    objectives = [trial.objective for trial in trials if trial.objective is not None]
    up = axis(f"{metric.title} on validation", [metric.score(value) for value in without_outliers(objectives)])
    across = Axis("trial", -0.5, max(trial.number for trial in trials) + 0.5, whole=True)
    panel = Panel(across, up, width=800.0, height=280.0)
    families = list(dict.fromkeys(trial.family for trial in trials))
    series = {family: f"s{place % COLOURS + 1}" for place, family in enumerate(families)}
    drawn = [_mark(panel, trial, reached[trial.number], series[trial.family], facts) for trial in trials[-MOST_TRIALS:]]
    best = _best_so_far(trials, reached, facts)
    line = marks.line(panel, [at for at, _ in best], [to for _, to in best], series="plain", title="best so far")
    legend = [(series[family], family, "") for family in families]
    legend += [("plain", "best so far", "")]
    legend += [("hollow", "pruned: score of its last short training", "")] * any(t.status == "pruned" for t in trials)
    legend += [("crossed", "failed", "")] * any(t.status == "failed" for t in trials)
    svg = panel.draw(line, *drawn, label="The score of each trial")
    return Figure("Score of each trial on validation rows", svg, tuple(legend), is_wide=True)


def _score(trial: Trial, facts: ReportFacts) -> float:
    """The final score, or that of the last short training."""
    objective = trial.rungs[-1].objective if trial.status == "pruned" and trial.rungs else trial.objective
    return math.nan if objective is None else facts.metric.score(objective)


def _mark(panel: Panel, trial: Trial, reached: float, series: str, facts: ReportFacts) -> Markup:
    told = f"#{trial.number} {trial.family}"
    edge = panel.y.low if facts.metric.greater_is_better else panel.y.high
    if trial.status == "failed" or not math.isfinite(reached):
        why = plain(trial.message or trial.reason, longest=120)
        return marks.cross(panel, trial.number, edge, series=series, title=f"{told} failed: {why}")
    how = " (pruned)" if trial.status == "pruned" else ""
    hollow = " hollow" if trial.status == "pruned" else ""
    title = f"{told}{how}: {score(reached)}"
    return marks.dot(panel, trial.number, reached, series=f"{series}{hollow}", title=title, radius=4.0)


def _best_so_far(trials: Sequence[Trial], reached: dict[int, float], facts: ReportFacts) -> list[tuple[float, float]]:
    """Corners of the steps."""
    steps: list[tuple[float, float]] = []
    best = math.inf
    for trial in trials:
        objective = facts.metric.objective(reached[trial.number])
        if trial.status == "finished" and objective < best:
            if steps:
                steps.append((trial.number, steps[-1][1]))
            best = objective
            steps.append((trial.number, reached[trial.number]))
    return [*steps, (trials[-1].number, steps[-1][1])]
