"""A store that cannot be reached for a while, or at all, and a run that is sent to it later."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run
from sqlalchemy import event
from sqlalchemy.engine import Engine

from automl import api
from automl.diagnostics import Finding
from automl.errors import EnvironmentFault
from automl.records import RunFolder
from automl.tracking import RunDescription, RunOutcome
from automl.tracking import mlflow as recording
from automl.tracking.mlflow import MlflowTracker
from automl.trial import Trial

Server = Callable[[int], AbstractContextManager[str]]


def started(trial: Trial) -> Trial:
    return Trial(trial.number, trial.family, trial.params)


def children(client: MlflowClient, parent: str) -> list[Run]:
    experiment = client.get_run(parent).info.experiment_id
    found = client.search_runs([experiment], f"tags.mlflow.parentRunId = '{parent}'")
    return sorted(found, key=lambda run: str(run.info.run_name))


def points(client: MlflowClient, run: Run) -> dict[str, list[int]]:
    """The steps of every metric, as often as they are there."""
    return {
        name: [point.step for point in client.get_metric_history(run.info.run_id, name)] for name in run.data.metrics
    }


def is_there_once(client: MlflowClient, run: Run) -> bool:
    return all(len(set(steps)) == len(steps) for steps in points(client, run).values())


def kept(file: Path) -> str:
    """What the run's own store calls it."""
    record = json.loads(file.read_text())
    return str(record["stores"][record["tracking_uri"]]["run_id"])


def test_a_run_of_which_the_store_knows_nothing_is_sent_once(
    recorded: Callable[..., RunFolder], tmp_path: Path
) -> None:
    folder, uri = recorded(), f"sqlite:///{tmp_path}/mlflow.db"
    gap = Finding("generalisation_gap", "warning", "It overfits", ".", figures={"gap": 0.1})
    folder.write_findings(*folder.findings(), {0: [gap]})
    said = api.sync(folder.path, tracking_uri=uri)
    assert said == f"MLflow at {uri} has all of {folder.path}: 14 trials sent now."
    client, parent = MlflowClient(uri), kept(folder.tracking)
    before = children(client, parent)
    assert [child.info.run_name for child in before][:2] == ["0000 mlp", "0001 mlp"]
    assert before[0].data.metrics["overfit/gap"] == 0.1
    assert client.get_run(parent).info.status == "FINISHED"
    # Without a store of its own it goes where it is.
    assert api.sync(folder.path).endswith("nothing was missing.")
    assert kept(folder.tracking) == parent
    assert [child.info.run_id for child in children(client, parent)] == [child.info.run_id for child in before]
    assert all(is_there_once(client, run) for run in [client.get_run(parent), *children(client, parent)])
    [experiment] = [one for one in client.search_experiments() if one.name == "flowers"]
    assert len(client.search_runs([experiment.experiment_id])) == 15


def test_another_store_gets_the_run_once_and_does_not_become_its_own(
    recorded: Callable[..., RunFolder], tmp_path: Path
) -> None:
    folder, own, other = recorded(), f"sqlite:///{tmp_path}/own.db", f"sqlite:///{tmp_path}/other.db"
    for uri in (own, other):
        assert api.sync(folder.path, tracking_uri=uri).endswith("14 trials sent now.")
    for uri in (own, other):
        assert api.sync(folder.path, tracking_uri=uri).endswith("nothing was missing.")
    assert api.sync(folder.path) == f"MLflow at {own} has all of {folder.path}: nothing was missing."
    for uri in (own, other):
        client = MlflowClient(uri)
        [experiment] = [one for one in client.search_experiments() if one.name == "flowers"]
        assert len(client.search_runs([experiment.experiment_id])) == 15


def test_the_times_are_those_of_the_run(recorded: Callable[..., RunFolder], tmp_path: Path) -> None:
    folder, uri = recorded(), f"sqlite:///{tmp_path}/mlflow.db"
    os.utime(folder.of_trial(3) / "result.json", (1_780_000_000, 1_780_000_000))
    api.sync(folder.path, tracking_uri=uri)
    client = MlflowClient(uri)
    child = children(client, kept(folder.tracking))[3]
    assert (child.info.start_time, child.info.end_time) == (1_779_999_998_500, 1_780_000_000_000)
    # 2026-01-02T03:04:05+00:00
    assert client.get_run(kept(folder.tracking)).info.start_time == 1_767_323_045_000


