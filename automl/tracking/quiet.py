"""Keeps MLflow, while it works for us, from printing, retrying for minutes and copying the user's lock files."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

_LOGGERS = ("mlflow", "alembic", "sqlalchemy", "urllib3")
_SETTINGS = {
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_UV_AUTO_DETECT": "false",
    # Training waits meanwhile: MLflow's defaults are 7 retries and 120 seconds.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}


@dataclass
class _Shared:
    """What the blocks of all threads have in common: `undo` puts everything back once there are none."""

    turn: threading.Lock = field(default_factory=threading.Lock)
    blocks: int = 0
    undo: ExitStack = field(default_factory=ExitStack)


_SHARED = _Shared()


@contextmanager
def quiet() -> Iterator[None]:
    """For the time of the block, and of those that overlap with it in other threads.

    What the user has set in the environment stays, and everything is put back.
    """
    with _SHARED.turn:
        _SHARED.blocks += 1
        if _SHARED.blocks == 1:
            _silence(_SHARED.undo)
    try:
        yield
    finally:
        with _SHARED.turn:
            _SHARED.blocks -= 1
            if not _SHARED.blocks:
                _SHARED.undo.close()


def _silence(undo: ExitStack) -> None:
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        undo.callback(logger.setLevel, logger.level)
        logger.setLevel(logging.CRITICAL + 1)
    for name, value in _SETTINGS.items():
        if name not in os.environ:
            undo.callback(os.environ.pop, name, None)
            os.environ[name] = value
