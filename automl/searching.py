"""The search itself: proposes settings, hands them to workers, records what comes back, until it is time to stop."""

from __future__ import annotations

import dataclasses
import math
import statistics
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from automl.baselines import BOOSTING, Baseline
from automl.ensemble import candidates, worth_keeping
from automl.errors import EnvironmentFault
from automl.execution import Event, Executor, Job, errands
from automl.interruption import EarlyEnd, Interruption
from automl.records import RunFolder
from automl.refitting import MOST_SHARE, reserve
from automl.reporting import Progress, Reporter
from automl.search import bars, is_setting, propose
from automl.space import SearchSpace
from automl.tasks import Metric
from automl.tracking import Tracker
from automl.trial import HALVED, Params, Reason, Trial, finished, grows_trees
from automl.weights import REFITTED

BOOSTING_KEY = -1
# The baseline may take this share of the budget; a network's trials get the rest.
BOOSTING_SHARE = 0.3
# With less time than this it would not finish, and would take a worker from the first networks.
LEAST_BOOSTING_SECONDS = 2.0
# A trial that begins later than this before the end could not train an epoch; nor is it worth beginning with less
# than this share of the time that trials of its family usually take.
LEAST_SECONDS = 1.0
LEAST_SHARE = 0.25
# How long after the deadline a worker may take to end its trial by itself; longer where there would be no model.
GRACE_SECONDS, FIRST_GRACE_SECONDS = 1.0, 6.0
# Of the time that is left, for each trial that a search begins with, however many there are.
FIRST_SHARE = 0.4
# Trees that are ahead of all others after this share of their time get what is left of the search's, while they are.
PROLONGED_AFTER = 0.5
# But at least so long: its network has to be compiled.
LEAST_FIRST_SECONDS = 2.0
# A worker that says nothing for so long hangs: it has not even finished half a second's worth of steps. Of a short
# search, a share; but not less than large networks take to be compiled.
SILENCE_SECONDS = errands.SILENCE_SECONDS
SILENCE_SHARE = 1 / 3
LEAST_SILENCE_SECONDS = 10.0
# A family is left out when so many trials have failed for these reasons and none has come to anything; one that took
# too long is enough, unless its worker hung.
HOPELESS = 3
HOPELESS_REASONS: tuple[Reason, ...] = ("build", "killed", "oom", "timeout")
ALL_FAILED = 10
WAIT_SECONDS = errands.WAIT_SECONDS
# How often the time that the run has used is noted: what a crash forgets of it.
STATE_SECONDS = 5.0


@dataclass(frozen=True)
class Settings:
    """What a search is to do.

    Attributes:
        spaces: one per family, in the order in which their defaults are tried.
        first: families and settings to begin with.
        trials: the most trials; None for no limit.
        prune: whether weak trials get only a part of their epochs.
        workers: how many trials run at a time.
        deadline: the end of the search, on the monotonic clock; infinite for none.
        ends: the end of the whole budget, for the display; None without one.
        boosts: whether gradient boosting is trained, to compare with.
        growth: how many times as many rows the chosen networks are to be trained on once more, before the deadline;
            None if they are not.
        began: when the run's time began, on the monotonic clock: for one that goes on, that of all its sessions.
        afresh: whether what failed in earlier sessions says nothing of this one, which has other limits or spaces.
    """

    algorithm: str
    spaces: Mapping[str, SearchSpace]
    metric: Metric
    folder: RunFolder
    seed: int
    trials: int | None
    prune: bool
    workers: int
    deadline: float
    ends: float | None
    first: Sequence[tuple[str, Params]] = ()
    boosts: bool = True
    growth: float | None = None
    began: float = field(default_factory=time.monotonic)
    afresh: bool = False


@dataclass
class SearchOutcome:
    """What a search has come to so far.

    Attributes:
        trials: in the order in which they were started.
        left_out: families that were given up, and why.
        exhausted: whether every setting has been tried.
        lost: the numbers of trials whose weights or predictions a crash or somebody has taken away.
    """

    trials: list[Trial] = field(default_factory=list)
    baselines: list[Baseline] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    interrupted: bool = False
    exhausted: bool = False
    lost: Collection[int] = ()

    @property
    def usable(self) -> list[Trial]:
        """The trials that a model may be made of, if they are good enough."""
        return [trial for trial in self.trials if trial.number not in self.lost]

    @property
    def running(self) -> list[Trial]:
        """The trials that workers have now, or will have."""
        return [trial for trial in self.trials if trial.status == "running"]


