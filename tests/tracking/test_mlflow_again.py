"""A run that goes on, in MLflow."""

from __future__ import annotations

import json
import math
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from automl import files
from automl.ensemble import Ensemble
from automl.tracking import RunDescription, RunOutcome
from automl.tracking.mlflow import MlflowTracker
from automl.trial import Trial


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('store')}/mlflow.db"


def begun(uri: str, described: RunDescription, trials: Sequence[Trial]) -> MlflowTracker:
    """A session that ended without a word while the last of the trials was running."""
    tracker = MlflowTracker(tracking_uri=uri, warn=pytest.fail)
    tracker.start(described)
    for trial in trials:
        tracker.trial_started(Trial(trial.number, trial.family, trial.params))
    for trial in trials[:-1]:
        tracker.trial_ended(trial)
    tracker.wait()
    return tracker


def gone_on(uri: str, described: RunDescription, trial: Trial, outcome: RunOutcome) -> MlflowTracker:
    """The next session, in which that trial ends."""
    tracker = MlflowTracker(tracking_uri=uri, warn=pytest.fail)
    tracker.start(described)
    tracker.trial_started(Trial(trial.number, trial.family, trial.params))
    tracker.trial_ended(trial)
    tracker.finish(outcome)
    return tracker


def children(uri: str, tracker: MlflowTracker) -> list[Run]:
    found = MlflowClient(uri).search_runs(
        [tracker.experiment_id], f"tags.mlflow.parentRunId = '{tracker.run_id}'", order_by=["attributes.start_time"]
    )
    return sorted(found, key=lambda run: run.info.run_name)


def test_goes_on_in_the_same_run_with_the_children_that_were_complete(
    uri: str, described: RunDescription, trials: list[Trial], outcome: RunOutcome, tmp_path: Path
) -> None:
    described = replace(described, keeps=tmp_path / "mlflow.json")
    first = begun(uri, described, trials)
    before = {run.info.run_name: run.info.run_id for run in children(uri, first)}
    second = gone_on(
        uri, replace(described, resumed=1, trials=trials[:3], command="automl resume x"), trials[3], outcome
    )
    assert second.run_id == first.run_id
    parent = MlflowClient(uri).get_run(second.run_id)
    assert (parent.info.status, parent.data.tags["resumed"]) == ("FINISHED", "1")
    assert parent.data.tags["command"] == "automl resume x"
    assert (parent.data.metrics["trials"], parent.data.metrics["trials_failed"]) == (4, 2)
    after = [(run.info.run_name, run.info.status, run.data.tags.get("reason", "")) for run in children(uri, second)]
    assert Counter(after) == Counter(
        [
            ("0000 mlp", "FINISHED", ""),
            ("0001 mlp", "FINISHED", ""),
            ("0002 mlp", "FAILED", "nan"),
            ("0003 resnet", "KILLED", ""),
            ("0003 resnet", "KILLED", "timeout"),
        ]
    )
    assert set(before.values()) < {run.info.run_id for run in children(uri, second)}


def test_a_child_that_lacks_its_end_gets_it(
    uri: str, described: RunDescription, trials: list[Trial], outcome: RunOutcome, tmp_path: Path
) -> None:
    described = replace(described, keeps=tmp_path / "mlflow.json")
    # Trial 1 was recorded, but the process ended before MLflow was told.
    first = begun(uri, described, trials[:2])
    second = gone_on(uri, replace(described, resumed=1, trials=trials[:2]), trials[2], outcome)
    assert second.run_id == first.run_id
    after = [(run.info.run_name, run.info.status) for run in children(uri, second)]
    assert after == [("0000 mlp", "FINISHED"), ("0001 mlp", "FINISHED"), ("0002 mlp", "FAILED")]
    [again] = [run for run in children(uri, second) if run.info.run_name == "0001 mlp"]
    assert again.info.end_time - again.info.start_time == 1500


