"""The story of a fit: read, profile, split, encode, search, save, report. Read this file first."""

from __future__ import annotations

import dataclasses
import math
import shlex
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from automl import asked, auditing, evidence, files, memory, refitting, resuming
from automl.baselines import BOOSTING, CONSTANT, Baseline
from automl.diagnostics import Answer, Audit, Data, Finding, ask, ask_of_trials, skipped, worst_first
from automl.ensemble import MOST_MEMBERS, Ensemble, candidates, choose
from automl.errors import EnvironmentFault, InputError, NothingTrained
from automl.evaluation import Evaluated, Importance, WeakSpot, evaluate, importance
from automl.execution import workspace
from automl.execution.launcher import Launcher
from automl.execution.local import LocalExecutor
from automl.figures import count
from automl.interruption import Interruption
from automl.options import Options
from automl.plain import plain_lines
from automl.portfolio import first_settings
from automl.preparation import Prepared, prepare
from automl.records import Outcome, RunFolder, State, new_run
from automl.reporting import Before, Plan, Reporter, Result, pictures, report
from automl.reporting.leaderboard import leaderboard
from automl.reporting.summary import summary
from automl.reporting.verdict import verdict
from automl.resuming import Earlier
from automl.run import Run
from automl.saving import MembersFailed, save
from automl.search.grid import check_size
from automl.searching import STATE_SECONDS, SearchOutcome, Settings, progress, search
from automl.tasks import FloatArray, Metric, metric, scores
from automl.tracking import Tracker, recorded
from automl.trial import Trial, finished

if TYPE_CHECKING:
    import numpy as np

# What saving the model, MLflow and the report take after the search, in seconds; measured on two cores. Of a very
# short budget, a share: better a little late than without a model.
TAIL_SECONDS = 3.0
TAIL_SHARE = 0.2
# Of the time that is left, what the checks of the data may take; where next to none is, the gravest are still made.
CHECKS_SHARE = 0.2
LEAST_CHECKS_SECONDS = 1.0
# And those of single trials, which begin no other one after that, nor when there is only time for the report.
TRIAL_CHECKS_SHARE = 0.01
RECORD_SECONDS = 1.5
# However late the search begins, it has so long for a first model: one that is a little late is better than none.
LEAST_SEARCH_SECONDS = 2.5
# A search with less time than this begins with the simplest families, and not with those that do best in the end.
SHORT_SECONDS = 8.0

# By the number of a trial, and by part.
Predictions = Mapping[int, Mapping[str, FloatArray]]


@dataclass(frozen=True)
class Services:
    """Whom a fit talks to beside the user's files.

    Attributes:
        launcher: started before anything else is loaded, since it loads TensorFlow; the fit closes it.
        open_tracker: called while TensorFlow loads, since MLflow takes seconds too.
    """

    launcher: Launcher
    reporter: Reporter
    open_tracker: Callable[[], Tracker]
    command: str


@dataclass(frozen=True)
class _Underway:
    """A fit that has begun: what its later steps need of the earlier ones.

    Attributes:
        began: when the budget started to run, on the monotonic clock.
    """

    prepared: Prepared
    options: Options
    settings: Settings
    folder: RunFolder
    executor: LocalExecutor
    tracker: Tracker
    reporter: Reporter
    interruption: Interruption
    began: float

    def tell(self, activity: str, outcome: SearchOutcome) -> None:
        """Shows what is being done."""
        self.reporter.progress(progress(self.settings, outcome, activity=activity))

    def teller(self, activity: str, outcome: SearchOutcome) -> Callable[[], None]:
        """What whoever waits for workers calls again and again; it raises what ends a run early."""
        noted = -math.inf

        def tell() -> None:
            nonlocal noted
            self.interruption.check()
            self.tell(activity, outcome)
            if time.monotonic() - noted >= STATE_SECONDS:
                noted = time.monotonic()
                self.note_time()

        return tell

    def note_time(self) -> None:
        """Records how much of the run's time is used, for whoever goes on with it if it is broken off."""
        self.folder.write_state("running", time.monotonic() - self.began)


