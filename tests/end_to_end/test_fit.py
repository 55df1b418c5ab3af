"""From a table to predictions, as a user does it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import automl
from automl import auditing, cli, files, pipeline
from automl.cli import app
from automl.data.cards import card
from automl.ensemble import Ensemble, blend
from automl.errors import EnvironmentFault
from automl.portfolio import first_settings
from automl.records import RunFolder
from automl.saving import MembersFailed, save
from automl.space_files import read_space

PENGUINS = card("penguins").path
# Whoever gives little time has the model examined for little of it.
QUICK = ("--time", "40s")
# Neither folds nor a last training.
SMALL = (*QUICK, "--folds", "1", "--no-refit")
FAMILIES = ("linear", "mlp", "boosted_trees")


def command(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "automl", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


Made = tuple[Path, subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A folder with one run of penguins."""
    folder = tmp_path_factory.mktemp("made")
    arguments = ("--trials", "5", "--families", ",".join(FAMILIES), "--folds", "3", "--workers", "1", "--seed", "3")
    alike = ("--task", "classify", "--target", "species", *arguments, "--memory", "4G")
    return folder, command("fit", str(PENGUINS), *alike, folder=folder)


@pytest.fixture(scope="module")
def timed(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A folder with a run that its time has ended, of a table without test rows."""
    folder = tmp_path_factory.mktemp("timed")
    arguments = ("--time", "20s", "--split", "0.8/0.2/0", "--families", "linear", "--folds", "1", "--no-refit")
    return folder, command("fit", str(PENGUINS), "--target", "species", *arguments, folder=folder)


@pytest.fixture
def unexamined(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fits of this process do without the examination of the model, which takes as long as all before."""
    monkeypatch.setattr(auditing, "is_wanted", lambda options: False)


def test_a_fit_says_what_came_out(made: Made) -> None:
    folder, done = made
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    for expected in ("species", "gradient boosting", "automl predict runs/data-1", "train", "validation", "test"):
        assert expected in done.stdout
    assert "\x1b" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert (folder / "mlflow.db").is_file()


def test_a_run_leaves_its_records(made: Made) -> None:
    folder, _ = made
    run = folder / "runs" / "data-1"
    names = {path.name for path in run.iterdir()}
    assert {"run.json", "profile.json", "split.npz", "trials", "model", "leaderboard.csv", "log.txt"} <= names
    assert "encoded" not in names
    assert {"report.html", "evaluation.npz", "outcome.json"} <= names
    page = (run / "report.html").read_text()
    assert "could not be made" not in page
    assert [path.read_text() for path in folder.glob("mlartifacts/**/report.html")] == [page]
    made_run = automl.Run(run)
    assert made_run.ensemble is not None
    members = made_run.ensemble.members
    assert len(pd.read_csv(run / "leaderboard.csv")) == 5 + 2 + (len(members) > 1)
    facts = json.loads((run / "model" / "schema.json").read_text())["facts"]
    assert [member["trial"] for member in facts["members"]] == [member.trial for member in members]
    assert all(member.networks == 3 for member in members)


def test_a_fit_begins_with_the_portfolio(made: Made) -> None:
    folder, _ = made
    trials = automl.Run(folder / "runs" / "data-1").trials
    spaces = {name: read_space(name).for_table(task="classify", rows=275) for name in FAMILIES}
    beginning = list(first_settings(spaces, rows=275, trials=len(trials)))
    assert beginning
    assert [(trial.family, trial.params) for trial in trials[: len(beginning)]] == beginning[: len(trials)]


def test_a_new_process_predicts_the_same_bits(made: Made) -> None:
    folder, _ = made
    run = folder / "runs" / "data-1"
    done = command("predict", "runs/data-1", str(PENGUINS), "--out", "answers.csv", "--proba", folder=folder)
    assert done.returncode == 0, done.stderr
    answers = pd.read_csv(folder / "answers.csv")
    model = automl.load(run)
    frame = pd.read_csv(PENGUINS)
    probabilities = model.predict_proba(frame)
    np.testing.assert_array_equal(answers.iloc[:, 1:].to_numpy(), probabilities.to_numpy())
    assert (answers["prediction"].to_numpy() == model.predict(frame)).all()
    split = np.load(run / "split.npz")
    members = model.facts["members"]
    recorded = [np.load(run / "trials" / f"{member['trial']:04d}" / "predictions.npz")["test"] for member in members]
    together = blend(recorded, [member["weight"] for member in members], temperature=model.facts["temperature"])
    np.testing.assert_array_equal(probabilities.to_numpy()[split["test"]], together)


def test_evaluate_gives_the_recorded_scores(made: Made) -> None:
    folder, _ = made
    run = folder / "runs" / "data-1"
    rows = np.load(run / "split.npz")["test"]
    pd.read_csv(PENGUINS).iloc[rows].to_csv(folder / "test.csv", index=False)
    done = command("evaluate", "runs/data-1", "test.csv", "--json", folder=folder)
    recorded = automl.load(run).facts["scores"]["test"]
    assert json.loads(done.stdout)["log_loss"] == pytest.approx(recorded["log_loss"], abs=1e-12)


def test_a_table_that_lacks_a_column_is_scored_if_asked(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, _ = made
    monkeypatch.chdir(folder)
    pd.read_csv(PENGUINS).drop(columns="island").to_csv(folder / "fewer.csv", index=False)
    ask = ["evaluate", "runs/data-1", "fewer.csv", "--json"]
    done = CliRunner().invoke(app, [*ask, "--fill-missing"])
    assert "automl: Columns that the table lacks count as empty: 'island'." in done.stderr
    frame = pd.read_csv("fewer.csv").assign(island=None)
    assert json.loads(done.stdout)["log_loss"] == automl.load("runs/data-1").score(frame)["log_loss"]
    assert "lacks 1 column" in str(CliRunner().invoke(app, ask).exception)


@pytest.mark.usefixtures("unexamined")
def test_the_same_seed_gives_the_same_trials(made: Made, tmp_path: Path) -> None:
    folder, _ = made
    run = automl.fit(
        pd.read_csv(PENGUINS),
        task="classify",
        target="species",
        trials=5,
        families=FAMILIES,
        folds=3,
        workers=1,
        seed=3,
        memory="4G",
        out=tmp_path / "again",
        tracking_uri=f"sqlite:///{tmp_path}/mlflow.db",
        quiet=True,
    )
    first = automl.Run(folder / "runs" / "data-1").trials
    assert [(t.family, t.params, t.objective) for t in run.trials] == [(t.family, t.params, t.objective) for t in first]


def test_mlflow_has_a_parent_and_a_child_per_trial(made: Made) -> None:
    from mlflow import MlflowClient

    folder, _ = made
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    runs = client.search_runs(experiments)
    children = [run for run in runs if "mlflow.parentRunId" in run.data.tags]
    (parent,) = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    assert len(children) == 5
    assert {child.info.status for child in children} == {"FINISHED"}
    assert all(child.data.tags["mlflow.parentRunId"] == parent.info.run_id for child in children)
    recorded = automl.load(folder / "runs" / "data-1").facts["scores"]
    assert parent.data.metrics["best_val_log_loss"] == pytest.approx(recorded["val"]["log_loss"])


@pytest.fixture
def bad_tables(in_folder: Path) -> Path:
    """A working folder of files that cannot be used."""
    (in_folder / "empty.csv").touch()
    (in_folder / "header.csv").write_text("a,b\n")
    (in_folder / "one_class.csv").write_text("a,b\n" + "1,x\n2,x\n3.5,x\n" * 10)
    (in_folder / "bad.yaml").write_text("parameters: [\n")
    return in_folder


def tells_in_a_line(output: str, error: str, message: str) -> bool:
    is_short = error.startswith("automl: ") and len(error.strip().splitlines()) <= 2
    return output == "" and message in error and is_short


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.csv"], "There is no file 'nowhere.csv'"),
        (["empty.csv"], "empty"),
        (["header.csv"], "no rows"),
        ([str(PENGUINS), "--target", "speces"], "Did you mean 'species'"),
        (["one_class.csv"], "only one value"),
        ([str(PENGUINS), "--target", "species", "--task", "regress"], "Use --task classify"),
        ([str(PENGUINS), "--space", "bad.yaml"], "not valid YAML"),
        ([str(PENGUINS), "--families", "mpl"], "Did you mean 'mlp'"),
        ([str(PENGUINS), "--search", "grib"], "Did you mean 'grid'"),
        ([str(PENGUINS), "--search", "grid"], "more than 10,000"),
        ([str(PENGUINS), "--time", "soon"], "no duration"),
    ],
)
def test_bad_input_gets_one_line_and_leaves_nothing_behind(
    bad_tables: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    before = set(bad_tables.iterdir())
    monkeypatch.setattr(sys, "argv", ["automl", "fit", *arguments])
    assert cli._exit_code() == 2
    output, error = capfd.readouterr()
    assert tells_in_a_line(output, error, message), output + error
    assert set(bad_tables.iterdir()) == before


@pytest.mark.parametrize(
    ("arguments", "message"), [(["empty.csv"], "empty"), ([str(PENGUINS), "--search", "grid"], "more than 10,000")]
)
def test_the_process_that_gets_bad_input_ends_as_quietly(bad_tables: Path, arguments: list[str], message: str) -> None:
    before = set(bad_tables.iterdir())
    done = command("fit", *arguments, folder=bad_tables)
    assert done.returncode == 2
    assert tells_in_a_line(done.stdout, done.stderr, message), done.stdout + done.stderr
    assert set(bad_tables.iterdir()) == before


@pytest.mark.slow
def test_a_search_by_gaussian_processes_completes(tmp_path: Path) -> None:
    small = ["--families", "linear,mlp", "--set", "mlp.epochs=5", "--set", "linear.epochs=5", *SMALL]
    done = command(
        "fit", str(PENGUINS), "--target", "species", "--search", "gp", "--trials", "5", *small, folder=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "runs" / "data-1" / "model").glob("network-*.keras"))


