"""Loads TensorFlow without what it says of itself on the terminal."""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator

from automl.errors import EnvironmentFault

# TensorFlow writes these before it reads TF_CPP_MIN_LOG_LEVEL: the second is the level "information".
_GREETING = re.compile(rb"WARNING: All log messages before absl::InitializeLog|I\d{4} ")
_ERRORS = 2
_BACKEND = "KERAS_BACKEND"


def load_tensorflow() -> None:
    """Imports it, in some seconds, and Keras upon it; warnings and errors are written when that is done.

    Raises:
        EnvironmentFault: this process has Keras upon something else already.
    """
    if "keras" not in sys.modules:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        chosen = os.environ.get(_BACKEND)
        # Whatever the user's own programs take.
        os.environ[_BACKEND] = "tensorflow"
        try:
            with without_greetings():
                importlib.import_module("keras")
        finally:
            os.environ.pop(_BACKEND)
            if chosen is not None:
                os.environ[_BACKEND] = chosen
    backend = sys.modules["keras"].config.backend()
    if backend != "tensorflow":
        raise EnvironmentFault(
            f"This process has loaded Keras with {backend}, and models need TensorFlow. Set {_BACKEND}=tensorflow "
            "before Keras is imported, or use a process of its own."
        )


@contextlib.contextmanager
def without_greetings() -> Iterator[None]:
    """Holds back what is written to the file of standard error, by C++ too, and leaves the greetings out."""
    with tempfile.TemporaryFile() as held:
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
