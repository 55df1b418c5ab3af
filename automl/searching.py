"""The search itself: proposes settings, hands them to workers, records what comes back, until it is time to stop."""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from automl.baselines import BOOSTING, Baseline
from automl.execution import Event, Executor, Job
from automl.records import RunFolder
from automl.reporting import Progress, Reporter
from automl.search import propose
from automl.space import SearchSpace
from automl.tasks import Metric
from automl.tracking import Tracker
from automl.trial import Reason, Trial, finished

BOOSTING_KEY = -1
# The baseline may take this share of the budget; a network's trials get the rest.
BOOSTING_SHARE = 0.3
# Trials whose weights and predictions stay on disk.
WEIGHTS_KEPT = 10
# A trial that begins later than this before the end could not train an epoch; nor is it worth beginning with less
# than this share of the time that trials of the slowest family usually take.
LEAST_SECONDS = 1.0
LEAST_SHARE = 0.5
# How long after the deadline a worker may take to end its trial by itself.
GRACE_SECONDS = 1.0
ALL_FAILED = 10
WAIT_SECONDS = 0.1


@dataclass(frozen=True)
class Settings:
    """What a search is to do.

    Attributes:
        spaces: one per family, in the order in which their defaults are tried.
        trials: the most trials; None for no limit.
        deadline: the end of the search, on the monotonic clock; infinite for none.
        ends: the end of the whole budget, for the display; None without one.
    """

    algorithm: str
    spaces: Mapping[str, SearchSpace]
    metric: Metric
    folder: RunFolder
    seed: int
    trials: int | None
    deadline: float
    ends: float | None


@dataclass
class SearchOutcome:
    """What a search has come to so far. `trials` are in the order in which they were started."""

    trials: list[Trial] = field(default_factory=list)
    baselines: list[Baseline] = field(default_factory=list)
    interrupted: bool = False
    exhausted: bool = False

    @property
    def running(self) -> list[Trial]:
        """The trials that workers have now."""
        return [trial for trial in self.trials if trial.status == "running"]


def search(
    settings: Settings,
    *,
    executor: Executor,
    tracker: Tracker,
    reporter: Reporter,
    baselines: Sequence[Baseline] = (),
) -> SearchOutcome:
    """Runs trials until the time, the trials or the space are used up, or the user interrupts.

    Every trial that was started ends in the outcome: finished or failed, with its record on disk and in the tracker.
    """
    outcome = SearchOutcome(baselines=list(baselines))
    boosting_runs = True
    try:
        boosting_deadline = _start_boosting(settings, executor)
        while True:
            _fill(settings, outcome, executor, tracker)
            if not outcome.running and not boosting_runs:
                break
            for event in executor.wait(WAIT_SECONDS):
                if event.key == BOOSTING_KEY:
                    outcome.baselines.append(_baseline(event))
                    boosting_runs = False
                else:
                    _take(event, settings, outcome, tracker)
            now = time.monotonic()
            if boosting_runs and now > boosting_deadline:
                executor.cancel(BOOSTING_KEY)
                outcome.baselines.append(Baseline(BOOSTING, message="not finished in its share of the time"))
                boosting_runs = False
            if now > settings.deadline + GRACE_SECONDS:
                _end_running(settings, outcome, executor, tracker, "timeout", "The time was up.")
            reporter.progress(progress(settings, outcome, activity="searching"))
    except KeyboardInterrupt:
        outcome.interrupted = True
        executor.cancel(BOOSTING_KEY)
        _end_running(settings, outcome, executor, tracker, "interrupted", "You ended the search.")
    settings.folder.forget_weights(finished(outcome.trials)[:WEIGHTS_KEPT])
    return outcome


def _start_boosting(settings: Settings, executor: Executor) -> float:
    """Submits the baseline, and returns when it must have ended."""
    executor.submit(Job(BOOSTING_KEY, "boosting", settings.folder.path, seed=settings.seed))
    now = time.monotonic()
    return now + BOOSTING_SHARE * (settings.deadline - now)


def _fill(settings: Settings, outcome: SearchOutcome, executor: Executor, tracker: Tracker) -> None:
    """Starts trials while there are idle workers and something to try."""
    while executor.capacity and not _is_over(settings, outcome):
        proposal = propose(settings.algorithm, settings.spaces, outcome.trials, seed=settings.seed)
        if proposal is None:
            outcome.exhausted = not outcome.running
            return
        family, params = proposal
        trial = Trial(len(outcome.trials), family, params)
        outcome.trials.append(trial)
        kept = finished(outcome.trials)[WEIGHTS_KEPT - 1 : WEIGHTS_KEPT]
        tracker.trial_started(trial)
        executor.submit(
            Job(
                trial.number,
                "trial",
                settings.folder.of_trial(trial.number),
                family=family,
                params=params,
                metric=settings.metric.name,
                seed=settings.seed + trial.number,
                deadline=settings.deadline,
                keep_below=float("inf") if not kept or kept[0].objective is None else kept[0].objective,
            )
        )


def _is_over(settings: Settings, outcome: SearchOutcome) -> bool:
    """Whether no further trial may start."""
    if outcome.exhausted or settings.deadline - time.monotonic() < _least_seconds(outcome):
        return True
    if settings.trials is not None and len(outcome.trials) >= settings.trials:
        return True
    ended = [trial for trial in outcome.trials if trial.status != "running"]
    return len(ended) >= ALL_FAILED and all(trial.status == "failed" for trial in ended)


def _least_seconds(outcome: SearchOutcome) -> float:
    """A trial with less time than this is not begun."""
    lasted: dict[str, list[float]] = {}
    for trial in finished(outcome.trials):
        lasted.setdefault(trial.family, []).append(trial.seconds)
    usual = [statistics.median(seconds) for seconds in lasted.values()]
    return max(LEAST_SECONDS, LEAST_SHARE * max(usual, default=0.0))


def _take(event: Event, settings: Settings, outcome: SearchOutcome, tracker: Tracker) -> None:
    """Brings a trial up to date with what its worker reports."""
    trial = outcome.trials[event.key]
    if event.kind == "epoch":
        outcome.trials[event.key] = dataclasses.replace(trial, curves=event.result["curves"])
        tracker.epochs(outcome.trials[event.key])
        return
    if event.kind == "done":
        ended = dataclasses.replace(trial, status="finished", **event.result)
    else:
        ended = dataclasses.replace(trial, status="failed", reason=event.reason, message=event.message)
    _end(ended, settings, outcome, tracker)


def _end(trial: Trial, settings: Settings, outcome: SearchOutcome, tracker: Tracker) -> None:
    outcome.trials[trial.number] = trial
    settings.folder.write_trial(trial)
    tracker.trial_ended(trial)


def _end_running(
    settings: Settings, outcome: SearchOutcome, executor: Executor, tracker: Tracker, reason: Reason, message: str
) -> None:
    for trial in outcome.running:
        executor.cancel(trial.number)
        failed = dataclasses.replace(trial, status="failed", reason=reason, message=message)
        _end(failed, settings, outcome, tracker)


def _baseline(event: Event) -> Baseline:
    if event.kind == "failed":
        return Baseline(BOOSTING, message=event.message)
    return Baseline(BOOSTING, event.result["scores"], event.result["seconds"])


def progress(settings: Settings, outcome: SearchOutcome, *, activity: str) -> Progress:
    """Where a run stands, for its reporter; `activity` is what the main process is doing."""
    left = None if settings.ends is None else max(0.0, settings.ends - time.monotonic())
    return Progress(activity, outcome.trials, outcome.baselines, left)