@pytest.mark.slow
def test_a_single_network_of_a_grid_is_one_alone(tmp_path: Path) -> None:
    small = ["--families", "linear,mlp", "--search", "grid", "--trials", "5", "--single", *QUICK]
    done = command("fit", str(PENGUINS), "--target", "species", *small, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    run = automl.Run(tmp_path / "runs" / "data-1")
    assert len(run.trials) == 5
    assert run.ensemble is not None
    (member,) = run.ensemble.members
    assert (member.networks, member.weight) == (1, 1.0)
    best = min((trial for trial in run.trials if trial.objective is not None), key=lambda trial: trial.objective or 0)
    assert member.trial == best.number
    assert len(list((run.path / "model").glob("*.keras"))) == 1


@pytest.mark.slow
def test_a_regression_by_random_search_with_its_own_test_file(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"left": rng.normal(size=400), "right": rng.normal(size=400)})
    frame["price"] = 3 * frame["left"] - frame["right"] + rng.normal(size=400) / 10
    frame[:300].to_csv(tmp_path / "train.csv", index=False)
    frame[300:].to_csv(tmp_path / "test.csv", index=False)
    arguments = ("--target", "price", "--trials", "4", "--search", "random", "--families", "linear,mlp", *SMALL)
    done = command("fit", "train.csv", "--test", "test.csv", *arguments, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    run = automl.Run(tmp_path / "runs" / "train-1")
    # Of four settings the portfolio has three.
    assert len(run.trials) == 4
    split = np.load(run.path / "split.npz")
    assert split["test"].tolist() == list(range(300, 400))
    assert run.model.score(frame[300:])["r2"] > 0.9


@pytest.mark.slow
def test_the_time_covers_everything_and_leaves_a_model(timed: Made) -> None:
    folder, done = timed
    assert done.returncode == 0, done.stderr
    state = json.loads((folder / "runs" / "data-1" / "state.json").read_text())
    assert state["state"] == "finished"
    # How well a budget holds is for a quiet machine to say; a search that nothing ends goes on for ever.
    assert 10 < state["seconds"] < 60
    assert len(automl.load(folder / "runs" / "data-1").predict(pd.read_csv(PENGUINS))) == 344


@pytest.mark.slow
def test_without_test_rows_nothing_is_said_about_them(timed: Made) -> None:
    _, done = timed
    assert "Split" in done.stdout
    assert "test" not in done.stdout.replace("latest", "")


def loaded_by(program: str) -> set[str]:
    """The heavy modules that a program of its own has loaded at its end."""
    heavy = "'keras', 'mlflow', 'optuna', 'pandas', 'sklearn', 'tensorflow'"
    end = f"; import sys; print(*(name for name in ({heavy}) if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", program + end], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_loads_nothing_heavy() -> None:
    assert loaded_by("import automl, automl.cli") == set()


