from __future__ import annotations

import os
import signal
import socket
import threading
import urllib.request
from pathlib import Path

import pytest

from automl.errors import EnvironmentFault, InputError
from automl.tracking import RunDescription
from automl.tracking.dashboard import serve
from automl.tracking.mlflow import MlflowTracker


def test_says_that_nothing_has_been_recorded_yet(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"mlflow\.db does not exist: no run has been recorded here yet"):
        serve(port=None, tracking_uri=f"sqlite:///{tmp_path}/mlflow.db", announce=pytest.fail)


def test_says_that_the_port_is_taken(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").touch()
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(EnvironmentFault, match=rf"Port {port} cannot be used: Address already in use"):
            serve(port=port, tracking_uri=f"sqlite:///{tmp_path}/mlflow.db", announce=pytest.fail)


def test_a_server_that_runs_elsewhere_is_only_named() -> None:
    named: list[str] = []
    assert serve(port=None, tracking_uri="http://me:pass@server:5000", announce=named.append) == 0
    assert named == ["http://***@server:5000"]


@pytest.mark.slow
def test_serves_the_runs_until_interrupted(tmp_path: Path, described: RunDescription) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    tracker = MlflowTracker(tracking_uri=uri, warn=pytest.fail)
    tracker.start(described)
    assert tracker.run_id
    pages: list[tuple[str, int]] = []

    def visit(address: str) -> None:
        with urllib.request.urlopen(address) as page:
            pages.append((address, page.status))
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()

    assert serve(port=None, tracking_uri=uri, announce=visit) == 0
    [(address, status)] = pages
    assert status == 200
    assert address.endswith(
        f"/#/experiments/{tracker.experiment_id}/runs?workflowType=machine_learning&viewStateShareKey=automl"
    )
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(address)
