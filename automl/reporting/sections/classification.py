"""Which classes are taken for which, how well they are told apart, and whether the probabilities are true."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.diagnostics import Finding
from automl.evaluation import Evaluated
from automl.figures import count, percent
from automl.plain import plain
from automl.reporting.facts import ReportFacts
from automl.reporting.plots import Figure, marks
from automl.reporting.plots.curves import Curve, curves
from automl.reporting.plots.matrix import matrix
from automl.reporting.plots.panel import Axis, Panel
from automl.reporting.verdict import PARTS

TITLE = "Right and wrong classes"
MOST_CLASSES = 12
# One curve per class: of more than these, nobody tells them apart.
MOST_CURVES = 6
MOST_GROUPS = 10
ROWS_PER_GROUP = 15
LEAST_GROUPS = 3
LONGEST_NAME = 24


def show(facts: ReportFacts) -> dict[str, Any] | None:
    """Figures of test rows, or of validation rows if there are none."""
    known = facts.evaluation.get(facts.unseen)
    if facts.task.PREDICTS != "probabilities" or known is None:
        return None
    labels = [plain(str(label)) or "(blank)" for label in facts.asked["classes"]]
    return {
        "rows": len(known.rows),
        "of": facts.rows[facts.unseen],
        "figures": [
            figure
            for figure in (
                _confusion(known, labels),
                _curves(facts, labels, of="roc"),
                _curves(facts, labels, of="precision"),
                _reliability(known, labels, error=_calibration_error(facts)),
            )
            if figure
        ],
    }


def _confusion(known: Evaluated, labels: Sequence[str]) -> Figure:
    """Of many classes the commonest, the others together."""
    shown = list(range(len(labels)))
    names = list(labels)
    chosen = known.predictions.argmax(axis=1)
    if len(labels) > MOST_CLASSES:
        common = np.argsort(-np.bincount(known.targets, minlength=len(labels)), kind="stable")
        shown = sorted(common[: MOST_CLASSES - 1].tolist())
        names = [*(labels[label] for label in shown), "all others"]
    place = np.full(len(labels), len(shown))
    place[shown] = np.arange(len(shown))
    counts = np.zeros((len(names), len(names)), dtype=np.int64)
    np.add.at(counts, (place[known.targets], place[chosen]), 1)
    note = "Each row of squares holds the rows of one class. What the model gets right lies on the diagonal"
    if mistaken := int(counts.trace() - (chosen == known.targets).sum()):
        together = count(int(counts[-1, -1]), "row")
        note += f"; but {mistaken:,} of the {together} in its last square are of one rare class taken for another"
    return matrix(
        counts, names, title="Confusion matrix", rows="true class", columns="predicted class", note=f"{note}."
    )


def _curves(facts: ReportFacts, labels: Sequence[str], *, of: str) -> Figure | None:
    """The ROC curve or the precision-recall curve: of two classes for each part, else for each class."""
    drawn = []
    for number, (name, truth, score_of_row) in enumerate(_one_against_rest(facts, labels)):
        if not 0 < truth.sum() < len(truth):
            continue
        xs, ys, area = roc(truth, score_of_row) if of == "roc" else precision_recall(truth, score_of_row)
        series = {"validation": "val", "test": "test"}.get(name) or f"s{number + 1}"
        drawn.append(Curve(xs, ys, series, plain(name, longest=LONGEST_NAME), f"{area:.3f}"))
    if not drawn:
        return None
    about = f" of {plain(labels[1], longest=LONGEST_NAME)!r}" if len(labels) == 2 else ""
    some = "" if len(labels) <= max(2, MOST_CURVES) else f" The {MOST_CURVES} commonest classes."
    if of == "roc":
        guess = Curve([0.0, 1.0], [0.0, 1.0], "plain")
        note = f"The further up and left, the better; the diagonal is guessing. Figures: area under the curve.{some}"
        false_alarms = Axis("false alarms among other rows", 0, 1)
        return curves([guess, *drawn], title=f"ROC curve{about}", x=false_alarms, y=Axis("found", 0, 1), note=note)
    note = (
        "How many of the rows that it names are right, for how many it finds. Figures: the average precision of "
        f"{'this class' if len(labels) == 2 else 'each class'}; that of the model is the mean over all classes.{some}"
    )
    found = Axis("found (recall)", 0, 1)
    title = f"Precision and recall{about}"
    return curves(drawn, title=title, x=found, y=Axis("right (precision)", 0, 1), note=note)


def _one_against_rest(facts: ReportFacts, labels: Sequence[str]) -> list[tuple[str, NDArray[np.bool_], NDArray[Any]]]:
    """What to call it, whether each row is of the class, and how likely the model finds that."""
    if len(labels) == 2:
        parts = [part for part in ("val", "test") if part in facts.evaluation]
        return [
            (PARTS[part], facts.evaluation[part].targets == 1, facts.evaluation[part].predictions[:, 1])
            for part in parts
        ]
    known = facts.evaluation[facts.unseen]
    common = np.argsort(-np.bincount(known.targets, minlength=len(labels)), kind="stable")[:MOST_CURVES]
    return [(labels[label], known.targets == label, known.predictions[:, label]) for label in sorted(common.tolist())]


def roc(truth: NDArray[np.bool_], likely: NDArray[Any]) -> tuple[list[float], list[float], float]:
    """The shares of false alarms and of rows found at each threshold, and the area under the curve."""
    found, named = _at_thresholds(truth, likely)
    xs = np.concatenate([[0.0], (named - found) / (~truth).sum()])
    ys = np.concatenate([[0.0], found / truth.sum()])
    area = float(np.sum(np.diff(xs) * (ys[1:] + ys[:-1]) / 2))
    return xs.tolist(), ys.tolist(), area


def precision_recall(truth: NDArray[np.bool_], likely: NDArray[Any]) -> tuple[list[float], list[float], float]:
    """Recall and precision at each threshold, and the average precision."""
    found, named = _at_thresholds(truth, likely)
    recall, precision = found / truth.sum(), found / named
    return recall.tolist(), precision.tolist(), float((np.diff(recall, prepend=0.0) * precision).sum())


def _at_thresholds(truth: NDArray[np.bool_], likely: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """How many rows are rightly found and how many named; rows with equal predictions pass a threshold together."""
    order = np.argsort(-likely, kind="stable")
    ends = np.flatnonzero(np.diff(likely[order], append=-np.inf))
    return np.cumsum(truth[order])[ends], ends + 1.0


def _calibration_error(facts: ReportFacts) -> float:
    """What the check of the calibration has measured, of more groups than can be drawn; NaN if it has no answer."""
    found = (one for one in facts.answers if isinstance(one, Finding) and one.code == "calibration")
    return next((finding.figures.get("ece", math.nan) for finding in found), math.nan)


def _reliability(known: Evaluated, labels: Sequence[str], *, error: float) -> Figure | None:
    """How often a prediction of so much comes true, in groups of equally many rows.

    Args:
        error: the expected calibration error; NaN if it is not known.
    """
    if len(labels) == 2:
        said, came_true = known.predictions[:, 1], known.targets == 1
        x = f"probability of {plain(labels[1], longest=LONGEST_NAME)!r}"
    else:
        said, came_true = known.predictions.max(axis=1), known.predictions.argmax(axis=1) == known.targets
        x = "probability of the predicted class"
    groups = min(MOST_GROUPS, len(said) // ROWS_PER_GROUP)
    if groups < LEAST_GROUPS:
        return None
    panel = Panel(Axis(x, 0, 1), Axis("came true", 0, 1), height=300.0)
    drawn = [marks.line(panel, [0.0, 1.0], [0.0, 1.0], series="plain")]
    for group in np.array_split(np.argsort(said, kind="stable"), groups):
        mean, share = float(said[group].mean()), float(came_true[group].mean())
        low, high = wilson(share, len(group))
        drawn.append(marks.line(panel, [mean, mean], [low, high], series="s1"))
        told = f"{len(group):,} rows: said {mean:.0%}, came true {share:.0%} ({low:.0%} to {high:.0%})"
        drawn.append(marks.dot(panel, mean, share, series="s1", title=told, radius=4.0))
    note = (
        f"On the diagonal, probabilities mean what they say. Each dot is about {len(said) // groups:,} rows, with the "
        "range that chance allows (95 %)."
    )
    if not math.isnan(error):
        note += f" The probabilities are off by {percent(error)} on average (ECE, by the check of calibration)."
    return Figure("Are the probabilities true?", panel.draw(*drawn, label="Reliability diagram"), note=note)


def wilson(share: float, rows: int) -> tuple[float, float]:
    """The 95 % interval of a share of so many rows (Wilson 1927)."""
    z = 1.96
    centre = (share + z * z / (2 * rows)) / (1 + z * z / rows)
    half = z / (1 + z * z / rows) * math.sqrt(share * (1 - share) / rows + z * z / (4 * rows * rows))
    return max(0.0, centre - half), min(1.0, centre + half)
