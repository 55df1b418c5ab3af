"""Shows the recorded runs in the browser: starts MLflow's own web server for this computer alone, until Ctrl-C."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import IO, Any

from automl.errors import EnvironmentFault, InputError
from automl.tracking import store

HOST = "127.0.0.1"
USUAL_PORT = 5000
START_SECONDS = 120.0

_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # Its job runner is for other uses: eight more processes, and twice the time to start.
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
}


def serve(*, port: int | None, tracking_uri: str | None, announce: Callable[[str], None]) -> int:
    """Serves the store until Ctrl-C; `announce` is given the page's address once it answers. Returns the exit code.

    Args:
        port: by default 5000, or a free one if that is taken.
        tracking_uri: as in `MlflowTracker`. If it is a server's address already, that is announced and nothing started.

    Raises:
        InputError: there is no store yet.
        EnvironmentFault: the port is taken, or the server does not start.
    """
    uri = store.address(tracking_uri)
    if uri.startswith(("http://", "https://")):
        announce(store.without_secrets(uri))
        return 0
    file = store.database(uri)
    if file is not None and not file.exists():
        raise InputError(f"{file} does not exist: no run has been recorded here yet. Start one: automl fit data.csv")
    chosen = _port(port)
    # Ended from outside, it must end the server too.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryFile("w+b") as log:
        server = _start(uri, chosen, log)
        try:
            _wait_until_it_answers(server, chosen, log)
            announce(_page(chosen))
            return server.wait()
        except KeyboardInterrupt:
            return 0
        finally:
            _stop(server)
            signal.signal(signal.SIGTERM, before)


def _port(asked: int | None) -> int:
    for port in (asked,) if asked else (USUAL_PORT, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError as error:
                if asked:
                    raise EnvironmentFault(
                        f"Port {asked} cannot be used: {error.strerror}. Choose another with --port, or leave it out."
                    ) from error
            else:
                return int(probe.getsockname()[1])
    raise EnvironmentFault(f"This computer has no free port at {HOST}. Close a program that listens there.")


def _start(uri: str, port: int, log: IO[bytes]) -> subprocess.Popen[bytes]:
    # The URI may hold a password; the environment is not listed among the processes, the arguments are.
    return subprocess.Popen(
        [sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", str(port), "--workers", "1"],
        env={**os.environ, **_ENVIRONMENT, "MLFLOW_BACKEND_STORE_URI": uri},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
    )


def _wait_until_it_answers(server: subprocess.Popen[bytes], port: int, log: IO[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        try:
            _request(port, "GET", "/health")
        except (OSError, http.client.HTTPException):
            time.sleep(0.1)
        else:
            return
    log.seek(0)
    said = log.read().decode(errors="replace").strip().splitlines()
    raise EnvironmentFault(
        f"MLflow's server did not start: {store.without_secrets(said[-1]) if said else 'it said nothing'}.\n"
        "Try it by hand: mlflow ui"
    )


def _page(port: int) -> str:
    """The list of runs around the newest one, with its metrics. MLflow's own front page is about language models."""
    experiments = _ask(port, "experiments/search", {"max_results": 1000}).get("experiments", [])
    by_id = {experiment["experiment_id"]: experiment for experiment in experiments}
    newest = {"experiment_ids": list(by_id), "max_results": 1, "order_by": ["attributes.start_time DESC"]}
    runs = _ask(port, "runs/search", newest).get("runs", [])
    if not runs:
        return f"http://{HOST}:{port}/#/experiments?workflowType=machine_learning"
    chosen = by_id[runs[0]["info"]["experiment_id"]]
    has_view = any(tag["key"].endswith(f".{store.VIEW}") for tag in chosen.get("tags", []))
    view = f"&viewStateShareKey={store.VIEW}" if has_view else ""
    return f"http://{HOST}:{port}/#/experiments/{chosen['experiment_id']}/runs?workflowType=machine_learning{view}"


def _ask(port: int, question: str, details: dict[str, Any]) -> dict[str, Any]:
    """MLflow's answer, empty if it has none."""
    try:
        answer: dict[str, Any] = json.loads(_request(port, "POST", f"/api/2.0/mlflow/{question}", json.dumps(details)))
    except (OSError, http.client.HTTPException, ValueError):
        return {}
    return answer


def _request(port: int, method: str, path: str, body: str | None = None) -> bytes:
    # Not through urllib, which would ask a proxy for this computer's own pages.
    connection = http.client.HTTPConnection(HOST, port, timeout=30)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
        return connection.getresponse().read()
    finally:
        connection.close()


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(timeout=10)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