@dataclass
class _Search:
    """A search that goes on: what it is told to do, whom it talks to, and what it has come to.

    Attributes:
        waiting: trials of an earlier session that start again.
        heard, until: when a worker's trial gave a sign of life, and when it should have ended.
        shares: when it should have ended at first.
        again: trials that have had their second chance with half the batch.
        past: how many trials were of earlier sessions.
        refitted: the numbers of those that were trained again in the end.
        started: when a trial was handed to a worker.
    """

    settings: Settings
    outcome: SearchOutcome
    executor: Executor
    tracker: Tracker
    reporter: Reporter
    began: float
    interruption: Interruption
    waiting: list[Trial] = field(default_factory=list)
    heard: dict[int, float] = field(default_factory=dict)
    until: dict[int, float] = field(default_factory=dict)
    shares: dict[int, float] = field(default_factory=dict)
    again: set[int] = field(default_factory=set)
    past: int = 0
    refitted: Collection[int] = ()
    started: dict[int, float] = field(default_factory=dict)

    @property
    def spaces(self) -> Mapping[str, SearchSpace]:
        """Of the families that have not been given up."""
        return {name: space for name, space in self.settings.spaces.items() if name not in self.outcome.left_out}

    @property
    def underway(self) -> list[Trial]:
        """The trials that workers have now."""
        return [trial for trial in self.outcome.running if trial not in self.waiting]

    @property
    def failures(self) -> list[Trial]:
        """The trials that have failed, and whose failing tells what to expect of others."""
        failed = [trial for trial in self.outcome.trials if trial.status == "failed"]
        if not self.settings.afresh:
            return failed
        return [trial for trial in failed if trial.number >= self.past or trial.number in self.started]

    @property
    def deadline(self) -> float:
        """When trials should have ended: what it takes to train the best ones again is kept."""
        settings = self.settings
        if settings.growth is None or math.isinf(settings.deadline):
            return settings.deadline
        most = MOST_SHARE * (settings.deadline - self.began)
        return settings.deadline - reserve(
            self.outcome.trials, growth=settings.growth, workers=settings.workers, most=most, done=self.refitted
        )


def search(
    settings: Settings,
    *,
    executor: Executor,
    tracker: Tracker,
    reporter: Reporter,
    baselines: Sequence[Baseline] = (),
    trials: Sequence[Trial] = (),
    lost: Collection[int] = (),
    interruption: Interruption | None = None,
) -> SearchOutcome:
    """Runs trials until the time, the trials or the space are used up, or the user interrupts.

    Every trial that was started ends in the outcome: finished, pruned or failed, with its record on disk and in the
    tracker.

    Args:
        baselines: those that are known.
        trials: of earlier sessions of the run: those that are running start again, and all others stay as they are.
        lost: the numbers of those whose weights or predictions are gone.

    Raises:
        EnvironmentFault: the disk does not take what a trial has come to. That trial starts again when the run goes on.
    """
    outcome = SearchOutcome(baselines=list(baselines), lost=lost)
    going = _Search(
        settings, outcome, executor, tracker, reporter, time.monotonic(), interruption or Interruption(reporter.note)
    )
    _take_up(trials, going)
    noted = time.monotonic()
    silence = _longest_silence(settings)
    boosting_deadline = _boosting_deadline(settings)
    boosting_wanted = settings.boosts and all(baseline.name != BOOSTING for baseline in baselines)
    boosting_runs = boosting_wanted and boosting_deadline - time.monotonic() >= LEAST_BOOSTING_SECONDS
    try:
        if boosting_runs:
            executor.submit(Job(BOOSTING_KEY, "boosting", settings.folder.path, seed=settings.seed))
        elif boosting_wanted:
            outcome.baselines.append(Baseline(BOOSTING, message="not tried, since there is too little time"))
        while True:
            going.interruption.check()
            _fill(going)
            if going.waiting and _is_late(going):
                _end_trials(going.waiting, going, "timeout", "The time was up.", stopped="time")
                going.waiting = []
            if not outcome.running and not boosting_runs:
                break
            for event in executor.wait(WAIT_SECONDS):
                if event.key == BOOSTING_KEY:
                    outcome.baselines.append(_baseline(event))
                    settings.folder.write_baselines(outcome.baselines)
                    boosting_runs = False
                else:
                    _take(event, going)
            now = time.monotonic()
            if boosting_runs and now > boosting_deadline:
                executor.cancel(BOOSTING_KEY)
                outcome.baselines.append(Baseline(BOOSTING, message="not finished in its share of the time"))
                boosting_runs = False
            grace = GRACE_SECONDS if finished(outcome.usable) else FIRST_GRACE_SECONDS
            late = [t for t in going.underway if now > max(going.until[t.number], going.deadline) + grace]
            _end_trials(late, going, "timeout", "The time was up.")
            silent = [trial for trial in going.underway if now - going.heard[trial.number] > silence]
            _end_trials(
                silent, going, "timeout", f"It gave no sign of life for {silence:.0f} seconds.", stopped="silence"
            )
            if now - noted >= STATE_SECONDS:
                noted = now
                settings.folder.write_state("running", now - settings.began)
            reporter.progress(progress(settings, outcome, activity="searching"))
        if going.past and not going.started and not outcome.exhausted and _is_late(going) and not _is_full(going):
            reporter.note("The time was too short for another trial. Give more --time.")
    except EarlyEnd:
        outcome.interrupted = True
        executor.cancel(BOOSTING_KEY)
        _end_trials(outcome.running, going, "interrupted", "You ended the search.")
    settings.folder.forget_weights(candidates(outcome.usable))
    return outcome


