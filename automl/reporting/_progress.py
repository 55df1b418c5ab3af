"""A search that goes on: as a view that is redrawn in place, and as one line per trial."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from automl.baselines import Baseline
from automl.figures import clock, count, score, seconds
from automl.plain import plain
from automl.reporting import Progress
from automl.tasks import Metric
from automl.trial import Status, Trial, finished

SHOWN = 5


def view(progress: Progress, metric: Metric) -> RenderableType:
    """The state of the search, the best network so far, the last trials that ended, and those that run."""
    best = next(iter(finished(list(progress.trials))), None)
    return Group(_status(progress), _best(best, metric), _trials(progress.trials, best, metric))


def trial_line(trial: Trial, metric: Metric, *, width: int, is_best: bool) -> str:
    """A trial that has ended, on one line; `width` is that of the longest family name."""
    start = f"trial {trial.number:<4} {trial.family:<{width}}"
    if trial.status == "failed":
        return f"{start}  failed: {plain(trial.message or trial.reason)}"
    remark = "   (best)" if is_best else "   (pruned)" if trial.status == "pruned" else ""
    return (
        f"{start}  val {metric.title} {_validation(trial, metric):>8}"
        f"  {count(_epochs(trial), 'epoch'):>10}  {seconds(trial.seconds):>7}{remark}"
    )


def baseline_line(baseline: Baseline, metric: Metric) -> str:
    """A baseline's outcome on one line."""
    if not baseline.scores:
        return f"baseline: {baseline.name}  {plain(baseline.message)}"
    value = baseline.scores.get("val", {}).get(metric.name, float("nan"))
    return f"baseline: {baseline.name}  val {metric.title} {score(value)}"


def _status(progress: Progress) -> Text:
    tally = Counter(trial.status for trial in progress.trials)
    statuses: tuple[Status, ...] = ("finished", "pruned", "failed", "running")
    told = [status for status in statuses if tally[status] or status != "pruned"]
    left = "" if progress.seconds_left is None else f"   {clock(progress.seconds_left)} left"
    shown = Text(no_wrap=True, overflow="ellipsis")
    shown.append(f"{plain(progress.activity[:1].upper() + progress.activity[1:])}{left}", style="bold")
    return shown.append("   " + ", ".join(f"{tally[status]:,} {status}" for status in told))


def _best(best: Trial | None, metric: Metric) -> Text:
    if best is None:
        return Text("No network has finished yet")
    shown = Text("Best so far   ", no_wrap=True, overflow="ellipsis")
    shown.append(f"#{best.number} {best.family}", style="bold green")
    return shown.append(
        f"   validation {metric.title} {_validation(best, metric)}"
        f"   {count(_epochs(best), 'epoch')}   {seconds(best.seconds)}"
    )


def _trials(trials: Sequence[Trial], best: Trial | None, metric: Metric) -> Table:
    ended = [trial for trial in trials if trial.status != "running"]
    running = [trial for trial in trials if trial.status == "running"]
    shown = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, expand=True)
    shown.add_column("trial", justify="right", no_wrap=True)
    shown.add_column("family", no_wrap=True)
    for heading in (metric.title, "epochs", "time"):
        shown.add_column(heading, justify="right", no_wrap=True)
    shown.add_column("", ratio=1)
    for trial in (*ended[-SHOWN:], *running[:SHOWN]):
        shown.add_row(
            str(trial.number),
            Text(trial.family),
            "" if trial.status == "failed" else _validation(trial, metric),
            f"{_epochs(trial):,}",
            seconds(trial.seconds) if trial.status in ("finished", "pruned") else "",
            _remark(trial, is_best=trial is best),
        )
    if len(running) > SHOWN:
        shown.add_row("", Text(f"… {len(running) - SHOWN:,} more run"))
    return shown


def _remark(trial: Trial, *, is_best: bool) -> Text:
    if trial.status == "failed":
        text = f"failed: {plain(trial.message or trial.reason)}"
        return Text(text, style="red", no_wrap=True, overflow="ellipsis")
    if trial.status in ("running", "pruned"):
        return Text(trial.status)
    return Text("best" if is_best else "", style="bold green")


def _validation(trial: Trial, metric: Metric) -> str:
    """The objective's score on validation: the final one, or that of the last rung or epoch so far."""
    objective = trial.rungs[-1].objective if trial.status == "pruned" else trial.objective
    if objective is not None:
        return score(metric.score(objective))
    curve = trial.curves.get(f"val_{metric.name}", [])
    return score(curve[-1]) if curve else ""


def _epochs(trial: Trial) -> int:
    return max(map(len, trial.curves.values()), default=0)
