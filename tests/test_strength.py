"""The report on strength flatters nobody."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.benchmarks.strength import report, results


def lines_of(folder: Path, *runs: tuple[str, str, float | None], **more: Any) -> list[str]:
    """The report on results of a table, a system and an error each."""
    path = folder / "results.jsonl"
    given = [
        {"dataset": table, "task": "binary", "seed": 0, "system": system, "budget": 60.0, "error": error, **more}
        if error is not None
        else {"dataset": table, "task": "binary", "seed": 0, "system": system, "budget": 60.0, "failed": "crashed"}
        for table, system, error in runs
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in given))
    return list(report(results([path]), ours="ours", note=""))


def row(lines: list[str], system: str) -> list[str]:
    return next(line for line in lines if line.startswith(f"| {system} |")).strip("| ").split(" | ")


def test_ranks_improvability_and_losses(tmp_path: Path) -> None:
    lines = lines_of(
        tmp_path, ("a", "ours", 0.1), ("a", "other", 0.2), ("b", "ours", 0.4), ("b", "other", 0.3), wall=61.0
    )
    assert row(lines, "ours") == ["ours", "1.5", "0.5", "12.5", "1", "0", "61", "61"]
    assert row(lines, "other") == ["other", "1.5", "0.5", "25", "1", "0", "61", "61"]
    assert "* b (1 - ROC AUC 0.4): 25.0% behind the best; better by: other 25.0%" in lines
    assert "| a | 1 - ROC AUC | 0.2 | **0.1** |" in lines


def test_a_failure_is_the_last_and_wholly_behind(tmp_path: Path) -> None:
    lines = lines_of(
        tmp_path,
        ("a", "ours", 0.1),
        ("a", "other", None),
        ("a", "third", 0.3),
        ("b", "ours", None),
        ("b", "other", 0.3),
        ("b", "third", 0.2),
    )
    assert row(lines, "ours")[1:6] == ["2", "1", "50", "1", "1"]
    assert "* b: it failed" in lines


def test_one_failed_split_is_a_failed_table(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    facts = {"dataset": "a", "task": "binary", "budget": 60.0, "wall": 60.0}
    given: list[dict[str, Any]] = [
        {**facts, "seed": 0, "system": "ours", "error": 0.1},
        {**facts, "seed": 1, "system": "ours", "failed": "crashed"},
        {**facts, "seed": 0, "system": "other", "error": 0.2},
        {**facts, "seed": 1, "system": "other", "error": 0.2},
        {**facts, "seed": 0, "system": "third", "error": 0.01},
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in given))
    lines = list(report(results([path]), ours="ours", note=""))
    assert row(lines, "ours")[1:5] == ["2", "100", "0", "1"]
    assert "third was run on 1 of 2 splits, and has no rank." in lines
    assert not any(line.startswith("| third |") for line in lines)


def test_no_error_and_errors_without_end(tmp_path: Path) -> None:
    lines = lines_of(
        tmp_path, ("a", "ours", 0.0), ("a", "other", 0.2), ("b", "ours", float("inf")), ("b", "other", 0.3)
    )
    assert row(lines, "ours")[4:6] == ["1", "1"]
    assert not any(line.startswith("| other | 1 |") for line in lines)


def test_a_system_without_a_rank_is_still_better_where_it_is(tmp_path: Path) -> None:
    lines = lines_of(
        tmp_path, ("a", "ours", 0.1), ("a", "other", 0.2), ("b", "ours", 0.4), ("b", "other", 0.5), ("b", "third", 0.2)
    )
    assert "* b (1 - ROC AUC 0.4): 50.0% behind the best; better by: third 50.0%" in lines
    without = lines_of(tmp_path, ("a", "other", 0.2), ("b", "ours", 0.4), ("b", "other", 0.5))
    assert "ours was run on 1 of 2 splits, and has no rank." in without


def test_says_that_results_were_repeated(tmp_path: Path) -> None:
    lines = lines_of(tmp_path, ("a", "ours", 0.3), ("a", "other", 0.2), ("a", "ours", 0.1))
    assert "1 results were there more than once; the last one counts." in lines
    assert "| a | 1 - ROC AUC | 0.2 | **0.1** |" in lines
