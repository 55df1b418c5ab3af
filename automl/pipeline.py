"""The story of a fit: read, profile, split, encode, search, save, report. Read this file first."""

from __future__ import annotations

import dataclasses
import shlex
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from automl import auditing, evidence, files, memory, model, refitting, resuming
from automl.baselines import BOOSTING, CONSTANT, Baseline
from automl.diagnostics import Answer, Audit, Data, Finding, ask, worst_first
from automl.encoding import strange
from automl.ensemble import MOST_MEMBERS, Ensemble, candidates, choose
from automl.errors import EnvironmentFault, NothingTrained
from automl.evaluation import Evaluated, WeakSpot, evaluate, importance
from automl.execution import Job, workspace
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
from automl.reporting.refit import again
from automl.reporting.summary import summary
from automl.reporting.verdict import verdict
from automl.resuming import Earlier
from automl.run import Run
from automl.search.grid import check_size
from automl.searching import SearchOutcome, Settings, progress, search
from automl.tasks import FloatArray, Metric, metric, scores
from automl.tracking import Tracker, recorded
from automl.tracking.store import without_secrets
from automl.trial import LayerActivity, Trial
from automl.versions import installed
from automl.weights import REFITTED, final_weights

if TYPE_CHECKING:
    import numpy as np

# What saving the model, MLflow and the report take after the search, in seconds; measured on two cores. Of a very
# short budget, a share: better a little late than without a model.
TAIL_SECONDS = 3.0
TAIL_SHARE = 0.2
# Jobs that save a member of the ensemble have the keys below this.
EXPORT_KEY = -2
EXPORT_SECONDS = 120
# Whoever kills a worker must not cost the model.
EXPORT_ATTEMPTS = 3

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
        objective = metric(options.metric, prepared.task)
        plan = plan_of(prepared, options, objective, grid_size=_grid_size(prepared, options), earlier=earlier)
        tracker = services.open_tracker()
        cleanup.callback(tracker.close)
        earlier = _begun(prepared, options, plan, services, earlier, began, cleanup)
        folder = earlier.folder
        interruption.last_words = f"Interrupted. {_way_on(folder)}"
        cleanup.enter_context(_faults_tell_the_way_on(folder))
        known = evidence.of_data(prepared, options)
        data_checks = _tell(known, prepared, plan, folder, services.reporter)
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
        settings = _settings(prepared, options, plan, folder, began)
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
        considered = candidates(outcome.usable)
        predictions = {trial.number: folder.predictions(trial) for trial in considered}
        best = _choose(considered, predictions, prepared, options, objective) if considered else None
        if best and settings.growth is not None:
            best = _trained_again(best, folder, plan, settings, outcome, executor, services.reporter, interruption)
        audit = _examined(
            best, folder, prepared, options, settings, outcome, executor, services.reporter, interruption, began
        )
        services.reporter.progress(progress(settings, outcome, activity="saving the best networks"))
        if best:
            audit = dataclasses.replace(audit, activity=_save(folder, prepared, best, executor))
        outcome.interrupted = outcome.interrupted or interruption.asked
        result = _result(folder, prepared, objective, outcome, best, tracker, began)
        result = _judged(result, data_checks, known, prepared, folder, outcome, predictions, audit)
        _record(folder, prepared, objective, outcome, predictions, tracker, result, audit)
        folder.write_state(_state(result), time.monotonic() - began)
        services.reporter.result(dataclasses.replace(result, seconds=time.monotonic() - began))
    if best is None and not outcome.interrupted:
        raise NothingTrained(_why_nothing(outcome.trials, folder))
    return Run(folder.path, interrupted=outcome.interrupted or interruption.asked)


def _way_on(folder: RunFolder) -> str:
    return f"To go on: automl resume {shlex.quote(str(folder.path))}"


@contextmanager
def _faults_tell_the_way_on(folder: RunFolder) -> Iterator[None]:
    """A fault of the machine costs no trial that was recorded, and its message says so."""
    try:
        yield
    except EnvironmentFault as fault:
        raise EnvironmentFault(f"{fault}\nNo recorded trial is lost. {_way_on(folder)}") from fault