def test_profiling_loads_no_tensorflow() -> None:
    assert loaded_by(f"import automl; automl.profile({str(PENGUINS)!r})") == {"pandas"}


def test_the_plain_folders_hold_no_code() -> None:
    from automl.resources import folder

    for name in ("search_spaces", "datasets", "reports"):
        assert not list(folder(name).rglob("*.py"))


@pytest.mark.usefixtures("unexamined")
def test_a_member_that_would_predict_something_else_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    spoiled: list[int] = []

    def spoil_and_save(best: Ensemble, folder: RunFolder, *others: Any) -> Any:
        if not spoiled:
            spoiled.append(best.members[0].trial)
            scored = folder.of_trial(spoiled[0]) / "predictions.npz"
            parts = files.read_arrays(scored)
            files.write_arrays(scored, {**parts, "val": parts["val"][:, ::-1]})
        return save(best, folder, *others)

    monkeypatch.setattr(pipeline, "save", spoil_and_save)
    run = automl.fit(
        PENGUINS,
        task="classify",
        target="species",
        trials=3,
        families=("linear", "boosted_trees"),
        folds=1,
        refit=False,
        workers=1,
        out=tmp_path / "run",
        tracking_uri=f"sqlite:///{tmp_path}/mlflow.db",
    )
    assert f"#{spoiled[0]} {run.trials[spoiled[0]].family} cannot be saved and is left out" in " ".join(
        capsys.readouterr().out.split()
    )
    members = json.loads((run.path / "ensemble.json").read_text())["members"]
    assert members
    assert spoiled[0] not in [member["trial"] for member in members]
    assert not list(run.path.glob("trials/*/network.keras"))
    frame = pd.read_csv(PENGUINS)
    assert (run.model.predict(frame) == frame["species"]).mean() > 0.9


@pytest.mark.usefixtures("unexamined")
def test_a_run_of_which_nothing_can_be_saved_says_why_and_keeps_its_trials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(best: Ensemble, *_: Any) -> Any:
        raise MembersFailed({member.trial: f"no place for {member.family}" for member in best.members})

    monkeypatch.setattr(pipeline, "save", fail)
    with pytest.raises(EnvironmentFault, match=r"could not be saved: no place for linear\nNo recorded trial is lost"):
        automl.fit(
            PENGUINS,
            task="classify",
            target="species",
            trials=2,
            families=("linear",),
            folds=1,
            refit=False,
            workers=1,
            out=tmp_path / "run",
            tracking_uri=f"sqlite:///{tmp_path}/mlflow.db",
            quiet=True,
        )
    assert [trial.status for trial in automl.Run(tmp_path / "run").trials] == ["finished", "finished"]