def fit(
    data: str | Path | pd.DataFrame,
    options: Options,
    services: Services,
    *,
    began: float,
    earlier: Earlier | None = None,
) -> Run:
    """Trains, records and saves: the whole of `automl fit`, and of `automl resume`.

    Args:
        began: when the budget started to run, on the monotonic clock.
        earlier: what there is of the run, which the caller has locked; None for a new one.

    Raises:
        InputError: the data or the options are wrong; nothing has been written.
        EnvironmentFault: the machine lacks something.
        NothingTrained: every trial failed; the run's folder tells why.
    """
    with ExitStack() as cleanup:
        interruption = cleanup.enter_context(Interruption(services.reporter.note))
        cleanup.callback(services.reporter.close)
        cleanup.callback(services.launcher.close)
        prepared = prepare(data, options)
        objective = objective_of(prepared, options)
        plan = plan_of(prepared, options, objective, grid_size=_grid_size(prepared, options), earlier=earlier)
        tracker = services.open_tracker()
        cleanup.callback(tracker.close)
        earlier = _begun(prepared, options, plan, services, earlier, began, cleanup)
        folder = earlier.folder
        interruption.last_words = f"Interrupted. {_way_on(folder)}"
        cleanup.enter_context(_faults_tell_the_way_on(folder))
        known = evidence.of_data(prepared, options)
        data_checks = _tell(known, prepared, plan, folder, services.reporter, until=_checks_deadline(options, began))
        write_workspace(folder.encoded, prepared)
        tracker.start(recorded.description(folder, trials=earlier.ended))
        executor = LocalExecutor(
            services.launcher,
            workers=plan.workers,
            data=folder.encoded,
            log=folder.log,
            memory=memory.for_workers(options.memory),
        )
        cleanup.callback(executor.close)
        threading.Thread(target=pictures.load, name="drawing", daemon=True).start()
        # Before the search's clock starts: loading TensorFlow is nobody's trial.
        executor.open()
        settings = _settings(prepared, options, plan, earlier, began)
        going = _Underway(
            prepared, options, settings, folder, executor, tracker, services.reporter, interruption, began
        )
        outcome = search(
            settings,
            executor=executor,
            tracker=tracker,
            reporter=services.reporter,
            baselines=_baselines(prepared, options, earlier),
            trials=earlier.trials,
            lost=earlier.lost,
            interruption=interruption,
        )
        predictions = {trial.number: folder.predictions(trial) for trial in candidates(outcome.usable)}
        best, audit = _saved(going, outcome, predictions)
        if best and (slow := _why_slow(best, options.max_latency)):
            services.reporter.note(slow)
        outcome.interrupted = outcome.interrupted or interruption.asked
        result = _judged(going, _result(going, best, outcome), known, data_checks, outcome, predictions, audit)
        going.note_time()
        _record(going, result, outcome, _evaluated(best, predictions, known), audit)
        folder.write_state(_state(result), time.monotonic() - began)
        # All of the run is there now, and the tracker may take long.
        interruption.last_words = (
            f"Interrupted. The run is recorded; what MLflow lacks of it: {_command('sync', folder)}"
        )
        tracker.finish(recorded.outcome(folder))
        services.reporter.result(dataclasses.replace(result, seconds=time.monotonic() - began))
    if best is None and not outcome.interrupted:
        raise NothingTrained(_why_nothing(outcome.trials, folder))
    return Run(folder.path, interrupted=outcome.interrupted or interruption.asked)


def _way_on(folder: RunFolder) -> str:
    return f"To go on: {_command('resume', folder)}"


def _command(name: str, folder: RunFolder) -> str:
    return f"automl {name} {shlex.quote(str(folder.path))}"


@contextmanager
def _faults_tell_the_way_on(folder: RunFolder) -> Iterator[None]:
    """A fault of the machine costs no trial that was recorded, and its message says so."""
    try:
        yield
    except EnvironmentFault as fault:
        raise EnvironmentFault(f"{fault}\nNo recorded trial is lost. {_way_on(folder)}") from fault


