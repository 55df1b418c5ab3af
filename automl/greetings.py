"""Loads TensorFlow without what it says of itself on the terminal."""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator

# TensorFlow writes these before it reads TF_CPP_MIN_LOG_LEVEL: the second is the level "information".
_GREETING = re.compile(rb"WARNING: All log messages before absl::InitializeLog|I\d{4} ")
_ERRORS = 2


def load_tensorflow() -> None:
    """Imports it, in some seconds; warnings and errors are written when that is done."""
    if "tensorflow" not in sys.modules:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        with without_greetings():
            importlib.import_module("tensorflow")


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
