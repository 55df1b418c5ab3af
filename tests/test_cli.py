"""What the command line says of itself."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from automl.cli import app
from automl.data.target import USUAL_NAMES


@pytest.mark.parametrize("command", ["fit", "profile"])
def test_the_help_says_which_column_is_the_target(command: str) -> None:
    done = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "80"})
    names = f"{', '.join(USUAL_NAMES[:-1])} or {USUAL_NAMES[-1]}"
    assert f"by default one called {names}, else the last one." in " ".join(done.stdout.split())