def _why_nothing(trials: Sequence[Trial], folder: RunFolder) -> str:
    """Why there is no model: how trials failed and what most of them said, and whose weights are gone."""
    if not trials:
        return "No trial was started: the time was too short. Give more --time."
    failed = [trial for trial in trials if trial.status == "failed"]
    reasons = ", ".join(
        f"{number} {reason}" for reason, number in Counter(trial.reason for trial in failed).most_common()
    )
    said = [trial.message for trial in failed if trial.message]
    cause = f" Most often: {max(said, key=said.count)}" if said else ""
    failures = f"{count(len(failed), 'trial')} failed ({reasons}).{cause}"
    if gone := len(finished(trials)):
        others = f" Beside them, {failures}" if failed else ""
        return (
            f"There is no model: the files of {count(gone, 'finished trial')} are gone.{others}\n"
            f"Restore them from a copy, or try other settings: {_command('resume', folder)} --trials +10"
        )
    return f"No trial succeeded: {failures}\n{folder.path / 'leaderboard.csv'} and {folder.path / 'log.txt'} tell more."


def check(data: str | Path | pd.DataFrame, options: Options, earlier: Earlier, *, command: str) -> None:
    """Makes sure that an earlier run, in which nothing is left to do, is of these data and options. Nothing is written.

    Raises:
        InputError: it is not.
    """
    prepared = prepare(data, options)
    request = asked.record(prepared, options, command=command)
    resuming.check(earlier, request, prepared.split)
    resuming.check_columns(earlier, prepared.profile, prepared.encoding)
    resuming.check_spaces_stay(earlier, request)


def _begun(
    prepared: Prepared,
    options: Options,
    plan: Plan,
    services: Services,
    earlier: Earlier | None,
    began: float,
    cleanup: ExitStack,
) -> Earlier:
    """Makes the run's folder, or takes up an earlier one's, and records what is asked."""
    request = {
        **asked.record(prepared, options, command=services.command),
        "settings": asked.settings(prepared, options, plan),
    }
    if earlier is None:
        folder = new_run(*_place(prepared, options), exact=options.out is not None)
        cleanup.enter_context(resuming.locked(folder))
        earlier = Earlier(folder)
    else:
        for note in resuming.check(earlier, request, prepared.split):
            services.reporter.note(note)
        resuming.check_columns(earlier, prepared.profile, prepared.encoding)
    request = resuming.recorded(request, earlier, command=services.command)
    # Before anything goes and the limits are other ones: a finished run that is given more must not seem to be finished
    # with those.
    earlier.folder.write_state("running", time.monotonic() - began)
    resuming.tidy(earlier)
    cleanup.callback(earlier.folder.clear_away)
    earlier.folder.write_start(request, prepared.profile, prepared.split)
    return earlier


def _grid_size(prepared: Prepared, options: Options) -> int | None:
    return check_size(prepared.spaces, trials=options.most_trials) if options.search == "grid" else None


def objective_of(prepared: Prepared, options: Options) -> Metric:
    """What decides.

    Raises:
        InputError: there is no such metric, or it is not defined on these validation rows.
    """
    chosen = metric(options.metric, prepared.task)
    known = _constant(prepared).scores["val"]
    if math.isnan(known[chosen.name]):
        others = [name for name, score in known.items() if not math.isnan(score)]
        raise InputError(
            f"{chosen.title} is not defined on the {len(prepared.split.val):,} validation rows of this table, whatever "
            f"is predicted. Choose another --metric: {', '.join(others)}."
        )
    return chosen


def plan_of(
    prepared: Prepared, options: Options, objective: Metric, *, grid_size: int | None, earlier: Earlier | None = None
) -> Plan:
    """What is about to be searched, as people are told."""
    again = refitting.parts(prepared.split, options)
    return Plan(
        options.search,
        options.seconds,
        options.most_trials,
        options.processes,
        objective,
        grid_size,
        quality=options.quality,
        refit_rows=refitting.rows(prepared.split, again) if again else None,
        refits_test="test" in again,
        before=_before(earlier) if earlier else None,
    )


def _before(earlier: Earlier) -> Before:
    return Before(earlier.ended, len(earlier.trials) - len(earlier.ended), earlier.seconds)


def _place(prepared: Prepared, options: Options) -> tuple[Path, str]:
    """The parent folder and the name of the run's folder."""
    return (options.out.parent, options.out.name) if options.out else (Path("runs"), prepared.name)


