from __future__ import annotations

import json
import multiprocessing
import sqlite3
import threading
import time
from contextlib import closing, redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from io import StringIO
from multiprocessing.synchronize import Barrier
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from automl.diagnostics import Answer, Finding, NotApplicable
from automl.ensemble import Ensemble
from automl.errors import EnvironmentFault
from automl.tracking import RunDescription, RunOutcome, Tracker, store
from automl.tracking import mlflow as recording
from automl.tracking.mlflow import MlflowTracker
from automl.trial import Rung, Trial

JUDGED: dict[int, list[Answer]] = {
    0: [
        Finding("generalisation_gap", "warning", "It overfits", ".", figures={"gap": 0.1, "spread": 0.02}),
        Finding("learning_curve", "note", "It ended too soon", ".", figures={"falling": 0.03}),
        NotApplicable("early_stopping", "It has one epoch."),
    ],
    1: [Finding("generalisation_gap", "fine", "It does as well", ".", figures={"gap": 0.0})],
}


@dataclass
class Recorded:
    """A run that is in a store."""

    uri: str
    client: MlflowClient
    parent: Run
    children: dict[str, Run]
    warnings: list[str]
    printed: str


def tell(tracker: Tracker, described: RunDescription, trials: list[Trial], outcome: RunOutcome) -> None:
    tracker.start(described)
    for trial in trials:
        tracker.trial_started(Trial(trial.number, trial.family, trial.params))
        tracker.trial_ended(trial)
    tracker.finish(outcome)


def start_and_wait(tracker: MlflowTracker, described: RunDescription) -> None:
    """Starts, waits until the store is open, and reports a trial, which raises what has gone wrong."""
    tracker.start(described)
    opened = tracker.run_id
    tracker.trial_started(Trial(0, "mlp", {}))
    assert opened


def children(client: MlflowClient, tracker: MlflowTracker) -> dict[str, Run]:
    found = client.search_runs([tracker.experiment_id], f"tags.mlflow.parentRunId = '{tracker.run_id}'")
    return {run.info.run_name: run for run in found}


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('my store')}/mlflow.db"


@pytest.fixture(scope="module")
def recorded(uri: str, described: RunDescription, trials: list[Trial], outcome: RunOutcome) -> Recorded:
    warnings: list[str] = []
    with redirect_stdout(StringIO()) as printed, redirect_stderr(printed):
        tracker = MlflowTracker(tracking_uri=uri, warn=warnings.append)
        tell(tracker, described, trials, replace(outcome, of_trials=JUDGED))
    client = MlflowClient(uri)
    return Recorded(
        uri, client, client.get_run(tracker.run_id), children(client, tracker), warnings, printed.getvalue()
    )


def test_nothing_is_printed_even_when_the_store_is_new(recorded: Recorded) -> None:
    assert (recorded.printed, recorded.warnings) == ("", [])


def test_a_run_is_a_parent_with_a_child_per_trial(recorded: Recorded) -> None:
    assert (recorded.parent.info.run_name, recorded.parent.info.status) == ("flowers-1", "FINISHED")
    assert {name: run.info.status for name, run in recorded.children.items()} == {
        "0000 mlp": "FINISHED",
        "0001 mlp": "FINISHED",
        "0002 mlp": "FAILED",
        "0003 resnet": "KILLED",
    }


def test_the_experiment_is_called_like_the_data_and_lies_beside_the_database(recorded: Recorded) -> None:
    experiment = recorded.client.get_experiment(recorded.parent.info.experiment_id)
    folder = Path(recorded.uri.removeprefix("sqlite:///")).parent
    assert experiment.name == "flowers"
    assert experiment.artifact_location == str(folder / "mlartifacts" / "flowers")


def test_the_parent_says_what_was_asked(recorded: Recorded) -> None:
    params, tags = recorded.parent.data.params, recorded.parent.data.tags
    assert (params["search"], params["rows_train"], params["columns"]) == ("random", "18", "2")
    assert "trials" not in params
    assert (tags["digest"], tags["target"], tags["objective"]) == ("0123456789abcdef", "kind", "log_loss")
    assert recorded.parent.inputs.dataset_inputs[0].dataset.name == "flowers"


