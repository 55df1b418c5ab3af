"""Where MLflow keeps runs: the store's address, whether it can be reached, its first start. Imports no MLflow."""

from __future__ import annotations

import fcntl
import os
import re
import socket
import sqlite3
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from urllib.parse import unquote, urlsplit

from automl.errors import EnvironmentFault, InputError

VARIABLE = "MLFLOW_TRACKING_URI"
DEFAULT = "sqlite:///mlflow.db"
ARTIFACTS = "mlartifacts"
# The name of our view of an experiment's run list.
VIEW = "automl"
CONNECT_SECONDS = 5.0
# What MLflow says of a run, or of an alias, that it does not have.
NOT_THERE = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")

# MLflow's names of stores that have no address.
_DATABRICKS = ("databricks", "databricks-uc", "uc")
_SERVERS = ("http", "https")
_PORTS = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306, "mssql": 1433}
_LOCALLY = f"or record in a local file: {VARIABLE}={DEFAULT}"


def address(given: str | None) -> str:
    """The tracking URI: `given`, else the variable MLFLOW_TRACKING_URI, else mlflow.db here, as in MLflow itself.

    The path of a SQLite file is made absolute.

    Raises:
        InputError: it is the address of a server, and not a proper one.
        EnvironmentFault: it names the old kind of store, a folder `mlruns` of small files.
    """
    uri = given or os.environ.get(VARIABLE) or _default()
    file = database(uri)
    if file is not None:
        return _address_of(file)
    scheme = _scheme(uri)
    if scheme in ("", "file") and uri not in _DATABRICKS and not _file_store_allowed():
        raise EnvironmentFault(_advice_on_file_store(uri))
    if scheme in _SERVERS and _host_and_port(uri) is None:
        raise InputError(
            f"The tracking URI {without_secrets(uri)} is malformed: a port is a number up to 65535, and in a "
            f"password '/', '?' and '#' are written %2F, %3F and %23.\nWrite it as {scheme}://HOST:PORT"
        )
    return uri


def database(uri: str) -> Path | None:
    """The absolute path of the file of a SQLite store; None for stores of other kinds."""
    match = re.fullmatch(r"sqlite(?:\+\w+)?:///([^?]+)(?:\?.*)?", uri)
    if match is None or match[1] == ":memory:":
        return None
    return Path(unquote(match[1])).absolute()


def without_secrets(text: str) -> str:
    """`text` with the user names, passwords and tokens of all URIs in it replaced by ***."""
    text = re.sub(r"://[^/\s]*@", "://***@", text)
    # A password may hold a "/", too; but the digits before one in a server's address are its port.
    text = re.sub(r"(?<!http)(?<!https)://[^/\s:@]+:\S*@", "://***@", text)
    text = re.sub(r"://[^/\s:@]+:(?!\d+/)\S*@", "://***@", text)
    return re.sub(r"(?i)\b((?:password|passwd|pwd|token|secret)=)[^&\s'\"]+", r"\1***", text)


def reason(error: Exception) -> str:
    """What a store's error says: one line, without secrets and without SQLAlchemy's remarks on its own work."""
    lines = (re.sub(r"^\([\w.]+\)|^\(raised as .*", "", line).strip() for line in str(error).splitlines())
    return without_secrets(next(filter(None, lines), type(error).__name__))[:200].rstrip(".")


def hides_secrets(text: str) -> bool:
    """Whether `without_secrets` has taken something away."""
    return "***" in text


def check(uri: str) -> None:
    """Finds out within seconds what MLflow itself would find out after minutes of retries.

    Raises:
        EnvironmentFault: nothing answers there, or the file cannot be used.
    """
    file = database(uri)
    if file is not None:
        _check_file(file)
    elif not answers(uri):
        raise EnvironmentFault(
            f"Nothing answers at {without_secrets(uri)}, where MLflow should record the run. "
            f"Start that server, {_LOCALLY}"
        )


def answers(uri: str) -> bool:
    """Whether something listens at the URI's host and port; True where that cannot be told."""
    scheme = _scheme(uri).partition("+")[0]
    host, port = _host_and_port(uri) or ("", None)
    port = port or _PORTS.get(scheme)
    if not host or port is None or _goes_through_proxy(scheme, host):
        return True
    try:
        socket.create_connection((host, port), timeout=CONNECT_SECONDS).close()
    except (OSError, UnicodeError):
        # No host has a name such as "a..b", which is not even asked for.
        return False
    return True