def test_what_was_said_of_the_model_before_is_not_said_of_the_new_one(
    uri: str, described: RunDescription, trials: list[Trial], outcome: RunOutcome, tmp_path: Path
) -> None:
    described = replace(described, keeps=tmp_path / "mlflow.json")
    begun(uri, described, trials[:1])
    first = gone_on(uri, described, trials[0], replace(outcome, best=Ensemble.of(trials[0])))
    MlflowClient(uri).set_tag(first.run_id, "finding.leak", "serious: A column tells the target")
    board = pd.DataFrame({"model": ["#1 mlp"], "val": [0.3]})
    second = gone_on(
        uri, replace(described, resumed=1, trials=trials[:1]), trials[1], replace(outcome, leaderboard=board)
    )
    parent = MlflowClient(uri).get_run(second.run_id)
    assert "finding.leak" not in parent.data.tags
    assert parent.data.tags["best"] == "#1 mlp"
    weights = {run.info.run_name: run.data.tags.get("ensemble_weight") for run in children(uri, second)}
    assert weights == {"0000 mlp": None, "0001 mlp": "1.000"}
    shown = Path(MlflowClient(uri).download_artifacts(second.run_id, "leaderboard.json"))
    assert json.loads(shown.read_text()) == {"columns": ["model", "val"], "data": [["#1 mlp", 0.3]]}


def test_a_child_of_another_attempt_at_the_trial_is_killed(
    uri: str, described: RunDescription, trials: list[Trial], outcome: RunOutcome, tmp_path: Path
) -> None:
    described = replace(described, keeps=tmp_path / "mlflow.json")
    first = begun(uri, described, trials[:2])
    first.epochs(replace(trials[1], status="running", curves={"loss": [7.0, 6.0]}))
    first.wait()
    second = gone_on(uri, replace(described, resumed=1, trials=trials[:2]), trials[2], outcome)
    after = [(run.info.run_name, run.info.status) for run in children(uri, second)]
    assert Counter(after) == Counter(
        [("0000 mlp", "FINISHED"), ("0001 mlp", "KILLED"), ("0001 mlp", "FINISHED"), ("0002 mlp", "FAILED")]
    )


