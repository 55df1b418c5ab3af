"""What a person sees of a run: a view redrawn in place on a terminal, plain lines in a pipe or a log file."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from automl.baselines import Baseline
from automl.data.profile import Profile
from automl.data.split import Split
from automl.data.target import Target
from automl.diagnostics import Finding
from automl.families import Candidate
from automl.figures import clock, count
from automl.plain import plain
from automl.quality import quality
from automl.reporting import Before, Plan, Progress, Result, _progress, _result
from automl.reporting.console import Patient
from automl.reporting.findings import table
from automl.reporting.profile import LABEL_WIDTH, labelled, remarks, size, spread
from automl.reporting.refit import learned_rows
from automl.reporting.verdict import PARTS
from automl.tasks import Metric
from automl.trial import Trial

SECONDS_PER_DRAWING = 0.25
LONGEST_NOTE = 300
CLASSES_SHOWN = 4


class Terminal:
    """A reporter that writes to a console; if `quiet`, notes only, by default on the error stream.

    Nothing runs beside the caller: the view is drawn when progress is reported, so that worker processes can be
    forked at any time.
    """

    def __init__(self, console: Console | None = None, *, quiet: bool = False) -> None:
        self._console = console or Patient(stderr=quiet)
        self._quiet = quiet
        self._view: Live | None = None
        self._drawn = -math.inf
        self._plan: Plan | None = None
        self._family_width = 0
        self._activity = ""
        self._told: set[str] = set()
        self._best = math.inf

    def note(self, text: str) -> None:
        """Shows the text, above the view if there is one."""
        self._console.print(remarks([text], []))

    def data(self, profile: Profile, *, name: str, notes: Sequence[str], split: Split) -> None:
        """The table in a few lines, and every note and warning."""
        shown = labelled()
        shown.add_row("Data", Text(f"{plain(name)}: {size(profile)}"))
        shown.add_row("Target", Text(_target(profile.target)))
        shown.add_row("Split", Text(_split(split)))
        self._show(shown)
        self._show(remarks((*notes, *profile.notes), profile.warnings, longest=LONGEST_NOTE))

    def findings(self, findings: Sequence[Finding]) -> None:
        """One paragraph each."""
        if findings:
            self._show(table(findings))

    def families(self, candidates: Sequence[Candidate]) -> None:
        """One line per family."""
        self._family_width = max(len(candidate.name) for candidate in candidates)
        shown = labelled()
        for position, candidate in enumerate(candidates):
            shown.add_row(
                "" if position else "Families",
                Text(candidate.name),
                "taken" if candidate.taken else "left out",
                Text(plain(candidate.why)),
            )
        self._show(shown)

    def search(self, plan: Plan) -> None:
        """One line on the search, and on what else was chosen for the sake of a better or faster model."""
        self._plan = plan
        shown = labelled()
        shown.add_row("Search", Text(_search(plan)))
        if says := quality(plan.quality).says:
            shown.add_row("Quality", Text(f"{plan.quality}: {says}"))
        if plan.refit_rows is not None:
            shown.add_row("Refit", Text(_refit(plan.refit_rows, plan)))
        if plan.before is not None:
            shown.add_row("Resumed", Text(_resumed(plan.before)))
            self._told |= {_key(trial) for trial in plan.before.trials}
            self._best = min([t.objective for t in plan.before.trials if t.objective is not None], default=math.inf)
        self._show(shown)

    def progress(self, progress: Progress) -> None:
        """Redraws the view, a few times a second at most; or a line for whatever has ended since."""
        if self._quiet or self._plan is None:
            return
        if self._console.is_interactive:
            self._draw(progress, self._plan.metric)
        else:
            self._tell_activity(progress.activity)
            self._tell_ended(progress.trials, progress.baselines, self._plan.metric)

    def result(self, result: Result) -> None:
        """What the run has come to."""
        self.close()
        if not self._console.is_interactive:
            self._tell_ended(result.trials, result.baselines, result.metric)
        for paragraph in _result.paragraphs(result):
            self._show("")
            self._show(paragraph)
        self._show("")
        page = result.folder / "report.html"
        if page.is_file():
            self._line(f"{'Report':<{LABEL_WIDTH + 2}}{plain(str(page))}")
        for position, command in enumerate(_result.commands(result)):
            self._line(f"{'' if position else 'Next':<{LABEL_WIDTH + 2}}{plain(command)}")

    def close(self) -> None:
        """Takes the view away and gives the cursor back; may be called twice."""
        if self._view is not None:
            self._view.stop()
            self._view = None

    def _draw(self, progress: Progress, metric: Metric) -> None:
        now = time.monotonic()
        if now - self._drawn < SECONDS_PER_DRAWING and progress.activity == self._activity:
            return
        self._drawn, self._activity = now, progress.activity
        if self._view is None:
            self._view = Live(console=self._console, auto_refresh=False, transient=True, vertical_overflow="crop")
            self._view.start()
        self._view.update(_progress.view(progress, metric), refresh=True)

    def _tell_activity(self, activity: str) -> None:
        if self._activity and activity != self._activity:
            self._line(plain(activity))
        self._activity = activity

    def _tell_ended(self, trials: Sequence[Trial], baselines: Sequence[Baseline], metric: Metric) -> None:
        for baseline in baselines:
            if self._is_news(f"baseline {baseline.name}"):
                self._line(_progress.baseline_line(baseline, metric))
        for trial in trials:
            if trial.status != "running" and self._is_news(_key(trial)):
                is_best = trial.objective is not None and trial.objective < self._best
                self._best = trial.objective if is_best and trial.objective is not None else self._best
                self._line(_progress.trial_line(trial, metric, width=self._family_width, is_best=is_best))

    def _is_news(self, key: str) -> bool:
        is_news = key not in self._told
        self._told.add(key)
        return is_news

    def _show(self, shown: RenderableType) -> None:
        if not self._quiet:
            self._console.print(shown)

    def _line(self, text: str) -> None:
        """One line however long it is: for `grep`, and for commands that are copied."""
        if not self._quiet:
            self._console.print(Text(text), soft_wrap=True)


def _key(trial: Trial) -> str:
    return f"trial {trial.number}"


def _resumed(before: Before) -> str:
    again = f", {before.again:,} {'starts' if before.again == 1 else 'start'} again" if before.again else ""
    return f"{count(len(before.trials), 'trial')} kept{again}; {clock(before.seconds)} used before"


def _target(target: Target) -> str:
    name = plain(target.name, longest=40)
    if target.task == "regress":
        return f"{name}, {spread(target)}"
    classes = [f"{plain(label, longest=30)}: {number:,}" for label, number in target.counts[:CLASSES_SHOWN]]
    more = len(target.counts) - CLASSES_SHOWN
    listed = ", ".join(classes) + (f", … {more} more" if more > 0 else "")
    return f"{name}, {count(len(target.counts), 'class', 'classes')} ({listed})"


def _split(split: Split) -> str:
    sizes = {PARTS[part]: len(rows) for part, rows in split.parts().items()}
    if split.folds is not None:
        # The same rows, which train and validate in turn.
        sizes = {f"{PARTS['train']} and {PARTS['val']}": len(split.train), PARTS["test"]: len(split.test)}
    shown = ", ".join(f"{number:,} {part}" for part, number in sizes.items() if number)
    return f"{shown} rows; {plain(split.how)}"


def _refit(rows: int, plan: Plan) -> str:
    limit = ", within the time" if plan.seconds is not None else ""
    return f"in the end, the chosen networks on {learned_rows(rows, with_test=plan.refits_test)}{limit}"


def _search(plan: Plan) -> str:
    wish = "the highest" if plan.metric.greater_is_better else "the lowest"
    limits = (
        f"{clock(plan.seconds)} in all" if plan.seconds is not None else "",
        f"at most {count(plan.trials, 'trial')}" if plan.trials is not None else "",
        f"a grid of {count(plan.grid_size, 'setting')}" if plan.grid_size is not None else "",
        count(plan.workers, "worker"),
    )
    return f"{plan.search} for {wish} {plan.metric.title} on validation; {', '.join(part for part in limits if part)}"
