"""Whole numbers that stand for things, such as departments: the target goes with each of them, not with their order."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automl.data.columns import calculable
from automl.data.profile import Profile, describe_column

# Trees tell up to 255 values apart by their order alone.
LEAST_VALUES = 100
# Of rarer values the target tells little.
LEAST_ROWS_OF_VALUE = 3
MOST_ROWS = 20_000
MOST_CLASSES = 3
# A value's mean counts as if so many more rows had the mean of all.
PRIOR_ROWS = 10.0
# By how many standard errors values have to foretell other rows' targets better than their order does, and by how much
# of the targets' variance. On 88 tables that finds the five or six columns of amazon_employee with most values, and no
# other.
CLEAR = 4.0
LEAST_GAIN = 0.003
INTERVALS = 64
WHY = "whole numbers that stand for things"


def with_codes(profile: Profile, frame: pd.DataFrame, learned: NDArray[np.float64], told: Collection[str]) -> Profile:
    """The profile, where columns of numbers that stand for things are categories.

    Args:
        frame: all rows.
        learned: for each row, the number of its class or its value; NaN for rows that may decide nothing.
        told: columns whose kind the user knows.
    """
    rows = np.flatnonzero(~np.isnan(learned))
    rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), MOST_ROWS)).astype(np.intp)]
    said = _said(learned[rows], is_classes=profile.target.task == "classify")
    found = [
        column.name
        for column in profile.columns
        if column.kind == "number"
        and column.distinct >= LEAST_VALUES
        and column.name not in told
        and _stands_for_things(calculable(frame[column.name].iloc[rows]), said)
    ]
    if not found:
        return profile
    columns = tuple(
        dataclasses.replace(describe_column(frame[own.name], "category"), why=WHY) if own.name in found else own
        for own in profile.columns
    )
    note = f"Taken for categories: {', '.join(found)} ({WHY}). Keep one with --kind NAME=number."
    return dataclasses.replace(profile, columns=columns, notes=(*profile.notes, note))


def _said(learned: NDArray[np.float64], *, is_classes: bool) -> NDArray[np.float64]:
    """Shape (rows, width): the standardised value, or for each of the commonest classes whether it is the row's."""
    classes, counts = np.unique(learned, return_counts=True)
    commonest = classes[np.argsort(-counts, kind="stable")[:MOST_CLASSES]]
    said = (learned[:, None] == commonest).astype(float) if is_classes else learned[:, None]
    standard: NDArray[np.float64] = (said - said.mean(axis=0)) / np.maximum(said.std(axis=0), 1e-12)
    return standard


def _stands_for_things(values: NDArray[np.float64], said: NDArray[np.float64]) -> bool:
    """Whether values foretell the other half's targets, and better than boosted trees do, which go by their order."""
    known = np.isfinite(values)
    values, said = values[known], said[known]
    distinct, which = np.unique(values, return_inverse=True)
    if len(distinct) * LEAST_ROWS_OF_VALUE > len(values) or (distinct != np.rint(distinct)).any():
        return False
    is_first = np.random.default_rng(0).random(len(values)) < 0.5
    halves = (is_first, ~is_first)

    def errors(foretell: Callable[[NDArray[np.bool_]], NDArray[np.float64]]) -> NDArray[np.float64]:
        return np.concatenate([((foretell(half) - said[~half]) ** 2).mean(axis=1) for half in halves])

    of_values = errors(lambda half: _means(which, said, half))
    edges = np.quantile(values, np.linspace(0, 1, INTERVALS + 1)[1:-1])
    # The last one takes a hundred times as long as the others.
    rivals: tuple[Callable[[NDArray[np.bool_]], NDArray[np.float64]], ...] = (
        lambda half: said[half].mean(axis=0),
        lambda half: _means(np.searchsorted(edges, values), said, half),
        lambda half: _of_trees(values, said, half),
    )
    return all(_is_clear(errors(rival) - of_values) for rival in rivals)


def _is_clear(gains: NDArray[np.float64]) -> bool:
    return bool(gains.mean() > max(CLEAR * gains.std() / np.sqrt(len(gains)), LEAST_GAIN))


def _means(which: NDArray[np.intp], said: NDArray[np.float64], half: NDArray[np.bool_]) -> NDArray[np.float64]:
    """What is foretold of the other half: the means of the rows with the same number."""
    rows = np.bincount(which[half], minlength=which.max() + 1)[:, None]
    totals = np.stack([np.bincount(which[half], own, minlength=len(rows)) for own in said[half].T], axis=1)
    means: NDArray[np.float64] = (totals + PRIOR_ROWS * said[half].mean(axis=0)) / (rows + PRIOR_ROWS)
    return means[which[~half]]


def _of_trees(values: NDArray[np.float64], said: NDArray[np.float64], half: NDArray[np.bool_]) -> NDArray[np.float64]:
    from sklearn.ensemble import HistGradientBoostingRegressor

    trees = HistGradientBoostingRegressor(max_iter=40, learning_rate=0.2, early_stopping=False, random_state=0)
    return np.stack([trees.fit(values[half, None], own[half]).predict(values[~half, None]) for own in said.T], axis=1)