def test_the_parent_says_what_came_of_it(recorded: Recorded) -> None:
    metrics, tags = recorded.parent.data.metrics, recorded.parent.data.tags
    assert (metrics["best_val_log_loss"], metrics["best_test_log_loss"]) == (0.3, 0.4)
    assert metrics["baseline/constant test_log_loss"] == 1.0
    assert (metrics["trials"], metrics["trials_failed"]) == (4, 2)
    assert (tags["best"], tags["best_families"]) == ("#1 mlp", "mlp")
    assert tags["mlflow.note.content"].startswith("**mlp** is best.\n\n[Its trials, the best first](#/exp")
    assert f"viewStateShareKey=automl-{recorded.parent.info.run_id})" in tags["mlflow.note.content"]


def test_a_view_shows_the_trials_of_the_run_the_best_first(recorded: Recorded) -> None:
    experiment = recorded.client.get_experiment(recorded.parent.info.experiment_id)
    view = json.loads(experiment.tags[f"mlflow.sharedViewState.automl-{recorded.parent.info.run_id}"])
    assert (view["orderByKey"], view["orderByAsc"]) == ("metrics.`val_log_loss`", True)
    # Runs of other folders may be called alike.
    assert view["searchFilter"] == f"tags.`mlflow.parentRunId` = '{recorded.parent.info.run_id}'"
    found = recorded.client.search_runs([experiment.experiment_id], view["searchFilter"])
    assert {run.info.run_id for run in found} == {run.info.run_id for run in recorded.children.values()}
    assert {"metrics.`test_log_loss`", "tags.`ensemble_weight`"} < set(view["selectedColumns"])


def test_the_search_curve_has_a_point_per_improvement(recorded: Recorded) -> None:
    points = recorded.client.get_metric_history(recorded.parent.info.run_id, "all_trials/best_val_log_loss")
    assert [(point.step, point.value) for point in points] == [(1, 0.6), (2, 0.3)]


def test_the_members_of_the_ensemble_are_marked(recorded: Recorded) -> None:
    weights = {name: run.data.tags.get("ensemble_weight") for name, run in recorded.children.items()}
    assert {name: weight for name, weight in weights.items() if weight} == {"0001 mlp": "1.000"}


def test_a_child_says_what_checks_found_of_its_training(recorded: Recorded) -> None:
    told = {
        name: {tag: text for tag, text in run.data.tags.items() if tag.startswith(("finding.", "overfit."))}
        for name, run in recorded.children.items()
    }
    assert told == {
        "0000 mlp": {
            "overfit.verdict": "It overfits",
            "finding.generalisation_gap": "warning: It overfits",
            "finding.learning_curve": "note: It ended too soon",
        },
        "0001 mlp": {"overfit.verdict": "It does as well"},
        "0002 mlp": {},
        "0003 resnet": {},
    }
    metrics = recorded.children["0000 mlp"].data.metrics
    assert (metrics["overfit/gap"], metrics["overfit/spread"]) == (0.1, 0.02)
    assert not [name for name in metrics if name.startswith("finding/")]


def test_a_child_has_hyperparameters_metrics_and_curves(recorded: Recorded) -> None:
    child = recorded.children["0000 mlp"]
    assert child.data.params == {"family": "mlp", "layers": "2", "activation": "relu"}
    assert child.data.metrics["val_log_loss"] == 0.6
    assert child.data.metrics["generalization_gap"] == pytest.approx(0.1)
    points = recorded.client.get_metric_history(child.info.run_id, "epoch/val_log_loss")
    assert [(point.step, point.value) for point in points] == [(1, 0.8), (2, 0.6), (3, 0.7)]


def test_a_child_can_be_found_without_its_parent(recorded: Recorded) -> None:
    experiments = [recorded.parent.info.experiment_id]
    found = recorded.client.search_runs(experiments, "tags.kind = 'trial' and tags.run = 'flowers-1'")
    assert len(found) == 4
    assert {run.data.tags["digest"] for run in found} == {"0123456789abcdef"}


def test_a_trial_that_failed_says_why(recorded: Recorded) -> None:
    child = recorded.children["0002 mlp"]
    assert (child.data.tags["reason"], child.data.tags["message"]) == ("nan", "NaN.")
    assert child.data.metrics == {"epoch/loss": 1.0}


def test_tables_and_files_are_kept(recorded: Recorded) -> None:
    files = {file.path for file in recorded.client.list_artifacts(recorded.parent.info.run_id)}
    assert files == {"leaderboard.csv", "leaderboard.json", "plots", "profile.json", "report.html"}
    board = Path(recorded.client.download_artifacts(recorded.parent.info.run_id, "leaderboard.json"))
    assert json.loads(board.read_text()) == {"columns": ["model", "val"], "data": [["#1 mlp", 0.3], ["#0 mlp", 0.6]]}