def _scheme(uri: str) -> str:
    # `urlsplit` refuses whole addresses for a bracket in their password.
    return urlsplit(uri.partition("//")[0]).scheme


def _host_and_port(uri: str) -> tuple[str, int | None] | None:
    """What the URI says of them: "" and None where it names none; None where that cannot be told."""
    # A password may hold what `urlsplit` takes for the beginning of a path, or of an address in brackets.
    is_server = _scheme(uri) in _SERVERS
    open_to_all = re.sub(r"(?<=://)[^/?#]*@", "", uri) if is_server else without_secrets(uri)
    try:
        place = urlsplit(open_to_all)
        port = place.port
    except ValueError:
        return None
    return place.hostname or "", port


@contextmanager
def one_at_a_time(uri: str) -> Iterator[None]:
    """Holds a lock beside a SQLite file: when several processes first open it, MLflow's table-making races."""
    file = database(uri)
    with nullcontext() if file is None else _lock_beside(file):
        yield


def fill(uri: str, make_tables: Callable[[str], None]) -> None:
    """Puts the tables into an empty SQLite store, all at once: MLflow never again opens one that has a part of them.

    The caller holds the lock of `one_at_a_time`.

    Args:
        make_tables: makes them in the empty database of a URI, and leaves it closed.
    """
    file = database(uri)
    if file is None:
        return
    with closing(sqlite3.connect(file, timeout=CONNECT_SECONDS)) as connection:
        if connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]:
            return
    unfinished = _empty_beside(file)
    make_tables(_address_of(unfinished))
    unfinished.replace(file)


@contextmanager
def _lock_beside(file: Path) -> Iterator[None]:
    with file.with_name(f".{file.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _address_of(file: Path) -> str:
    return "sqlite:///" + str(file).replace("%", "%25").replace("?", "%3F")


def _default() -> str:
    """MLflow goes on with an old `mlruns` folder, if the working folder has one, rather than with mlflow.db."""
    old = any(Path("mlruns").glob("[0-9]*/meta.yaml")) and not Path("mlflow.db").exists()
    return "mlruns" if old else DEFAULT


def _file_store_allowed() -> bool:
    return os.environ.get("MLFLOW_ALLOW_FILE_STORE", "").lower() in ("true", "1")


def _advice_on_file_store(uri: str) -> str:
    if uri.endswith((".db", ".sqlite", ".sqlite3")):
        return f"The tracking URI {uri!r} lacks its kind. Write sqlite:///{uri}"
    folder = unquote(urlsplit(uri).path) or "mlruns"
    return (
        f"{folder} is the old kind of MLflow store, a folder of small files, which MLflow 3.17 no longer opens.\n"
        f"Move its runs into a database (mlflow migrate-filestore --source {folder} --target {DEFAULT}), "
        f"or leave them and set {VARIABLE}={DEFAULT}"
    )


def _check_file(file: Path) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            _create(file)
        if not os.access(file, os.W_OK):
            raise PermissionError(13, "Permission denied")
        with closing(sqlite3.connect(file, timeout=CONNECT_SECONDS)) as connection:
            connection.execute("PRAGMA schema_version").fetchone()
    except (OSError, sqlite3.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise EnvironmentFault(
            f"MLflow cannot record runs in {file}: {reason}.\nChoose another file: {VARIABLE}=sqlite:///PATH"
        ) from error


def _create(file: Path) -> None:
    """Puts an empty database there, whole: SQLite lets nobody else look on while the kind of journal changes."""
    with _lock_beside(file):
        if not file.exists():
            _empty_beside(file).replace(file)


def _empty_beside(file: Path) -> Path:
    """An empty database that is to take the place of the file."""
    unfinished = file.with_name(f".{file.name}.new")
    for left in ("", "-wal", "-shm", "-journal"):
        unfinished.with_name(unfinished.name + left).unlink(missing_ok=True)
    with closing(sqlite3.connect(unfinished)) as connection:
        # With a write-ahead log a trial is recorded in two thirds of the time, and the dashboard, reading, keeps no run
        # waiting.
        connection.execute("PRAGMA journal_mode=WAL")
    return unfinished


def _goes_through_proxy(scheme: str, host: str) -> bool:
    return scheme in urllib.request.getproxies() and not urllib.request.proxy_bypass(host)
