"""Where the model errs far more than on average: a class, or the rows with certain values of a column."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automl.data import columns as cells
from automl.data.profile import Column
from automl.diagnostics import Answer, Evidence, Finding, NotApplicable
from automl.diagnostics._losses import plain_errors
from automl.diagnostics._parts import PARTS
from automl.figures import count, percent, score, value
from automl.plain import plain

STAGE = "training"
TITLE = "Weak spots"

# A slice has at least so many rows, and at least this share of them.
LEAST_ROWS, LEAST_SHARE = 20, 0.02
# And what is not in it is at least as much, to compare with.
MOST_SHARE = 0.5
BINS = 5
MOST_CATEGORIES = 20
MOST_ROWS = 20_000
# Rows times slices, which is what the time goes with.
MOST_CELLS = 5_000_000
SHUFFLES = 200
RARE = 0.01
# How many times the average error makes a spot weak, and how many times very weak. The latter is for columns alone: a
# rare class is missed more often by any model, three times as often as the average in good ones.
WEAK, VERY_WEAK = 1.5, 3.0
# A class of which less than this is recognised is as good as unknown to the model.
UNRECOGNISED = 0.05
MOST_NAMED = 3


@dataclass(frozen=True)
class Slice:
    """Some of the rows.

    Attributes:
        column: that it is cut by; empty for a class of the target.
        says: which rows they are, in words.
        rows: shape (rows,), whether a row is in it.
    """

    column: str
    says: str
    rows: NDArray[np.bool_]


@dataclass(frozen=True)
class Spot:
    """A slice with a mean error above the average.

    Attributes:
        size: how many rows it has.
        times: how many times the average error it has.
    """

    column: str
    says: str
    size: int
    error: float
    times: float


def check(evidence: Evidence) -> Answer:
    """Compares the mean error of each class, category and fifth of a number with that of all rows.

    The error is the share of wrong answers, or the mean distance from the true value. Among many slices some are bad by
    chance: a slice counts only where it stands out more than the worst slice does in 99 of 100 tables whose errors are
    shuffled over the rows, group by group where the user has named groups (Westfall and Young 1993).
    """
    data, part = evidence.data, evidence.unseen
    targets = data.of(part)
    if len(targets) < 2 * LEAST_ROWS:
        return NotApplicable("weak_spots", f"{len(targets)} {PARTS[part]} rows are too few to be cut into slices.")
    rng = np.random.default_rng([data.seed, 41])
    most = int(min(MOST_ROWS, MOST_CELLS / max(1, BINS * len(data.profile.used))))
    kept = np.sort(rng.choice(len(targets), most, replace=False)) if len(targets) > most else np.arange(len(targets))
    errors = plain_errors(data.task, targets[kept], evidence.blended[part][kept])
    frame = data.frame.iloc[getattr(data.split, part)[kept]]
    slices = [
        cut
        for cut in (*_by_class(evidence, targets[kept]), *_by_column(frame, data.profile.used))
        if max(LEAST_ROWS, LEAST_SHARE * len(errors)) <= cut.rows.sum() <= MOST_SHARE * len(errors)
    ]
    if not slices:
        return NotApplicable("weak_spots", f"No class or column cuts {len(errors)} rows into slices large enough.")
    groups = data.groups_of(part)
    of_kept = None if groups is None else groups[kept]
    spots = sorted(find(slices, errors, groups=of_kept, rng=rng), key=lambda spot: -spot.times)
    average = float(errors.mean())
    figures = {"weak_spots": float(len(spots)), "slices": float(len(slices)), "average_error": average}
    is_share = data.task.PREDICTS == "probabilities"
    measured = f"On average {_amount(average, is_share)} on {count(len(errors), f'{PARTS[part]} row')}."
    if not spots:
        title = "It errs about as much everywhere"
        explained = f"{measured} Of {count(len(slices), 'slice')} none stands out beyond chance."
        return Finding("weak_spots", "fine", title, explained, "", figures)
    figures["worst_times"] = spots[0].times
    explained = f"{measured} " + " ".join(
        f"Where {spot.says} ({count(spot.size, 'row')}): {_amount(spot.error, is_share)}."
        for spot in spots[:MOST_NAMED]
    )
    unknown = [spot for spot in spots if not spot.column and is_share and spot.error > 1 - UNRECOGNISED]
    very_weak = [spot for spot in spots if spot.column and spot.times >= VERY_WEAK]
    severe = [*unknown, *very_weak]
    named = severe[0] if severe else spots[0]
    title = f"It errs {named.times:.1f} times as much as on average where {named.says}"
    advice = "Don't rely on it there. More rows of this kind help most; a look at them may show what the columns lack."
    if any(not spot.column for spot in (named, *spots[:MOST_NAMED])):
        advice += " For rare classes --balance gives each class the same weight."
    columns = tuple(dict.fromkeys(spot.column for spot in spots if spot.column))
    details = tuple({"where": spot.says, "rows": spot.size, "error": spot.error, "average": average} for spot in spots)
    return Finding("weak_spots", "warning" if severe else "note", title, explained, advice, figures, columns, details)


def _amount(error: float, is_share: bool) -> str:
    return f"{percent(error)} of the answers are wrong" if is_share else f"it is off by {score(error)}"


def find(
    slices: list[Slice],
    errors: NDArray[np.float64],
    *,
    groups: NDArray[np.int64] | None = None,
    rng: np.random.Generator,
) -> list[Spot]:
    """The slices whose mean error is beyond chance, and far enough above the average.

    Args:
        errors: shape (rows,), 0 or more.
        groups: of the rows, which err together.
    """
    average, spread = float(errors.mean()), float(errors.std())
    if not spread > 0:
        return []
    inside = np.array([cut.rows for cut in slices], dtype=np.float32)  # (slices, rows)
    sizes = inside.sum(axis=1)
    scale = spread * np.sqrt(1 / sizes - 1 / len(errors))
    shuffled = np.array(list(_shuffled(errors, groups, rng)), dtype=np.float32)
    by_chance = ((inside @ shuffled.T / sizes[:, None] - average) / scale[:, None]).max(axis=0)
    means = inside @ errors.astype(np.float32) / sizes
    beyond = (means - average) / scale > np.quantile(by_chance, 1 - RARE)
    return [
        Spot(cut.column, cut.says, int(size), float(mean), float(mean / average))
        for cut, size, mean, stands_out in zip(slices, sizes, means, beyond, strict=True)
        if stands_out and mean >= WEAK * average
    ]


def _shuffled(
    errors: NDArray[np.float64], groups: NDArray[np.int64] | None, rng: np.random.Generator
) -> Iterator[NDArray[np.float64]]:
    """Errors that have nothing to do with the rows any more; those of a group stay together."""
    if groups is None:
        yield from (rng.permutation(errors) for _ in range(SHUFFLES))
        return
    numbers = np.unique(groups, return_inverse=True)[1]
    by_group = np.argsort(numbers, kind="stable")
    sizes = np.bincount(numbers)
    first = np.cumsum(sizes) - sizes
    for _ in range(SHUFFLES):
        # Each group's rows err as those of another group do, which may be more or fewer.
        other = rng.permutation(len(sizes))[numbers]
        yield errors[by_group[first[other] + rng.integers(sizes[other])]]


def _by_class(evidence: Evidence, targets: NDArray[np.int64]) -> Iterator[Slice]:
    data = evidence.data
    if data.task.PREDICTS != "probabilities":
        return
    name = plain(data.profile.target.name, longest=40)
    for number, label in enumerate(data.specification["labels"]):
        yield Slice("", f"{name} is {plain(str(label), longest=40)!r}", targets == number)


def _by_column(frame: pd.DataFrame, columns: tuple[Column, ...]) -> Iterator[Slice]:
    for column in columns:
        own, name = frame[column.name], plain(column.name, longest=40)
        if column.kind == "number":
            yield from _by_number(column.name, name, cells.numbers(own))
        elif column.kind in ("category", "boolean"):
            labels = pd.Series(cells.labels(own))
            for label in labels.value_counts().index[:MOST_CATEGORIES]:
                yield Slice(column.name, f"{name} is {plain(str(label), longest=40)!r}", (labels == label).to_numpy())
            yield Slice(column.name, f"{name} is missing", labels.isna().to_numpy())


def _by_number(column: str, name: str, values: NDArray[np.float64]) -> Iterator[Slice]:
    """Fifths of the rows, or single values of a number that has few."""
    missing = np.isnan(values)
    yield Slice(column, f"{name} is missing", missing)
    known = values[~missing]
    if not len(known):
        return
    different = np.unique(known)
    if len(different) <= BINS:
        for one in different:
            yield Slice(column, f"{name} is {value(float(one))}", values == one)
        return
    ends = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)))
    for low, high in pairwise(ends):
        last = high == ends[-1]
        rows = (values >= low) & ((values <= high) if last else (values < high))
        yield Slice(column, f"{name} is {value(float(low))} to {value(float(high))}", rows)
