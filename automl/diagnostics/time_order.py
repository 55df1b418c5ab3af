"""Whether rows depend on their neighbours in time or in the file, so that a random split tells the future."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automl.data.profile import Column
from automl.diagnostics import Answer, Data, Finding, NotApplicable
from automl.diagnostics._columns import Numbers, coded, features, outcomes
from automl.diagnostics._forest import judged
from automl.diagnostics._wording import named, option

CODE = "time_order"
STAGE = "data"
TITLE = "Order in time"

FEWEST_ROWS = 100
MOST_ROWS, STRETCHES = 2_000, 5
MOST_CLOCKS = 2
FEWEST_MOMENTS = 10
# Correlation of what a model of the features leaves unexplained in one row and in the next ones, up to so many.
ALIKE, DEVIATIONS, FARTHEST = 0.1, 4.0, 3
TINY = 1e-12
# The share of the error that vanishes if the neighbours of a row in time are among the training rows.
VANISHES = 0.2
BLOCKS = 20
# Of the steps from row to row that change the target, those in one direction; of classes, changes beside those of
# shuffled rows.
SORTED_NUMBERS, SORTED_CLASSES = 0.9, 0.1
RISES = 0.98

_CLOCK = re.compile(
    r"(^|[^a-z])(date|datetime|time|timestamp|year|yr|month|day|week|hour|step|period|epoch|instant)([^a-z]|$)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class _Order:
    """How much rows tell of the next: by what order, the correlation of what is left, and what vanishes."""

    clock: str | None
    alike: float
    deviations: float
    vanishes: float

    @property
    def is_telling(self) -> bool:
        return (self.alike >= ALIKE and self.deviations >= DEVIATIONS) or (
            self.clock is not None and self.vanishes >= VANISHES
        )


def check(data: Data) -> Answer:
    """Predicts each row by others drawn at random, and looks whether the errors of neighbours are alike.

    If they are, neighbours share what the features do not tell, and a random split puts neighbours of test rows among
    the training rows. The order is that of the file, and that of columns with dates. With a clock, blocks of
    neighbours are also left out together: the share of that error that vanishes at random is what the neighbours told.
    """
    if data.times is not None:
        return NotApplicable(CODE, "The split is by time already.")
    if data.groups is not None or data.has_own_test:
        return NotApplicable(CODE, "The rows were not split at random.")
    if len(data.frame) < FEWEST_ROWS:
        return NotApplicable(CODE, f"{FEWEST_ROWS} rows are needed to tell.")
    dates = [column for column in data.profile.columns if column.kind == "date" and column.distinct >= FEWEST_MOMENTS]
    dates.sort(key=lambda column: -column.distinct)
    rising = _rising(data)
    orders = [_order(data, column.name, coded(column, data.frame[column.name])) for column in dates[:MOST_CLOCKS]]
    if rising is not None and rising not in [order.clock for order in orders]:
        orders.append(_order(data, rising, None))
    if rising is None and not _is_sorted(data):
        orders.append(_order(data, None, None))
    telling = [order for order in orders if order.is_telling]
    if telling:
        return _finding(max(telling, key=lambda order: (order.clock is not None, order.vanishes, order.alike)))
    figures = _figures(max(orders, key=lambda order: order.alike)) if orders else {}
    if dates:
        title = f"Rows have dates ({named([dates[0].name])}), but those close in time are not alike"
        said = "What the features leave unexplained is independent from one row to the next, so a random split is fair."
        advice = f"To test on the latest rows all the same: {option('--time-column', dates[0].name)}."
        return Finding(CODE, "note", title, said, advice, figures, (dates[0].name,))
    if not orders:
        said = "The rows are sorted by the target, so nothing can be told about another order."
        return Finding(CODE, "fine", "Rows are sorted by the target", said, "", figures)
    said = "What the features leave unexplained is independent from one row to the next."
    return Finding(CODE, "fine", "The order of the rows tells nothing", said, "", figures)


def _rising(data: Data) -> str | None:
    """A column that tells the time, by its kind or name, and by which the rows of the file are sorted."""
    for column in data.profile.columns:
        is_clock = column.kind == "date" or (column.kind != "text" and _CLOCK.search(column.name))
        if is_clock and column.distinct >= FEWEST_MOMENTS and _rises(column, data.frame[column.name]):
            return column.name
    return None


def _rises(column: Column, cells_of: pd.Series) -> bool:
    if column.kind in ("number", "date"):
        values = coded(column, cells_of)
    elif column.kind == "identifier" and pd.api.types.is_numeric_dtype(cells_of.dtype):
        values = cells_of.to_numpy(dtype=np.float64, na_value=np.nan)
    else:
        values = np.asarray(pd.factorize(cells_of, sort=True)[0], dtype=np.float64)
    return _one_way(values[~np.isnan(values)]) >= RISES


def _one_way(values: Numbers) -> float:
    """Of the steps that are any, the share in the commoner direction."""
    steps = np.diff(values)
    steps = steps[steps != 0]
    return float(max((steps > 0).mean(), (steps < 0).mean())) if len(steps) else 0.0


def _is_sorted(data: Data) -> bool:
    """Whether the file is sorted by the target, wholly or in long blocks, so that neighbours are alike anyway."""
    targets = data.targets.astype(np.float64)
    if data.profile.target.task == "regress":
        return _one_way(targets) >= SORTED_NUMBERS
    shares = np.unique(targets, return_counts=True)[1] / len(targets)
    changes = np.count_nonzero(np.diff(targets))
    return bool(changes <= SORTED_CLASSES * len(targets) * (1 - (shares**2).sum()))


def _order(data: Data, clock: str | None, moments: Numbers | None) -> _Order:
    """What neighbours tell in the order of the file, or of `moments`, shape (rows,)."""
    order = np.arange(len(data.frame))
    if moments is not None:
        known = np.flatnonzero(~np.isnan(moments))
        order = known[np.argsort(moments[known], kind="stable")]
    rows, stretch = _stretches(order)
    truth = outcomes(data, rows)
    table = features(data, rows)[1]
    rng = np.random.default_rng([data.seed, 43])
    left = truth - judged(table, truth, rng.permutation(len(rows)) % 2, seed=data.seed)
    products = np.concatenate([_products(left, stretch, distance) for distance in range(1, FARTHEST + 1)])
    # Where nothing is left, nothing is alike.
    alike = float(products.sum() / max(TINY, (left**2).sum()) / FARTHEST)
    # The sum of uncorrelated products with mean 0 varies as much as their squares say.
    deviations = float(products.sum() / max(TINY, np.sqrt((products**2).sum())))
    vanishes = 0.0
    if clock is not None:
        block = np.arange(len(rows)) * BLOCKS // len(rows)
        without = truth - judged(table, truth, (rng.permutation(BLOCKS) % 2)[block], seed=data.seed)
        vanishes = max(0.0, 1 - float((left**2).sum() / max(TINY, (without**2).sum())))
    return _Order(clock, alike, deviations, vanishes)


def _products(left: Numbers, stretch: NDArray[np.int64], distance: int) -> Numbers:
    """What is left in each row times what is left so many rows farther on, within a stretch."""
    first = np.flatnonzero(stretch[distance:] == stretch[:-distance])
    return np.asarray((left[first] * left[first + distance]).sum(axis=1))


def _stretches(order: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Some thousand rows in stretches of neighbours, and the number of each row's stretch."""
    if len(order) <= MOST_ROWS:
        return order, np.zeros(len(order), dtype=np.int64)
    length = MOST_ROWS // STRETCHES
    starts = np.linspace(0, len(order) - length, STRETCHES).astype(np.int64)
    rows = np.concatenate([order[start : start + length] for start in starts])
    return rows, np.repeat(np.arange(STRETCHES), length)


