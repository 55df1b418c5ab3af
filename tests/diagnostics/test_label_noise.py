"""Labels that contradict a model that is sure of itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from automl.diagnostics import Answer, Evidence, Finding, NotApplicable, from_json, to_json
from automl.diagnostics.label_noise import check

ROWS = 900


def asked(
    evidence_of: Callable[..., Evidence],
    *,
    wrong: float = 0.0,
    overlap: float = 0.0,
    seed: int = 0,
    rows: int = ROWS,
    has_own_test: bool = False,
) -> tuple[Answer, set[int]]:
    """The answer, and the rows with a wrong label, counted from 1.

    Args:
        wrong: the share of labels that are of another class.
        overlap: the share of rows on which the classes cannot be told apart.
    """
    rng = np.random.default_rng(seed)
    truth = rng.integers(3, size=rows)
    told = np.full((rows, 3), 0.02)
    told[np.arange(rows), truth] = 0.96
    unclear = rng.random(rows) < overlap
    told[unclear] = rng.dirichlet([1, 1, 1], unclear.sum())
    drawn = (told.cumsum(axis=1) > rng.random((rows, 1))).argmax(axis=1)
    labels = np.where(unclear, drawn, truth)
    is_wrong = rng.random(rows) < wrong
    labels[is_wrong] = (labels[is_wrong] + rng.integers(1, 3, is_wrong.sum())) % 3
    told += rng.normal(scale=1e-4, size=told.shape)
    evidence = evidence_of(labels, {0: told / told.sum(axis=1, keepdims=True)}, train=100, val=400, of="classify")
    answer = check(replace(evidence, data=replace(evidence.data, has_own_test=has_own_test)))
    return answer, {int(row) + 1 for row in np.flatnonzero(is_wrong)}


def test_finds_wrong_labels_and_says_which(evidence_of: Callable[..., Evidence]) -> None:
    for seed in range(10):
        found, planted = asked(evidence_of, wrong=0.08, seed=seed)
        assert isinstance(found, Finding)
        assert found.severity == "warning"
        assert abs(found.figures["share"] - 0.08) < 0.04
        assert found.rows
        assert set(found.rows) <= planted
        # Rows that a network has learned from are not judged.
        assert min(found.rows) > 100
        assert f"row {found.rows[0]:,} says" in found.explanation


def test_overlapping_classes_are_no_wrong_labels(evidence_of: Callable[..., Evidence]) -> None:
    for seed in range(10):
        for overlap in (0.0, 0.2, 0.4):
            answer, _ = asked(evidence_of, overlap=overlap, seed=seed)
            assert isinstance(answer, Finding)
            assert answer.severity == "fine"
        assert isinstance(asked(evidence_of, overlap=0.9, seed=seed)[0], NotApplicable)


def test_rows_of_a_test_file_are_counted_from_its_beginning(evidence_of: Callable[..., Evidence]) -> None:
    found, _ = asked(evidence_of, wrong=0.08, has_own_test=True)
    assert isinstance(found, Finding)
    told = re.findall(r"row (\d+)( of the test file)? says", found.explanation)
    assert {where for _, where in told} == {"", " of the test file"}
    # The training table has 100 training and 400 validation rows.
    assert tuple(int(row) + 500 * bool(where) for row, where in told) == found.rows[:3]
    assert "where 501 is the first of the test file" in found.advice


def test_the_rows_survive_json(evidence_of: Callable[..., Evidence]) -> None:
    found, _ = asked(evidence_of, wrong=0.08)
    again = from_json(to_json(found))
    assert isinstance(found, Finding)
    assert isinstance(again, Finding)
    assert again.rows == found.rows


def test_has_no_answer_for_few_rows_or_a_regression(evidence_of: Callable[..., Evidence]) -> None:
    answer, _ = asked(evidence_of, wrong=0.1, rows=250)
    assert isinstance(answer, NotApplicable)
    values = np.linspace(0, 1, 600)
    assert isinstance(check(evidence_of(values, {0: values}, train=100, val=200)), NotApplicable)