def _checks_deadline(options: Options, began: float) -> float:
    """When no further check of the data is begun."""
    if options.seconds is None:
        return float("inf")
    now = time.monotonic()
    share = CHECKS_SHARE * (began + options.seconds - now)
    return now + max(LEAST_CHECKS_SECONDS, share)


def _tell(
    data: Data, prepared: Prepared, plan: Plan, folder: RunFolder, reporter: Reporter, *, until: float
) -> list[Answer]:
    """Shows what is about to begin; returns what the checks of the data say that were begun in time."""
    reporter.data(prepared.profile, name=prepared.name, notes=prepared.notes, split=prepared.split)
    answers = ask("data", data, log=folder.log, until=until)
    reporter.findings(worst_first(answers))
    if titles := skipped(answers):
        reporter.note(f"There was too little time, or a check failed, to look for: {', '.join(titles)}.")
    reporter.families(prepared.candidates)
    reporter.search(plan)
    return answers


def write_workspace(folder: Path, prepared: Prepared) -> None:
    """Puts what workers need into a new folder."""
    with files.disk_faults_explained(folder):
        workspace.write(
            folder,
            task=prepared.profile.target.task,
            encoded=prepared.encoded,
            targets=prepared.targets,
            split=prepared.split,
            weights=prepared.weights,
            specification=prepared.specification,
            encoding=prepared.encoding,
        )
    # From here on the workers' mapping of the files is the only copy.
    prepared.encoded.clear()


def _settings(prepared: Prepared, options: Options, plan: Plan, earlier: Earlier, began: float) -> Settings:
    spaces = prepared.spaces
    again = refitting.parts(prepared.split, options)
    deadline = _search_deadline(options, earlier, began)
    # A grid has an order of its own.
    is_plain = options.search == "grid" or (not earlier.trials and deadline - time.monotonic() < SHORT_SECONDS)
    return Settings(
        algorithm=options.search,
        spaces=spaces,
        first=[] if is_plain else list(first_settings(spaces, rows=len(prepared.split.train), trials=plan.trials)),
        metric=plan.metric,
        folder=earlier.folder,
        seed=options.seed,
        trials=plan.trials,
        prune=options.prunes,
        workers=options.processes,
        deadline=deadline,
        ends=None if options.seconds is None else began + options.seconds,
        boosts=options.trade.boosts,
        growth=refitting.growth(prepared.split, again) if again else None,
        began=began,
        afresh=resuming.is_afresh(earlier.folder.asked()),
    )


def _search_deadline(options: Options, earlier: Earlier, began: float) -> float:
    """When trials should have ended."""
    planned = _audit_deadline(options, began) - auditing.reserve(options, used=earlier.seconds)
    return planned if finished(earlier.trials) else max(planned, time.monotonic() + LEAST_SEARCH_SECONDS)


def _audit_deadline(options: Options, began: float) -> float:
    """When nothing may be trained any more."""
    return float("inf") if options.seconds is None else began + options.seconds - tail(options.seconds)


def _examination_deadline(options: Options, began: float) -> float:
    """When the model should have been examined, which begins now."""
    now = time.monotonic()
    in_time = _audit_deadline(options, began)
    return in_time if math.isfinite(in_time) else now + auditing.most_seconds(now - began)


def tail(seconds: float) -> float:
    """How much of a budget is kept for what follows the search."""
    return min(TAIL_SECONDS, TAIL_SHARE * seconds)


def _baselines(prepared: Prepared, options: Options, earlier: Earlier) -> list[Baseline]:
    """What is known without a worker."""
    left_out = Baseline(BOOSTING, message=f"left out by --quality {options.quality}")
    boosting = earlier.boosting if options.trade.boosts else left_out
    return [_constant(prepared), *([boosting] if boosting else [])]


def _constant(prepared: Prepared) -> Baseline:
    """The scores of predicting without the features."""
    training = prepared.targets[prepared.split.train]
    prediction = prepared.task.constant(training, prepared.specification)
    by_part: dict[str, Mapping[str, float]] = {}
    for name, rows in prepared.split.parts().items():
        repeated: np.ndarray[Any, Any] = prediction[None].repeat(len(rows), axis=0)
        by_part[name] = scores(prepared.task, prepared.targets[rows], repeated)
    return Baseline(CONSTANT, by_part)


