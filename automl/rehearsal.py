"""The story of a dry run: prepare, measure each family's defaults, and say what a fit would take. Nothing is kept."""

from __future__ import annotations

import math
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from rich.console import RenderableType
from rich.text import Text

from automl import auditing, memory, refitting
from automl.diagnostics import Finding, ask, worst_first
from automl.errors import InputError
from automl.evidence import of_data
from automl.execution import Event, Executor, Job
from automl.execution.launcher import Launcher
from automl.execution.local import LocalExecutor
from automl.interruption import Interruption
from automl.options import Options
from automl.pipeline import TAIL_SECONDS, objective_of, plan_of, tail, write_workspace
from automl.preparation import Prepared, prepare
from automl.reporting import Plan, Reporter
from automl.reporting.rehearsal import Forecast, Probe, figures, outlook, scope
from automl.search.grid import check_size
from automl.searching import GRACE_SECONDS, SILENCE_SECONDS, WAIT_SECONDS
from automl.space import SearchSpace

# Of the budget, for all probes together; but not less than compiling a few networks takes.
PROBES_SHARE = 1 / 3
LEAST_PROBES_SECONDS = 15.0


@dataclass(frozen=True)
class Services:
    """Whom a dry run talks to beside the user's files.

    Attributes:
        launcher: started before anything else is loaded, since it loads TensorFlow; the dry run closes it.
        show: prints what the reporter has no word for.
    """

    launcher: Launcher
    reporter: Reporter
    show: Callable[[RenderableType], None]


@dataclass(frozen=True)
class Settings:
    """How probes are made.

    Attributes:
        spaces: one per family, in the order in which they are probed.
        metric: the name of the one that a fit would decide by.
        folder: a place for files.
        workers: how many probes run at a time.
        deadline: when all should have ended, on the monotonic clock; infinite for no limit.
    """

    spaces: Mapping[str, SearchSpace]
    metric: str
    folder: Path
    seed: int
    workers: int
    deadline: float


def rehearse(data: str | Path | pd.DataFrame, options: Options, services: Services, *, began: float) -> None:
    """Shows what a fit with these options would do: the whole of `automl fit --dry-run`.

    Args:
        began: when the budget started to run, on the monotonic clock.

    Raises:
        InputError: the data or the options are wrong.
        EnvironmentFault: the machine lacks something.
    """
    with ExitStack() as cleanup:
        # Who is ended by a batch system leaves no data behind either.
        interruption = cleanup.enter_context(Interruption())
        cleanup.callback(services.reporter.close)
        cleanup.callback(services.launcher.close)
        prepared = prepare(data, options)
        spaces = prepared.spaces
        size = sum(space.grid_size() for space in spaces.values()) if options.search == "grid" else None
        plan = plan_of(prepared, options, objective_of(prepared, options), grid_size=size)
        _tell(prepared, worst_first(ask("data", of_data(prepared, options))), plan, services)
        folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="automl-")))
        write_workspace(folder / "encoded", prepared)
        executor = LocalExecutor(
            services.launcher,
            workers=plan.workers,
            data=folder / "encoded",
            log=folder / "log.txt",
            memory=memory.for_workers(options.memory),
        )
        cleanup.callback(executor.close)
        _wait_for_tensorflow(services.launcher)
        loading = time.monotonic() - began
        settings = Settings(spaces, plan.metric.name, folder, options.seed, plan.workers, _deadline(plan.seconds))
        probes = probe(settings, executor, check=interruption.check)
        services.show(figures(probes))
        services.show("")
        again = refitting.parts(prepared.split, options)
        expected = forecast(
            probes,
            plan,
            prunes=options.prunes,
            loading=loading,
            kept=auditing.reserve(options),
            audits=auditing.is_wanted(options),
            growth=refitting.growth(prepared.split, again) if again else None,
        )
        services.show(Text(outlook(expected)))


def probe(settings: Settings, executor: Executor, *, check: Callable[[], None] = lambda: None) -> list[Probe]:
    """Trains the defaults of each family for two epochs. One that fails or hangs costs the others nothing.

    Args:
        check: called several times a second; may raise.
    """
    probes: dict[int, Probe] = {}
    running: dict[int, Job] = {}
    heard: dict[int, float] = {}
    while len(probes) < len(settings.spaces):
        while executor.capacity and (begun := len(probes) + len(running)) < len(settings.spaces):
            running[begun] = _job(begun, settings)
            executor.submit(running[begun])
            heard[begun] = time.monotonic()
        check()
        for event in executor.wait(WAIT_SECONDS):
            heard[event.key] = time.monotonic()
            if event.kind != "epoch":
                probes[event.key] = _probed(event, running.pop(event.key), settings)
        for job in list(running.values()):
            if failure := _overdue(job, heard[job.key]):
                executor.cancel(job.key)
                del running[job.key]
                probes[job.key] = Probe(job.family, settings.spaces[job.family], failure=failure)
    return [probes[key] for key in sorted(probes)]