def _why_nothing(trials: Sequence[Trial], folder: RunFolder) -> str:
    """Why there is no model: how trials failed, and what most of them said."""
    if not trials:
        return "No trial was started: the time was too short. Give more --time."
    reasons = ", ".join(
        f"{number} {reason}" for reason, number in Counter(trial.reason for trial in trials).most_common()
    )
    said = [trial.message for trial in trials if trial.message]
    cause = f" Most often: {max(said, key=said.count)}" if said else ""
    return (
        f"No trial succeeded: {count(len(trials), 'trial')} failed ({reasons}).{cause}\n"
        f"{folder.path / 'leaderboard.csv'} and {folder.path / 'log.txt'} tell more."
    )


def check(data: str | Path | pd.DataFrame, options: Options, earlier: Earlier, *, command: str) -> None:
    """Makes sure that an earlier run is of these data and options. Nothing is written.

    Raises:
        InputError: it is not.
    """
    prepared = prepare(data, options)
    resuming.check(earlier, _asked(prepared, options, command), prepared.split)


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
    asked = {**_asked(prepared, options, services.command), "settings": _told_settings(prepared, options, plan)}
    if earlier is None:
        folder = new_run(*_place(prepared, options), exact=options.out is not None)
        cleanup.enter_context(resuming.locked(folder))
        earlier = Earlier(folder)
    else:
        for note in resuming.check(earlier, asked, prepared.split):
            services.reporter.note(note)
        resuming.tidy(earlier)
    cleanup.callback(earlier.folder.clear_away)
    asked = resuming.recorded(asked, earlier, command=services.command)
    # Before the limits are other ones: a finished run that is given more must not seem to be finished with those.
    earlier.folder.write_state("running", time.monotonic() - began)
    earlier.folder.write_start(asked, prepared.profile, prepared.split)
    return earlier


def _grid_size(prepared: Prepared, options: Options) -> int | None:
    return check_size(prepared.spaces, trials=options.most_trials) if options.search == "grid" else None


def plan_of(
    prepared: Prepared, options: Options, objective: Metric, *, grid_size: int | None, earlier: Earlier | None = None
) -> Plan:
    """What is about to be searched, as people are told."""
    return Plan(
        options.search,
        options.seconds,
        options.most_trials,
        options.processes,
        objective,
        grid_size,
        quality=options.quality,
        refit_rows=len(prepared.frame) if refitting.is_wanted(prepared.split, options) else None,
        before=_before(earlier) if earlier else None,
    )


def _before(earlier: Earlier) -> Before:
    return Before(earlier.ended, len(earlier.trials) - len(earlier.ended), earlier.seconds)


def _place(prepared: Prepared, options: Options) -> tuple[Path, str]:
    """The parent folder and the name of the run's folder."""
    return (options.out.parent, options.out.name) if options.out else (Path("runs"), prepared.name)


def _tell(data: Data, prepared: Prepared, plan: Plan, folder: RunFolder, reporter: Reporter) -> list[Answer]:
    """Shows what is about to begin; returns what the checks of the data say."""
    reporter.data(prepared.profile, name=prepared.name, notes=prepared.notes, split=prepared.split)
    answers = ask("data", data, log=folder.log)
    reporter.findings(worst_first(answers))
    reporter.families(prepared.candidates)
    reporter.search(plan)
    return answers


def _asked(prepared: Prepared, options: Options, command: str) -> dict[str, Any]:
    """What `run.json` keeps: enough to understand the run, and to tell whether another is the same."""
    return {
        "command": command,
        "began": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": installed(),
        "data": {
            "name": prepared.name,
            "source": prepared.source,
            "path": prepared.path and str(prepared.path),
            "digest": prepared.digest,
            "test": options.test and files.sha256(options.test),
        },
        "notes": list(prepared.notes),
        "target": prepared.profile.target.name,
        "classes": prepared.specification.get("labels", []),
        "task": prepared.profile.target.task,
        "metric": options.metric or prepared.task.OBJECTIVE,
        "split": {"how": prepared.split.how, **{name: len(rows) for name, rows in prepared.split.parts().items()}},
        "folds": None if prepared.split.folds is None else prepared.split.number_of_folds,
        "options": {
            **{name: _plain(value) for name, value in dataclasses.asdict(options).items()},
            "tracking_uri": options.tracking_uri and without_secrets(options.tracking_uri),
        },
        "families": [
            {"name": known.name, "taken": known.taken, "why": known.why, "summary": known.summary}
            for known in prepared.candidates
        ],
        "spaces": {
            family: {name: dataclasses.asdict(parameter) for name, parameter in space.parameters.items()}
            for family, space in prepared.spaces.items()
        },
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value.absolute())
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


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


