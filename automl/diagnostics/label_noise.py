"""Rows whose label contradicts a model that is sure of itself and usually right: some labels may be wrong."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from automl.diagnostics import Answer, Data, Evidence, Finding, NotApplicable, Severity
from automl.diagnostics._constant import constant
from automl.figures import percent
from automl.plain import plain
from automl.tasks import FloatArray

STAGE = "run"
TITLE = "Labels that may be wrong"

LEAST_ROWS = 200
# Where the model makes more than this share of the errors of always naming the commonest class, classes overlap, and
# from a label that contradicts it nothing follows.
OVERLAP = 0.45
# Errors in the surer half of the rows, at least. By logistic regression and random trees out of fold on tables where
# it applies, the half had 0 to 0.6 % of them, with one exception at 6 %; with one label in twenty replaced by another,
# 4.6 to 6.1 %, and with one in ten, 8 to 11 %.
FEW, MANY = 0.015, 0.025
# What comes of overlapping classes is rare where the model is surest; wrong labels are everywhere alike.
FLAT = 0.6
NAMED, KEPT = 3, 50


@dataclass(frozen=True)
class _Judged:
    """Rows that the networks which judge them have not learned from.

    Attributes:
        rows: their numbers in the table.
    """

    rows: NDArray[np.int64]
    labels: NDArray[np.int64]
    probabilities: FloatArray


def check(evidence: Evidence) -> Answer:
    """Counts the errors in the half of the unseen rows about which the model is surest, and in the surest quarter.

    Labels that are wrong by accident contradict a good model as often there as elsewhere. The rows named are those of
    confident learning (Northcutt et al. 2021): another class is as likely as it is for rows that have it on average.
    """
    if evidence.data.task.PREDICTS != "probabilities":
        return NotApplicable("label_noise", "Only a classification has labels.")
    judged = _judged(evidence)
    if len(judged.rows) < LEAST_ROWS:
        return NotApplicable(
            "label_noise", f"{len(judged.rows)} unseen rows are too few to tell: {LEAST_ROWS} are needed."
        )
    wrong = judged.probabilities.argmax(axis=1) != judged.labels
    naive = float((constant(evidence, "val").argmax(axis=1)[0] != judged.labels).mean())
    if wrong.mean() > OVERLAP * naive:
        return NotApplicable(
            "label_noise",
            f"The model is wrong on {percent(float(wrong.mean()))} of unseen rows: its classes overlap too much for it "
            "to contradict labels.",
        )
    surest_first = wrong[np.argsort(-judged.probabilities.max(axis=1), kind="stable")]
    half, quarter = surest_first[: len(wrong) // 2], surest_first[: len(wrong) // 4]
    share = float(half.mean())
    low = max(0.0, share - 1.645 * float(np.sqrt(share * (1 - share) / len(half))))
    suspects = _suspects(judged)
    surest = float(quarter.mean())
    figures = {"share": share, "share_low": low, "share_surest": surest, "suspects": float(len(suspects))}
    measured = (
        f"Of the half of {len(wrong):,} unseen rows about which the model is surest, {percent(share)} have another "
        f"label than it says, and of the surest quarter {percent(surest)}."
    )
    if low <= FEW or surest < FLAT * share:
        return Finding("label_noise", "fine", "Where the model is sure, labels agree with it", measured, "", figures)
    severity: Severity = "warning" if low > MANY else "note"
    title = f"About {percent(share)} of the labels may be wrong"
    explained = f"{measured} {_named(evidence, judged, suspects)}"
    test = _first_of_test_file(evidence.data)
    more = "findings.json has more of them" + (f", where {test + 1:,} is the first of the test file" if test else "")
    advice = (
        f"Look at these rows in the table ({more}) and correct their labels. If they are right, a column is missing "
        "that tells them apart."
    )
    rows = tuple(int(judged.rows[place]) + 1 for place in suspects[:KEPT])
    return Finding("label_noise", severity, title, explained, advice, figures, rows=rows)


def _judged(evidence: Evidence) -> _Judged:
    """Validation rows, in a cross-validation all rows that were learned from by others, and test rows."""
    parts = [part for part in evidence.data.split.parts() if part != "train"]
    return _Judged(
        np.concatenate([getattr(evidence.data.split, part) for part in parts]),
        np.concatenate([evidence.data.of(part) for part in parts]),
        np.concatenate([evidence.blended[part] for part in parts]),
    )


def _first_of_test_file(data: Data) -> int:
    """The number of the row that a test file begins with, behind those of the training table; 0 if there is none."""
    return int(data.split.test[0]) if data.has_own_test else 0


def _suspects(judged: _Judged) -> NDArray[np.int64]:
    """Places of rows whose label is doubtful, the most doubtful first."""
    probabilities, labels = judged.probabilities, judged.labels
    places = np.arange(len(labels))
    usual = np.array(
        [
            probabilities[labels == label, label].mean() if (labels == label).any() else np.inf
            for label in range(probabilities.shape[1])
        ]
    )
    likely = np.where(probabilities >= usual, probabilities, -np.inf)
    named = likely.argmax(axis=1)
    doubtful = np.isfinite(likely[places, named]) & (named != labels)
    margin = probabilities[places, labels] - probabilities.max(axis=1)
    chosen = np.flatnonzero(doubtful & (margin < 0))
    return np.asarray(chosen[np.argsort(margin[chosen], kind="stable")])


def _named(evidence: Evidence, judged: _Judged, suspects: NDArray[np.int64]) -> str:
    classes = [plain(str(label), longest=40) for label in evidence.data.specification["labels"]]
    test = _first_of_test_file(evidence.data)
    told = []
    for place in suspects[:NAMED]:
        other = int(judged.probabilities[place].argmax())
        likely = percent(float(judged.probabilities[place, other]))
        row = int(judged.rows[place])
        where = f"row {row - test + 1:,} of the test file" if test and row >= test else f"row {row + 1:,}"
        told.append(f"{where} says '{classes[int(judged.labels[place])]}', the model by {likely} '{classes[other]}'")
    return f"The most doubtful (rows with a target, counted from 1): {'; '.join(told)}." if told else ""
