"""A worker process: does one job after the other, and keeps compiled networks from job to job."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import os
import re
import sys
import time
import traceback
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import keras
import numpy as np
import sklearn.ensemble  # noqa: F401  Loaded before workers are forked from this process, so that it is loaded once.
import tensorflow as tf

from automl import files, keras_files, memory
from automl.baselines import BOOSTED
from automl.errors import AutomlError, EnvironmentFault
from automl.execution import Event, Job, Moved, workspace
from automl.execution.boosting import boost
from automl.execution.line import Line
from automl.records import RunFolder
from automl.tasks import metric, task
from automl.training.activity import activity
from automl.training.agreement import TOLERANCE, disagreement
from automl.training.importance import increases
from automl.training.refit import refit, with_rows_of
from automl.training.shares import with_share
from automl.training.train import TrialFailed, train
from automl.training.workshop import Workshop
from automl.trial import LayerActivity, Reason, grows_trees
from automl.weights import REFITTED, SCORED, by_network, named

# Of each compiled engine TensorFlow keeps some 14 MB for good.
MOST_ENGINES = 40
# The first one also compiles.
PROBED_EPOCHS = 2


def serve(connection: Connection) -> None:
    """Takes a folder of encoded data and then jobs from the connection, until it is closed."""
    workshop: Workshop | str = "The worker was given no data."
    line = Line(connection)
    try:
        while True:
            message = connection.recv()
            if isinstance(message, Job) and isinstance(workshop, Workshop):
                event = _event(workshop, message, line)
                # A probe's peak of memory must not be that of an earlier job.
                used_up = event.reason == "oom" or message.kind == "probe" or workshop.built >= MOST_ENGINES
                line.send(dataclasses.replace(event, leaves=used_up))
            elif isinstance(message, Job):
                line.send(Event(message.key, "failed", reason="data", message=str(workshop), leaves=True))
            elif isinstance(message, Moved):
                pass  # Its job has ended meanwhile.
            else:
                data, log, allowance = message
                workshop = _workshop(data, log, allowance)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


def _workshop(data: Path, log: Path, allowance: int) -> Workshop | str:
    """The workshop of the encoded data, or why there is none."""
    try:
        _log_to(log)
        memory.limit(allowance)
        task_name, examples = workspace.read(data)
        return Workshop(examples, task(task_name))
    except Exception as error:  # noqa: BLE001  a torn file may raise anything
        _print_traceback()
        return f"The encoded data in {data} cannot be read: {type(error).__name__}: {error}"[:500]


def _print_traceback() -> None:
    """Into the log; where the disk is full, nowhere."""
    with contextlib.suppress(OSError):
        traceback.print_exc()


def _event(workshop: Workshop, job: Job, line: Line) -> Event:
    """The job's outcome. Whatever goes wrong is the job's failure, not the worker's."""
    try:
        # Ten rounds of many large trees take minutes, and scikit-learn says nothing of them.
        with line.pulse(job.key) if grows_trees(job.params) else contextlib.nullcontext():
            result = _result(workshop, job, line)
    except TrialFailed as error:
        return Event(job.key, "failed", reason=error.reason, message=str(error))
    except (BrokenPipeError, ConnectionResetError, EOFError):
        raise
    except Exception as error:  # noqa: BLE001
        _print_traceback()
        return Event(job.key, "failed", reason=_reason(error), message=_message(error))
    return Event(job.key, "done", result)


def _result(workshop: Workshop, job: Job, line: Line) -> Mapping[str, Any]:
    if job.kind == "trial":
        return _trial(workshop, job, line)
    if job.kind == "boosting":
        return _boosting(workshop, job)
    if job.kind == "probe":
        return _probe(workshop, job, line)
    if job.kind == "refit":
        return _refit(workshop, job, line)
    if job.kind == "importance":
        return _importance(workshop, job, line)
    return _export(workshop, job)


def _reason(error: Exception) -> Reason:
    wants_memory = isinstance(error, OSError) and error.errno == errno.ENOMEM
    if wants_memory or isinstance(error, (MemoryError, tf.errors.ResourceExhaustedError)):
        return "oom"
    if isinstance(error, (OSError, EnvironmentFault)):
        return "disk"
    return "build"


def _message(error: Exception) -> str:
    """One line for people."""
    if isinstance(error, AutomlError):
        return str(error)
    if _reason(error) != "oom":
        return f"{type(error).__name__}: {error}"[:500]
    wanted = re.search(r"tensor with shape(\[[\d,]*\])|Unable to allocate ([\d.]+ \w+)", str(error))
    what = f" for {wanted[1] or wanted[2]}" if wanted else ""
    return f"A worker's share of the memory was not enough{what}. Give more --memory, or fewer --workers."


def _trial(workshop: Workshop, job: Job, line: Line) -> Mapping[str, Any]:
    chosen = metric(job.metric, workshop.task)

    def report(curves: Mapping[str, list[float]]) -> float | None:
        line.send(Event(job.key, "epoch", {"curves": curves}))
        return _new_end(job, line.connection)

    trained = train(
        workshop if job.share == 1 else with_share(workshop, job.share, seed=job.seed),
        job.family,
        job.params,
        metric=chosen,
        seed=job.seed,
        bars=job.bars,
        until=job.until,
        report=report,
        scoring=lambda: line.pulse(job.key),
    )
    if trained.objective is not None and trained.objective < job.keep_below:
        job.folder.mkdir(parents=True, exist_ok=True)
        files.write_arrays(job.folder / SCORED, named(trained.weights))
        files.write_arrays(job.folder / "predictions.npz", trained.predictions)
    return {
        "status": "pruned" if trained.objective is None else "finished",
        "objective": trained.objective,
        "scores": trained.scores,
        "curves": trained.curves,
        "rungs": trained.rungs,
        "best_epoch": trained.best_epoch,
        "place": trained.place,
        "parameters": trained.parameters,
        "rows_per_second": trained.rows_per_second,
        "temperature": trained.temperature,
        "seconds": trained.seconds,
        "stopped": trained.stopped,
    }


