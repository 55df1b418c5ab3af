"""What a run's folder keeps for its report comes back as it was."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from automl import files
from automl.baselines import BOOSTED, BOOSTING, Baseline
from automl.data.profile import profile
from automl.data.split import Split
from automl.diagnostics import Answer, Finding, NotApplicable
from automl.evaluation import Evaluated, Importance, WeakSpot
from automl.records import Outcome, RunFolder

Recorded = Callable[..., RunFolder]


def test_the_profile_comes_back(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    days = pd.date_range("2024-01-01", periods=40).strftime("%Y-%m-%d")
    frame = pd.DataFrame({"x": rng.normal(size=40), "day": days, "who": ["a", None] * 20, "y": rng.normal(size=40)})
    for target in ("y", "who"):
        facts = profile(frame.dropna(), target=target) if target == "y" else profile(frame.fillna("b"), target=target)
        rows = np.arange(3)
        RunFolder(tmp_path).write_start({}, facts, Split(rows, rows, rows, ""))
        assert RunFolder(tmp_path).profile() == facts
    day = next(column for column in facts.columns if column.name == "day")
    assert day.histogram is not None
    assert day.histogram.high - day.histogram.low == 39 * 86_400


def test_the_split_comes_back_without_empty_parts(tmp_path: Path, recorded: Recorded) -> None:
    run = recorded()
    split = Split(np.array([0, 2]), np.array([1]), np.array([], dtype=np.int64), "")
    run.write_start(run.asked(), run.profile(), split)
    assert {part: rows.tolist() for part, rows in run.split().items()} == {"train": [0, 2], "val": [1]}


def test_findings_come_back(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    assert folder.findings() == ("", [])
    assert folder.findings_of_trials() == {}
    answers: list[Answer] = [
        Finding("drift", "note", "Title", "Explanation", "Advice", {"auc": 0.5}, ("a", "b")),
        NotApplicable("groups", "Why."),
    ]
    folder.write_findings("It is well.", answers)
    assert folder.findings() == ("It is well.", answers)
    assert folder.findings_of_trials() == {}
    folder.write_findings("It is well.", answers[:1], {7: answers, 12: []})
    assert folder.findings() == ("It is well.", answers[:1])
    assert folder.findings_of_trials() == {7: answers, 12: []}


def test_findings_of_a_run_that_was_made_before_trials_had_some(tmp_path: Path) -> None:
    files.write_record(tmp_path / "findings.json", {"verdict": "", "answers": []})
    assert RunFolder(tmp_path).findings_of_trials() == {}


def test_an_unknown_figure_of_a_finding_comes_back_as_not_a_number(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.write_findings("", [Finding("drift", "note", "Title", "", figures={"auc": math.nan})])
    (found,) = folder.findings()[1]
    assert isinstance(found, Finding)
    assert math.isnan(found.figures["auc"])


def test_what_the_model_says_comes_back(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    assert folder.evaluation() == {}
    known = Evaluated(np.array([3, 4]), np.array([0, 1]), np.array([[0.5, 0.5], [0.1, 0.9]]))
    folder.write_evaluation({"val": known})
    (part,) = folder.evaluation()
    assert part == "val"
    for name, value in vars(folder.evaluation()["val"]).items():
        np.testing.assert_array_equal(value, vars(known)[name])


def test_an_undefined_score_of_a_baseline_comes_back_as_not_a_number(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.write_baselines([Baseline("constant", {"test": {"log_loss": 0.5, "average_precision": math.nan}})])
    (baseline,) = folder.baselines()
    assert baseline.scores["test"]["log_loss"] == 0.5
    assert math.isnan(baseline.scores["test"]["average_precision"])


def test_what_the_boosting_baseline_predicts_comes_back(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    assert run.baseline_predictions() == {}
    files.write_arrays(tmp_path / BOOSTED, {"test": np.array([[0.25, 0.75]])})
    assert run.baseline_predictions()[BOOSTING]["test"].tolist() == [[0.25, 0.75]]


def test_importance_weak_spots_and_the_end_come_back(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    assert (folder.importance(), folder.weak_spots(), folder.outcome()) == ([], [], None)
    importance, spots = [Importance("a", 0.5, 0.1)], [WeakSpot("a is 1", 12, 0.9, 0.4)]
    outcome = Outcome("interrupted", 12.5, {"resnet": "too long"})
    folder.write_importance(importance)
    folder.write_weak_spots(spots)
    folder.write_outcome(outcome)
    assert (folder.importance(), folder.weak_spots(), folder.outcome()) == (importance, spots, outcome)
