"""Workers: what a job costs the others when it crashes, hangs or fails."""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from automl.data.split import Split
from automl.encoding.table import Arrays, Encoding
from automl.errors import EnvironmentFault
from automl.execution import Event, Job, Moved, workspace
from automl.execution.launcher import Launcher
from automl.execution.local import LocalExecutor
from automl.space_files import read_space
from automl.trial import Bar

SETTING = {**read_space("mlp").space.defaults(), "layers": 1, "units": 32, "epochs": 3}
ENDLESS = {**SETTING, "epochs": 10_000_000, "patience": 10_000_000}


@pytest.fixture(scope="module")
def launcher() -> Iterator[Launcher]:
    launcher = Launcher()
    yield launcher
    launcher.close()


def write_table(
    folder: Path, *, rows: int, columns: int, scalings: Sequence[str] = ("quantile", "robust", "none")
) -> None:
    """Two classes, by the sign of the first column; five of nine rows for training."""
    rng = np.random.default_rng(0)
    arrays = Arrays(rng.normal(size=(rows, columns)).astype(np.float32), np.empty((rows, 0), dtype=np.int32))
    numbers = np.arange(rows)
    train, val = 5 * rows // 9, 7 * rows // 9
    workspace.write(
        folder,
        task="classify",
        encoded=dict.fromkeys(scalings, arrays),
        targets=(arrays.numbers[:, 0] > 0).astype(np.int32),
        split=Split(numbers[:train], numbers[train:val], numbers[val:], "in order"),
        weights=np.ones(rows, dtype=np.float32),
        specification={"name": "y", "labels": ["0", "1"], "classes": [0, 1]},
        encoding=Encoding(()),
    )


@pytest.fixture
def executor(launcher: Launcher, tmp_path: Path) -> Iterator[LocalExecutor]:
    write_table(tmp_path / "encoded", rows=90, columns=3)
    executor = LocalExecutor(launcher, workers=2, data=tmp_path / "encoded", log=tmp_path / "log.txt", memory=2**32)
    yield executor
    executor.close()


def trial(key: int, folder: Path, **changes: object) -> Job:
    params = {**SETTING, **changes}
    return Job(key, "trial", folder / str(key), family="mlp", params=params, metric="log_loss")  # type: ignore[arg-type]


def ends(executor: LocalExecutor, wanted: int) -> dict[int, Event]:
    """The last events of so many jobs, by key."""
    ended: dict[int, Event] = {}
    deadline = time.monotonic() + 60
    while len(ended) < wanted and time.monotonic() < deadline:
        ended |= {event.key: event for event in executor.wait(0.2) if event.kind != "epoch"}
    return ended


@pytest.mark.slow
def test_a_path_that_is_no_text_does_not_hinder_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path, Path("src")])
    launcher = Launcher()
    try:
        pid, connection = launcher.start_worker()
        connection.close()
        assert launcher.exit_status(pid) == 0
    finally:
        launcher.close()


def test_a_broken_tensorflow_is_named_and_how_to_mend_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("tensorflow", "keras"):
        (tmp_path / f"{package}.py").write_text("raise ImportError('a part is missing')")
    monkeypatch.syspath_prepend(tmp_path)
    launcher = Launcher()
    with pytest.raises(EnvironmentFault, match=r"a part is missing\. .*pip install --force-reinstall tensorflow"):
        launcher.start_worker()
    launcher.close()


def test_the_first_worker_can_be_started_before_there_is_a_job(executor: LocalExecutor) -> None:
    executor.open()
    executor.open()
    assert len(executor._workers) == 1
    assert executor.capacity == 2


def test_a_trial_reports_its_epochs_and_leaves_its_weights(executor: LocalExecutor, tmp_path: Path) -> None:
    executor.submit(trial(0, tmp_path))
    events: list[Event] = []
    while not events or events[-1].kind == "epoch":
        events += executor.wait(1.0)
    assert [event.kind for event in events] == ["epoch"] * 3 + ["done"]
    assert len(events[-1].result["curves"]["val_log_loss"]) == 3
    assert (tmp_path / "0" / "weights.npz").is_file()


def test_a_weak_trial_leaves_no_weights(executor: LocalExecutor, tmp_path: Path) -> None:
    job = trial(0, tmp_path)
    executor.submit(Job(**{**vars(job), "keep_below": 0.0}))
    assert ends(executor, 1)[0].kind == "done"
    assert not (tmp_path / "0").exists()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSEGV])
def test_a_worker_that_dies_costs_its_own_trial_only(executor: LocalExecutor, tmp_path: Path, how: int) -> None:
    executor.submit(trial(0, tmp_path, epochs=ENDLESS["epochs"], patience=ENDLESS["patience"]))
    executor.submit(trial(1, tmp_path))
    assert executor.capacity == 0
    os.kill(executor._workers[0].pid, how)
    ended = ends(executor, 2)
    assert (ended[0].kind, ended[0].reason) == ("failed", "killed")
    assert ended[1].kind == "done"
    executor.submit(trial(2, tmp_path))
    assert ends(executor, 1)[2].kind == "done"


def test_a_worker_that_dies_while_it_is_idle_costs_nothing(executor: LocalExecutor, tmp_path: Path) -> None:
    executor.submit(trial(0, tmp_path))
    assert ends(executor, 1)[0].kind == "done"
    idle = executor._workers[0].pid
    os.kill(idle, signal.SIGKILL)
    # Its end of the connection is closed when the last of its threads is gone.
    assert executor._workers[0].connection.poll(60)
    executor.submit(trial(1, tmp_path))
    again = ends(executor, 1)[1]
    assert again.kind == "done", again.message
    assert idle not in {worker.pid for worker in executor._workers}