def _saved(going: _Underway, outcome: SearchOutcome, predictions: Predictions) -> tuple[Ensemble | None, Audit]:
    """The model, once it is on disk, and what was found out about it; None where no trial has come to anything.

    What cannot be saved is left out, and the choice is made once more of the others.

    Args:
        predictions: of the trials that it may be made of.

    Raises:
        EnvironmentFault: none of them can be saved.
    """
    fault = ""
    while considered := [trial for trial in candidates(outcome.usable) if trial.number in predictions]:
        best = _choose(considered, predictions, going.prepared, going.options, going.settings.metric)
        if going.settings.growth is not None:
            best = _trained_again(going, best, outcome)
        audit = _examined(going, best, outcome)
        going.tell("saving the best networks", outcome)
        going.note_time()
        try:
            activity = save(best, going.folder, going.prepared, going.executor)
        except MembersFailed as failure:
            fault = str(failure)
            outcome.lost = {*outcome.lost, *failure.why}
            for number, why in failure.why.items():
                going.reporter.note(f"#{number} {outcome.trials[number].family} cannot be saved and is left out: {why}")
        else:
            return best, dataclasses.replace(audit, activity=activity)
    if fault:
        raise EnvironmentFault(f"The model could not be saved: {fault}")
    return None, Audit()


def _choose(
    considered: Sequence[Trial], predictions: Predictions, prepared: Prepared, options: Options, objective: Metric
) -> Ensemble:
    """What the model is made of, by the validation rows alone."""
    return choose(
        considered,
        predictions,
        {name: prepared.targets[rows] for name, rows in prepared.split.parts().items()},
        task=prepared.task,
        metric=objective,
        networks=prepared.split.number_of_folds,
        most=1 if options.is_one_network else MOST_MEMBERS,
        slowest=float("inf") if options.max_latency is None else options.max_latency,
        most_weights=prepared.most_weights,
    )


def _why_slow(best: Ensemble, most: float | None) -> str:
    """What the user should know of a model that is slower than asked; empty if it is not."""
    if most is None or not best.rows_per_second or 1 / best.rows_per_second <= most:
        return ""
    return (
        f"No trial is as fast as --max-latency asks: the model takes {1000 / best.rows_per_second:.2g} ms for a row, "
        f"and not {1000 * most:.2g}. Choose faster --families, or fewer folds."
    )


def _trained_again(going: _Underway, best: Ensemble, outcome: SearchOutcome) -> Ensemble:
    """The ensemble, with a record of which of its members have now learned from more rows."""
    settings, split = going.settings, going.prepared.split
    parts = refitting.parts(split, going.options)
    rows = refitting.rows(split, parts)
    assert settings.growth is not None
    if outcome.interrupted:
        not_begun = refitting.not_begun(
            best, folder=going.folder.of_trial, parts=parts, rows=rows, why="you ended the search"
        )
        return dataclasses.replace(best, refit=not_begun)
    refit = refitting.train_again(
        best,
        outcome.trials,
        going.executor,
        folder=going.folder.of_trial,
        parts=parts,
        rows=rows,
        growth=settings.growth,
        seed=settings.seed,
        deadline=settings.deadline,
        report=going.teller("training the best networks again on more rows", outcome),
    )
    return dataclasses.replace(best, refit=refit)


def _examined(going: _Underway, best: Ensemble | None, outcome: SearchOutcome) -> Audit:
    """What checks want to know of the model beyond its scores."""
    if best is None or outcome.interrupted or not auditing.is_wanted(going.options):
        return Audit()
    return auditing.audit(
        best,
        outcome.usable,
        going.executor,
        folder=going.folder,
        encoding=going.prepared.encoding,
        metric=going.settings.metric,
        seed=going.settings.seed,
        workers=going.settings.workers,
        deadline=_examination_deadline(going.options, going.began),
        report=going.teller("examining the model", outcome),
    )