def _new_end(job: Job, connection: Connection) -> float | None:
    """Until when the job may take now, if it was told."""
    until = None
    while connection.poll():
        message = connection.recv()
        if isinstance(message, Moved) and message.key == job.key:
            until = message.until
    return until


def _boosting(workshop: Workshop, job: Job) -> Mapping[str, Any]:
    boosted = boost(workshop.task, workshop.examples, seed=job.seed)
    files.write_arrays(job.folder / BOOSTED, boosted["predictions"])
    return {name: boosted[name] for name in ("scores", "seconds")}


def _probe(workshop: Workshop, job: Job, line: Line) -> Mapping[str, Any]:
    """What an epoch takes, and what a training takes beside its epochs: to build, to compile and to score at last."""
    ends: list[float] = []

    def report(curves: Mapping[str, list[float]]) -> None:
        if len(curves.get("loss", ())) > len(ends):
            ends.append(time.monotonic())
        line.alive(job.key)

    trained = train(
        workshop,
        job.family,
        {**job.params, "epochs": PROBED_EPOCHS},
        metric=metric(job.metric, workshop.task),
        seed=job.seed,
        until=job.until,
        report=report,
    )
    if trained.stopped == "time":
        raise TrialFailed("timeout", "Two epochs take longer than a probe may. Give more --time.")
    epoch_seconds = ends[1] - ends[0]
    return {
        # Of epochs that take minutes, no two take the same time.
        "compile_seconds": max(0.0, trained.seconds - PROBED_EPOCHS * epoch_seconds),
        "epoch_seconds": epoch_seconds,
        "parameters": trained.parameters,
        "memory": memory.peak(),
    }


def _refit(workshop: Workshop, job: Job, line: Line) -> Mapping[str, Any]:
    """Writes the weights of networks that have learned from more rows beside those that were scored."""
    assert job.place is not None
    began = time.monotonic()
    # What trials have on the device is in the way: none comes after this.
    workshop.tensors.clear()
    whole = with_rows_of(job.parts, workshop, str(job.params["scaling"]))
    weights = refit(
        whole,
        job.family,
        job.params,
        place=job.place,
        seed=job.seed,
        until=job.until,
        report=lambda: line.alive(job.key),
    )
    workshop.built = whole.built
    files.write_arrays(job.folder / REFITTED, named(weights))
    return {"rows": len(whole.examples.weights), "seconds": time.monotonic() - began}


def _importance(workshop: Workshop, job: Job, line: Line) -> Mapping[str, Any]:
    assert job.model is not None
    assert job.encoding is not None
    folder = RunFolder(job.folder)
    weights = {
        member.trial: by_network(files.read_arrays(folder.of_trial(member.trial) / SCORED))
        for member in job.model.members
    }
    chosen = metric(job.metric, workshop.task)
    return {
        "increases": increases(
            workshop,
            job.model,
            weights,
            job.encoding,
            columns=job.columns,
            metric=chosen,
            seed=job.seed,
            until=job.until,
            report=lambda: line.alive(job.key),
        )
    }


def _export(workshop: Workshop, job: Job) -> Mapping[str, Any]:
    """Writes `network.keras` beside the trial's weights, the first of its networks, and says what its units do."""
    network = _network(workshop, job, job.folder / SCORED)
    _check_that_it_predicts_what_was_scored(workshop, network, job)
    if job.refitted:
        network = _network(workshop, job, job.folder / REFITTED)
    # Keras writes in place and wants the suffix.
    aside = job.folder / f".network.{os.getpid()}.part.keras"
    keras.saving.save_model(network, aside)
    files.write_bytes(job.folder / "network.keras", aside.read_bytes())
    aside.unlink()
    # One that could not be loaded fails while others can take its place.
    widest = max(tensor.shape[1] for tensor in network.input.values())
    keras_files.load(job.folder / "network.keras", network.get_weights(), width=widest)
    return {"activity": _activity(workshop, network, job)}


def _network(workshop: Workshop, job: Job, weights: Path) -> keras.Model:
    """The first of the networks whose weights are in a file."""
    return workshop.trained_network(job.family, job.params, by_network(files.read_arrays(weights))[0])


def _check_that_it_predicts_what_was_scored(workshop: Workshop, network: keras.Model, job: Job) -> None:
    scored = np.asarray(files.read_arrays(job.folder / "predictions.npz")["val"])
    by = disagreement(workshop, network, job.params, scored=scored, temperature=job.temperature)
    if by > TOLERANCE:
        raise AutomlError(
            f"a network of {job.family} would not predict what was scored (off by {by:.1%} at most): this is a fault "
            f"of automl, please report it. Choose others with --families."
        )


def _activity(workshop: Workshop, network: keras.Model, job: Job) -> list[LayerActivity]:
    """Empty if it cannot be measured: the model is saved all the same."""
    try:
        return activity(workshop, network, job.params)
    except Exception:  # noqa: BLE001
        traceback.print_exc()
        return []


def _log_to(log: Path) -> None:
    """Sends what TensorFlow and others print to the run's log."""
    sys.stdout.flush()
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