def forecast(
    probes: Sequence[Probe],
    plan: Plan,
    *,
    prunes: bool,
    loading: float,
    kept: float,
    audits: bool = False,
    growth: float | None = None,
) -> Forecast:
    """What a fit would come to if each family had as many trials as the others, all as long as its defaults.

    Args:
        kept: the seconds of the budget that are kept for examining the model.
        loading: the seconds from the start to the first trial.
        audits: whether the model is examined.
        growth: how many times as many rows the best are trained on once more; None if they are not.
    """
    measured = [probe for probe in probes if not probe.failure]
    if not measured:
        return Forecast(plan, len(probes), prunes)
    trial = statistics.fmean(probe.trial_seconds for probe in measured)
    sizes = [probe.space.grid_size() for probe in measured]
    of_grid = statistics.fmean((probe.trial_seconds for probe in measured), weights=sizes)

    def lasting(trials: int, seconds: float) -> float:
        search = math.ceil(trials / plan.workers) * seconds
        again = 0.0
        if growth is not None:
            again = refitting.expected(trials, seconds, growth=growth, workers=plan.workers)
        examined = auditing.expected(trials, seconds, search=search, workers=plan.workers) if audits else 0.0
        return loading + search + again + examined + TAIL_SECONDS

    left = None if plan.seconds is None else max(0.0, plan.seconds - tail(plan.seconds) - kept - loading)
    if left is not None and plan.refit_rows is not None:
        left *= 1 - refitting.MOST_SHARE
    return Forecast(
        plan,
        len(probes),
        prunes,
        affordable=None if left is None else plan.workers * left / trial,
        trials_seconds=None if plan.trials is None else lasting(plan.trials, trial),
        grid_seconds=None if plan.grid_size is None else lasting(plan.grid_size, of_grid),
    )


def _tell(prepared: Prepared, findings: Sequence[Finding], plan: Plan, services: Services) -> None:
    """All that is known before anything is measured."""
    services.reporter.data(prepared.profile, name=prepared.name, notes=prepared.notes, split=prepared.split)
    services.reporter.findings(findings)
    services.reporter.families(prepared.candidates)
    services.reporter.search(plan)
    if plan.grid_size is not None:
        try:
            check_size(prepared.spaces, trials=plan.trials)
        except InputError as error:
            services.reporter.note(f"Without --dry-run, this would be refused. {error}")
    services.show(scope(prepared.profile, prepared.candidates))
    services.show("")
    services.show(Text("Measured on two epochs of each family's defaults:"))


def _wait_for_tensorflow(launcher: Launcher) -> None:
    _, connection = launcher.start_worker()
    connection.close()


def _deadline(seconds: float | None) -> float:
    """When the probes should have ended; they begin now."""
    return time.monotonic() + (math.inf if seconds is None else max(LEAST_PROBES_SECONDS, PROBES_SHARE * seconds))


def _job(key: int, settings: Settings) -> Job:
    """The probe of the family at the position `key`."""
    family, space = list(settings.spaces.items())[key]
    now = time.monotonic()
    share = min(1.0, settings.workers / (len(settings.spaces) - key))
    return Job(
        key,
        "probe",
        settings.folder,
        family=family,
        params=space.defaults(),
        metric=settings.metric,
        seed=settings.seed,
        until=now + share * (settings.deadline - now),
    )


def _probed(event: Event, job: Job, settings: Settings) -> Probe:
    space = settings.spaces[job.family]
    if event.kind == "failed":
        return Probe(job.family, space, failure=event.message)
    return Probe(job.family, space, **event.result)


def _overdue(job: Job, heard: float) -> str:
    """Why a probe should be ended; empty if it may go on."""
    now = time.monotonic()
    if now > job.until + GRACE_SECONDS:
        return "Its share of the time was up, and it did not end. Give more --time."
    if now - heard > SILENCE_SECONDS:
        return f"It gave no sign of life for {SILENCE_SECONDS:.0f} seconds."
    return ""
