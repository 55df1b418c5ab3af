"""What TensorFlow says of itself is not what a user asked for; what else goes wrong while it loads is."""

import os
import subprocess
import sys
import tempfile
import types
from pathlib import Path

import pytest

from automl.errors import EnvironmentFault
from automl.greetings import load_tensorflow, without_greetings


def test_leaves_out_the_greetings_and_nothing_else(capfd: pytest.CaptureFixture[str]) -> None:
    with without_greetings():
        os.write(2, b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n")
        os.write(2, b"I0000 00:00:1795.653 29991 cudart_stub.cc:31] Could not find cuda drivers on your machine\n")
        os.write(2, b"E0000 00:00:1795.654 29991 driver.cc:152] failed call to cuInit\nImportant: no room\n")
    os.write(2, b"afterwards\n")
    assert capfd.readouterr().err == (
        "E0000 00:00:1795.654 29991 driver.cc:152] failed call to cuInit\nImportant: no room\nafterwards\n"
    )


def test_says_what_was_said_before_a_failure(capfd: pytest.CaptureFixture[str]) -> None:
    def load() -> None:
        os.write(2, b"libfoo.so is missing\n")
        raise ImportError

    with pytest.raises(ImportError), without_greetings():
        load()
    assert capfd.readouterr().err == "libfoo.so is missing\n"


def test_needs_no_folder_that_can_be_written(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    with without_greetings():
        os.write(
            2, b"I0000 00:00:1795.653 29991 cudart_stub.cc:31] Could not find cuda drivers on your machine\nhello\n"
        )
    assert capfd.readouterr().err == "hello\n"


@pytest.mark.parametrize("asked", ["jax", None])
@pytest.mark.slow
def test_keras_runs_on_tensorflow_whatever_the_user_takes_for_other_programs(asked: str | None) -> None:
    program = (
        "from automl.greetings import load_tensorflow; load_tensorflow(); load_tensorflow(); import keras, os; "
        "print(keras.config.backend(), os.environ.get('KERAS_BACKEND'), os.environ.get('TF_CPP_MIN_LOG_LEVEL')); "
        "keras.layers.Dense(2)(keras.ops.ones((1, 2)))"
    )
    ours = {"KERAS_BACKEND", "TF_CPP_MIN_LOG_LEVEL"}
    others = {name: value for name, value in os.environ.items() if name not in ours}
    environment = others if asked is None else {**others, "KERAS_BACKEND": asked}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == f"tensorflow {asked} None\n"
    assert done.stderr == ""


def test_threads_wait_for_the_one_that_loads_it(tmp_path: Path) -> None:
    (tmp_path / "keras.py").write_text(
        "import time, types; time.sleep(0.5); config = types.SimpleNamespace(backend=lambda: 'tensorflow')"
    )
    program = (
        "from concurrent.futures import ThreadPoolExecutor; from automl.greetings import load_tensorflow\n"
        "with ThreadPoolExecutor(2) as threads: asked = [threads.submit(load_tensorflow) for _ in range(2)]\n"
        "for each in asked: each.result()"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_says_that_keras_runs_on_something_else(monkeypatch: pytest.MonkeyPatch) -> None:
    other = types.SimpleNamespace(config=types.SimpleNamespace(backend=lambda: "torch"))
    monkeypatch.setitem(sys.modules, "keras", other)
    with pytest.raises(EnvironmentFault, match="has loaded Keras with torch"):
        load_tensorflow()
