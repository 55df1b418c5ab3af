"""Jobs in worker processes of this machine, one job at a time in each."""

from __future__ import annotations

import contextlib
import os
import signal
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path

from automl import memory
from automl.execution import Event, Job, Moved
from automl.execution.launcher import Launcher
from automl.trial import Reason

# How TensorFlow ends where memory that it asks for is refused and it does not look.
CRASHES = (-signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS)
# It asks for large pieces, so that the last one may have been refused with much of it left: of a gigabyte, a third.
MUCH = 0.5
OUT_OF_MEMORY = "A worker's share of the memory was not enough"


@dataclass
class _Worker:
    pid: int
    connection: Connection
    job: Job | None = None
    memory: float = 0.0


class LocalExecutor:
    """Runs up to `workers` jobs at once. A worker that dies is replaced, and its job fails with the cause.

    Args:
        launcher: started as early as possible, since loading TensorFlow takes seconds.
        data: the folder of encoded data that `workspace.write` wrote.
        log: the file for what workers print.
        memory: bytes for all workers together.
    """

    def __init__(self, launcher: Launcher, *, workers: int, data: Path, log: Path, memory: int) -> None:
        self._launcher = launcher
        self._limit = workers
        self._opening = (data, log, memory // workers)
        self._workers: list[_Worker] = []

    @property
    def capacity(self) -> int:
        """How many more jobs can be submitted now."""
        return self._limit - sum(worker.job is not None for worker in self._workers)

    def open(self) -> None:
        """Starts a first worker, and so waits until TensorFlow is loaded.

        Raises:
            EnvironmentFault: it cannot be loaded.
        """
        if not self._workers:
            self._new_worker()

    def submit(self, job: Job) -> None:
        """Gives the job to an idle worker, or to a new one."""
        for worker in [worker for worker in self._workers if worker.job is None]:
            if _gives(worker, job):
                return
            # It has died while it was idle, which is not the job's fault.
            self._end(worker)
        # One that dies before it gets the job is found by the next `wait`, which reports it.
        _gives(self._new_worker(), job)

    def wait(self, seconds: float) -> list[Event]:
        """What has happened since the last call, after waiting for it at most so long."""
        by_connection = {worker.connection: worker for worker in self._workers}
        if not by_connection:
            return []
        for worker in self._workers:
            worker.memory = memory.used_share(worker.pid) or worker.memory
        events = []
        for connection in wait(list(by_connection), timeout=seconds):
            assert isinstance(connection, Connection)
            events += self._events(by_connection[connection])
        return events

    def move(self, key: int, until: float) -> None:
        """Gives a job more time or less, if it has not ended."""
        for worker in self._workers:
            if worker.job is not None and worker.job.key == key:
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    worker.connection.send(Moved(key, until))

    def cancel(self, key: int) -> None:
        """Kills the worker that has the job."""
        for worker in self._workers:
            if worker.job is not None and worker.job.key == key:
                self._end(worker)
                return

    def close(self) -> None:
        """Ends all workers."""
        for worker in list(self._workers):
            self._end(worker)

    def _new_worker(self) -> _Worker:
        worker = _Worker(*self._launcher.start_worker())
        self._workers.append(worker)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            worker.connection.send(self._opening)
        return worker

    def _events(self, worker: _Worker) -> list[Event]:
        events: list[Event] = []
        try:
            while worker.connection.poll():
                event = worker.connection.recv()
                events.append(event)
                if event.kind != "epoch":
                    worker.job = None
                if event.leaves:
                    self._end(worker)
                    break
        except (EOFError, ConnectionResetError, OSError):
            job = worker.job
            status = self._end(worker)
            if job is not None:
                reason, message = _cause(status, worker.memory)
                events.append(Event(job.key, "failed", reason=reason, message=message))
        return events

    def _end(self, worker: _Worker) -> int:
        """Makes sure that a worker is gone, and returns how it ended."""
        self._workers.remove(worker)
        worker.connection.close()
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker.pid, signal.SIGKILL)
        return self._launcher.exit_status(worker.pid)


def _gives(worker: _Worker, job: Job) -> bool:
    """Whether the worker still takes the job, which it has from now on."""
    worker.job = job
    try:
        worker.connection.send(job)
    except (BrokenPipeError, ConnectionResetError):
        return False
    return True


def _cause(status: int, used: float) -> tuple[Reason, str]:
    """Why a worker ended; `used` is the share of its memory that it had when it was last looked at."""
    if status in CRASHES and used > MUCH:
        return "oom", f"{OUT_OF_MEMORY}. Give more --memory, or fewer --workers."
    if status == -signal.SIGKILL:
        return "killed", "The worker was killed, most likely for want of memory. Fewer --workers leave more to each."
    if status < 0:
        return "killed", f"The worker crashed ({signal.Signals(-status).name}); log.txt has what it printed."
    return "killed", f"The worker ended with exit code {status}; log.txt has what it printed."
