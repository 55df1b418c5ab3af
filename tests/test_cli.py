"""What the command line says of itself, and how it ends."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest
from typer.testing import CliRunner

from automl import plugins
from automl.cli import app
from automl.data.target import USUAL_NAMES
from automl.records import RunFolder
from automl.space_files import read_space, read_user_space

# One waits for nothing with what it writes, the other leaves it to the end of the process.
WRITING = [["families", "mlp"], ["leaderboard", "--csv", "run"]]


def ended(arguments: list[str], *, folder: Path, output: IO[str] | int) -> tuple[int, str]:
    """The exit code and the errors of a command line in a process of its own."""
    # As most people have it: what is written waits for more.
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    done = subprocess.run(
        [sys.executable, "-m", "automl", *arguments],
        cwd=folder,
        env=buffered,
        stdout=output,
        stderr=subprocess.PIPE,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("command", ["fit", "profile"])
def test_the_help_says_which_column_is_the_target(command: str) -> None:
    done = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "80"})
    names = f"{', '.join(USUAL_NAMES[:-1])} or {USUAL_NAMES[-1]}"
    assert f"by default one called {names}, else the last one." in " ".join(done.stdout.split())


@pytest.mark.parametrize("command", ["fit", "resume"])
def test_the_help_says_that_quiet_lets_notes_through(command: str) -> None:
    done = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "80"})
    assert "Print nothing but notes and errors." in " ".join(done.stdout.split())


@pytest.mark.parametrize("arguments", WRITING)
def test_a_full_disk_is_told_once_and_in_a_line(
    recorded: Callable[..., RunFolder], tmp_path: Path, arguments: list[str]
) -> None:
    recorded("run", trials=2)
    with Path("/dev/full").open("w") as full:
        code, error = ended(arguments, folder=tmp_path, output=full)
    assert (code, error) == (3, "automl: The system refused: No space left on device\n")


@pytest.mark.parametrize("arguments", WRITING)
def test_a_reader_that_has_gone_is_no_fault(
    recorded: Callable[..., RunFolder], tmp_path: Path, arguments: list[str]
) -> None:
    recorded("run", trials=2)
    reader, writer = os.pipe()
    os.close(reader)
    code, error = ended(arguments, folder=tmp_path, output=writer)
    os.close(writer)
    assert (code, error) == (0, "")


def test_a_table_that_cannot_be_split_is_described_without_the_checks(tmp_path: Path) -> None:
    rows = [f"{number * number},{number // 2}_" for number in range(12)]
    (tmp_path / "t.csv").write_text("\n".join(["x,kind", *rows]))
    done = CliRunner().invoke(app, ["profile", str(tmp_path / "t.csv")])
    assert done.exit_code == 0, done.output
    assert "12 rows" in done.stdout
    assert "automl: The checks of the data are left out: the rows are too few" in done.stderr


@pytest.mark.parametrize("family", plugins.names("families"))
def test_a_space_that_was_printed_can_be_given_under_any_name(tmp_path: Path, family: str) -> None:
    path = tmp_path / "my.yaml"
    path.write_text(CliRunner().invoke(app, ["families", family]).stdout)
    assert read_user_space(path) == read_space(family)
