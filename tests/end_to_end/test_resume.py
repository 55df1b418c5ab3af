"""Runs that are broken off, and go on, as a user has them."""

from __future__ import annotations

import dataclasses
import json
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import automl
from automl import files
from automl.data.cards import card
from automl.trial import Trial

pytestmark = pytest.mark.slow

PENGUINS = card("penguins").path
# Small, and enough trials for a search that learns and prunes.
SMALL = ("--families", "linear,mlp", "--set", "mlp.epochs=16", "--set", "linear.epochs=16", "--folds", "1")
# What two runs are given must not be what a busy machine happens to have.
ALIKE = ("--workers", "1", "--seed", "3", "--memory", "4G")
FIT = ("fit", str(PENGUINS), "--target", "species", *ALIKE, *SMALL, "--trials", "14")
# Recorded times differ between any two runs.
UNTIMED: dict[str, Any] = {"seconds": 0.0, "rows_per_second": 0.0}


def start(*arguments: str, folder: Path) -> subprocess.Popen[str]:
    """The command line in a process of its own, not waited for."""
    folder.mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-m", "automl", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def command(*arguments: str, folder: Path) -> tuple[int, str, str]:
    """Its exit code and what it printed."""
    process = start(*arguments, folder=folder)
    said = process.communicate(timeout=180)
    assert "Traceback" not in "".join(said)
    return process.returncode, *said


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 120
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} did not come"
        time.sleep(0.005)


def killed(*arguments: str, folder: Path, at: str) -> Path:
    """A run that was killed when a file of its folder came."""
    process = start(*arguments, folder=folder)
    wait_for(folder / "runs" / "data-1" / at)
    process.kill()
    process.communicate()
    return folder / "runs" / "data-1"


def untimed(run: Path) -> list[Trial]:
    return [dataclasses.replace(trial, **UNTIMED) for trial in automl.Run(run).trials]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    code, _, error = command(*FIT, folder=folder)
    assert code == 0, error
    return folder / "runs" / "data-1"


def runs_of(folder: Path) -> tuple[list[Any], list[Any]]:
    """MLflow's parents and children."""
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    runs = client.search_runs([experiment.experiment_id for experiment in client.search_experiments()])
    return (
        [run for run in runs if "mlflow.parentRunId" not in run.data.tags],
        [run for run in runs if "mlflow.parentRunId" in run.data.tags],
    )


@pytest.fixture(scope="module")
def resumed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str], str]:
    """A run that was killed during its search and resumed, the trials that were recorded before, and the output."""
    folder = tmp_path_factory.mktemp("resumed")
    run = killed(*FIT, folder=folder, at="trials/0010/setting.json")
    recorded = sorted(path.parent.name for path in run.glob("trials/*/result.json"))
    # From anywhere.
    code, output, error = command("resume", str(run), folder=folder / "elsewhere")
    assert code == 0, error
    return run, recorded, output


Resumed = tuple[Path, list[str], str]


def test_a_killed_run_comes_to_the_same(whole: Path, resumed: Resumed) -> None:
    run, recorded, output = resumed
    assert 10 <= len(recorded) <= 12
    assert f"{len(recorded)} trials kept" in output
    assert untimed(run) == untimed(whole)
    assert "pruned" in {trial.status for trial in automl.Run(run).trials}
    assert len({trial.objective for trial in automl.Run(run).trials}) > 5


def test_the_model_of_both_predicts_the_same_bits(whole: Path, resumed: Resumed) -> None:
    frame = pd.read_csv(PENGUINS)
    one, other = (automl.load(run).predict_proba(frame) for run in (whole, resumed[0]))
    pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_the_chosen_networks_have_learned_from_the_validation_rows_too(whole: Path) -> None:
    best = automl.Run(whole).ensemble
    assert best is not None and best.refit is not None
    assert (set(best.refit.trials), best.refit.with_test) == ({member.trial for member in best.members}, False)
    split = files.read_arrays(whole / "split.npz")
    assert best.refit.rows == len(split["train"]) + len(split["val"])
    for member in best.members:
        scored = files.read_arrays(whole / "trials" / f"{member.trial:04d}" / "weights.npz")
        saved = files.read_arrays(whole / "model" / f"network-{member.trial:04d}.npz")
        assert saved.keys() == scored.keys()
        assert any(not np.array_equal(saved[name], scored[name]) for name in scored)


