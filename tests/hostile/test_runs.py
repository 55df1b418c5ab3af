"""Runs made to be resumed, compared or reported: they may neither break the command nor reach what lies elsewhere."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from automl import files, resuming
from automl.errors import InputError
from automl.records import RunFolder
from automl.reporting import report
from automl.reporting.compare import compare
from automl.run import Run

if TYPE_CHECKING:
    from tests.hostile.conftest import Canary

Recorded = Callable[..., RunFolder]
Spoil = Callable[[Path, "Canary"], object]
# Deeper than Python's parser goes.
DEEP = "[" * 200_000


def with_json(name: str, change: Callable[[Any], object]) -> Spoil:
    def spoil(run: Path, canary: Canary) -> None:
        content = files.read_record(run / name)
        change(content)
        # Whoever alters a record can give it the right sum.
        files.write_record(run / name, content)

    return spoil


def with_link(name: str) -> Spoil:
    def spoil(run: Path, canary: Canary) -> None:
        (run / name).unlink(missing_ok=True)
        (run / name).symlink_to(canary.secret)

    return spoil


def with_pipe(name: str) -> Spoil:
    def spoil(run: Path, canary: Canary) -> None:
        (run / name).unlink(missing_ok=True)
        os.mkfifo(run / name)

    return spoil


def with_linked_trial(run: Path, canary: Canary) -> None:
    (run / "trials" / "9999").symlink_to(canary.folder)


def with_objects(name: str) -> Spoil:
    return lambda run, canary: np.savez(run / name, np.array([{"a": 1}], dtype=object))


def sparse(name: str, size: int) -> Spoil:
    """A file that takes no room on the disk, and all of it in memory."""
    return lambda run, canary: os.truncate(run / name, size)


TRIAL = "trials/0000/result.json"
RUNS: dict[str, Spoil] = {
    "run nested without end": lambda run, _: (run / "run.json").write_text(DEEP),
    "run that is a list": lambda run, _: files.write_record(run / "run.json", []),
    "run of 1 GB": sparse("run.json", 1_000_000_000),
    "task that is a module": with_json("run.json", lambda asked: asked.update(task="os")),
    "task that is a number": with_json("run.json", lambda asked: asked.update(task=7)),
    "metric that is none": with_json("run.json", lambda asked: asked.update(metric="__class__")),
    "trial nested without end": lambda run, _: (run / TRIAL).write_text(DEEP),
    "trial with a text for a number": with_json(TRIAL, lambda trial: trial.update(number="../../x")),
    "trial with an unknown key": with_json(TRIAL, lambda trial: trial.update(__class__="x")),
    "trial of 1 GB": sparse(TRIAL, 1_000_000_000),
    "scores that are a list": with_json(TRIAL, lambda trial: trial.update(scores=[1])),
    "curves that are text": with_json(TRIAL, lambda trial: trial.update(curves={"loss": "abc"})),
    "ensemble with a text for a trial": with_json(
        "ensemble.json", lambda best: best["members"][0].update(trial="../x")
    ),
    "baselines that are text": lambda run, _: files.write_record(run / "baselines.json", ["abc"]),
    "link for the lock": with_link(".lock"),
    "link for the log": with_link("log.txt"),
    "link for the run": with_link("run.json"),
    "link for a trial": with_linked_trial,
    "link for the report": with_link("report.html"),
    "pipe for a record": with_pipe("trials/0000/setting.json"),
}


@pytest.mark.parametrize("name", RUNS)
def test_a_leaderboard_is_refused(recorded: Recorded, canary: Canary, name: str) -> None:
    run = recorded().path
    RUNS[name](run, canary)
    canary.watches = True
    with pytest.raises(InputError):
        _ = (made := Run(run)).metric, made.leaderboard


@pytest.mark.parametrize("name", RUNS)
def test_a_report_is_refused(recorded: Recorded, canary: Canary, name: str) -> None:
    run = recorded().path
    RUNS[name](run, canary)
    canary.watches = True
    with pytest.raises(InputError):
        report.write(run)
    with pytest.raises(InputError):
        compare(run, recorded("other").path)


LINKS = [name for name in RUNS if name.startswith(("link", "pipe"))]


@pytest.mark.parametrize("name", LINKS)
def test_nothing_is_written_or_deleted_through_a_link(recorded: Recorded, canary: Canary, name: str) -> None:
    run = recorded()
    RUNS[name](run.path, canary)
    canary.watches = True
    with pytest.raises(InputError, match="is a link, a pipe or a device"), resuming.locked(run):
        pass


ARRAYS = {
    "objects for predictions": with_objects("evaluation.npz"),
    "pickle for predictions": lambda run, _: (run / "evaluation.npz").write_bytes(pickle.dumps({"a": 1})),
    "1 TB of predictions": sparse("evaluation.npz", 10**12),
    "objects for the rows": with_objects("split.npz"),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_are_refused(recorded: Recorded, canary: Canary, name: str) -> None:
    run = recorded()
    ARRAYS[name](run.path, canary)
    canary.watches = True
    with pytest.raises(InputError, match="is damaged|larger than"):
        run.split(), run.evaluation()


STATES: dict[str, Spoil] = {
    "state nested without end": lambda run, _: (run / "state.json").write_text(DEEP),
    "state of 1 GB": lambda run, _: os.truncate(os.open(run / "state.json", os.O_CREAT | os.O_WRONLY), 10**9),
    "setting nested without end": lambda run, _: (run / "trials/0000/setting.json").write_text(DEEP),
    "setting that is a list": lambda run, _: files.write_record(run / "trials/0000/setting.json", []),
    "tracking that is a number": lambda run, _: files.write_record(run / "mlflow.json", [7]),
    "weights that are a pickle": lambda run, _: (run / "trials/0000/weights.npz").write_bytes(pickle.dumps({"a": 1})),
    "weights of objects": with_objects("trials/0000/weights.npz"),
    "predictions of objects": with_objects("trials/0000/predictions.npz"),
    "options that are others": with_json("run.json", lambda asked: asked["options"].update(workers="many")),
    "options of objects": with_json("run.json", lambda asked: asked["options"].update(families=[{"a": 1}])),
}


@pytest.mark.parametrize("name", STATES)
def test_a_state_is_healed_or_refused(recorded: Recorded, canary: Canary, name: str) -> None:
    run = recorded()
    with_json("run.json", lambda asked: asked["data"].update(test=None) or asked.update(fingerprint="0"))(
        run.path, canary
    )
    files.write_record(run.path / "trials/0000/setting.json", {"family": "mlp", "params": {}})
    STATES[name](run.path, canary)
    canary.watches = True
    with pytest.raises(InputError, match="is damaged") if name.startswith("options") else nullcontext():
        assert resuming.read(run).options
