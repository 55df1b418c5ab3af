"""Whether rows to be judged are copies of training rows, with the same target or with another."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automl.data.copies import is_seldom, meet_by_chance
from automl.diagnostics import Data, Finding, Severity
from automl.figures import count

CODE = "duplicates"
STAGE = "data"
TITLE = "Duplicates across the split"

Hashes = NDArray[np.uint64]

NOTABLE, WARNING, PROBLEM = 0.01, 0.02, 0.2
FEWEST = 5
# In a coarse table rows are equal by coincidence, and many more are equal but for one column; copies are not. How many
# times as many, with the middle column left out and with the one for which it is most: where rows of random test files
# meet by chance, 1.5 times or more with the middle one.
MIDDLE, MOST = 1.4, 4.0
MOST_COLUMNS = 40
# How far a test set must exceed the coincidences within the training rows.
DEVIATIONS = 5.0


def check(data: Data) -> Finding:
    """Counts rows to be judged whose features equal those of a training row in every cell that models see.

    Equal rows need not be copies: where columns are few and coarse, they meet by chance. They count as copies if few
    rows more are equal when a column is left out, if they are far more frequent than among the training rows, or if
    they agree in a number to predict that seldom occurs twice.
    """
    cells = _hashes(data)
    features = _sum(cells)
    whole = features * np.uint64(0x9E3779B97F4A7C15) + _of(pd.Series(data.targets))
    train, judged = _parts(data)
    twins = np.isin(features[judged], features[train])
    same = np.isin(whole[judged], whole[train])
    share = float(same.mean())
    conflicts = float((twins & ~same).mean())
    figures = {"copies": share, "contradictions": conflicts, "repeated_rows": data.profile.duplicates / len(data.frame)}
    within = _repeated(whole[train])
    middle, most = np.inf, np.inf
    if twins.mean() >= NOTABLE:
        middle, most = _growth(cells, features, train, judged, twins)
    deviation = np.sqrt(max(within * (1 - within), 1 / len(judged)) / len(judged))
    by_chance = not _seldom_equal(data) and meet_by_chance(pd.Series(features), pd.Series(whole))
    is_alike = middle < MIDDLE and most < MOST
    is_excess = share - within > DEVIATIONS * deviation and share > 2 * within
    is_copy = is_excess or (is_alike and not by_chance) or (_seldom_equal(data) and 2 * same.sum() > twins.sum())
    severity: Severity
    if is_copy and share >= WARNING and same.sum() >= FEWEST:
        title = f"{share:.1%} of the rows to be judged are copies of training rows"
        explained = (
            f"{count(int(same.sum()), 'row')} to be judged ({share:.1%}) equal a training row in every feature and in "
            "the target. A model that has learned these rows by heart gets them right, so the scores are too good."
        )
        severity = "problem" if share >= PROBLEM else "warning"
        return Finding(CODE, severity, title, explained, _advice(data), figures)
    if (is_copy or is_alike) and conflicts >= WARNING:
        title = f"{conflicts:.1%} of the rows to be judged equal training rows that have another target"
        explained = (
            "In every column that models see they are the same, so no model can get both right: a column that tells "
            "them apart is missing, or labels are wrong."
        )
        advice = "Look at such rows in the file: correct the labels, or add what tells the rows apart."
        return Finding(CODE, "note", title, explained, advice, figures)
    if data.profile.duplicates:
        repeated = data.profile.duplicates
        title = f"{count(repeated, 'row')} repeat{'s' * (repeated == 1)} an earlier one"
        said = (
            f"That is {repeated / data.profile.rows:.1%} of the rows, and the model learns them with twice the weight. "
            f"Across the split {share:.1%} of the rows to be judged equal a training row in every feature and in the "
            "target: no more than may meet by coincidence."
        )
        severity = "note" if data.profile.duplicates >= NOTABLE * data.profile.rows else "fine"
        return Finding(CODE, severity, title, said, "", figures)
    return Finding(CODE, "fine", "No copies across the split", "Rows to be judged are no training rows.", "", figures)


def _hashes(data: Data) -> dict[str, Hashes]:
    """Of each used column, shape (rows,): a number per cell, the same for equal cells of the column."""
    return {
        column.name: _of(data.frame[column.name]) * np.uint64(2 * place + 0x9E3779B97F4A7C15 | 1)
        for place, column in enumerate(data.profile.used)
    }


def _of(column: pd.Series) -> Hashes:
    return np.asarray(pd.util.hash_pandas_object(column, index=False), dtype=np.uint64)


def _sum(cells: dict[str, Hashes]) -> Hashes:
    total = np.zeros(len(next(iter(cells.values()))), dtype=np.uint64)
    for hashes in cells.values():
        total += hashes
    return total


def _parts(data: Data) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Training rows and the rows to be judged: test rows, else validation rows, else those of the first fold."""
    if len(data.split.test):
        return data.split.train, data.split.test
    if data.split.folds is not None:
        first = data.split.folds == 0
        return data.split.train[~first], data.split.train[first]
    return data.split.train, data.split.val


def _repeated(rows: Hashes) -> float:
    """The share of rows that equal another one."""
    _, place, sizes = np.unique(rows, return_inverse=True, return_counts=True)
    return float((sizes[place] > 1).mean())


def _growth(
    cells: dict[str, Hashes],
    features: Hashes,
    train: NDArray[np.int64],
    judged: NDArray[np.int64],
    twins: NDArray[np.bool_],
) -> tuple[float, float]:
    """How many times as often rows meet when one column is left out: the middle one, and that for which it is most.

    Meetings are counted as if they were independent (Poisson), since a row that has a twin cannot show a second one.
    """
    varied = sorted(cells, key=lambda name: -len(np.unique(cells[name][train[:1000]])))[:MOST_COLUMNS]
    without = [features - cells[name] for name in varied]
    times = [_meetings(np.isin(rest[judged], rest[train])) / _meetings(twins) for rest in without]
    return float(np.median(times)), float(max(times))


def _meetings(has_twin: NDArray[np.bool_]) -> float:
    """How many twins a row has on average, by the share of rows that have none."""
    without = max(0.5, float(np.count_nonzero(~has_twin))) / len(has_twin)
    return float(-np.log(without))


def _seldom_equal(data: Data) -> bool:
    if data.profile.target.task == "classify":
        return False
    return is_seldom(pd.Series(data.targets))


def _advice(data: Data) -> str:
    if data.has_own_test:
        return "Remove from the test file what is in the training file, or let the split be drawn from one file."
    return "Remove repeated rows from the file before you fit."