def test_data_that_cannot_be_read_are_named_as_the_cause(executor: LocalExecutor, tmp_path: Path) -> None:
    (tmp_path / "encoded" / "facts.json").write_text("{")
    executor.submit(trial(0, tmp_path))
    failed = ends(executor, 1)[0]
    assert (failed.kind, failed.reason) == ("failed", "data")
    assert f"{tmp_path / 'encoded'} cannot be read" in failed.message


def test_a_file_that_cannot_be_written_is_named_as_the_cause(executor: LocalExecutor, tmp_path: Path) -> None:
    (tmp_path / "0").touch()
    executor.submit(trial(0, tmp_path))
    failed = ends(executor, 1)[0]
    assert (failed.kind, failed.reason) == ("failed", "disk")


def test_a_trial_that_does_not_pass_its_bar_is_pruned(executor: LocalExecutor, tmp_path: Path) -> None:
    job = trial(0, tmp_path)
    executor.submit(Job(**{**vars(job), "bars": (Bar(0, 1, 0.0),)}))
    result = ends(executor, 1)[0].result
    assert (result["status"], result["objective"], result["scores"]) == ("pruned", None, {})
    assert [(rung.level, rung.epochs) for rung in result["rungs"]] == [(0, 1)]
    assert not (tmp_path / "0").exists()


def test_a_job_that_hangs_can_be_cancelled(executor: LocalExecutor, tmp_path: Path) -> None:
    executor.submit(trial(0, tmp_path, epochs=ENDLESS["epochs"], patience=ENDLESS["patience"]))
    executor.cancel(0)
    assert executor.capacity == 2
    assert executor.wait(0.1) == []


def test_the_end_of_a_job_can_be_moved_while_it_runs(executor: LocalExecutor, tmp_path: Path) -> None:
    began = time.monotonic()
    executor.submit(replace(trial(0, tmp_path, **ENDLESS), until=began + 3_600))
    while not any(event.result["curves"] for event in executor.wait(0.2)):
        assert time.monotonic() < began + 60
    executor.move(0, time.monotonic())
    executor.move(1, time.monotonic() + 3_600)
    event = ends(executor, 1)[0]
    assert (event.result["status"], event.result["stopped"]) == ("finished", "time")
    # What comes after the end of its job is not taken for another.
    executor._workers[0].connection.send(Moved(0, began))
    executor.submit(trial(1, tmp_path))
    assert ends(executor, 1)[1].result["status"] == "finished"
    assert len(executor._workers) == 1


def test_a_setting_that_cannot_be_built_fails_with_the_cause(executor: LocalExecutor, tmp_path: Path) -> None:
    executor.submit(trial(0, tmp_path, activation="no such thing"))
    failed = ends(executor, 1)[0]
    assert (failed.kind, failed.reason) == ("failed", "build")
    assert "no such thing" in failed.message


def test_a_trial_that_wants_too_much_memory_fails_and_gets_a_new_worker(
    executor: LocalExecutor, tmp_path: Path
) -> None:
    executor.submit(trial(0, tmp_path, units=40_000, layers=2))
    failed = ends(executor, 1)[0]
    assert (failed.kind, failed.reason) == ("failed", "oom")
    assert "share of the memory was not enough for [40000,40000]" in failed.message
    assert executor._workers == []
    executor.submit(trial(1, tmp_path))
    assert ends(executor, 1)[1].kind == "done"


def test_data_larger_than_the_memory_is_read_as_it_is_needed(launcher: Launcher, tmp_path: Path) -> None:
    write_table(tmp_path / "encoded", rows=360_000, columns=200, scalings=["quantile"])
    data = sum(file.stat().st_size for file in (tmp_path / "encoded").iterdir())
    memory = 2**27
    assert data > 2 * memory
    executor = LocalExecutor(launcher, workers=1, data=tmp_path / "encoded", log=tmp_path / "log.txt", memory=memory)
    executor.submit(trial(0, tmp_path, units=8, epochs=1, batch_size=256, learning_rate=0.02))
    ended = ends(executor, 1)[0]
    executor.close()
    assert ended.kind == "done", ended.message
    assert ended.result["scores"]["test"]["accuracy"] > 0.9


def test_workers_do_not_outlive_the_main_process(tmp_path: Path) -> None:
    launcher = Launcher()
    pid, connection = launcher.start_worker()
    launcher.close()
    connection.close()
    deadline = time.monotonic() + 5
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{pid}").exists()


def test_who_ends_all_processes_of_a_run_ends_no_worker(
    launcher: Launcher, executor: LocalExecutor, tmp_path: Path
) -> None:
    executor.open()
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        os.killpg(launcher._process.pid, number)
    open_before = executor._workers[0].pid
    for key in (0, 1):
        executor.submit(trial(key, tmp_path))
    ended = ends(executor, 2)
    assert [ended[key].kind for key in (0, 1)] == ["done", "done"]
    assert open_before in {worker.pid for worker in executor._workers}


def test_how_a_worker_ended_is_told_also_where_the_launching_process_is_killed() -> None:
    launcher = Launcher()
    worker, connection = launcher.start_worker()
    # It waits for the end of the worker, which goes on.
    killing = threading.Timer(0.5, os.kill, (launcher._process.pid, signal.SIGKILL))
    killing.start()
    assert launcher.exit_status(worker) == -signal.SIGKILL
    killing.join()
    connection.close()
    launcher.close()


def test_memory_that_the_system_refuses_is_no_fault_of_the_disk() -> None:
    from automl.execution import worker

    assert worker._reason(OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))) == "oom"
    assert worker._reason(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))) == "disk"