def _take_up(trials: Sequence[Trial], going: _Search) -> None:
    """Makes the trials of earlier sessions the beginning of the outcome, each at its number.

    Of a number that nobody knows anything of any more, the setting is what the search proposes after those before it.
    """
    known = {trial.number: trial for trial in trials}
    outcome = going.outcome
    going.past = max(known, default=-1) + 1
    of_trial = going.settings.folder.of_trial
    going.refitted = [number for number in known if (of_trial(number) / REFITTED).exists()]
    for number in range(going.past):
        trial = known.get(number) or _proposed(going, going.spaces)
        if trial is None:
            family, space = next(iter(going.settings.spaces.items()))
            trial = Trial(number, family, space.defaults())
        outcome.trials.append(trial)
        if trial.status == "running":
            going.waiting.append(trial)
        else:
            _give_up_if_hopeless(trial.family, going)
    going.interruption.worth_saving = bool(finished(outcome.usable))


def _longest_silence(settings: Settings) -> float:
    left = settings.deadline - time.monotonic()
    return min(SILENCE_SECONDS, max(LEAST_SILENCE_SECONDS, SILENCE_SHARE * left))


def _boosting_deadline(settings: Settings) -> float:
    now = time.monotonic()
    return now + BOOSTING_SHARE * (settings.deadline - now)


def _fill(going: _Search) -> None:
    """Starts trials while there are idle workers and something to try."""
    while going.executor.capacity and not _is_over(going):
        quick = _in_time(going)
        trial = going.waiting.pop(0) if going.waiting else _proposed(going, quick)
        if trial is None:
            going.outcome.exhausted = not going.outcome.running and len(quick) == len(going.spaces)
            return
        _start(trial, going)


def _proposed(going: _Search, spaces: Mapping[str, SearchSpace]) -> Trial | None:
    """The next trial; None if every setting of these spaces has been tried."""
    settings, trials = going.settings, going.outcome.trials
    proposal = propose(settings.algorithm, spaces, trials, seed=settings.seed, first=settings.first)
    return None if proposal is None else Trial(len(trials), *proposal)


def _start(trial: Trial, going: _Search) -> None:
    """Hands a trial to a worker. Its setting is on disk before that: after a crash it can start again."""
    job = _job(trial, going)
    going.settings.folder.write_setting(trial)
    if trial.number == len(going.outcome.trials):
        going.outcome.trials.append(trial)
    going.tracker.trial_started(trial)
    going.executor.submit(job)
    # From now on, since the first worker takes as long to start as TensorFlow does to load.
    going.heard[trial.number] = going.started[trial.number] = time.monotonic()


