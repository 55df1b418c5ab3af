"""What a finished run has come to: the leaderboard, the best network's scores, a verdict, and what to type next."""

from __future__ import annotations

import math
import shlex
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from automl.diagnostics import worst_first
from automl.ensemble import Ensemble
from automl.figures import clock, count, rate, score
from automl.plain import plain
from automl.reporting import Result
from automl.reporting.findings import MOST_FINDINGS
from automl.reporting.findings import table as table_of_findings
from automl.reporting.leaderboard import leaderboard, table
from automl.reporting.refit import again
from automl.reporting.verdict import PARTS

TOP = 5


def paragraphs(result: Result) -> Iterator[RenderableType]:
    """The parts of the result, in the order in which they are read."""
    yield Text(_outcome(result), style="bold")
    if result.best is None:
        yield _failures(result)
        return
    board = leaderboard(result.trials, result.baselines, result.metric, ensemble=result.best)
    yield table(board, result.metric, top=TOP)
    yield _members(result.best)
    yield _scores(result.best, result)
    if again(result.best):
        yield Text(again(result.best))
    yield Text(result.verdict, style="bold")
    found = worst_first(result.answers)
    if found:
        yield table_of_findings(found, most=MOST_FINDINGS)


def commands(result: Result) -> list[str]:
    """What to type next."""
    run = shlex.quote(str(result.folder))
    go_on = [f"automl resume {run}"] if result.interrupted else []
    if result.best is None:
        return [*go_on, f"less {shlex.quote(str(result.folder / 'log.txt'))}"]
    here = [*go_on, f"automl predict {run} new.csv --out predictions.csv", f"automl leaderboard {run}"]
    return [*here, *_dashboard(result.tracking)]


def _dashboard(tracking: str) -> list[str]:
    """What opens the store's runs; nothing for a server, which shows them itself, or where a password is hidden."""
    if tracking.startswith(("http", "databricks")) or "***" in tracking:
        return []
    is_usual = tracking in ("", f"sqlite:///{Path('mlflow.db').absolute()}")
    return ["automl ui" if is_usual else f"automl ui --tracking-uri {shlex.quote(tracking)}"]


def _outcome(result: Result) -> str:
    ended = "Interrupted by you" if result.interrupted else "Done"
    if result.best is None:
        ended += ": nothing was trained"
    tally = Counter(trial.status for trial in result.trials)
    weak = [f"{tally[status]:,} {status}" for status in ("pruned", "failed") if tally[status]]
    tried = count(len(result.trials), "trial") + (f" ({', '.join(weak)})" if weak else "")
    return f"{ended}. {tried}, {clock(result.seconds)} in all."


def _failures(result: Result) -> RenderableType:
    """Why trials failed, the most frequent reason first, each with the first message that gave it."""
    failed = [trial for trial in result.trials if trial.status == "failed"]
    if not failed:
        return Text("The files of its trials are gone." if result.trials else "No trial was started. Give more --time.")
    messages = {trial.reason: trial.message for trial in reversed(failed)}
    shown = Table.grid(padding=(0, 2, 0, 0))
    shown.add_column(justify="right")
    for reason, number in Counter(trial.reason for trial in failed).most_common():
        shown.add_row(f"{number:,} ×", Text(reason), Text(plain(messages[reason])))
    return shown


def _members(best: Ensemble) -> RenderableType:
    """What the model is made of, the heaviest first, and how fast that is."""
    parts = ", ".join(f"{member.weight:.0%} #{member.trial} {member.family}" for member in best.members)
    made_of = f"The ensemble is {parts}: {count(best.networks, 'network')}" if len(best.members) > 1 else ""
    speed = f"{rate(best.rows_per_second)} rows per second on one core" if best.rows_per_second else ""
    size = f"{count(best.parameters, 'weight')}"
    return Text(", ".join(part for part in (made_of or f"The model is {best.title}", size, speed) if part) + ".")


def _scores(best: Ensemble, result: Result) -> RenderableType:
    """Every metric of the model, the parts side by side."""
    parts = [part for part in PARTS if part in best.scores]
    shown = Table(
        title=f"The model: {best.title}",
        title_style="bold",
        title_justify="left",
        box=None,
        padding=(0, 2, 0, 0),
        pad_edge=False,
    )
    shown.add_column("", no_wrap=True)
    for part in parts:
        shown.add_column(PARTS[part], justify="right", no_wrap=True)
    names = dict.fromkeys((result.metric.name, *(name for part in parts for name in best.scores[part])))
    for name in names:
        values = [best.scores[part].get(name, math.nan) for part in parts]
        if not all(map(math.isnan, values)):
            metric = result.metrics.get(name)
            title = result.metric.title if name == result.metric.name else metric.title if metric else name
            shown.add_row(Text(title), *map(score, values), style="bold" if name == result.metric.name else "")
    return shown
