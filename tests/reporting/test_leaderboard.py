"""The order of trials and baselines, and what is said of each."""

from __future__ import annotations

from io import StringIO

import pandas as pd
import pytest
from rich.console import Console

from automl.baselines import BOOSTING, CONSTANT, Baseline
from automl.diagnostics import Answer, Finding, NotApplicable
from automl.reporting.leaderboard import leaderboard, table
from automl.tasks import Metric, classify, regress
from automl.trial import Trial

ACCURACY = classify.METRICS["accuracy"]
RMSE = regress.METRICS["rmse"]


def trial(number: int, metric: Metric, train: float, val: float, test: float) -> Trial:
    return Trial(
        number,
        "mlp",
        {},
        status="finished",
        objective=metric.objective(val),
        scores={"train": {metric.name: train}, "val": {metric.name: val}, "test": {metric.name: test}},
        curves={"loss": [0.5, 0.4, 0.3]},
        seconds=1.26,
        parameters=33_410,
        best_epoch=2,
    )


def test_puts_the_best_validation_score_first_whatever_the_test_says() -> None:
    trials = [trial(0, ACCURACY, 0.9, 0.7, 0.99), trial(1, ACCURACY, 0.95, 0.8, 0.5)]
    board = leaderboard(trials, [Baseline(BOOSTING, {"val": {"accuracy": 0.75}}, 2.0)], ACCURACY)
    assert board["name"].tolist() == ["#1 mlp", "baseline: gradient boosting", "#0 mlp"]
    assert board["rank"].tolist() == [1, 2, 3]
    assert board["deployable"].tolist() == [True, False, True]
    assert board["trial"].isna().tolist() == [False, True, False]


def test_ranks_small_errors_first() -> None:
    board = leaderboard([trial(0, RMSE, 5, 9, 9), trial(1, RMSE, 5, 8, 9)], [], RMSE)
    assert board["trial"].tolist() == [1, 0]


def test_the_gap_is_how_much_worse_validation_is_whichever_way_the_metric_goes() -> None:
    accuracy = leaderboard([trial(0, ACCURACY, 0.95, 0.8, 0.8)], [], ACCURACY)
    rmse = leaderboard([trial(0, RMSE, 5, 9, 9)], [], RMSE)
    assert accuracy["gap"].tolist() == pytest.approx([0.15])
    assert rmse["gap"].tolist() == [4.0]


def test_says_the_worst_that_was_found_of_a_trial() -> None:
    trials = [trial(number, RMSE, 5, 9 + number, 9) for number in range(3)]
    answers: dict[int, list[Answer]] = {
        0: [Finding("a", "note", "It is odd", "."), Finding("b", "warning", "It overfits", ".")],
        1: [Finding("b", "fine", "It does as well", "."), NotApplicable("c", "No epochs.")],
    }
    board = leaderboard(trials, [Baseline(CONSTANT, {"val": {"rmse": 20.0}})], RMSE, answers=answers)
    assert board["finding"].tolist() == ["warning: It overfits", "fine", "", ""]


def test_keeps_equal_trials_in_the_order_of_their_start() -> None:
    board = leaderboard([trial(number, RMSE, 5, 9, 9) for number in range(4)], [], RMSE)
    assert board["trial"].tolist() == [0, 1, 2, 3]


def test_says_all_that_is_known_of_a_trial() -> None:
    row = leaderboard([trial(3, RMSE, 5.0, 9.0, 10.0)], [], RMSE).iloc[0]
    assert row.to_dict() == {
        "rank": 1,
        "name": "#3 mlp",
        "trial": 3,
        "family": "mlp",
        "status": "finished",
        "deployable": True,
        "val_score": 9.0,
        "test_score": 10.0,
        "gap": 4.0,
        "seconds": 1.26,
        "parameters": 33_410,
        "epochs": 3,
        "best_epoch": 2,
        "reason": "",
        "message": "",
        "finding": "",
        "train_rmse": 5.0,
        "val_rmse": 9.0,
        "test_rmse": 10.0,
    }


def test_lists_failures_last_with_their_reason() -> None:
    failed = Trial(0, "resnet", {}, status="failed", reason="nan", message="The loss is not a number in epoch 3.")
    boosting = Baseline(BOOSTING, message="not finished in its share of the time")
    board = leaderboard([failed, trial(1, RMSE, 5, 9, 9)], [boosting], RMSE)
    assert board["name"].tolist() == ["#1 mlp", "#0 resnet", "baseline: gradient boosting"]
    assert board["rank"].isna().tolist() == [False, True, True]
    assert board["reason"].tolist() == ["", "nan", ""]
    assert board["message"].tolist()[1:] == [failed.message, boosting.message]


def test_leaves_the_columns_of_an_empty_board() -> None:
    board = leaderboard([], [], RMSE)
    assert len(board) == 0
    assert {"rank", "name", "val_score", "reason"} <= set(board.columns)
    assert [line.strip() for line in shown(board, RMSE).splitlines()] == [
        "Best first, by RMSE on validation",
        "model  val  gap  epochs  time  weights",
    ]


def test_has_no_test_score_without_test_rows() -> None:
    only_val = Trial(0, "mlp", {}, status="finished", objective=1.0, scores={"train": {"rmse": 1}, "val": {"rmse": 1}})
    board = leaderboard([only_val], [], RMSE)
    assert board["test_score"].isna().all()
    assert "test_rmse" not in board.columns
    assert "test" not in shown(board, RMSE)


def test_table_fits_80_columns() -> None:
    trials = [trial(number, RMSE, 123_456, 1_234_567 + number, 1_234_567) for number in range(12)]
    failed = [Trial(number, "resnet", {}, status="failed", reason="oom") for number in (12, 13)]
    boosting = Baseline(BOOSTING, {"val": {"rmse": 1_234_568.5}, "test": {"rmse": 1_300_000.0}}, 3.2)
    constant = Baseline(CONSTANT, {"val": {"rmse": 9_999_999.0}, "test": {"rmse": 9_999_999.0}})
    text = shown(leaderboard([*trials, *failed], [boosting, constant], RMSE), RMSE)
    assert max(map(len, text.splitlines())) <= 80
    assert [line.split()[:2] for line in text.splitlines()[2:9]] == [
        ["1", "#0"],
        ["2", "#1"],
        ["3", "baseline:"],
        ["4", "#2"],
        ["5", "#3"],
        ["6", "#4"],
        ["14", "baseline:"],
    ]
    assert "1,234,567" in text
    assert "33,410" in text
    assert "7 more networks not shown. 2 failed (2 oom)." in text


def shown(board: pd.DataFrame, metric: Metric) -> str:
    console = Console(file=StringIO(), width=80)
    console.print(table(board, metric, top=5))
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()