def _job(trial: Trial, going: _Search) -> Job:
    settings, outcome = going.settings, going.outcome
    is_first = _is_first(trial, going)
    going.until[trial.number] = going.shares[trial.number] = _share(going) if is_first else going.deadline
    # What a search begins with is trained to the end, whatever comes of it: everything else is compared with it. The
    # first of many trees tell little of all, and most where they learn in large steps.
    lowest = bars(settings.spaces[trial.family], int(trial.params["epochs"]), outcome.trials)
    return Job(
        trial.number,
        "trial",
        settings.folder.of_trial(trial.number),
        family=trial.family,
        params=trial.params,
        metric=settings.metric.name,
        seed=settings.seed + trial.number,
        bars=tuple(lowest) if settings.prune and not is_first and not grows_trees(trial.params) else (),
        until=going.until[trial.number],
        keep_below=worth_keeping(trial, outcome.usable),
    )


def _is_first(trial: Trial, going: _Search) -> bool:
    """Whether it is one of the settings to begin with, or its family's defaults."""
    if any(is_setting(trial, family, setting) for family, setting in going.settings.first):
        return True
    return all(other.family != trial.family for other in going.outcome.trials[: trial.number])


def _share(going: _Search) -> float:
    """When the next first trial should have ended, so that each has its turn; the earlier ones are the better bets."""
    trials, spaces = going.outcome.trials, going.spaces
    settings = [
        (family, setting)
        for family, setting in going.settings.first
        if family in spaces and not any(is_setting(trial, family, setting) for trial in trials)
    ]
    families = set(spaces) - {trial.family for trial in trials} - {family for family, _ in settings}
    turns = len(settings) + len(families) + 1
    if going.settings.trials is not None:
        turns = min(turns, max(1, going.settings.trials - len(trials)))
    equal = going.settings.workers / turns
    now = time.monotonic()
    left = going.deadline - now
    return now + min(left, max(left * max(equal, FIRST_SHARE), LEAST_FIRST_SECONDS))


def _is_over(going: _Search) -> bool:
    """Whether no further trial may start."""
    outcome = going.outcome
    if outcome.exhausted or _is_late(going):
        return True
    if going.waiting:
        return False
    if _is_full(going):
        return True
    ended = [trial for trial in outcome.trials if trial.status != "running"]
    return len(going.failures) >= ALL_FAILED and all(trial.status == "failed" for trial in ended)


def _is_full(going: _Search) -> bool:
    """Whether there are as many trials as were asked for."""
    return going.settings.trials is not None and len(going.outcome.trials) >= going.settings.trials


def _is_late(going: _Search) -> bool:
    """Whether a trial that began now could not train."""
    return bool(going.spaces) and not _in_time(going)


def _in_time(going: _Search) -> Mapping[str, SearchSpace]:
    """The spaces of the families whose trials could still train: near the end, the quick ones fill the time."""
    lasted: dict[str, list[float]] = {}
    for trial in finished(going.outcome.trials):
        lasted.setdefault(trial.family, []).append(trial.seconds)
    usual = {family: statistics.median(seconds) for family, seconds in lasted.items()}
    # Of a family that has not been seen, the worst is expected.
    longest = max(usual.values(), default=0.0)
    left = going.deadline - time.monotonic()
    return {
        family: space
        for family, space in going.spaces.items()
        if left >= max(LEAST_SECONDS, LEAST_SHARE * usual.get(family, longest))
    }


def _take(event: Event, going: _Search) -> None:
    """Brings a trial up to date with what its worker reports.

    Raises:
        EnvironmentFault: the worker could not write, and no other could.
    """
    trial = going.outcome.trials[event.key]
    going.heard[trial.number] = time.monotonic()
    if event.kind == "epoch":
        if event.result["curves"]:
            going.outcome.trials[event.key] = dataclasses.replace(trial, curves=event.result["curves"])
            going.tracker.epochs(going.outcome.trials[event.key])
            _prolong_while_ahead(going.outcome.trials[event.key], going)
    elif event.kind == "done":
        _end(dataclasses.replace(trial, **event.result), going)
    elif event.reason == "disk":
        raise EnvironmentFault(event.message)
    elif event.reason == "oom" and trial.number not in going.again and int(trial.params["batch_size"]) > 1:
        _try_again(trial, going)
    else:
        _end(_failed(trial, event.reason, event.message, going), going)


