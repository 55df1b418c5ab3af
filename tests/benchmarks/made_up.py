"""A worker that trains nothing: it answers jobs as a real one does, and writes the same files, in a moment.

It stands in for `automl.execution.worker` in the launching process, so that launcher, executor, search, records and
tracking are the real ones.
"""

from __future__ import annotations

import os
import time
import zlib
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from automl import files
from automl.baselines import BOOSTED
from automl.execution import Event, Job, workspace
from automl.tasks import metric, scores, task
from automl.training.examples import Examples
from automl.weights import REFITTED, SCORED

EPOCHS = 4


def serve(connection: Connection) -> None:
    """Takes jobs until the connection is closed."""
    seconds = float(os.environ.get("MADE_UP_SECONDS", "0"))
    name, examples = "", None
    try:
        while True:
            message = connection.recv()
            if isinstance(message, Job):
                assert examples is not None
                connection.send(Event(message.key, "done", _result(message, name, examples, connection, seconds)))
            else:
                name, examples = workspace.read(message[0])
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


def _result(job: Job, name: str, examples: Examples, connection: Connection, seconds: float) -> Mapping[str, Any]:
    if job.kind == "export":
        files.write_bytes(job.folder / "network.keras", b"made up")
        return {"activity": []}
    if job.kind == "importance":
        return {"increases": {column: [0.0, 0.1, 0.2] for column in job.columns}}
    rng = np.random.default_rng(zlib.crc32(repr((job.seed, sorted(job.params.items()))).encode()))
    if job.kind == "refit":
        files.write_arrays(job.folder / REFITTED, {"000.0000": rng.normal(size=20)})
        return {"rows": 1, "seconds": 0.0}
    judge = task(name)
    chosen = metric(job.metric or None, judge)
    skill = rng.uniform(0.5, 3.0)
    predictions = {part: _predictions(examples, part, skill, rng) for part in examples.parts}
    scored = {part: scores(judge, np.asarray(examples.parts[part].targets), own) for part, own in predictions.items()}
    if job.kind == "boosting":
        files.write_arrays(job.folder / BOOSTED, predictions)
        return {"scores": scored, "seconds": 0.0}
    curves: dict[str, list[float]] = {}
    for epoch in range(EPOCHS):
        time.sleep(seconds / EPOCHS)
        for curve in ("loss", f"train_{chosen.name}", f"val_{chosen.name}"):
            curves.setdefault(curve, []).append(1 / (1 + epoch))
        connection.send(Event(job.key, "epoch", {"curves": curves}))
    objective = chosen.objective(scored["val"][chosen.name])
    if objective < job.keep_below:
        _write(job.folder, predictions, rng)
    return {
        "status": "finished",
        "objective": objective,
        "scores": scored,
        "curves": curves,
        "rungs": (),
        "best_epoch": EPOCHS,
        "place": None,
        "parameters": 20,
        "rows_per_second": 1e5,
        "seconds": seconds,
        "stopped": "",
    }


def _write(folder: Path, predictions: Mapping[str, Any], rng: np.random.Generator) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    files.write_arrays(folder / SCORED, {"000.0000": rng.normal(size=20)})
    files.write_arrays(folder / "predictions.npz", predictions)


def _predictions(examples: Examples, part: str, skill: float, rng: np.random.Generator) -> Any:
    """Probabilities of the classes; the true one's is the greater the more skill there is."""
    targets = np.asarray(examples.parts[part].targets)
    classes = len(examples.specification["labels"])
    raw = np.exp(skill * np.eye(classes)[targets] + rng.normal(size=(len(targets), classes)))
    return raw / raw.sum(axis=1, keepdims=True)
