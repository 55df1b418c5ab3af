"""The chosen networks become the run's model."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from automl import model
from automl.encoding import strange
from automl.ensemble import Ensemble
from automl.errors import EnvironmentFault
from automl.execution import Event, Executor, Job, errands
from automl.preparation import Prepared
from automl.records import RunFolder
from automl.reporting.refit import again
from automl.tasks import Specification
from automl.trial import LayerActivity, Reason
from automl.weights import REFITTED, SCORED

# Jobs that save a member of the ensemble have the keys below this.
EXPORT_KEY = -2
EXPORT_SECONDS = 120
# Whoever kills a worker must not cost the model.
EXPORT_ATTEMPTS = 3
# Failures of a network's own: others may be saved.
OWN_REASONS: tuple[Reason, ...] = ("build", "killed", "oom")


class MembersFailed(Exception):
    """Some of the networks cannot be saved, for reasons of their own.

    Attributes:
        why: by the number of the trial.
    """

    def __init__(self, why: Mapping[int, str]) -> None:
        super().__init__(next(iter(why.values())))
        self.why = why


def save(
    best: Ensemble, folder: RunFolder, prepared: Prepared, executor: Executor
) -> dict[int, Sequence[LayerActivity]]:
    """Makes the bundle of the ensemble, and returns what the units of its networks do, by trial.

    Raises:
        MembersFailed: some networks could not be written, and a model without them may be.
        EnvironmentFault: the time was too short, or the disk does not take them.
    """
    folders = {member.trial: folder.of_trial(member.trial) for member in best.members}
    try:
        activity = _export(best, folders, executor)
    except MembersFailed:
        for path in folders.values():
            (path / "network.keras").unlink(missing_ok=True)
        raise
    model.save(
        folder.bundle,
        networks={
            trial: (path / "network.keras", path / (REFITTED if trial in best.refitted else SCORED))
            for trial, path in folders.items()
        },
        task=prepared.profile.target.task,
        target=_target(best, prepared),
        encoding=prepared.encoding,
        facts={
            "members": [dataclasses.asdict(member) for member in best.members],
            "temperature": best.temperature,
            "scores": best.scores,
            "refit": None if best.refit is None else {**dataclasses.asdict(best.refit), "says": again(best)},
            "data": prepared.name,
            "digest": prepared.digest,
            "columns": strange.names(prepared.profile),
            "decimal": prepared.writing.decimal,
            "texts": list(prepared.writing.texts),
            "words": {name: list(words) for name, words in prepared.writing.words.items()},
        },
    )
    for path in folders.values():
        (path / "network.keras").unlink()
    folder.forget_refitted(keep=best.refitted)
    return activity


def _target(best: Ensemble, prepared: Prepared) -> Specification:
    """How the target is encoded; values may reach as far as in the rows that networks have learned from in the end."""
    known, split = prepared.specification, prepared.split
    if prepared.task.PREDICTS == "probabilities" or best.refit is None or not best.refitted:
        return known
    parts = [split.train, split.val, *([split.test] if best.refit.with_test else [])]
    learned = prepared.targets[np.concatenate(parts)]
    widened = {
        "minimum": min(known["minimum"], float(learned.min())),
        "maximum": max(known["maximum"], float(learned.max())),
    }
    return {**known, **widened}


def _export(best: Ensemble, folders: Mapping[int, Path], executor: Executor) -> dict[int, Sequence[LayerActivity]]:
    """Lets the workers write each member's network, and returns what its units do."""
    jobs = [
        Job(
            EXPORT_KEY - position,
            "export",
            folders[member.trial],
            family=member.family,
            params=member.params,
            temperature=member.temperature,
            refitted=member.trial in best.refitted,
        )
        for position, member in enumerate(best.members)
    ]
    activity: dict[int, Sequence[LayerActivity]] = {}
    failed: dict[int, str] = {}
    deadline = time.monotonic() + EXPORT_SECONDS
    for attempt in range(1, EXPORT_ATTEMPTS + 1):
        killed = []
        for job, event in errands.run(jobs, executor, report=lambda: None, deadline=deadline, silence=EXPORT_SECONDS):
            trial = best.members[EXPORT_KEY - job.key].trial
            if event.kind == "done":
                activity[trial] = event.result["activity"]
            elif event.reason == "killed" and attempt < EXPORT_ATTEMPTS:
                killed.append(job)
            elif event.reason in OWN_REASONS:
                failed[trial] = event.message
            else:
                raise EnvironmentFault(f"The model could not be saved: {_cause(event)}")
        jobs = killed
    if failed:
        raise MembersFailed(failed)
    return activity


def _cause(event: Event) -> str:
    return f"it took more than {EXPORT_SECONDS} seconds." if event.reason == "timeout" else event.message
