from __future__ import annotations

import signal
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from automl.errors import EnvironmentFault, InputError
from automl.tracking import store


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("MLFLOW_ALLOW_FILE_STORE", raising=False)


def test_the_default_is_a_file_in_the_working_folder(in_folder: Path) -> None:
    assert store.address(None) == f"sqlite:///{in_folder}/mlflow.db"


def test_the_variable_comes_before_the_default_and_the_argument_before_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://server:5000")
    assert store.address(None) == "http://server:5000"
    assert store.address("http://other") == "http://other"


@pytest.mark.parametrize(
    ("uri", "file"),
    [
        ("sqlite:////data/runs.db", Path("/data/runs.db")),
        ("sqlite:////my%20data/runs.db", Path("/my data/runs.db")),
        ("sqlite+pysqlite:////data/runs.db?timeout=3", Path("/data/runs.db")),
        ("sqlite:///:memory:", None),
        ("http://server:5000", None),
    ],
)
def test_finds_the_file_of_a_database(uri: str, file: Path | None) -> None:
    assert store.database(uri) == file


@pytest.mark.parametrize("uri", ["mlruns", "./mlruns", "file:///data/mlruns"])
def test_explains_that_the_old_file_store_is_gone(uri: str) -> None:
    with pytest.raises(EnvironmentFault, match=r"mlruns is the old kind(.|\n)*mlflow migrate-filestore --source"):
        store.address(uri)


def test_an_old_store_in_the_working_folder_is_not_passed_over(in_folder: Path) -> None:
    (in_folder / "mlruns" / "0").mkdir(parents=True)
    (in_folder / "mlruns" / "0" / "meta.yaml").touch()
    with pytest.raises(EnvironmentFault, match="old kind of MLflow store"):
        store.address(None)
    (in_folder / "mlflow.db").touch()
    assert store.address(None).endswith("mlflow.db")


def test_a_bare_path_to_a_database_is_corrected() -> None:
    with pytest.raises(EnvironmentFault, match="Write sqlite:///runs.db"):
        store.address("runs.db")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://me:pass@host:5432/db", "postgresql://***@host:5432/db"),
        ("mysql://me:p@ss@host/db and http://token@other", "mysql://***@host/db and http://***@other"),
        ("postgresql://host/db?user=me&password=pass", "postgresql://host/db?user=me&password=***"),
        ("sqlite:////home/me@work/mlflow.db", "sqlite:////home/me@work/mlflow.db"),
        ("postgresql://me:pa/ss@host/db", "postgresql://***@host/db"),
        ("mysql+pymysql://me:12/ss@host/db and on", "mysql+pymysql://***@host/db and on"),
        ("http://me:pa/ss@host", "http://***@host"),
        ("http://server:5000/me@work", "http://server:5000/me@work"),
        ("postgresql://host:5432/db", "postgresql://host:5432/db"),
    ],
)
def test_hides_secrets(text: str, shown: str) -> None:
    assert store.without_secrets(text) == shown


@pytest.mark.parametrize("uri", ["databricks", "databricks-uc", "uc", "databricks://profile"])
def test_databricks_needs_no_address(uri: str) -> None:
    assert store.address(uri) == uri


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("http://localhost:50OO", "http://localhost:50OO"),
        ("https://me:pass@server:70000/path", r"https://\*\*\*@server:70000/path"),
        ("http://me:pa/ss@server", r"http://\*\*\*@server"),
        ("http://[::1:5000", r"http://\[::1:5000"),
    ],
)
def test_a_malformed_address_is_refused_without_its_password(uri: str, shown: str) -> None:
    with pytest.raises(InputError, match=f"The tracking URI {shown} is malformed") as refused:
        store.address(uri)
    assert "pa" not in str(refused.value).replace("path", "").replace("password", "")


@pytest.mark.parametrize(
    "uri",
    [
        "postgresql://me:pa#ss@localhost/db",
        "postgresql://me:pa/ss@localhost/db",
        "postgresql://me:p[ss@localhost/db",
        "http://me:p[ss@localhost",
    ],
)
def test_a_password_may_hold_what_ends_a_host(uri: str) -> None:
    assert store.address(uri) == uri
    with socket.create_server(("127.0.0.1", 0)) as server:
        uri = uri.replace("localhost", f"127.0.0.1:{server.getsockname()[1]}")
        assert store.answers(uri)
    assert not store.answers(uri)


def test_whether_a_host_answers_whose_port_cannot_be_told_is_not_known() -> None:
    assert store.answers("postgresql://host:50OO/db")


def test_a_host_that_cannot_have_that_name_does_not_answer() -> None:
    assert not store.answers("http://a..b")


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("no database, but long enough to have a header" * 20)
    with pytest.raises(EnvironmentFault, match=r"mlflow\.db: file is not a database"):
        store.check(f"sqlite:///{tmp_path}/mlflow.db")


def test_a_server_that_is_down_is_named_without_its_password() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(EnvironmentFault, match=rf"Nothing answers at http://\*\*\*@127\.0\.0\.1:{port},"):
        store.check(f"http://me:pass@127.0.0.1:{port}")


def test_a_server_that_listens_passes() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        store.check(f"http://127.0.0.1:{server.getsockname()[1]}")


def test_a_first_start_that_is_killed_leaves_nothing_half_made(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    program = f"""
import os, signal, sqlite3
from automl.tracking import store

def half(uri):
    with sqlite3.connect(store.database(uri)) as connection:
        connection.execute("CREATE TABLE runs (a)")
    os.kill(os.getpid(), signal.SIGKILL)

store.check({uri!r})
with store.one_at_a_time({uri!r}):
    store.fill({uri!r}, half)
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == -signal.SIGKILL

    def whole(address: str) -> None:
        with closing(sqlite3.connect(str(store.database(address)))) as connection:
            connection.execute("CREATE TABLE runs (a)")
            connection.execute("CREATE TABLE metrics (a)")

    store.check(uri)
    store.fill(uri, whole)
    # What has tables stays as it is.
    store.fill(uri, pytest.fail)
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as connection:
        assert {name for (name,) in connection.execute("SELECT name FROM sqlite_master")} == {"runs", "metrics"}
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert {path.name for path in tmp_path.iterdir()} == {"mlflow.db", ".mlflow.db.lock"}
