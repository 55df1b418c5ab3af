"""A whole fit, prediction and report, watched from inside: nothing is unpickled, and nothing is fetched."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import automl
from automl.data.cards import card

PACKAGE = Path(automl.__file__).parent
PENGUINS = card("penguins").path
# Python runs this in every process of the fit, before anything else.
WATCH = """
import os, pickle, sys, traceback
log = os.environ["WATCH_LOG"]

def told(what):
    with open(log, "a") as file:
        file.write(what.replace(chr(10), " ") + chr(10))

def of_a_file(file):
    name = getattr(file, "name", None)
    if isinstance(name, (str, int)):
        told(f"unpickled from {name} " + "".join(traceback.format_stack()[-4:-1]))

load, loads, Unpickler = pickle.load, pickle.loads, pickle.Unpickler

class Watched(Unpickler):
    def __init__(self, file, *args, **kwargs):
        of_a_file(file)
        super().__init__(file, *args, **kwargs)

def watched_load(file, *args, **kwargs):
    of_a_file(file)
    return load(file, *args, **kwargs)

pickle.load, pickle.Unpickler = watched_load, Watched

def hook(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname"):
        told(f"network: {event} {arguments[1:]}")

sys.addaudithook(hook)
told("watched")
"""


def may_unshare() -> bool:
    """Whether this user may make a network namespace: without interfaces, so that every connection fails."""
    if not shutil.which("unshare"):
        return False
    return subprocess.run(["unshare", "-rn", "true"], capture_output=True, check=False).returncode == 0


def test_no_module_unpickles() -> None:
    """The workers' pipes alone hold pickles, in memory and between processes of ours: `multiprocessing.connection`."""
    unsafe = {
        "pickle",
        "cPickle",
        "_pickle",
        "joblib",
        "cloudpickle",
        "dill",
        "shelve",
        "marshal",
        "skops",
        "jsonpickle",
    }
    calls = {"eval", "exec", "compile", "read_pickle", "to_pickle", "unsafe_load", "full_load", "load_model"}
    found = []
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            place = f"{path.relative_to(PACKAGE)}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.Import):
                found += [f"{place} {name.name}" for name in node.names if name.name.split(".")[0] in unsafe]
            elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in unsafe:
                found.append(f"{place} {node.module}")
            elif isinstance(node, ast.Call):
                called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
                owner = getattr(getattr(node.func, "value", None), "id", "")
                allowed = [
                    ast.literal_eval(word.value) for word in node.keywords if word.arg == "allow_pickle"
                ]  # fmt: skip
                # `re.compile` and a network's `compile` are others.
                if (called in calls and not (called == "compile" and owner)) or any(allowed):
                    found.append(f"{place} {called}")
    assert found == []


@pytest.mark.slow
def test_a_fit_unpickles_no_file_and_calls_nobody(tmp_path: Path) -> None:
    watch = tmp_path / "watch"
    watch.mkdir()
    (watch / "sitecustomize.py").write_text(WATCH)
    log = tmp_path / "heard.txt"
    variables = {
        **{name: value for name, value in os.environ.items() if not name.startswith("MLFLOW")},
        "PYTHONPATH": os.pathsep.join([str(watch), str(PACKAGE.parent), os.environ.get("PYTHONPATH", "")]),
        "WATCH_LOG": str(log),
    }
    alone = ["unshare", "-rn"] if may_unshare() else []

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [*alone, sys.executable, "-m", "automl", *arguments],
            cwd=tmp_path,
            env=variables,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run(
        "fit",
        str(PENGUINS),
        "--target",
        "species",
        "--trials",
        "1",
        "--single",
        "--families",
        "linear",
        "--workers",
        "1",
    )
    run("predict", "runs/data-1", str(PENGUINS), "--out", "predictions.csv", "--excel-safe")
    run("report", "runs/data-1")
    assert len(pd.read_csv(tmp_path / "predictions.csv")) > 300
    heard = log.read_text().splitlines()
    assert heard.count("watched") >= 4  # The three commands, and the process that starts workers.
    assert [line for line in heard if line.startswith(("unpickled from", "network"))] == []


@pytest.mark.slow
@pytest.mark.skipif(not may_unshare(), reason="this user may not make a network namespace")
def test_the_namespace_has_no_network() -> None:
    """Else the test above proves nothing."""
    program = "import socket; socket.create_connection(('127.0.0.1', 9), 1)"
    done = subprocess.run(
        ["unshare", "-rn", sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert "Network is unreachable" in done.stderr
