"""What is silenced for MLflow's sake comes back."""

from __future__ import annotations

import logging
import os

import pytest

from automl.tracking.quiet import quiet


def test_blocks_that_overlap_leave_loggers_and_environment_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    logger = logging.getLogger("urllib3")
    monkeypatch.setattr(logger, "level", logging.INFO)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "99")
    monkeypatch.delenv("MLFLOW_UV_AUTO_DETECT", raising=False)
    before = dict(os.environ)
    first, second = quiet(), quiet()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert not logger.isEnabledFor(logging.CRITICAL)
    assert (os.environ["MLFLOW_UV_AUTO_DETECT"], os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"]) == ("false", "99")
    second.__exit__(None, None, None)
    assert logger.level == logging.INFO
    assert dict(os.environ) == before
