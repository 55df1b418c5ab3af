"""Two runs side by side: what was asked, what came out, and whether one of them is better."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from automl.evaluation import Evaluated, advantage, judged_alike
from automl.figures import clock, count, rate, score
from automl.plain import plain
from automl.records import RunFolder
from automl.reporting.facts import ReportFacts, from_folder
from automl.reporting.verdict import PARTS
from automl.tasks import Metric

# Where a run's files go makes no difference to it; what it predicts is shown anyway.
IRRELEVANT = ("out", "tracking_uri", "experiment", "target", "task", "metric")
LONGEST_SETTING = 60


@dataclass(frozen=True)
class Comparison:
    """Two runs, and what can be said of them.

    Attributes:
        settings: by name, those that differ, as text.
        obstacles: why the runs cannot be ranked, in sentences; none if they can.
        verdict: which is better, or that it cannot be told.
    """

    one: ReportFacts
    other: ReportFacts
    settings: Mapping[str, tuple[str, str]]
    obstacles: tuple[str, ...]
    verdict: str


def compare(one: Path, other: Path) -> Comparison:
    """The comparison of two runs by their folders.

    Raises:
        InputError: a folder holds no run, or its records are damaged.
    """
    first, second = from_folder(one), from_folder(other)
    obstacles = tuple(_obstacles(first, second))
    verdict = _ranked(first, second) if not obstacles else f"The runs cannot be ranked. {' '.join(obstacles)}"
    return Comparison(first, second, _settings(first, second), obstacles, verdict)


def _obstacles(one: ReportFacts, other: ReportFacts) -> Iterator[str]:
    """What keeps a score of the one from meaning the same as that of the other."""
    if one.asked["data"]["digest"] != other.asked["data"]["digest"]:
        yield "Their data differ."
        return
    if one.asked["data"].get("test") != other.asked["data"].get("test"):
        yield "Their test files differ."
        return
    if (one.asked["target"], one.asked["task"]) != (other.asked["target"], other.asked["task"]):
        yield "They do not predict the same."
    elif one.asked["metric"] != other.asked["metric"]:
        yield f"Different metrics decided: {one.metric.title} and {other.metric.title}."
    splits = [RunFolder(facts.path).split() for facts in (one, other)]
    if splits[0].keys() != splits[1].keys() or not all(
        np.array_equal(rows, splits[1][part]) for part, rows in splits[0].items()
    ):
        yield "Their rows are split differently: a seed, a share or folds of their own."
    for facts in (one, other):
        if facts.best is None:
            yield f"{_name(facts)} has no model."


def _ranked(one: ReportFacts, other: ReportFacts) -> str:
    """Which model does better on the unseen rows that both were judged by, and whether that may be chance.

    Of many rows, on those whose predictions are kept: nothing is known of how the others go together.
    """
    metric, part = one.metric, one.unseen
    kept = _kept(one, other, part)
    scores = [metric.function(own.targets, own.predictions) for own in kept] or _recorded_scores(one, other, part)
    judged = len(kept[0].rows) if kept else one.rows[part]
    where = PARTS[part] if judged == one.rows[part] else f"{judged:,} of {count(one.rows[part], f'{PARTS[part]} row')}"
    measured = f"{metric.title} is {score(scores[0])} and {score(scores[1])} on {where}"
    better = _name(one) if metric.objective(scores[0]) < metric.objective(scores[1]) else _name(other)
    low, high = _difference(kept, metric)
    if not math.isfinite(low):
        return f"{measured}; whether that is more than chance cannot be told without the predictions of both."
    flattered = "" if part == "test" else " These rows chose both models, which flatters them."
    rows = count(judged, f"{PARTS[part]} row")
    if low == high == 0:
        return f"Neither is better: both predict the same, with {metric.title} {score(scores[0])} on {rows}."
    drawn_anew = (
        f"{rows}, drawn anew, might give a difference of {score(low)} to {score(high)}, the second less the first"
    )
    if low <= 0 <= high:
        return f"Neither is better: {measured}, and {drawn_anew}.{flattered}"
    return f"{better} is better: {measured}, and {drawn_anew}: more than chance.{flattered}"


def _kept(one: ReportFacts, other: ReportFacts, part: str) -> list[Evaluated]:
    """What each says of the same rows; empty if that is not known."""
    kept = [facts.evaluation[part] for facts in (one, other) if part in facts.evaluation]
    return kept if len(kept) == 2 and judged_alike(*kept) else []


def _recorded_scores(one: ReportFacts, other: ReportFacts, part: str) -> list[float]:
    """Those of all rows."""
    return [facts.best.scores[part][facts.metric.name] for facts in (one, other) if facts.best]


def _difference(kept: list[Evaluated], metric: Metric) -> tuple[float, float]:
    """Within what the score of the second less that of the first lies on 95 % of draws; NaN if that is not known."""
    low, high = advantage(kept[0], kept[1], metric) if kept else (math.nan, math.nan)
    return (-high, -low) if metric.greater_is_better else (low, high)


def _settings(one: ReportFacts, other: ReportFacts) -> dict[str, tuple[str, str]]:
    """What was asked differently, and the versions that differ."""
    asked = [{**facts.asked["options"], **_versions(facts)} for facts in (one, other)]
    names = [name for name in dict.fromkeys([*asked[0], *asked[1]]) if name not in IRRELEVANT]
    differing = {
        name: (_setting(asked[0].get(name)), _setting(asked[1].get(name)))
        for name in names
        if asked[0].get(name) != asked[1].get(name)
    }
    spaces = [facts.asked["spaces"] for facts in (one, other)]
    for family in spaces[0].keys() & spaces[1].keys():
        if spaces[0][family] != spaces[1][family] and "settings" not in differing and "spaces" not in differing:
            differing[f"space of {family}"] = ("", "differs")
    return differing


def _versions(facts: ReportFacts) -> dict[str, str]:
    return {f"version of {name}": version for name, version in facts.asked["versions"].items()}


def _setting(given: Any) -> str:
    if given is None or given in ([], {}, ""):
        return "by default"
    if isinstance(given, bool):
        return "yes" if given else "no"
    return plain(", ".join(map(str, given)) if isinstance(given, list) else str(given), longest=LONGEST_SETTING)


def show(comparison: Comparison) -> RenderableType:
    """The comparison for a terminal of 80 columns."""
    one, other = comparison.one, comparison.other
    shown = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    shown.add_column("", no_wrap=True)
    for facts in (one, other):
        shown.add_column(Text(_name(facts)), overflow="fold")
    for name, first, second in _rows(comparison):
        shown.add_row(Text(name), Text(first), Text(second))
    texts = [Text(f"{_name(facts)}: {plain(facts.says)}") for facts in (one, other)]
    return Group(shown, *(Padding(text, (1, 0, 0, 0)) for text in (*texts, Text(comparison.verdict, style="bold"))))


def _rows(comparison: Comparison) -> Iterator[tuple[str, str, str]]:
    one, other = comparison.one, comparison.other
    same = one.asked["data"]["digest"] == other.asked["data"]["digest"]
    yield "Data", plain(one.data), f"{plain(other.data)} ({'the same' if same else 'different'})"
    yield "Target", plain(one.asked["target"]), plain(other.asked["target"])
    yield "Rows", _row_counts(one), _row_counts(other)
    for name, (first, second) in comparison.settings.items():
        yield name, first, second
    for metric in dict.fromkeys([one.metric.name, other.metric.name]):
        for part, title in PARTS.items():
            first, second = (_score(facts, part, metric) for facts in (one, other))
            if first or second:
                known = one.task.METRICS.get(metric) or other.task.METRICS[metric]
                yield f"{known.title}, {title}", first, second
    yield "Model", _model(one), _model(other)
    yield "Speed", _speed(one), _speed(other)
    yield "Trials", _trials(one), _trials(other)
    yield "Time", _time(one), _time(other)


def _name(facts: ReportFacts) -> str:
    return plain(str(facts.path))


def _row_counts(facts: ReportFacts) -> str:
    return ", ".join(f"{rows:,} {PARTS[part]}" for part, rows in facts.rows.items())


def _score(facts: ReportFacts, part: str, metric: str) -> str:
    known = facts.best.scores.get(part, {}) if facts.best else {}
    return score(known[metric]) if metric in known else ""


def _model(facts: ReportFacts) -> str:
    return f"{facts.best.title}, {count(facts.best.parameters, 'weight')}" if facts.best else "none"


def _speed(facts: ReportFacts) -> str:
    speed = facts.best.rows_per_second if facts.best else 0.0
    return f"{rate(speed)} rows per second" if speed else ""


def _trials(facts: ReportFacts) -> str:
    tally = Counter(trial.status for trial in facts.trials)
    weak = [f"{tally[status]:,} {status}" for status in ("pruned", "failed") if tally[status]]
    return f"{len(facts.trials):,}" + (f" ({', '.join(weak)})" if weak else "")


def _time(facts: ReportFacts) -> str:
    return clock(facts.outcome.seconds) if facts.outcome else ""