def test_a_run_that_was_broken_off_is_sent_as_far_as_it_came(
    recorded: Callable[..., RunFolder], tmp_path: Path
) -> None:
    folder, uri = recorded(), f"sqlite:///{tmp_path}/mlflow.db"
    for name in ("outcome.json", "findings.json", "evaluation.npz"):
        (folder.path / name).unlink()
    api.sync(folder.path, tracking_uri=uri)
    client = MlflowClient(uri)
    assert client.get_run(kept(folder.tracking)).info.status == "KILLED"
    assert len(children(client, kept(folder.tracking))) == 14


def test_a_store_that_does_not_answer_is_a_fault_of_sync(recorded: Callable[..., RunFolder]) -> None:
    with pytest.raises(EnvironmentFault, match=r"http://127.0.0.1:9 does not have all of .*: it does not answer"):
        api.sync(recorded().path, tracking_uri="http://127.0.0.1:9")


def test_a_place_that_cannot_be_written_costs_a_warning_and_not_the_run(
    described: RunDescription, trials: list[Trial], outcome: RunOutcome, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    warnings: list[str] = []
    tracker = MlflowTracker(tracking_uri=f"sqlite:///{tmp_path}/file/mlflow.db", warn=warnings.append)
    tracker.start(replace(described, keeps=tmp_path / "mlflow.json"))
    for trial in trials:
        tracker.trial_started(started(trial))
        tracker.trial_ended(trial)
    tracker.finish(outcome)
    assert len(warnings) == 1
    assert f"cannot record runs in {tmp_path}/file/mlflow.db" in warnings[0]
    assert f"automl sync {tmp_path}" in warnings[0]
    assert kept(tmp_path / "mlflow.json") == ""


def test_a_run_whose_files_have_no_place_is_over_and_gets_them_later(
    described: RunDescription, trials: list[Trial], outcome: RunOutcome, tmp_path: Path
) -> None:
    uri, warnings = f"sqlite:///{tmp_path}/mlflow.db", list[str]()
    described = replace(described, keeps=tmp_path / "mlflow.json", trials=trials)
    tracker = MlflowTracker(tracking_uri=uri, warn=warnings.append)
    tracker.start(described)
    tracker.wait()
    client = MlflowClient(uri)
    (tmp_path / "mlartifacts").rename(tmp_path / "elsewhere")
    (tmp_path / "mlartifacts").touch()
    tracker.finish(outcome)
    assert client.get_run(tracker.run_id).info.status == "FINISHED"
    assert tracker.lacks.startswith("failed (")
    assert len(warnings) == 1
    assert f"automl sync {tmp_path}" in warnings[0]

    (tmp_path / "mlartifacts").unlink()
    (tmp_path / "elsewhere").rename(tmp_path / "mlartifacts")
    again = MlflowTracker(tracking_uri=uri, warn=pytest.fail)
    again.start(described)
    again.finish(outcome)
    assert (again.lacks, again.run_id, again.sent) == ("", tracker.run_id, {"models": 1})
    assert client.get_run(tracker.run_id).info.status == "FINISHED"


def test_a_trial_that_the_store_did_not_take_is_sent_later_to_the_run_that_it_has(
    described: RunDescription, trials: list[Trial], outcome: RunOutcome, tmp_path: Path
) -> None:
    uri, warnings = f"sqlite:///{tmp_path}/mlflow.db", list[str]()
    described = replace(described, keeps=tmp_path / "mlflow.json")
    tracker = MlflowTracker(tracking_uri=uri, warn=warnings.append)
    tracker.start(described)
    tracker.trial_started(started(trials[0]))
    tracker.epochs(replace(started(trials[0]), curves={"loss": [0.9]}))
    tracker.wait()
    client = MlflowClient(uri)
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as database:
        database.execute("ALTER TABLE metrics RENAME TO mislaid")
        tracker.trial_ended(trials[0])
        tracker.finish(outcome)
        database.execute("ALTER TABLE mislaid RENAME TO metrics")
    assert client.get_run(tracker.run_id).info.status == "FINISHED"
    [child] = children(client, tracker.run_id)
    assert child.info.status == "KILLED"

    again = MlflowTracker(tracking_uri=uri, warn=pytest.fail)
    again.start(replace(described, trials=trials[:1]))
    again.finish(replace(outcome, best=None))
    [completed] = children(client, tracker.run_id)
    assert (completed.info.run_id, completed.info.status) == (child.info.run_id, "FINISHED")
    assert points(client, completed)["epoch/loss"] == [1, 2, 3]


@pytest.fixture
def impatient() -> Iterator[None]:
    """MLflow waits half a second for a database that another process has locked, and not twenty."""

    def shortened(connection: object, cursor: object, statement: str, parameters: object, *_: object) -> Any:
        return re.sub(r"busy_timeout = \d+", "busy_timeout = 500", statement), parameters

    event.listen(Engine, "before_cursor_execute", shortened, retval=True)
    yield
    event.remove(Engine, "before_cursor_execute", shortened)


@pytest.mark.usefixtures("impatient")
def test_a_database_that_is_locked_for_a_while_gets_everything_in_the_end(
    described: RunDescription,
    trials: list[Trial],
    outcome: RunOutcome,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recording, "SECONDS_BETWEEN_ATTEMPTS", 0.1)
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    warnings: list[str] = []
    tracker = MlflowTracker(tracking_uri=uri, warn=warnings.append)
    tracker.start(replace(described, keeps=tmp_path / "mlflow.json"))
    assert tracker.run_id
    with closing(sqlite3.connect(tmp_path / "mlflow.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for trial in trials:
            tracker.trial_started(started(trial))
            tracker.trial_ended(trial)
        deadline = time.monotonic() + 60
        while not warnings and time.monotonic() < deadline:
            time.sleep(0.05)
            tracker.epochs(trials[3])
        other.execute("ROLLBACK")
    tracker.finish(outcome)
    assert tracker.lacks == ""
    assert len(warnings) == 1
    assert "database is locked" in warnings[0]
    client = MlflowClient(uri)
    assert [run.info.run_name for run in children(client, tracker.run_id)] == [
        "0000 mlp",
        "0001 mlp",
        "0002 mlp",
        "0003 resnet",
    ]


@pytest.mark.slow
def test_a_server_that_dies_mid_run_and_comes_back_has_everything_once_after_a_sync(
    described: RunDescription,
    trials: list[Trial],
    outcome: RunOutcome,
    tmp_path: Path,
    mlflow_server: Server,
    free_port: int,
) -> None:
    described = replace(described, keeps=tmp_path / "mlflow.json")
    warnings: list[str] = []
    with mlflow_server(free_port) as uri:
        tracker = MlflowTracker(tracking_uri=uri, warn=warnings.append)
        tracker.start(described)
        tracker.trial_started(started(trials[0]))
        tracker.trial_ended(trials[0])
        # Two of three epochs of the next trial are there when the server dies.
        tracker.trial_started(started(trials[1]))
        tracker.epochs(
            replace(started(trials[1]), curves={name: values[:2] for name, values in trials[1].curves.items()})
        )
        tracker.wait()
    tracker.trial_ended(trials[1])
    for trial in trials[2:]:
        tracker.trial_started(started(trial))
        tracker.trial_ended(trial)
    tracker.finish(outcome)
    tracker.close()
    assert len(warnings) == 1
    assert f"MLflow at {uri} does not answer. The run's own folder keeps everything" in warnings[0]
    assert "does not answer" in tracker.lacks

    with mlflow_server(free_port):
        for turn in ("sends the rest", "finds nothing missing"):
            again = MlflowTracker(tracking_uri=uri, warn=pytest.fail)
            again.start(replace(described, trials=trials))
            again.finish(outcome)
            assert again.lacks == ""
            assert again.run_id == tracker.run_id
            assert again.sent == ({"trials": 3, "models": 1} if turn == "sends the rest" else {})
        client = MlflowClient(uri)
        parent = client.get_run(tracker.run_id)
        assert (parent.info.status, parent.data.metrics["trials"]) == ("FINISHED", 4)
        there = [(run.info.run_name, run.info.status) for run in children(client, tracker.run_id)]
        assert there == [
            ("0000 mlp", "FINISHED"),
            ("0001 mlp", "FINISHED"),
            ("0002 mlp", "FAILED"),
            ("0003 resnet", "KILLED"),
        ]
        assert points(client, children(client, tracker.run_id)[1])["epoch/loss"] == [1, 2, 3]
        assert all(is_there_once(client, run) for run in [parent, *children(client, tracker.run_id)])
        assert len(parent.outputs.model_outputs) == 1
