"""A process that has loaded TensorFlow once and makes workers of itself: a worker starts in tens of milliseconds.

The main process never loads TensorFlow for a search, and a program that calls `automl.fit` needs no
`if __name__ == "__main__"`, as it would with multiprocessing.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import IO

from automl.errors import EnvironmentFault

_FORK, _STATUS = b"f", b"s"
_NUMBER = struct.Struct("i")

# One thread per worker: two threads on one small network cost more than they give, and two workers use two cores.
ENVIRONMENT = {
    "KERAS_BACKEND": "tensorflow",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "CUDA_VISIBLE_DEVICES": "-1",
}


class Launcher:
    """The main process's hold on the launching process."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair()
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  Closed by `close`.
        # Python passes over whatever else users put there.
        places = [place for place in sys.path if isinstance(place, str)]
        program = (
            f"import sys; sys.path[:] = {places!r}; from automl.execution.launcher import main; main({theirs.fileno()})"
        )
        self._process = subprocess.Popen(
            [sys.executable, "-c", program],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=self._errors,
            stderr=self._errors,
            env={**os.environ, **ENVIRONMENT},
            start_new_session=True,
        )
        theirs.close()

    def start_worker(self) -> tuple[int, Connection]:
        """A new worker's process id and the connection to it. Waits until TensorFlow is loaded.

        Raises:
            EnvironmentFault: the launching process has died.
        """
        ours, theirs = socket.socketpair()
        try:
            socket.send_fds(self._control, [_FORK], [theirs.fileno()])
            pid = self._answer()
        except OSError:
            raise self._died() from None
        finally:
            theirs.close()
        return pid, Connection(ours.detach())

    def exit_status(self, pid: int) -> int:
        """How a worker ended, as `os.waitstatus_to_exitcode` gives it; waits for its end."""
        try:
            self._control.sendall(_STATUS + _NUMBER.pack(pid))
            return self._answer()
        except (OSError, EnvironmentFault):
            return -signal.SIGKILL

    def close(self) -> None:
        """Ends the launching process and all of its workers."""
        self._control.close()
        try:
            self._process.wait(timeout=0.5)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._errors.close()

    def _answer(self) -> int:
        answer = self._control.recv(_NUMBER.size, socket.MSG_WAITALL)
        if len(answer) < _NUMBER.size:
            raise self._died()
        return int(_NUMBER.unpack(answer)[0])

    def _died(self) -> EnvironmentFault:
        try:
            code = self._process.wait(timeout=0.5)
        except subprocess.TimeoutExpired:
            code = 0
        if code < 0:
            return EnvironmentFault(
                f"The process that starts workers was ended ({signal.Signals(-code).name}), most likely for want of "
                "memory. Fewer --workers need less."
            )
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        cause = lines[-1] if lines else f"exit code {self._process.poll()}"
        return EnvironmentFault(
            f"TensorFlow could not be started: {cause}. Install it anew: pip install --force-reinstall tensorflow keras"
        )


def main(control_descriptor: int) -> None:
    """Loads what workers need, then forks one for every request, until the main process is gone."""
    # Who ends all processes of a run means the main one, which needs workers to save its model.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    control = socket.socket(fileno=control_descriptor)
    # Keras would load it to draw images, which takes a seventh of the time that loading TensorFlow does.
    sys.modules.setdefault("matplotlib.pyplot", None)  # type: ignore[arg-type]
    from automl.execution import worker

    # All of this stays: workers need not look through it for garbage, nor copy its pages to note that they did.
    gc.freeze()
    while True:
        try:
            request, descriptors, _, _ = socket.recv_fds(control, 1, 1)
            if request == _FORK:
                answer = _fork(worker.serve, descriptors[0], control)
            elif request == _STATUS:
                (pid,) = _NUMBER.unpack(control.recv(_NUMBER.size, socket.MSG_WAITALL))
                answer = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            else:
                break
            control.sendall(_NUMBER.pack(answer))
        except (ConnectionResetError, BrokenPipeError):
            break
    # The main process has closed its end or died: no worker may outlive it.
    os.killpg(0, signal.SIGKILL)


def _fork(serve: Callable[[Connection], None], descriptor: int, control: socket.socket) -> int:
    """A new worker's process id."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            control.close()
            serve(Connection(descriptor))
            code = 0
        except BaseException:  # noqa: BLE001
            traceback.print_exc()
        finally:
            os._exit(code)
    os.close(descriptor)
    return pid