def test_nothing_unfinished_is_left(whole: Path, resumed: Resumed) -> None:
    held = [{path.name for path in run.iterdir()} for run in (whole, resumed[0])]
    assert held[0] == held[1]
    assert not list(resumed[0].rglob("*.part"))
    assert json.loads((resumed[0] / "state.json").read_text())["state"] == "finished"


def test_mlflow_goes_on_in_the_same_run(resumed: Resumed) -> None:
    run, recorded, _ = resumed
    parents, children = runs_of(run.parent.parent)
    [parent] = parents
    assert (parent.info.status, parent.data.tags["resumed"]) == ("FINISHED", "1")
    assert parent.data.metrics["trials"] == 14
    assert not (run.parent.parent / "elsewhere" / "mlflow.db").exists()
    done = [child for child in children if "val_log_loss" in child.data.metrics or "stopped" in child.data.tags]
    assert Counter(child.info.run_name[:4] for child in done) == {f"{number:04d}": 1 for number in range(14)}
    assert {child.info.status for child in children} <= {"FINISHED", "KILLED"}
    assert len(children) <= 14 + 14 - len(recorded)


def test_a_finished_run_has_nothing_to_do_until_it_is_given_more(resumed: Resumed, tmp_path: Path) -> None:
    run = tmp_path / "runs" / "data-1"
    shutil.copytree(resumed[0].parent.parent, tmp_path, dirs_exist_ok=True)
    before = untimed(run)
    stamps = {path: path.stat().st_mtime_ns for path in run.rglob("*.json")}
    code, output, _ = command("resume", "runs/data-1", folder=tmp_path)
    assert (code, "is finished: 14 trials" in output, "--trials +20" in output) == (0, True, True)
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*.json")} == stamps
    code, _, error = command("resume", "runs/data-1", "--trials", "+2", folder=tmp_path)
    assert code == 0, error
    assert len(untimed(run)) == 16
    assert untimed(run)[:14] == before
    # The model is sound, and its members' networks are those that were recorded.
    assert automl.load(run).predict(pd.read_csv(PENGUINS)).shape == (344,)


def test_other_spaces_of_a_finished_run_are_refused(resumed: Resumed, tmp_path: Path) -> None:
    shutil.copytree(resumed[0].parent.parent, tmp_path, dirs_exist_ok=True)
    code, output, error = command(*FIT, "--set", "mlp.layers=1..8", "--resume", folder=tmp_path)
    assert (code, output) == (2, "")
    assert "is finished: 14 trials" in error and "alone would change nothing" in error
    code, output, error = command(*FIT, "--resume", folder=tmp_path)
    advice = "To go on (or with --trials +20): automl resume runs/data-1 --time +10m"
    assert (code, advice in " ".join(output.split())) == (0, True), error


def test_what_was_piped_in_goes_on_as_it_says(tmp_path: Path) -> None:
    def piped(*arguments: str) -> tuple[int, str]:
        with PENGUINS.open() as table:
            done = subprocess.run(
                [sys.executable, "-m", "automl", *arguments],
                cwd=tmp_path,
                stdin=table,
                stderr=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                text=True,
                timeout=180,
                check=False,
            )
        return done.returncode, done.stderr

    small = ("--families", "linear", "--set", "linear.epochs=5", "--folds", "1")
    options = ("--target", "species", "--workers", "1", *small)
    run = tmp_path / "runs" / "input-1"
    assert piped("fit", "-", *options, "--trials", "1") == (0, "")
    code, error = piped("resume", "runs/input-1", "--trials", "2")
    assert (code, "automl fit - --resume --out runs/input-1" in error) == (2, True)
    assert piped("fit", "-", "--resume", "--out", "runs/input-1", *options, "--trials", "2") == (0, "")
    assert len(automl.Run(run).trials) == 2
    # In a file the rows are the same.
    shutil.copy(PENGUINS, tmp_path / "same.csv")
    asked: dict[str, Any] = {"target": "species", "families": ["linear"], "settings": ["linear.epochs=5"], "folds": 1}
    again = automl.fit(tmp_path / "same.csv", **asked, trials=2, quiet=True, workers=1, out=run, resume=True)
    assert (again.path, len(again.trials)) == (run, 2)


