from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from automl import files
from automl.data.profile import profile
from automl.data.read import from_frame
from automl.ensemble import Refit
from automl.records import RunFolder
from automl.tasks import Metric, classify
from automl.tracking import RunDescription, RunOutcome, entities
from automl.tracking.recorded import description
from automl.trial import Place, Reason, Rung, Trial

LOG_LOSS, ACCURACY = classify.METRICS["log_loss"], classify.METRICS["accuracy"]


def test_epochs_count_from_one_and_go_on_where_sending_stopped() -> None:
    trial = Trial(0, "mlp", {}, curves={"loss": [0.9, 0.5, 0.4]})
    assert [(point.step, point.value) for point in entities.curve(trial, since=0)] == [(1, 0.9), (2, 0.5), (3, 0.4)]
    assert [(point.step, point.value) for point in entities.curve(trial, since=2)] == [(3, 0.4)]


SHORT = Trial(
    0,
    "mlp",
    {"epochs": 60},
    "finished",
    0.3,
    curves={"loss": [0.5] * 15},
    best_epoch=15,
    rungs=(Rung(0, 15, 0.3),),
    place=Place(15.0, 15.0),
)


@pytest.mark.parametrize(
    ("trial", "kept"),
    [
        (SHORT, "the short training of 15 epochs"),
        (replace(SHORT, stopped="early"), "the short training of 15 epochs"),
        (replace(SHORT, stopped="time"), "the short training of 15 epochs"),
        # The long one, whole or with fewer epochs to end in time.
        (replace(SHORT, place=Place(42.0, 60.0)), None),
        (replace(SHORT, place=Place(42.0, 47.5), stopped="time"), None),
        (replace(SHORT, place=None), None),
        (replace(SHORT, status="pruned", objective=None), None),
    ],
)
def test_a_tag_says_that_a_short_training_was_kept(trial: Trial, kept: str | None) -> None:
    assert {tag.key: tag.value for tag in entities.tags_of_end(trial)}.get("kept") == kept


def test_epochs_of_a_short_training_do_not_go_on_where_those_of_a_long_one_end() -> None:
    assert len(entities.curve(SHORT, since=0)) == 15
    assert entities.curve(SHORT, since=12) == []


def test_curves_and_final_metrics_have_different_names(trials: list[Trial]) -> None:
    of_curves = {point.key for point in entities.curve(trials[0], since=0)}
    assert of_curves == {"epoch/loss", "epoch/val_log_loss"}
    assert not of_curves & set(entities.final(trials[0], LOG_LOSS))


def test_what_is_not_finite_is_left_out() -> None:
    trial = Trial(0, "mlp", {}, curves={"loss": [0.9, math.nan, math.inf, 0.4]})
    assert [point.step for point in entities.curve(trial, since=0)] == [1, 4]
    assert [metric.key for metric in entities.metrics({"a": math.nan, "b": -math.inf, "c": 0})] == ["c"]


@pytest.mark.parametrize(("metric", "gap"), [(LOG_LOSS, 0.2), (ACCURACY, 0.1)])
def test_the_gap_is_how_much_worse_validation_is(metric: Metric, gap: float) -> None:
    scores = {"train": {"log_loss": 0.1, "accuracy": 0.9}, "val": {"log_loss": 0.3, "accuracy": 0.8}}
    assert entities.final(Trial(0, "mlp", {}, scores=scores), metric)["generalization_gap"] == pytest.approx(gap)


@pytest.mark.parametrize(
    ("reason", "status"), [("nan", "FAILED"), ("oom", "FAILED"), ("timeout", "KILLED"), ("interrupted", "KILLED")]
)
def test_trials_that_were_ended_did_not_fail(reason: Reason, status: str) -> None:
    assert entities.status(Trial(0, "mlp", {}, "failed", reason=reason)) == status


def test_long_values_are_cut() -> None:
    assert len(entities.params({"columns": "x" * 10_000})[0].value) == entities.PARAM
    assert len(entities.tags({"message": "x" * 10_000})[0].value) == entities.TAG


@pytest.mark.parametrize(
    ("refit", "tag"),
    [
        (None, ""),
        (Refit(1200, (1,)), "1 of 1 members on all 1200 rows; metrics are those of before"),
        (
            Refit(960, (1,), with_test=False),
            "1 of 1 members on the 960 of train and val; metrics are those of before",
        ),
    ],
)
def test_a_tag_says_that_the_model_has_learned_since(outcome: RunOutcome, refit: Refit | None, tag: str) -> None:
    assert outcome.best is not None
    assert entities.refit(replace(outcome.best, refit=refit)) == tag


def test_the_best_and_the_baselines_are_told_apart(outcome: RunOutcome) -> None:
    assert entities.of_best(outcome, LOG_LOSS) == {
        "best_val_log_loss": 0.3,
        "best_test_log_loss": 0.4,
        "best_train_log_loss": pytest.approx(0.2),
        "best_generalization_gap": pytest.approx(0.1),
        "best_seconds": 1.5,
        "best_parameters": 99,
        "best_members": 1,
        "best_networks": 1,
        "best_rows_per_second": 0.0,
    }
    assert entities.of_baselines(outcome) == {
        "baseline/constant val_log_loss": 1.1,
        "baseline/constant test_log_loss": 1.0,
    }


def test_the_command_is_kept_without_its_password(described: RunDescription) -> None:
    assert entities.tags_of_run(described)["command"].endswith("--tracking-uri postgresql://***@host/db")


def test_the_test_file_is_told_apart_from_others(recorded: Callable[..., RunFolder]) -> None:
    folder = recorded()
    assert "test_digest" not in entities.tags_of_run(description(folder))
    asked = folder.asked()
    files.write_record(folder.path / "run.json", {**asked, "data": {**asked["data"], "test": "4567"}})
    assert entities.tags_of_run(description(folder))["test_digest"] == "4567"


def test_a_long_description_keeps_its_links() -> None:
    links = "[Charts](#/experiments/1)"
    assert entities.note("**It holds.**\n", links) == f"**It holds.**\n\n{links}"
    long = entities.note("**It holds.**\n\n" + "* A finding.\n" * 1000, links)
    assert long.startswith("**It holds.**")
    assert long.endswith(f"* A finding.\n\n{links}")
    assert entities.TAG - 20 < len(long) <= entities.TAG
    assert len(entities.note("x" * 10_000, links)) == entities.TAG


def test_the_data_set_has_the_types_of_its_columns(described: RunDescription, tmp_path: Path) -> None:
    columns = {"x": [*range(19), None], "yes": [True, False] * 10, "day": pd.date_range("2026-01-01", periods=20)}
    frame = from_frame(pd.DataFrame({**columns, "word": ["a", "b"] * 10})).frame
    file = tmp_path / "data.csv"
    file.touch()
    data = entities.data_set(replace(described, profile=profile(frame, target="word"), source=str(file))).dataset
    types = [(column["name"], column["type"]) for column in json.loads(data.schema)["mlflow_colspec"]]
    assert types == [("x", "double"), ("yes", "boolean"), ("day", "datetime"), ("word", "string")]
    assert json.loads(data.profile) == {"num_rows": 20, "num_elements": 80}
    assert (data.source_type, json.loads(data.source)) == ("local", {"uri": str(file)})
    assert data.digest == "0123456789ab"
