"""What the command line says of itself, and how it ends."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pandas as pd
import pytest
from typer.testing import CliRunner

from automl import plugins
from automl.cli import app
from automl.data.target import USUAL_NAMES
from automl.records import RunFolder
from automl.run import Run
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


def test_the_leaderboard_shows_the_best_first_and_no_more_than_asked(recorded: Callable[..., RunFolder]) -> None:
    done = CliRunner().invoke(app, ["leaderboard", str(recorded().path), "--top", "3"])
    assert done.exit_code == 0, done.output
    places = [done.stdout.index(name) for name in ("ensemble of 2", "#0 mlp", "#1 mlp", "baseline: constant")]
    assert places == sorted(places)
    assert "#2 mlp" not in done.stdout
    assert "10 more networks not shown." in done.stdout


def test_the_leaderboard_of_a_program_has_everything(recorded: Callable[..., RunFolder]) -> None:
    folder = recorded()
    done = CliRunner().invoke(app, ["leaderboard", "--csv", str(folder.path)])
    assert done.exit_code == 0, done.output
    shown, board = pd.read_csv(io.StringIO(done.stdout)), Run(folder.path).leaderboard
    assert list(shown.columns) == list(board.columns)
    assert shown["name"].tolist() == board["name"].tolist()
    assert shown["test_log_loss"].tolist() == pytest.approx(board["test_log_loss"].tolist(), nan_ok=True)


def test_two_runs_are_shown_side_by_side(recorded: Callable[..., RunFolder]) -> None:
    done = CliRunner().invoke(app, ["compare", str(recorded("one").path), str(recorded("other", luck=1).path)])
    assert done.exit_code == 0, done.output
    [scores] = [line.split() for line in done.stdout.splitlines() if line.startswith("log loss, test")]
    assert f"Neither is better: log loss is {scores[3]} and {scores[4]} on test" in " ".join(done.stdout.split())


def test_a_store_gets_what_it_lacks_of_a_run(recorded: Callable[..., RunFolder], tmp_path: Path) -> None:
    run, uri = str(recorded(trials=2).path), f"sqlite:///{tmp_path}/mlflow.db"
    for more, sent in ((["--tracking-uri", uri], "4 trials sent now"), ([], "nothing was missing")):
        done = CliRunner().invoke(app, ["sync", run, *more])
        assert (done.exit_code, done.stdout) == (0, f"MLflow at {uri} has all of {run}: {sent}.\n")


@pytest.mark.parametrize("family", plugins.names("families"))
def test_a_space_that_was_printed_can_be_given_under_any_name(tmp_path: Path, family: str) -> None:
    path = tmp_path / "my.yaml"
    path.write_text(CliRunner().invoke(app, ["families", family]).stdout)
    assert read_user_space(path) == read_space(family)