def test_the_model_belongs_to_the_run_and_has_its_metrics(recorded: Recorded) -> None:
    [output] = recorded.parent.outputs.model_outputs
    model = recorded.client.get_logged_model(output.model_id)
    assert (model.name, str(model.status)) == ("model", "READY")
    assert {metric.key: metric.value for metric in model.metrics}["best_val_log_loss"] == 0.3


def test_the_callers_own_run_is_left_alone(
    recorded: Recorded, described: RunDescription, trials: list[Trial], outcome: RunOutcome
) -> None:
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(recorded.uri)
    try:
        with mlflow.start_run() as own:
            tracker = MlflowTracker(experiment="other", tracking_uri=recorded.uri, warn=pytest.fail)
            tell(tracker, described, trials[:1], replace(outcome, best=Ensemble.of(trials[0])))
            active = mlflow.active_run()
            assert active is not None
            assert active.info.run_id == own.info.run_id
        tags = recorded.client.get_run(tracker.run_id).data.tags
        assert tags["started_in_run"] == own.info.run_id
        assert "mlflow.parentRunId" not in tags
        assert recorded.client.get_run(own.info.run_id).data.metrics == {}
    finally:
        mlflow.set_tracking_uri(None)
    assert mlflow.get_tracking_uri() == before


def test_epochs_are_sent_while_the_trial_runs(
    uri: str, described: RunDescription, outcome: RunOutcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "SECONDS_BETWEEN_SENDING", 0.05)
    tracker = MlflowTracker(tracking_uri=uri, warn=pytest.fail)
    tracker.start(described)
    running = Trial(0, "mlp", {"layers": 1})
    tracker.trial_started(running)
    client = MlflowClient(uri)
    for losses in ([0.9], [0.9, 0.8, 0.7]):
        tracker.epochs(replace(running, curves={"loss": losses}))
        deadline = time.monotonic() + 10
        sent: list[float] = []
        while sent != losses and time.monotonic() < deadline:
            time.sleep(0.02)
            for child in children(client, tracker).values():
                sent = [point.value for point in client.get_metric_history(child.info.run_id, "epoch/loss")]
        assert sent == losses
    tracker.finish(replace(outcome, status="interrupted", best=None, bundle=None))
    assert client.get_run(tracker.run_id).info.status == "KILLED"
    assert [child.info.status for child in children(client, tracker).values()] == ["KILLED"]


def test_a_pruned_trial_is_killed_and_keeps_its_curves_and_its_rung(
    uri: str, described: RunDescription, outcome: RunOutcome
) -> None:
    tracker = MlflowTracker(tracking_uri=uri, warn=pytest.fail)
    curves = {"loss": [0.9, 0.8], "val_log_loss": [0.9, 0.7]}
    pruned = Trial(0, "mlp", {"layers": 1}, "pruned", curves=curves, rungs=(Rung(0, 2, 0.7),), seconds=0.5)
    tell(tracker, described, [pruned], replace(outcome, best=None, bundle=None))
    client = MlflowClient(uri)
    [child] = children(client, tracker).values()
    assert (child.info.status, child.data.tags["stopped"]) == ("KILLED", "pruned")
    assert [point.value for point in client.get_metric_history(child.info.run_id, "epoch/loss")] == [0.9, 0.8]
    [rung] = client.get_metric_history(child.info.run_id, "rung/val_log_loss")
    assert (rung.step, rung.value) == (2, 0.7)
    assert "val_log_loss" not in child.data.metrics
    assert client.get_run(tracker.run_id).data.metrics["trials_pruned"] == 1


def test_more_epochs_than_fit_into_one_request(uri: str, described: RunDescription, outcome: RunOutcome) -> None:
    tracker = MlflowTracker(tracking_uri=uri, warn=pytest.fail)
    long = Trial(0, "mlp", {"layers": 1}, "failed", curves={"a": [1.0] * 700, "b": [2.0] * 700}, reason="killed")
    tell(tracker, described, [long], replace(outcome, best=None, bundle=None))
    client = MlflowClient(uri)
    [child] = children(client, tracker).values()
    assert [len(client.get_metric_history(child.info.run_id, f"epoch/{name}")) for name in "ab"] == [700, 700]