def _told_settings(prepared: Prepared, options: Options, plan: Plan) -> dict[str, Any]:
    """What was asked for, as a tracker shows it."""
    return {
        "quality": options.quality,
        "search": options.search,
        "seconds": options.seconds,
        "trials": plan.trials,
        "refit": plan.refit_rows is not None,
        "prune": options.prunes,
        "workers": options.processes,
        "seed": options.seed,
        "balance": options.balance,
        "families": ", ".join(candidate.name for candidate in prepared.candidates if candidate.taken),
        "split": prepared.split.how,
    }


def _settings(prepared: Prepared, options: Options, plan: Plan, folder: RunFolder, began: float) -> Settings:
    spaces = prepared.spaces
    return Settings(
        algorithm=options.search,
        spaces=spaces,
        # A grid has an order of its own.
        first=[] if options.search == "grid" else list(first_settings(spaces, rows=len(prepared.split.train))),
        metric=plan.metric,
        folder=folder,
        seed=options.seed,
        trials=plan.trials,
        prune=options.prunes,
        workers=options.processes,
        deadline=_audit_deadline(options, began) - auditing.reserve(options),
        ends=None if options.seconds is None else began + options.seconds,
        boosts=options.trade.boosts,
        growth=refitting.growth(prepared.split) if plan.refit_rows is not None else None,
        began=began,
    )


def _audit_deadline(options: Options, began: float) -> float:
    """When nothing may be trained any more."""
    return float("inf") if options.seconds is None else began + options.seconds - tail(options.seconds)


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


def _trained_again(
    best: Ensemble,
    folder: RunFolder,
    plan: Plan,
    settings: Settings,
    outcome: SearchOutcome,
    executor: LocalExecutor,
    reporter: Reporter,
    interruption: Interruption,
) -> Ensemble:
    """The ensemble, with a record of which of its members have now learned from all rows."""
    assert plan.refit_rows is not None
    assert settings.growth is not None
    if outcome.interrupted:
        refit = refitting.not_begun(best, rows=plan.refit_rows, why="you ended the search")
        return dataclasses.replace(best, refit=refit)

    def tell() -> None:
        interruption.check()
        reporter.progress(progress(settings, outcome, activity="training the best networks again on all rows"))

    refit = refitting.train_again(
        best,
        outcome.trials,
        executor,
        folder=folder.of_trial,
        rows=plan.refit_rows,
        growth=settings.growth,
        seed=settings.seed,
        deadline=settings.deadline,
        report=tell,
    )
    return dataclasses.replace(best, refit=refit)


def _examined(
    best: Ensemble | None,
    folder: RunFolder,
    prepared: Prepared,
    options: Options,
    settings: Settings,
    outcome: SearchOutcome,
    executor: LocalExecutor,
    reporter: Reporter,
    interruption: Interruption,
    began: float,
) -> Audit:
    """What checks want to know of the model beyond its scores."""
    if best is None or outcome.interrupted or not auditing.is_wanted(options):
        return Audit()

    def tell() -> None:
        interruption.check()
        reporter.progress(progress(settings, outcome, activity="examining the model"))

    return auditing.audit(
        best,
        outcome.trials[best.members[0].trial],
        executor,
        folder=folder,
        encoding=prepared.encoding,
        metric=settings.metric,
        seed=settings.seed,
        workers=settings.workers,
        deadline=_audit_deadline(options, began),
        report=tell,
    )


def _save(
    folder: RunFolder, prepared: Prepared, best: Ensemble, executor: LocalExecutor
) -> dict[int, Sequence[LayerActivity]]:
    """Makes the bundle of the ensemble, and returns what the units of its networks do, by trial."""
    folders = {member.trial: folder.of_trial(member.trial) for member in best.members}
    activity = _export(best, folders, executor)
    model.save(
        folder.bundle,
        networks={trial: (path / "network.keras", final_weights(path)) for trial, path in folders.items()},
        task=prepared.profile.target.task,
        target=prepared.specification,
        encoding=prepared.encoding,
        facts={
            "members": [dataclasses.asdict(member) for member in best.members],
            "temperature": best.temperature,
            "scores": best.scores,
            "refit": None if best.refit is None else {**dataclasses.asdict(best.refit), "says": again(best)},
            "data": prepared.name,
            "digest": prepared.digest,
            "columns": strange.names(prepared.profile),
        },
    )
    for path in folders.values():
        (path / "network.keras").unlink()
        (path / REFITTED).unlink(missing_ok=True)
    return activity


