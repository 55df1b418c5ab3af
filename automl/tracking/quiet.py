"""Keeps MLflow, while it works for us, from printing, retrying for minutes and copying the user's lock files."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

_LOGGERS = ("mlflow", "alembic", "sqlalchemy", "urllib3")
_SETTINGS = {
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_UV_AUTO_DETECT": "false",
    # Training waits meanwhile: MLflow's defaults are 7 retries and 120 seconds.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}


@contextmanager
def quiet() -> Iterator[None]:
    """For the time of the block; what the user has set in the environment stays, and everything is put back."""
    levels = {name: logging.getLogger(name).level for name in _LOGGERS}
    ours = {name: value for name, value in _SETTINGS.items() if name not in os.environ}
    os.environ.update(ours)
    for name in _LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
        for name in ours:
            os.environ.pop(name, None)