def test_a_child_with_the_result_is_the_trials_whatever_epochs_were_sent_before(
    uri: str,
    described: RunDescription,
    trials: list[Trial],
    outcome: RunOutcome,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    described = replace(described, keeps=tmp_path / "mlflow.json")
    # As of three classes, for which a metric is not defined.
    scores = {part: {**own, "average_precision": math.nan} for part, own in trials[1].scores.items()}
    trials = [trials[0], replace(trials[1], scores=scores), *trials[2:]]
    first = begun(uri, described, trials[:2])
    # Of a training that was not the one that counts in the end; and the process ends before the child is closed.
    first.epochs(replace(trials[1], status="running", curves={"loss": [7.0], "val_log_loss": [6.0]}))
    first.wait()
    with monkeypatch.context() as patch:
        patch.delattr(MlflowClient, "set_terminated")
        first.trial_ended(trials[1])
        first.wait()
    assert [run.info.status for run in children(uri, first)] == ["FINISHED", "RUNNING"]
    second = gone_on(uri, replace(described, resumed=1, trials=trials[:2]), trials[2], outcome)
    after = [(run.info.run_name, run.info.status) for run in children(uri, second)]
    assert after == [("0000 mlp", "FINISHED"), ("0001 mlp", "FINISHED"), ("0002 mlp", "FAILED")]


@pytest.mark.parametrize("how", ["deleted", "torn", "another store"])
def test_a_run_that_cannot_go_on_there_is_recorded_anew_with_all_trials(
    uri: str, described: RunDescription, trials: list[Trial], outcome: RunOutcome, tmp_path: Path, how: str
) -> None:
    described = replace(described, keeps=tmp_path / "mlflow.json")
    assert described.keeps is not None
    first = begun(uri, described, trials)
    if how == "deleted":
        MlflowClient(uri).delete_run(first.run_id)
    elif how == "torn":
        described.keeps.write_text('{"run_id"')
    else:
        uri = f"sqlite:///{tmp_path}/other.db"
    second = gone_on(uri, replace(described, resumed=1, trials=trials[:3]), trials[3], outcome)
    assert second.run_id != first.run_id
    assert [run.info.run_name for run in children(uri, second)] == ["0000 mlp", "0001 mlp", "0002 mlp", "0003 resnet"]
    assert MlflowClient(uri).get_run(second.run_id).data.metrics["trials"] == 4
    kept = json.loads(described.keeps.read_text())
    assert (kept["tracking_uri"], kept["stores"][uri]["run_id"]) == (uri, second.run_id)


def test_goes_on_in_its_own_run_though_another_store_got_it_meanwhile(
    uri: str, described: RunDescription, trials: list[Trial], outcome: RunOutcome, tmp_path: Path
) -> None:
    described = replace(described, keeps=tmp_path / "mlflow.json")
    first = begun(uri, described, trials[:3])
    other = MlflowTracker(tracking_uri=f"sqlite:///{tmp_path}/other.db", own=uri, warn=pytest.fail)
    other.start(replace(described, trials=trials[:2]))
    other.finish(outcome)
    second = gone_on(uri, replace(described, resumed=1, trials=trials[:2]), trials[2], outcome)
    assert second.run_id == first.run_id != other.run_id


def test_an_older_file_tells_where_the_run_is(
    uri: str, described: RunDescription, trials: list[Trial], outcome: RunOutcome, tmp_path: Path
) -> None:
    described = replace(described, keeps=tmp_path / "mlflow.json")
    assert described.keeps is not None
    first = begun(uri, described, trials[:3])
    older = {"tracking_uri": uri, "experiment_id": first.experiment_id, "run_id": first.run_id}
    files.write_record(described.keeps, older)
    second = gone_on(uri, replace(described, resumed=1, trials=trials[:2]), trials[2], outcome)
    assert second.run_id == first.run_id


def made(folder: Path, *, skill: float) -> tuple[Path, Path]:
    """A stand-in for a bundle, and what its model says of 200 test rows."""
    bundle = folder / "model"
    bundle.mkdir(parents=True)
    (bundle / "manifest.json").write_text(f'{{"skill": {skill}}}')
    (bundle / "schema.json").write_text('{"target": {"classes": ["daisy", "rose", "tulip"]}}')
    targets = np.arange(200) % 3
    raw = np.exp(skill * np.eye(3)[targets] + np.random.default_rng(0).normal(size=(200, 3)))
    arrays = {"rows": np.arange(200), "targets": targets, "predictions": raw / raw.sum(axis=1, keepdims=True)}
    files.write_arrays(folder / "evaluation.npz", {f"test_{name}": own for name, own in arrays.items()})
    return bundle, folder / "evaluation.npz"


def test_a_run_that_has_become_better_takes_its_former_models_place(
    uri: str, described: RunDescription, trials: list[Trial], outcome: RunOutcome, tmp_path: Path
) -> None:
    described = replace(described, keeps=tmp_path / "mlflow.json", trials=trials)
    said: list[str] = []
    for session, skill in enumerate((0.0, 2.0)):
        bundle, evaluated = made(tmp_path / str(session), skill=skill)
        tracker = MlflowTracker(tracking_uri=uri, register="flowers", warn=said.append)
        tracker.start(replace(described, resumed=session))
        tracker.finish(replace(outcome, bundle=bundle, evaluated=evaluated))
    assert said[0] == "Registered as version 1 of 'flowers', its first champion."
    assert said[1].startswith("Registered as version 2 of 'flowers', the new champion: its log loss is better by 0.")


def test_a_store_that_is_gone_costs_a_run_that_goes_on_one_warning(
    described: RunDescription, trials: list[Trial], outcome: RunOutcome, tmp_path: Path
) -> None:
    warnings: list[str] = []
    tracker = MlflowTracker(tracking_uri="http://127.0.0.1:9", warn=warnings.append)
    began = time.monotonic()
    tracker.start(replace(described, keeps=tmp_path / "mlflow.json", resumed=1, trials=trials[:3]))
    tracker.trial_started(trials[3])
    tracker.trial_ended(trials[3])
    tracker.finish(outcome)
    tracker.close()
    assert time.monotonic() - began < 10
    assert len(warnings) == 1
    assert "MLflow at http://127.0.0.1:9 does not answer" in warnings[0]
    assert f"automl sync {tmp_path}" in warnings[0]
