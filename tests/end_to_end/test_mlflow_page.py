"""MLflow's own pages about a run in a browser: what it shows of what we send."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from automl import api
from automl.records import RunFolder
from automl.reporting import pictures, report
from tests.end_to_end.browser import needs_browser, opened

# Errors of MLflow's own making, which its pages have without any run.
OF_MLFLOW = (
    # Its server has no users unless authentication is on, and answers 404.
    r"Failed to load resource: the server responded with a status of 404 .*/mlflow/users/current",
    # Its charts change their size while they are drawn; browsers tell that, and nothing comes of it.
    r"ResizeObserver loop completed with undelivered notifications",
)

pytestmark = [pytest.mark.slow, needs_browser]


def looked_at(address: str, folder: Path) -> tuple[list[str], str]:
    """The errors on the browser's console, and the page as it has become."""
    console, page = opened(address, folder, "--window-size=1280,2000", "--timeout=30000", seconds=30)
    errors = [line for line in console if re.search(r"error|failed|uncaught|refused|blocked", line, re.IGNORECASE)]
    return [line for line in errors if not any(re.search(known, line) for known in OF_MLFLOW)], page


def test_shows_a_run_without_an_error_on_the_console(
    recorded: Callable[..., RunFolder],
    tmp_path: Path,
    mlflow_server: Callable[[int], AbstractContextManager[str]],
    free_port: int,
) -> None:
    folder = recorded()
    folder.write_summary("**The model generalises.**")
    report.write(folder.path)
    pictures.write(folder.path)
    with mlflow_server(free_port) as uri:
        api.sync(folder.path, tracking_uri=uri)
        kept = json.loads(folder.tracking.read_text())["stores"][uri]
        experiment = f"{uri}/#/experiments/{kept['experiment_id']}"
        run = f"{experiment}/runs/{kept['run_id']}"
        kind = "?workflowType=machine_learning"
        errors, page = looked_at(f"{run}{kind}", tmp_path)
        assert errors == []
        assert "The model generalises." in page
        linked = [link.replace("&amp;", "&") for link in re.findall(r'href="#(/experiments/[^"]*automl-[^"]*)"', page)]
        trials, charts = dict.fromkeys(linked)
        assert charts == f"{trials}&compareRunsMode=CHART"
        for address, *shows in [
            (f"{experiment}/runs{kind}&viewStateShareKey=automl", "best_val_log_loss"),
            (f"{uri}/#{trials}", "ensemble_weight", "0011 mlp"),
            (f"{uri}/#{charts}", "0011 mlp"),
            (f"{run}/artifacts/plots/roc_curve.png{kind}", "roc_curve.png"),
            (f"{run}/artifacts/report.html{kind}", "report.html"),
        ]:
            errors, page = looked_at(address, tmp_path)
            assert (address, errors) == (address, [])
            assert [text for text in shows if text not in page] == []
