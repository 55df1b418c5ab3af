"""Runs of the command line that start at once, in processes forked from one that has loaded everything.

`with warm.up(real=...) as start:` loads TensorFlow, or a made-up worker in its place, and everything that the main
process needs. `start(folder, arguments)` then runs the command line there, as a process of its own with its own exit
code, output, launcher and workers.
"""

from __future__ import annotations

import functools
import gc
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from automl.execution.launcher import ENVIRONMENT, Launcher

CLASSES = ("rose", "tulip", "daisy")
# What a process ends with that raised something which is no error of ours.
TRACEBACK = 70
TABLE = "t.csv"
FIT = (
    *("fit", TABLE, "--target", "kind", "--folds", "1", "--families", "linear", "--set", "linear.epochs=4"),
    *("--workers", "1", "--seed", "3"),
)
RUN = Path("runs") / "t-1"


def write_table(folder: Path) -> None:
    """A hundred and twenty flowers."""
    rng = np.random.default_rng(7)
    kinds = rng.integers(0, 3, 120)
    frame = pd.DataFrame({"length": 3 * kinds + rng.normal(size=120), "width": rng.normal(size=120)})
    frame["kind"] = np.array(CLASSES)[kinds]
    frame.to_csv(folder / TABLE, index=False)


@dataclass
class Started:
    """A process of the command line."""

    pid: int
    folder: Path
    code: int | None = None

    def poll(self) -> int | None:
        """How it ended: the exit code, or the negative number of a signal; None if it has not."""
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.code = os.waitstatus_to_exitcode(status) if pid else None
        return self.code

    def wait(self, seconds: float = 120.0) -> int:
        """`poll` when it has ended."""
        deadline = time.monotonic() + seconds
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                os.kill(self.pid, signal.SIGKILL)
                raise TimeoutError(f"{self.folder}: still running after {seconds:.0f} s: {self.said()[-300:]}")
            time.sleep(0.002)
        return code

    def said(self) -> str:
        """What it has printed."""
        return (self.folder / "said.txt").read_text(encoding="utf-8", errors="replace")

    @property
    def has_traceback(self) -> bool:
        """Whether it showed a traceback, or died of something that is no error of ours."""
        return self.code == TRACEBACK or "Traceback" in self.said()


class _Process:
    """A launching process, of which the warm one is the parent."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def wait(self, timeout: float | None = None) -> int:
        began = time.monotonic()
        while Path(f"/proc/{self.pid}").exists():
            if timeout is not None and time.monotonic() - began > timeout:
                raise subprocess.TimeoutExpired("launcher", timeout)
            time.sleep(0.005)
        return 0

    def poll(self) -> int | None:
        return 0


def _launcher_class(warm: socket.socket) -> type[Launcher]:
    class WarmLauncher(Launcher):
        """Asks the warm process for a launching process instead of starting Python."""

        def __init__(self) -> None:
            self._control, theirs = socket.socketpair()
            self._errors = tempfile.TemporaryFile()  # noqa: SIM115
            socket.send_fds(warm, [os.fsencode(Path.cwd())], [theirs.fileno()])
            theirs.close()
            self._process = _Process(self._answer())  # type: ignore[assignment]

    return WarmLauncher


def _serve(descriptor: int) -> None:
    """The warm process: forks a launching process for every request."""
    from automl.execution import launcher

    if "made-up" in sys.argv:
        from tests.benchmarks import made_up

        sys.modules["automl.execution.worker"] = made_up
    from automl.execution import worker  # noqa: F401

    requests = socket.socket(fileno=descriptor)
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        request, descriptors, _, _ = socket.recv_fds(requests, 4096, 1)
        if not request:
            os._exit(0)
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            requests.close()
            os.setsid()
            os.chdir(os.fsdecode(request))
            os.write(descriptors[0], struct.pack("i", os.getpid()))
            launcher.main(descriptors[0])
        os.close(descriptors[0])


Start = Callable[..., Started]


@contextmanager
def up(*, real: bool) -> Iterator[Start]:
    """Gives a function that starts the command line."""
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MLFLOW_DISABLE_TELEMETRY": "true"}
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    arguments = ["real" if real else "made-up", str(theirs.fileno())]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.warm", *arguments],
        pass_fds=[theirs.fileno()],
        env={**os.environ, **ENVIRONMENT, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    theirs.close()
    kind = _launcher_class(ours)
    with tempfile.TemporaryDirectory() as folder:
        database = _load_all(Path(folder), kind)

        def start(
            where: Path, arguments: Sequence[str], before: Callable[[], None] | None = None, *, tables: bool = True
        ) -> Started:
            """`before` is called in the new process; with `tables`, MLflow's database is there already."""
            where.mkdir(parents=True, exist_ok=True)
            if not (where / TABLE).exists():
                write_table(where)
            if tables and not (where / "mlflow.db").exists():
                (where / "mlflow.db").write_bytes(database)
            sys.stdout.flush()
            pid = os.fork()
            if pid == 0:
                _become(where, arguments, kind, before)
            return Started(pid, where)

        try:
            yield start
        finally:
            ours.close()
            process.wait()


def _load_all(folder: Path, kind: type[Launcher]) -> bytes:
    """Makes a whole run here, so that everything is loaded; returns an MLflow database with tables and no run."""
    from automl import api, options, space_files
    from automl.execution import launcher
    from automl.reporting import report
    from automl.tracking import recorder, store

    # Half of such a short run's time.
    space_files._load = functools.cache(space_files._load)
    report._environment = functools.cache(report._environment)
    write_table(folder)
    uri = store.address(f"sqlite:///{folder}/mlflow.db")
    store.check(uri)
    store.fill(uri, recorder.make_tables)
    database = (folder / "mlflow.db").read_bytes()
    launcher.Launcher, before = kind, launcher.Launcher  # type: ignore[misc]
    try:
        asked = options.Options(
            target="kind",
            trials=1,
            seconds=None,
            families=("linear",),
            settings=("linear.epochs=4",),
            folds=1,
            workers=1,
            out=folder / "run",
            tracking_uri=uri,
        )
        api.run(folder / TABLE, asked, command="warm up", quiet=True, began=time.monotonic())
    finally:
        launcher.Launcher = before  # type: ignore[misc]
    gc.collect()
    gc.freeze()
    return database


def _become(where: Path, arguments: Sequence[str], kind: type[Launcher], before: Callable[[], None] | None) -> None:
    """The command line, in a process that has just been forked."""
    code = TRACEBACK
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.setsid()
        os.chdir(where)
        said = os.open("said.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(said, 1)
        os.dup2(said, 2)
        from automl import cli
        from automl.execution import launcher

        launcher.Launcher = kind  # type: ignore[misc]
        sys.argv = ["automl", *arguments]
        if before is not None:
            before()
        cli.main()
    except BaseException:  # noqa: BLE001
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve(int(sys.argv[2]))
