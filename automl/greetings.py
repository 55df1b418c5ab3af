"""Loads TensorFlow without what it says of itself on the terminal."""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from typing import IO

from automl.errors import EnvironmentFault

# TensorFlow writes these before it reads TF_CPP_MIN_LOG_LEVEL: the second is the level "information".
_GREETING = re.compile(rb"WARNING: All log messages before absl::InitializeLog|I\d{4} ")
_ERRORS = 2
_BACKEND, _LEVEL = "KERAS_BACKEND", "TF_CPP_MIN_LOG_LEVEL"
# The environment and standard error are those of all threads.
_TURN = threading.Lock()


def load_tensorflow() -> None:
    """Imports it, in some seconds, and Keras upon it; warnings and errors are written when that is done.

    Threads that need it at the same time wait for the first of them.

    Raises:
        EnvironmentFault: this process has Keras upon something else already.
    """
    with _TURN:
        if "keras" not in sys.modules:
            # Whatever the user's own programs take.
            with _environment({_BACKEND: "tensorflow", _LEVEL: os.environ.get(_LEVEL, "3")}), without_greetings():
                importlib.import_module("keras")
    # Where a thread of the user's is importing it, this waits.
    backend = importlib.import_module("keras").config.backend()
    if backend != "tensorflow":
        raise EnvironmentFault(
            f"This process has loaded Keras with {backend}, and models need TensorFlow. Set {_BACKEND}=tensorflow "
            "before Keras is imported, or use a process of its own."
        )


@contextlib.contextmanager
def _environment(settings: Mapping[str, str]) -> Iterator[None]:
    """Has these settings for the time of the block."""
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


@contextlib.contextmanager
def without_greetings() -> Iterator[None]:
    """Holds back what is written to the file of standard error, by C++ too, and leaves the greetings out."""
    with _nameless_file() as held:
        if sys.stderr is not None:
            sys.stderr.flush()
        terminal = os.dup(_ERRORS)
        os.dup2(held.fileno(), _ERRORS)
        try:
            yield
        finally:
            os.dup2(terminal, _ERRORS)
            os.close(terminal)
            held.seek(0)
            os.write(_ERRORS, b"".join(line for line in held if not _GREETING.match(line)))


def _nameless_file() -> IO[bytes]:
    """In memory where the system can have it there: a container may have no folder that can be written."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("greetings"), "w+b")
    return tempfile.TemporaryFile()