def test_a_damaged_model_is_named_and_made_anew(whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole.parent.parent, tmp_path, dirs_exist_ok=True)
    run = tmp_path / "runs" / "data-1"
    torn = next((run / "model").glob("*.npz"))
    torn.write_bytes(torn.read_bytes()[:-20])
    with pytest.raises(automl.InputError, match=torn.name):
        automl.load(run)
    code, output, error = command("resume", "runs/data-1", folder=tmp_path)
    assert code == 0, error
    assert torn.name in "".join(output.split()) and "made anew" in " ".join(output.split())
    assert untimed(run) == untimed(whole)
    frame = pd.read_csv(PENGUINS)
    one, other = (automl.load(made).predict_proba(frame) for made in (whole, run))
    pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_another_run_is_refused(whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole.parent.parent, tmp_path, dirs_exist_ok=True)
    changed = tmp_path / "data.csv"
    pd.read_csv(PENGUINS).iloc[:-1].to_csv(changed, index=False)
    again = [argument if argument != str(PENGUINS) else "data.csv" for argument in FIT]
    code, output, error = command(*again, "--balance", "--resume", folder=tmp_path)
    assert (code, output) == (2, "")
    fingerprint = json.loads((tmp_path / "runs" / "data-1" / "run.json").read_text())["fingerprint"]
    for expected in (
        f"its fingerprint is {fingerprint}",
        "data: ",
        "balance: false then, true now",
        "Ask for the same",
    ):
        assert expected in error


def test_fit_goes_on_after_ctrl_c_and_one_process_writes_at_a_time(whole: Path, tmp_path: Path) -> None:
    run = tmp_path / "runs" / "data-1"
    process = start(*FIT, "--resume", folder=tmp_path)
    wait_for(run / "trials" / "0004" / "setting.json")
    code, _, error = command("resume", "runs/data-1", folder=tmp_path)
    assert (code, f"is being written by another process ({process.pid})" in error) == (2, True)
    process.send_signal(signal.SIGINT)
    output, error = process.communicate(timeout=60)
    assert (process.returncode, error) == (130, "")
    assert "Interrupted: saving the best so far; press Ctrl-C again" in output
    assert "Interrupted by you." in output
    assert "automl resume runs/data-1" in output
    assert len(automl.load(run).predict(pd.read_csv(PENGUINS))) == 344
    code, _, error = command(*FIT, "--resume", folder=tmp_path)
    assert code == 0, error
    assert untimed(run) == untimed(whole)


def test_the_second_ctrl_c_ends_before_anything_is_saved(tmp_path: Path) -> None:
    process = start(*FIT, folder=tmp_path)
    run = tmp_path / "runs" / "data-1"
    wait_for(run / "trials" / "0004" / "setting.json")
    process.send_signal(signal.SIGINT)
    # The run's end in good order begins with the record of the trial that is cut off.
    wait_for(run / "trials" / "0004" / "result.json")
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert error == "automl: Interrupted. To go on: automl resume runs/data-1\n"
    assert json.loads((run / "state.json").read_text())["state"] == "running"
    assert not (run / "leaderboard.csv").exists()


def test_sigterm_ends_a_run_in_good_order(tmp_path: Path) -> None:
    process = start(*FIT, folder=tmp_path)
    run = tmp_path / "runs" / "data-1"
    wait_for(run / "trials" / "0004" / "setting.json")
    process.terminate()
    output, error = process.communicate(timeout=60)
    assert (process.returncode, error) == (-signal.SIGTERM, "")
    assert "automl resume runs/data-1" in output
    assert len(automl.load(run).predict(pd.read_csv(PENGUINS))) == 344


def test_a_data_frame_has_to_be_given_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    frame = pd.read_csv(PENGUINS)
    asked: dict[str, Any] = {"target": "species", "families": ["linear"], "settings": ["linear.epochs=5"], "folds": 1}
    run = automl.fit(frame, **asked, trials=2, quiet=True, workers=1, resume=True)
    with pytest.raises(automl.InputError, match="made from a data frame"):
        automl.resume(run.path, trials=3, quiet=True)
    with pytest.raises(automl.InputError, match="fingerprint"):
        automl.resume(run.path, frame.iloc[1:], trials=3, quiet=True)
    assert len(automl.resume(run.path, frame, trials=3, quiet=True).trials) == 3
    assert automl.fit(frame, **asked, trials=3, quiet=True, workers=1, resume=True).path == run.path
    assert len(automl.Run(run.path).trials) == 3