def _prolong_while_ahead(trial: Trial, going: _Search) -> None:
    """Gives trees that are better than all else so far, and may lack the time for all rounds, the time that is left.

    A network plans its schedule for the time that it has, and is good only at its end; trees just go on. So they may
    fall behind one, and have no more than their share again.
    """
    # With a single worker all others would wait for them.
    if not grows_trees(trial.params) or going.settings.workers == 1:
        return
    number, now = trial.number, time.monotonic()
    share, deadline = going.shares[number], going.deadline
    others = [_reached(other, going) for other in going.outcome.trials if other.number != number]
    is_ahead = _reached(trial, going) < min(others, default=math.inf) < math.inf
    began = going.started.get(number, now)
    if is_ahead and going.until[number] < deadline and now >= began + PROLONGED_AFTER * (share - began):
        _move(number, deadline, going)
    elif not is_ahead and going.until[number] > share:
        _move(number, share, going)


def _move(number: int, until: float, going: _Search) -> None:
    going.until[number] = until
    going.executor.move(number, until)


def _reached(trial: Trial, going: _Search) -> float:
    """The best objective of a trial so far, which may be running; infinite before its first epoch."""
    if trial.objective is not None:
        return trial.objective
    metric = going.settings.metric
    return min(map(metric.objective, trial.curves.get(f"val_{metric.name}", ())), default=math.inf)


def _failed(trial: Trial, reason: Reason, message: str, going: _Search) -> Trial:
    """The trial as it is recorded; whether it had all the time that the search had tells if it may start again."""
    now = time.monotonic()
    return dataclasses.replace(
        trial,
        status="failed",
        reason=reason,
        message=message,
        stopped="time" if reason == "timeout" and now >= going.deadline else "",
        seconds=now - going.started.get(trial.number, now),
    )


def _try_again(trial: Trial, going: _Search) -> None:
    """Gives a trial that ran out of memory a second chance, with half the batch."""
    batch_size = int(trial.params["batch_size"])
    smaller = dataclasses.replace(
        trial,
        params={**trial.params, "batch_size": batch_size // 2},
        asked_batch=batch_size,
        curves={},
        message=f"{HALVED} {batch_size} rows the memory was not enough.",
    )
    going.again.add(trial.number)
    going.outcome.trials[trial.number] = smaller
    going.executor.submit(_job(smaller, going))


def _end(trial: Trial, going: _Search) -> None:
    going.outcome.trials[trial.number] = trial
    going.settings.folder.write_trial(trial)
    going.tracker.trial_ended(trial)
    going.interruption.worth_saving |= trial.status == "finished"
    _give_up_if_hopeless(trial.family, going)


def _give_up_if_hopeless(family: str, going: _Search) -> None:
    """Leaves out a family none of whose trials gave a network, and says so."""
    own = [trial for trial in going.outcome.trials if trial.family == family and trial.status != "running"]
    if any(trial.reason not in HOPELESS_REASONS for trial in own) or family in going.outcome.left_out:
        return
    own = [trial for trial in going.failures if trial.family == family]
    too_long = any(trial.reason == "timeout" and not trial.stopped for trial in own)
    if (too_long or len(own) >= HOPELESS) and time.monotonic() < going.settings.deadline:
        why = own[-1].message
        going.outcome.left_out[family] = why
        going.reporter.note(f"{family} is left out from here on: {why}")


def _end_trials(trials: Sequence[Trial], going: _Search, reason: Reason, message: str, *, stopped: str = "") -> None:
    for trial in trials:
        if trial in going.waiting:
            going.tracker.trial_started(trial)
        going.executor.cancel(trial.number)
        failed = _failed(trial, reason, message, going)
        _end(dataclasses.replace(failed, stopped=failed.stopped or stopped), going)


def _baseline(event: Event) -> Baseline:
    if event.kind == "failed":
        return Baseline(BOOSTING, message=event.message)
    return Baseline(BOOSTING, event.result["scores"], event.result["seconds"])


def progress(settings: Settings, outcome: SearchOutcome, *, activity: str) -> Progress:
    """Where a run stands, for its reporter; `activity` is what the main process is doing."""
    left = None if settings.ends is None else max(0.0, settings.ends - time.monotonic())
    return Progress(activity, outcome.trials, outcome.baselines, left)
