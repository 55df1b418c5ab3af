"""The end of a fit: members of the ensemble are trained again on more rows, the heaviest first, while there is time."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import numpy as np

from automl import files
from automl.data.split import Split
from automl.ensemble import Ensemble, Refit
from automl.errors import InputError
from automl.execution import Executor, Job, errands
from automl.options import Options
from automl.trial import Trial, finished
from automl.weights import REFITTED

# Jobs that train a member again have the keys below this.
REFIT_KEY = -1_000
# An ensemble has a few heavy members; the time is kept for so many of the best trials, and for others if it is left.
USUAL_MEMBERS = 5
# The search gets the rest of the time, however long its trials take.
MOST_SHARE = 0.4
# A training without measurements, on a compiled graph, takes less than a trial's: on small tables a quarter of it; on
# large ones, where it matters, nine tenths with another beside it.
TIME_SHARE = 0.9
# A job is begun if the time left is more than this share of its estimate; its worker gives it up when its pace turns
# out to be too slow.
LEAST_SHARE = 0.5
EVERY = ("train", "val", "test")


def parts(split: Split, options: Options) -> tuple[str, ...]:
    """The parts whose rows the chosen networks learn from once more; none if they are not trained again.

    As the user says, all. Else as the quality says: all or, where a holdout has kept the validation rows from every
    network, those and the training rows. On eight tables with a holdout the latter made the error in 60 seconds 0.975
    of what it was (geometric mean; 0.85 to 1.03), the time that it takes included.

    The folds' networks together know all rows but the test rows, and their mean is as good as that of as many networks
    that each know all: measured on five tables without test rows, 0.3 % worse; with them, 1.6 % better.
    """
    if options.refit is not None:
        return EVERY if options.refit else ()
    if options.trade.refits == "all" and (split.folds is None or len(split.test) > 0):
        return EVERY
    return ("train", "val") if options.trade.refits == "known" and split.folds is None else ()


def rows(split: Split, of: Sequence[str]) -> int:
    """How many rows are in these parts; in folds the validation rows are the training rows."""
    known = split.parts()
    return len(np.unique(np.concatenate([known[part] for part in of if part in known])))


def growth(split: Split, of: Sequence[str]) -> float:
    """How many times as many rows a network learns from when it learns from all of these parts."""
    learned = float(len(split.train))
    if split.folds is not None:
        learned *= (split.number_of_folds - 1) / split.number_of_folds
    return rows(split, of) / learned


def estimate(trial: Trial, *, growth: float) -> float:
    """The seconds that training a trial again takes, by those of its own training."""
    epochs = max(map(len, trial.curves.values()), default=0) + sum(rung.epochs for rung in trial.rungs)
    kept = trial.place.epochs if trial.place else epochs
    return TIME_SHARE * trial.seconds * growth * min(1.0, kept / max(epochs, 1))


def expected(trials: int, seconds: float, *, growth: float, workers: int) -> float:
    """The seconds that it takes after a search without a budget, of so many trials of `seconds` each."""
    return TIME_SHARE * growth * math.ceil(min(trials, USUAL_MEMBERS) / workers) * seconds


def reserve(trials: Sequence[Trial], *, growth: float, workers: int, most: float, done: Collection[int] = ()) -> float:
    """The seconds to keep for training again what the ensemble will most likely be made of.

    Args:
        most: that may be kept. Where the best trial would take longer nothing is: the others do not weigh enough. Nor
            is anything for others that would.
        done: the numbers of trials that earlier sessions have trained again.
    """
    likely = finished(trials)[:USUAL_MEMBERS]
    each = [0.0 if trial.number in done else estimate(trial, growth=growth) for trial in likely]
    if not each or each[0] > most:
        return 0.0
    fitting = [seconds for seconds in each if seconds <= most]
    return min(most, max(*fitting, sum(fitting) / workers))


def train_again(
    best: Ensemble,
    trials: Sequence[Trial],
    executor: Executor,
    *,
    folder: Callable[[int], Path],
    parts: Sequence[str],
    rows: int,
    growth: float,
    seed: int,
    deadline: float,
    report: Callable[[], None],
) -> Refit:
    """Writes the weights of members that have learned from more rows into their trials' folders.

    Those that an earlier session has trained again are not trained once more.

    Args:
        trials: all of the run, by their numbers.
        folder: of a trial's number.
        parts: whose rows are learned from.
        rows: how many these are.
        seed: of the run.
        deadline: on the monotonic clock; infinite for none.
        report: called several times a second; may raise EarlyEnd.
    """
    began = time.monotonic()
    done = _trained_before(best, folder)
    members = [member for member in best.members if member.trial not in done]
    jobs = [
        Job(
            REFIT_KEY - position,
            "refit",
            folder(member.trial),
            family=member.family,
            params=member.params,
            place=trials[member.trial].place,
            parts=tuple(parts),
            seed=seed + member.trial,
            until=deadline,
        )
        for position, member in enumerate(members)
    ]
    numbers = {job.key: member.trial for job, member in zip(jobs, members, strict=True)}
    kept: dict[int, str] = {}

    def least(job: Job) -> float:
        return LEAST_SHARE * estimate(trials[numbers[job.key]], growth=growth)

    for job, event in errands.run(jobs, executor, report=report, deadline=deadline, least=least):
        if event.kind == "failed":
            # Its worker may have written it just before it was ended.
            (job.folder / REFITTED).unlink(missing_ok=True)
            kept[numbers[job.key]] = _cause(event.message, event.reason)
    again = tuple(member.trial for member in best.members if member.trial not in kept)
    return Refit(rows, again, kept, time.monotonic() - began, with_test="test" in parts)


def not_begun(best: Ensemble, *, folder: Callable[[int], Path], parts: Sequence[str], rows: int, why: str) -> Refit:
    """No member is trained again but those that an earlier session has."""
    done = _trained_before(best, folder)
    kept = {member.trial: why for member in best.members if member.trial not in done}
    return Refit(rows, tuple(done), kept, with_test="test" in parts)


def _trained_before(best: Ensemble, folder: Callable[[int], Path]) -> list[int]:
    """The trials of members that an earlier session has trained again.

    All that decides what they learned is the run's identity: the trial, its place, the seed and the rows.
    """
    return [member.trial for member in best.members if _is_whole(folder(member.trial) / REFITTED)]


def _is_whole(path: Path) -> bool:
    try:
        files.read_arrays(path)
    except (OSError, InputError):
        return False
    return True


def _cause(message: str, reason: str) -> str:
    return errands.TOO_SHORT if reason == "timeout" else message.rstrip(".")