def test_a_store_that_fails_costs_one_warning_and_gets_the_rest_later(
    uri: str, described: RunDescription, trials: list[Trial], outcome: RunOutcome
) -> None:
    warnings: list[str] = []
    tracker = MlflowTracker(tracking_uri=uri, warn=warnings.append)
    tracker.start(described)
    with closing(sqlite3.connect(uri.removeprefix("sqlite:///"))) as database:
        database.execute("ALTER TABLE metrics RENAME TO mislaid")
        for trial in trials:
            tracker.trial_started(trial)
            tracker.trial_ended(trial)
        deadline = time.monotonic() + 10
        while not warnings and time.monotonic() < deadline:
            time.sleep(0.02)
            tracker.epochs(trials[3])
        database.execute("ALTER TABLE mislaid RENAME TO metrics")
    tracker.finish(outcome)
    assert len(warnings) == 1
    assert "failed (no such table: metrics). The run's own folder" in warnings[0]
    client = MlflowClient(uri)
    assert client.get_run(tracker.run_id).data.metrics["trials"] == 4
    assert client.get_run(tracker.run_id).info.status == "FINISHED"
    assert {run.info.status for run in children(client, tracker).values()} == {"FINISHED", "FAILED", "KILLED"}


def test_a_deleted_experiment_is_not_revived(recorded: Recorded, described: RunDescription) -> None:
    experiment = recorded.client.create_experiment("gone")
    recorded.client.delete_experiment(experiment)
    tracker = MlflowTracker(experiment="gone", tracking_uri=recorded.uri, warn=pytest.fail)
    with pytest.raises(EnvironmentFault, match="'gone' is deleted. Restore it"):
        start_and_wait(tracker, described)


def test_an_unknown_kind_of_store_is_a_fault(described: RunDescription) -> None:
    tracker = MlflowTracker(tracking_uri="carrier-pigeon://me:pass@coop", warn=pytest.fail)
    with pytest.raises(EnvironmentFault, match=r"MLflow cannot record the run at carrier-pigeon://\*\*\*@coop"):
        start_and_wait(tracker, described)


def test_a_store_that_cannot_be_opened_in_time_costs_no_model(described: RunDescription, outcome: RunOutcome) -> None:
    warnings: list[str] = []
    tracker = MlflowTracker(tracking_uri="carrier-pigeon://coop", warn=warnings.append)
    tracker.start(described)
    tracker.finish(outcome)
    tracker.close()
    assert len(warnings) == 1
    assert "cannot record the run at carrier-pigeon://coop" in warnings[0]


def test_a_store_that_opens_when_the_run_is_over_costs_a_warning_and_shows_its_end(
    tmp_path: Path, described: RunDescription, outcome: RunOutcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "LONGEST_OPENING", 0.1)
    warnings: list[str] = []
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    tracker = MlflowTracker(tracking_uri=uri, warn=warnings.append)
    with store.one_at_a_time(uri):
        tracker.start(described)
        tracker.finish(outcome)
    assert len(warnings) == 1
    assert "mlflow.db does not answer. The run's own folder keeps everything" in warnings[0]
    assert tracker.lacks == "does not answer"
    [opening] = [thread for thread in threading.enumerate() if thread.name == "mlflow opening"]
    opening.join(60)
    assert MlflowClient(uri).get_run(tracker.run_id).info.status == "FINISHED"


@pytest.mark.slow
def test_four_processes_may_open_a_new_store_at_once(tmp_path: Path, described: RunDescription) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    context = multiprocessing.get_context("spawn")
    together = context.Barrier(4)
    processes = [context.Process(target=_start, args=(uri, described, together)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0, 0, 0, 0]
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("flowers")
    assert experiment is not None
    parents = client.search_runs([experiment.experiment_id], "tags.kind = 'run'")
    assert len(parents) == 4


def _start(uri: str, described: RunDescription, together: Barrier) -> None:
    together.wait(120)
    tracker = MlflowTracker(tracking_uri=uri, warn=print)
    start_and_wait(tracker, described)


def test_a_run_that_breaks_off_is_marked_as_failed(uri: str, described: RunDescription, trials: list[Trial]) -> None:
    tracker = MlflowTracker(tracking_uri=uri, warn=print)
    tracker.start(described)
    tracker.trial_started(Trial(trials[0].number, trials[0].family, trials[0].params))
    tracker.close()
    assert MlflowClient(uri).get_run(tracker.run_id).info.status == "FAILED"


def test_closing_changes_nothing_once_a_run_is_finished(
    uri: str, described: RunDescription, trials: list[Trial], outcome: RunOutcome
) -> None:
    tracker = MlflowTracker(tracking_uri=uri, warn=print)
    tell(tracker, described, trials, outcome)
    tracker.close()
    assert MlflowClient(uri).get_run(tracker.run_id).info.status == "FINISHED"