def _export(best: Ensemble, folders: Mapping[int, Path], executor: LocalExecutor) -> dict[int, Sequence[LayerActivity]]:
    """Lets the workers write each member's network, and returns what its units do."""
    waiting = [
        Job(EXPORT_KEY - position, "export", folders[member.trial], family=member.family, params=member.params)
        for position, member in enumerate(best.members)
    ]
    running: dict[int, Job] = {}
    killed: Counter[int] = Counter()
    activity: dict[int, Sequence[LayerActivity]] = {}
    began = time.monotonic()
    while waiting or running:
        while waiting and executor.capacity:
            running[waiting[0].key] = waiting[0]
            executor.submit(waiting.pop(0))
        for event in executor.wait(1.0):
            job = running.pop(event.key, None)
            if job is not None and event.kind == "failed":
                killed[job.key] += 1
                if event.reason != "killed" or killed[job.key] >= EXPORT_ATTEMPTS:
                    raise EnvironmentFault(f"The model could not be saved: {event.message}")
                waiting.append(job)
            if job is not None and event.kind == "done":
                activity[best.members[EXPORT_KEY - job.key].trial] = event.result["activity"]
        if time.monotonic() - began > EXPORT_SECONDS:
            raise EnvironmentFault(f"The model could not be saved within {EXPORT_SECONDS} seconds.")
    return activity


def _result(
    folder: RunFolder,
    prepared: Prepared,
    objective: Metric,
    outcome: SearchOutcome,
    best: Ensemble | None,
    tracker: Tracker,
    began: float,
) -> Result:
    return Result(
        folder=folder.path,
        metric=objective,
        split=prepared.split,
        trials=outcome.trials,
        baselines=outcome.baselines,
        best=best,
        seconds=time.monotonic() - began,
        interrupted=outcome.interrupted,
        tracking=str(getattr(tracker, "tracking_uri", "")),
        metrics=prepared.task.METRICS,
    )


def _judged(
    result: Result,
    data_checks: Sequence[Answer],
    data: Data,
    prepared: Prepared,
    folder: RunFolder,
    outcome: SearchOutcome,
    predictions: Predictions,
    audit: Audit,
) -> Result:
    """The result with what all checks say of it."""
    if result.best is None:
        return dataclasses.replace(result, answers=data_checks)
    known = evidence.of_run(data, prepared, result.metric, folder, outcome, result.best, predictions, audit)
    answers = [*data_checks, *ask("training", known, log=folder.log), *ask("run", known, log=folder.log)]
    return dataclasses.replace(
        result, verdict=verdict(result.best, result.metric, answers, unseen=known.unseen), answers=answers
    )


def _record(
    folder: RunFolder,
    prepared: Prepared,
    objective: Metric,
    outcome: SearchOutcome,
    predictions: Predictions,
    tracker: Tracker,
    result: Result,
    audit: Audit,
) -> None:
    board = leaderboard(outcome.trials, outcome.baselines, objective, ensemble=result.best)
    folder.write_baselines(outcome.baselines)
    folder.write_outcome(Outcome(_state(result), result.seconds, outcome.left_out))
    if result.best is not None:
        folder.write_ensemble(result.best)
        folder.write_evaluation(_evaluated(result.best, predictions, prepared))
    folder.write_leaderboard(board)
    folder.write_findings(result.verdict, result.answers)
    folder.write_importance(importance(audit.increases))
    folder.write_weak_spots(_weak_spots(result.answers))
    folder.write_summary(summary(result, prepared.profile, data=prepared.name))
    _report(folder)
    features = prepared.frame[[column.name for column in prepared.profile.columns]]
    folder.write_example(features.iloc[prepared.split.train[:5]])
    tracker.finish(recorded.outcome(folder))


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


def _evaluated(best: Ensemble, predictions: Predictions, prepared: Prepared) -> dict[str, Evaluated]:
    """What the model says of rows whose truth is known."""
    parts = prepared.split.parts()
    return evaluate(best, predictions, {part: prepared.targets[rows] for part, rows in parts.items()}, parts)
