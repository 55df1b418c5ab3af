"""After the search: which columns matter to the model, what more rows would bring, and how far the seed decides.

It costs a small share of the time, and changes nothing of the model: the checks alone read it.
"""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Sequence

import numpy as np

from automl import files
from automl.diagnostics import Audit
from automl.encoding.table import Encoding
from automl.ensemble import Ensemble
from automl.execution import Event, Executor, Job, errands
from automl.options import Options
from automl.records import RunFolder
from automl.tasks import FloatArray, Metric
from automl.trial import Trial, at_the_rate_of, finished

# Jobs of the audit have the keys below this.
AUDIT_KEY = -2_000
# Of the budget; without one, of the time that the search took, or a minute if that is more.
TIME_SHARE, MOST_SECONDS = 0.06, 60.0
# With less time than this, not even the columns could be measured.
LEAST_SECONDS = 1.0
# Of the training rows: what halving them costs tells what doubling them may bring.
SHARES = (0.5, 0.25)
OTHER_SEEDS = 2
SEEDS_APART = 500_009
# The best trials beside the leader that are trained with one other seed, so that it is known whether they are as good.
RUNNERS_UP = 2
# A training is begun if there is this many times the time that it should take.
CAUTION = 1.2


def reserve(options: Options, *, used: float = 0.0) -> float:
    """The seconds of the budget to keep for it; 0 if there is to be none.

    Args:
        used: seconds of the budget that earlier sessions of the run have had: this one keeps a share of its own.
    """
    if not options.trade.audits or options.seconds is None:
        return 0.0
    seconds = min(MOST_SECONDS, TIME_SHARE * (options.seconds - used))
    return seconds if seconds >= LEAST_SECONDS else 0.0


def is_wanted(options: Options) -> bool:
    """Whether there is an audit: unless the quality goes without, or the time is too short."""
    return options.trade.audits and (options.seconds is None or reserve(options) > 0)


def most_seconds(search: float) -> float:
    """What it may take after a search without a budget that took so many seconds."""
    return max(MOST_SECONDS, TIME_SHARE * search)


def expected(trials: int, seconds: float, *, search: float, workers: int) -> float:
    """The seconds that it takes after a search without a budget, of so many trials of `seconds` each."""
    trainings = sum(SHARES) + OTHER_SEEDS + min(RUNNERS_UP, trials - 1)
    return min(most_seconds(search), trainings * seconds / workers)


def audit(
    best: Ensemble,
    trials: Sequence[Trial],
    executor: Executor,
    *,
    folder: RunFolder,
    encoding: Encoding,
    metric: Metric,
    seed: int,
    workers: int,
    deadline: float,
    report: Callable[[], None],
) -> Audit:
    """What could be measured before the deadline, the most telling first.

    Args:
        trials: of the run. The one with the greatest weight is trained again with fewer rows and with other seeds; then
            the best of the others with another seed.
        encoding: of the table's columns.
        seed: of the run.
        deadline: on the monotonic clock; infinite for none.
        report: called several times a second; may raise EarlyEnd.
    """
    leader = next(trial for trial in trials if trial.number == best.members[0].trial)
    others = [trial for trial in finished(trials) if trial.number != leader.number][:RUNNERS_UP]
    trainings = [
        *_of_leader(_training(leader, folder, metric, seed, deadline)),
        *(_with_seed(_training(trial, folder, metric, seed, deadline), 1) for trial in others),
    ]
    jobs = [*_importance_jobs(best, encoding, folder, metric, seed, workers, deadline), *trainings]
    jobs = [dataclasses.replace(job, key=AUDIT_KEY - position) for position, job in enumerate(jobs)]

    def least(job: Job) -> float:
        return CAUTION * _estimate(job, trials)

    ended = errands.run(jobs, executor, report=report, deadline=deadline, least=least)
    done = [(job, event) for job, event in ended if event.kind == "done"]
    found = _audit(done)
    shutil.rmtree(folder.audit, ignore_errors=True)
    return found


def _importance_jobs(
    best: Ensemble, encoding: Encoding, folder: RunFolder, metric: Metric, seed: int, workers: int, deadline: float
) -> list[Job]:
    """Each worker takes some of the columns."""
    names = tuple(column["name"] for column in encoding.columns)
    return [
        Job(
            0,
            "importance",
            folder.path,
            metric=metric.name,
            seed=seed,
            until=deadline,
            model=best,
            encoding=encoding,
            columns=names[worker::workers],
        )
        for worker in range(min(workers, len(names)))
    ]


def _training(trial: Trial, folder: RunFolder, metric: Metric, seed: int, deadline: float) -> Job:
    """Training a trial's setting again, over the epochs that its schedule had."""
    planned = trial.place.planned if trial.place else float(trial.params["epochs"])
    params = at_the_rate_of(trial.place, trial.params) if trial.place else trial.params
    return Job(
        0,
        "trial",
        folder.audit / str(trial.number),
        family=trial.family,
        params={**params, "epochs": planned},
        metric=metric.name,
        seed=seed + trial.number,
        until=deadline,
    )


def _of_leader(job: Job) -> list[Job]:
    """With fewer rows and with other seeds, in turn."""
    fewer = [dataclasses.replace(job, folder=job.folder / f"share-{share}", share=share) for share in SHARES]
    others = [_with_seed(job, turn) for turn in range(1, OTHER_SEEDS + 1)]
    return [job for pair in zip(fewer, others, strict=True) for job in pair]


def _with_seed(job: Job, turn: int) -> Job:
    return dataclasses.replace(job, folder=job.folder / f"seed-{turn}", seed=job.seed + turn * SEEDS_APART)


def _number(job: Job) -> int:
    """Of the trial that a training repeats."""
    return int(job.folder.parent.name)


def _estimate(job: Job, trials: Sequence[Trial]) -> float:
    """The seconds that a training takes, by those of the trial's own; its short trainings are not repeated."""
    if job.kind == "importance":
        return 0.0
    trial = next(trial for trial in trials if trial.number == _number(job))
    epochs = max(map(len, trial.curves.values()), default=0)
    short = sum(rung.epochs for rung in trial.rungs)
    return job.share * trial.seconds * epochs / max(1, epochs + short)


def _audit(done: Sequence[tuple[Job, Event]]) -> Audit:
    increases: dict[str, Sequence[float]] = {}
    fewer_rows: dict[float, FloatArray] = {}
    other_seeds: dict[int, list[FloatArray]] = {}
    for job, event in done:
        if job.kind == "importance":
            increases |= event.result["increases"]
        # One that had fewer epochs than it needs tells nothing.
        elif event.result["stopped"] != "time":
            predictions = np.asarray(files.read_arrays(job.folder / "predictions.npz")["val"])
            if job.share < 1:
                fewer_rows[job.share] = predictions
            else:
                other_seeds.setdefault(_number(job), []).append(predictions)
    return Audit(increases, fewer_rows, other_seeds)