def _figures(order: _Order) -> dict[str, float]:
    return {"alike": order.alike, "deviations": order.deviations, "vanishes": order.vanishes}


def _finding(order: _Order) -> Finding:
    of_neighbours = (
        f"What a model of the features leaves unexplained correlates by {order.alike:.2f} between neighbours"
    )
    why = "A random split gives away rows that lie next to the test rows, as they never do when the model is in use."
    if order.clock is None:
        title = "Neighbouring rows of the file are alike, and the split is random"
        explained = f"{of_neighbours}: the order means something, such as time, place or origin. {why}"
        advice = (
            "If the rows are in the order of time, add a column that numbers them and name it with --time-column; if "
            "neighbours belong together, add a column that says to what, and name it with --group."
        )
        # Files are often sorted by something that no new row will have: a warning would be too much.
        return Finding(CODE, "note", title, explained, advice, _figures(order))
    title = f"Rows that are close in {named([order.clock])} are alike, and the split is random"
    explained = (
        f"{of_neighbours}, and {order.vanishes:.0%} of the error vanishes when a row's neighbours in time are "
        f"among the training rows. {why}"
    )
    advice = f"If new rows will be later ones, test on the latest: {option('--time-column', order.clock)}."
    return Finding(CODE, "warning", title, explained, advice, _figures(order), (order.clock,))
