"""What is said of two runs, and when nothing is."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from io import StringIO

import pytest
from rich.console import Console

from automl import files
from automl.evaluation import Evaluated
from automl.figures import score
from automl.records import RunFolder
from automl.reporting.compare import Comparison, compare, show
from automl.tasks import classify

Recorded = Callable[..., RunFolder]


def change(run: RunFolder, **changes: object) -> RunFolder:
    files.write_record(run.path / "run.json", {**run.asked(), **changes})
    return run


def printed(comparison: Comparison) -> str:
    console = Console(file=StringIO(), width=80)
    console.print(show(comparison))
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("task", ["classify", "regress"])
def test_the_better_model_is_better_whichever_comes_first(recorded: Recorded, task: str) -> None:
    good, bad = recorded("good", task=task, skill=2.0, rows=600), recorded("bad", task=task, skill=0.0, rows=600)
    for one, other in ((good, bad), (bad, good)):
        verdict = compare(one.path, other.path).verdict
        assert verdict.startswith(f"{good.path} is better: ")
        assert verdict.endswith("more than chance.")


def test_a_difference_that_may_be_chance_is_none(recorded: Recorded) -> None:
    one, other = recorded("one"), recorded("other", luck=1)
    verdict = compare(one.path, other.path).verdict
    assert verdict.startswith("Neither is better: log loss is 0.")
    assert "30 test rows, drawn anew, might give a difference of -0." in verdict
    assert verdict.endswith(", the second less the first.")


def test_the_same_model_is_not_better_than_itself(recorded: Recorded) -> None:
    one, other = recorded("one"), recorded("other")
    assert compare(one.path, other.path).verdict.startswith(
        "Neither is better: both predict the same, with log loss 0."
    )


def test_the_better_accuracy_is_the_greater_one(recorded: Recorded) -> None:
    runs = [
        change(recorded(name, skill=skill, rows=600), metric="accuracy") for name, skill in (("a", 0.0), ("b", 3.0))
    ]
    assert compare(runs[0].path, runs[1].path).verdict.startswith(f"{runs[1].path} is better: accuracy is 0.")


@pytest.mark.parametrize("metric", ["log_loss", "accuracy"])
def test_the_difference_is_the_second_less_the_first(recorded: Recorded, metric: str) -> None:
    runs = [change(recorded(name, skill=skill, rows=600), metric=metric) for name, skill in (("a", 0.0), ("b", 3.0))]
    verdict = compare(runs[0].path, runs[1].path).verdict
    first, second, low, high = map(float, re.findall(r"-?\d\.\d+", verdict.removeprefix(str(runs[1].path))))
    assert low < second - first < high
    assert ", the second less the first: more than chance." in verdict


def test_where_some_rows_are_kept_these_are_scored_and_named(recorded: Recorded) -> None:
    runs = [recorded("a", rows=600), recorded("b", rows=600, luck=1)]
    for run in runs:
        kept = {
            part: Evaluated(own.rows[:40], own.targets[:40], own.predictions[:40])
            for part, own in run.evaluation().items()
        }
        run.write_evaluation(kept)
    known = [run.evaluation()["test"] for run in runs]
    scores = [score(classify.log_loss(own.targets, own.predictions)) for own in known]
    verdict = compare(runs[0].path, runs[1].path).verdict
    assert f"log loss is {scores[0]} and {scores[1]} on 40 of 120 test rows, and 40 test rows, drawn anew," in verdict


@pytest.mark.parametrize(
    ("changes", "choices", "why"),
    [
        ({"data": {"name": "flowers", "source": "", "digest": "another"}}, {}, "Their data differ."),
        (
            {"data": {"name": "flowers", "source": "", "digest": "0123abcd", "test": "4567"}},
            {},
            "Their test files differ.",
        ),
        ({}, {"seed": 1}, "Their rows are split differently"),
        ({"metric": "accuracy"}, {}, "Different metrics decided: log loss and accuracy."),
        ({"target": "colour"}, {}, "They do not predict the same."),
    ],
)
def test_runs_that_cannot_be_ranked_are_not(
    recorded: Recorded, changes: dict[str, object], choices: dict[str, int], why: str
) -> None:
    one, other = recorded("one", skill=2.0), change(recorded("other", skill=0.0, **choices), **changes)
    comparison = compare(one.path, other.path)
    assert comparison.verdict.startswith(f"The runs cannot be ranked. {why}")
    assert len(comparison.obstacles) == 1
    assert "better" not in comparison.verdict


def test_without_the_predictions_of_both_nobody_knows(recorded: Recorded) -> None:
    one, other = recorded("one"), recorded("other", luck=1)
    (other.path / "evaluation.npz").unlink()
    scores = [score(best.scores["test"]["log_loss"]) for run in (one, other) if (best := run.ensemble())]
    told = f"log loss is {scores[0]} and {scores[1]} on test; whether that is more than chance cannot be told without"
    assert compare(one.path, other.path).verdict.startswith(told)


def test_a_run_without_a_model_is_not_ranked(recorded: Recorded) -> None:
    one, other = recorded("one"), recorded("other")
    (other.path / "ensemble.json").unlink()
    assert compare(one.path, other.path).obstacles == (f"{other.path} has no model.",)


def test_shows_the_settings_that_differ_and_only_these(recorded: Recorded) -> None:
    one, other = recorded("one"), recorded("other")
    options = one.asked()["options"]
    change(other, options={**options, "search": "random", "out": "elsewhere", "settings": ["mlp.layers=2"]})
    comparison = compare(one.path, other.path)
    assert comparison.settings == {"search": ("bayesian", "random"), "settings": ("by default", "mlp.layers=2")}
    text = printed(comparison)
    assert max(map(len, text.splitlines())) <= 80
    for expected in (
        "bayesian",
        "mlp.layers=2",
        "log loss, test",
        "1:02",
        "14 (1 pruned, 1 failed)",
        "The model genera",
    ):
        assert expected in " ".join(text.split())


def test_the_command_refuses_a_folder_without_a_run(recorded: Recorded) -> None:
    run = recorded()
    arguments = ["compare", str(run.path), str(run.path.parent)]
    done = subprocess.run([sys.executable, "-m", "automl", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "holds no run" in done.stderr
