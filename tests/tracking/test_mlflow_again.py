"""A run that goes on, in MLflow."""

from __future__ import annotations

import json
import math
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

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
    assert json.loads(described.keeps.read_text())["run_id"] == second.run_id


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