def _result(going: _Underway, best: Ensemble | None, outcome: SearchOutcome) -> Result:
    return Result(
        folder=going.folder.path,
        metric=going.settings.metric,
        split=going.prepared.split,
        trials=outcome.trials,
        baselines=outcome.baselines,
        best=best,
        seconds=time.monotonic() - going.began,
        interrupted=outcome.interrupted,
        tracking=str(getattr(going.tracker, "tracking_uri", "")),
        metrics=going.prepared.task.METRICS,
    )


def _judged(
    going: _Underway,
    result: Result,
    data: Data,
    data_checks: Sequence[Answer],
    outcome: SearchOutcome,
    predictions: Predictions,
    audit: Audit,
) -> Result:
    """The result with what all checks say of it."""
    if result.best is None:
        return dataclasses.replace(result, answers=data_checks)
    folder = going.folder
    known = evidence.of_run(data, going.prepared, result.metric, folder, outcome, result.best, predictions, audit)
    answers = [*data_checks, *ask("training", known, log=folder.log), *ask("run", known, log=folder.log)]
    return dataclasses.replace(
        result,
        verdict=verdict(result.best, result.metric, answers, unseen=known.unseen),
        answers=answers,
        of_trials=ask_of_trials(known, log=folder.log, until=_trial_checks_deadline(going)),
    )


def _trial_checks_deadline(going: _Underway) -> float:
    """When no further trial is checked by itself: a run that is late already has none."""
    seconds = going.options.seconds
    if seconds is None:
        return float("inf")
    return min(time.monotonic() + TRIAL_CHECKS_SHARE * seconds, going.began + seconds - RECORD_SECONDS)


def _record(
    going: _Underway, result: Result, outcome: SearchOutcome, evaluated: Mapping[str, Evaluated], audit: Audit
) -> None:
    """Leaves everything in the run's folder."""
    folder, prepared = going.folder, going.prepared
    folder.write_baselines(outcome.baselines)
    folder.write_outcome(Outcome(_state(result), result.seconds, outcome.left_out))
    # Before the ensemble, by which it is told whose it is.
    folder.write_importance(_importance(folder, result.best, audit))
    if result.best is not None:
        folder.write_ensemble(result.best)
        folder.write_evaluation(evaluated)
    board = leaderboard(
        outcome.trials, outcome.baselines, result.metric, ensemble=result.best, answers=result.of_trials
    )
    folder.write_leaderboard(board)
    folder.write_findings(result.verdict, result.answers, result.of_trials)
    folder.write_weak_spots(_weak_spots(result.answers))
    folder.write_summary(summary(result, prepared.profile, data=prepared.name))
    _report(folder)
    features = prepared.frame[[column.name for column in prepared.profile.columns]]
    folder.write_example(features.iloc[prepared.split.train[:5]])


def _importance(folder: RunFolder, best: Ensemble | None, audit: Audit) -> list[Importance]:
    """Which columns matter to the model: as measured now, or else as an earlier session measured of the same one."""
    if not audit.increases and best is not None:
        with suppress(InputError):
            before = folder.ensemble()
            return folder.importance() if before is not None and before.members == best.members else []
    return importance(audit.increases)


def _state(result: Result) -> State:
    return "interrupted" if result.interrupted else "finished" if result.best else "failed"


def _weak_spots(answers: Sequence[Answer]) -> list[WeakSpot]:
    found = next((answer for answer in answers if answer.code == "weak_spots"), None)
    return [WeakSpot(**spot) for spot in found.details] if isinstance(found, Finding) else []


def _report(folder: RunFolder) -> None:
    """Makes `report.html` and the plots. A run that cannot be shown is a run all the same: the log says why."""
    try:
        report.write(folder.path)
        pictures.write(folder.path)
    except Exception:  # noqa: BLE001  whatever a run may have recorded
        with folder.log.open("a", encoding="utf-8") as log:
            log.write(plain_lines(f"The report could not be made:\n{traceback.format_exc()}"))


def _evaluated(best: Ensemble | None, predictions: Predictions, known: Data) -> Mapping[str, Evaluated]:
    """What the model says of rows whose truth is known; nothing without a model."""
    if best is None:
        return {}
    parts = known.split.parts()
    groups = {part: own for part in parts if (own := known.groups_of(part)) is not None}
    return evaluate(best, predictions, {part: known.of(part) for part in parts}, parts, groups=groups)
