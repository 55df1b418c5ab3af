"""Whether rows come from repeated entities (patients, machines, households) that the split cuts across."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automl.data.profile import Column
from automl.diagnostics import Answer, Data, Finding, NotApplicable
from automl.diagnostics._columns import Numbers, coded, features, outcomes
from automl.diagnostics._wording import named, option

CODE = "groups"
STAGE = "data"
TITLE = "Repeated entities"

MOST_ROWS = 2_000
MOST_CANDIDATES = 40
FEWEST_ENTITIES = 10
# Of the rows, those that share their entity with another row.
REPEATED = 0.5
# The share of the variance that lies between entities (ANOVA estimate of the intraclass correlation, Fisher 1925).
# Measurements that stand for others reach 0.78 (median over the columns) on clean tables; repeated rows are above.
ALIKE = 0.8
# Entities of one answer each need not be as alike in the features.
SOMEWHAT_ALIKE, ONE_ANSWER = 0.5, 0.95
# Neighbouring values of a measurement may be joined without much loss, those of a code may not.
KEPT_BY_A_MEASUREMENT = 0.85
CUT_ACROSS = 0.5
# Categories that are compared one by one; the others of a column count as one.
COMMONEST = 5


@dataclass(frozen=True)
class _Likeness:
    """How alike the rows of an entity are: in the middle one of the other columns, and in the target."""

    column: str
    entities: int
    rows: float
    features: float
    target: float

    @property
    def is_telling(self) -> bool:
        return self.features >= ALIKE or (self.features >= SOMEWHAT_ALIKE and self.target >= ONE_ANSWER)


def check(data: Data) -> Answer:
    """Looks for a column within whose values all other columns are nearly constant, and counts who crosses the split.

    A measurement of which the others depend looks alike, but changes little when neighbouring values are joined.
    """
    if data.groups is not None:
        return NotApplicable(CODE, f"The rows of one {named([data.groups])} stay on one side of the split already.")
    spread = _spread(data)
    candidates = [column for column in data.profile.columns if _may_name_entities(column, data.profile.rows)]
    candidates.sort(key=lambda column: (column.kind == "number", -column.distinct))
    found = [
        alike
        for column in candidates[:MOST_CANDIDATES]
        if (alike := _likeness(data, spread, column)) is not None and alike.is_telling
    ]
    if not found:
        said = "No column was found within whose values the rows are nearly the same."
        return Finding(CODE, "fine", "No repeated entities", said, "", {})
    best = max(found, key=lambda alike: (alike.features + alike.target, alike.entities))
    crossing = _crossing(data, best.column)
    figures = {"alike": best.features, "target_alike": best.target, "crossing": crossing}
    if crossing < CUT_ACROSS:
        said = f"{crossing:.0%} of the rows to be judged have their {named([best.column])} among training rows."
        return Finding(CODE, "fine", "Repeated entities stay apart", said, "", figures)
    title = f"Rows of one {named([best.column])} are nearly alike, and the split cuts across them"
    explained = (
        f"{named([best.column])} has {best.entities:,} values with {best.rows:.1f} rows each on average. Within one, "
        f"the other columns vary by {max(0.0, 1 - best.features):.0%} of their usual variance (the middle one), the "
        f"target by {max(0.0, 1 - best.target):.0%}. {crossing:.0%} of the rows to be judged have such a relative "
        "among the training rows: the scores tell how the model does on entities that it knows, not on new ones."
    )
    advice = f"If it will meet new ones, keep each on one side of the split: {option('--group', best.column)}."
    return Finding(CODE, "warning", title, explained, advice, figures, (best.column,))


def _may_name_entities(column: Column, rows: int) -> bool:
    return column.kind in ("category", "number", "identifier") and FEWEST_ENTITIES <= column.distinct <= 0.67 * rows


def _spread(data: Data) -> dict[str, Numbers]:
    """The used columns and the target so that variances make sense, each of shape (rows, values).

    Ranks stand for numbers, indicators of the commonest values for categories.
    """
    used, table = features(data, np.arange(len(data.frame)))
    spread: dict[str, Numbers] = {}
    for place, column in enumerate(used):
        values = table[:, place]
        if column.kind in ("number", "date", "text"):
            ranks = pd.Series(values).rank().fillna(0.0)
            spread[column.name] = np.asarray(ranks, dtype=np.float64)[:, None]
        else:
            spread[column.name] = (values[:, None] == np.arange(COMMONEST)).astype(np.float64)
    return spread


def _likeness(data: Data, spread: Mapping[str, Numbers], column: Column) -> _Likeness | None:
    """None if the values do not repeat, are no labels, or stand for a quantity."""
    values = data.frame[column.name]
    numbers = coded(column, values) if column.kind == "number" else None
    if numbers is not None and np.any(numbers[~np.isnan(numbers)] % 1):
        return None
    entity = np.asarray(pd.factorize(values if numbers is None else numbers, sort=numbers is not None)[0])
    sizes = np.bincount(entity[entity >= 0])
    repeated = np.flatnonzero(sizes > 1)
    if sizes[repeated].sum() < REPEATED * len(values) or len(repeated) < FEWEST_ENTITIES:
        return None
    rows = _whole_entities(entity, repeated, sizes, seed=data.seed)
    others = [part[rows] for name, part in spread.items() if name != column.name]
    if not others:
        return None
    kept = np.unique(entity[rows], return_inverse=True)[1]
    alike = _middle(others, kept)
    target = _between(outcomes(data, rows), kept)[0]
    result = _Likeness(column.name, len(sizes), len(values) / len(sizes), alike, target)
    if numbers is None or not result.is_telling:
        return result
    return None if _middle(others, kept // 2) >= KEPT_BY_A_MEASUREMENT * alike else result


def _whole_entities(
    entity: NDArray[np.int64], repeated: NDArray[np.int64], sizes: NDArray[np.int64], *, seed: int
) -> NDArray[np.int64]:
    """Rows of entities drawn at random, all rows of each, some thousand together."""
    rng = np.random.default_rng([seed, 37])
    order = rng.permutation(repeated)
    enough = int(np.searchsorted(np.cumsum(sizes[order]), MOST_ROWS)) + 1
    # Few large entities are thinned out, so that at least some dozen are compared.
    rows = np.flatnonzero(np.isin(entity, order[: max(enough, 3 * FEWEST_ENTITIES)]))
    return rows if len(rows) <= 2 * MOST_ROWS else np.sort(rng.choice(rows, size=2 * MOST_ROWS, replace=False))


def _middle(columns: Sequence[Numbers], entity: NDArray[np.int64]) -> float:
    """The median, over the columns, of the share of the variance that lies between entities."""
    widths = [part.shape[1] for part in columns]
    shares = _between(np.concatenate(columns, axis=1), entity, widths=widths)
    return float(np.median(shares))


def _between(values: Numbers, entity: NDArray[np.int64], *, widths: Sequence[int] | None = None) -> Numbers:
    """The share of the variance that lies between entities, of each column; 0 where nothing varies.

    Args:
        values: shape (rows, values); `widths` says how many of them make up each column, by default all of them one.
    """
    sizes = np.bincount(entity)
    order = np.argsort(entity, kind="stable")
    centred = values[order] - values.mean(axis=0)
    sums = np.add.reduceat(centred, np.cumsum(sizes) - sizes, axis=0)
    total = (centred**2).sum(axis=0)
    within = total - (sums**2 / sizes[:, None]).sum(axis=0)
    starts = np.cumsum([0, *(widths or [values.shape[1]])])[:-1]
    within, total = np.add.reduceat(within, starts), np.add.reduceat(total, starts)
    degrees = len(entity) - len(sizes)
    if degrees == 0:
        return np.zeros(len(starts))
    ratio = np.divide(within / degrees, total / (len(entity) - 1), out=np.ones(len(starts)), where=total > 1e-9)
    return np.asarray(1 - ratio)


def _crossing(data: Data, column: str) -> float:
    """The share of the test rows (else validation rows) whose entity is among the training rows."""
    values, split = data.frame[column], data.split
    if len(split.test) or split.folds is None:
        judged = split.test if len(split.test) else split.val
        return float(values.iloc[judged].isin(values.iloc[split.train].dropna()).mean())
    known, folds = values.iloc[split.train], split.folds
    crossing = [known[folds == fold].isin(known[folds != fold].dropna()) for fold in np.unique(folds)]
    return float(pd.concat(crossing).mean())
