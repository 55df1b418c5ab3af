"""The target: which column, for which task, and whether it can be learned at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from automl.data import columns as cells
from automl.data.histogram import Histogram, histogram
from automl.errors import InputError, unknown

TaskName = Literal["classify", "regress"]
USUAL_NAMES = ("target", "label", "class", "y")
FEWEST_ROWS = 10
MOST_CLASSES = 200
# Of a target's values, those that may be something else than numbers for it to be numbers all the same.
MOST_STRANGERS = 0.05
# Of the spread of a target: scores and gradients are compared and summed in single precision.
LARGEST = 1e30


@dataclass(frozen=True)
class Target:
    """The target column.

    Attributes:
        counts: of a classification, each class (in its textual form) with its rows, the commonest first.
        minimum, maximum, median, skew, histogram: of a regression.
        missing: rows without a target; they are left out.
    """

    name: str
    task: TaskName
    missing: int = 0
    counts: tuple[tuple[str, int], ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    median: float | None = None
    skew: float | None = None
    notes: tuple[str, ...] = ()
    histogram: Histogram | None = None

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Target:
        """The target that `dataclasses.asdict` described."""
        return cls(
            **{
                **record,
                "counts": tuple((label, rows) for label, rows in record["counts"]),
                "notes": tuple(record["notes"]),
                "histogram": Histogram.from_json(record.get("histogram")),
            }
        )


def find_target(frame: pd.DataFrame, target: str | None) -> tuple[str, str]:
    """The target's column name, and a note on how it was chosen (empty if the caller named it).

    Raises:
        InputError: there is no such column.
    """
    names = [str(name) for name in frame.columns]
    if target is not None:
        # Names lose their outer spaces when a table is read.
        for name in (target, target.strip()):
            if name in names:
                return name, ""
        raise unknown("column", target, names)
    for usual in USUAL_NAMES:
        for name in names:
            if name.strip().lower() == usual:
                return name, f"The target is {name!r}, by its name. Choose another with --target."
    return names[-1], f"The target is the last column, {names[-1]!r}. Choose another with --target."


def describe_target(column: pd.Series, task: str | None, *, own: int | None = None) -> Target:
    """What the target's values are, for the given task or for the one that they suggest.

    Args:
        own: how many rows come before those of a test file; None without one.

    Raises:
        InputError: the values cannot be learned, or do not suit the task.
    """
    name = str(column.name)
    missing = int((~is_known(column)).sum())
    known = column[is_known(column)]
    _check_enough(name, known, missing)
    numbers = _as_numbers(known)
    notes = []
    if numbers is None and task != "classify":
        _check_few_strangers(name, column, own)
    if task is None:
        task = _likely_task(known, numbers)
        notes.append(f"The task is {task}, by the values of {name!r}. Choose another with --task.")
    if missing:
        notes.append(f"{missing:,} rows have no value in {name!r} and are left out.")
    if task == "regress":
        if numbers is not None:
            _check_finite(name, numbers, np.flatnonzero(is_known(column)), own)
        return _regression(name, known, numbers, missing, notes)
    if task == "classify":
        return _classification(name, known, numbers, missing, notes)
    raise unknown("task", task, ("classify", "regress"))


def is_known(column: pd.Series, classes: Sequence[str] = ()) -> np.ndarray:
    """Shape (rows,): whether each row has a target; blank text is missing.

    Args:
        classes: the labels of a model that is to be scored; without them, the other rows say what may be a class.
    """
    known = column.notna().to_numpy(dtype=bool)
    if cells.is_text(column):
        texts = cells.labels(column)
        known = known & np.array([text is not None for text in texts], dtype=bool)
        # Among numbers, what people write where there is none. Classes may be called so.
        absent = np.array([text is not None and text.lower() in cells.ABSENT for text in texts], dtype=bool)
        others = pd.Series(classes, dtype=object) if classes else column[known & ~absent]
        if absent.any() and not np.isnan(cells.numbers(others)).any():
            known = known & ~absent
    return known


def _check_enough(name: str, known: pd.Series, missing: int) -> None:
    rows = len(known) + missing
    if not len(known):
        raise InputError(f"The target {name!r} is empty in all {rows:,} rows. Choose another column with --target.")
    if missing > 0.5 * rows:
        raise InputError(
            f"The target {name!r} is missing in {missing:,} of {rows:,} rows. "
            "Choose another column with --target, or remove the rows without one."
        )
    if len(known) < FEWEST_ROWS:
        raise InputError(f"The table has {len(known)} rows with a target; at least {FEWEST_ROWS} are needed.")
    # Two texts may be one label, with spaces around it, and so may 0 and -0.
    different = known.drop_duplicates()
    if len(different) <= MOST_CLASSES and len(set(cells.labels(different))) == 1:
        raise InputError(
            f"The target {name!r} has only one value, {str(known.iloc[0])[:40]!r}, in {len(known):,} rows. "
            "There is nothing to learn: choose another column with --target."
        )


def _as_numbers(known: pd.Series) -> np.ndarray | None:
    """The values as numbers, or None if some are not."""
    if pd.api.types.is_bool_dtype(known.dtype) or pd.api.types.is_datetime64_any_dtype(known.dtype):
        return None
    if not cells.is_text(known) and pd.api.types.is_numeric_dtype(known.dtype):
        return known.to_numpy(dtype=np.float64)
    numbers = cells.numbers(known)
    return None if np.isnan(numbers).any() else numbers


def _check_few_strangers(name: str, column: pd.Series, own: int | None) -> None:
    """Numbers among which a few cells are something else are no classes, whatever these cells are."""
    if not cells.is_text(column):
        return
    parsed, texts = cells.numbers(column), cells.labels(column)
    strange = np.flatnonzero(np.isnan(parsed) & is_known(column))
    known = int(is_known(column).sum())
    if len(strange) <= MOST_STRANGERS * known and len(np.unique(parsed[~np.isnan(parsed)])) > MOST_CLASSES:
        raise InputError(
            f"The target {name!r} holds numbers, but {len(strange):,} of its {known:,} values are none, the first"
            f" {texts[strange[0]][:40]!r} in {_row(strange[0], own)}. Correct them, or leave them empty."
        )


def _check_finite(name: str, numbers: np.ndarray, places: np.ndarray, own: int | None) -> None:
    """The numbers are none that cannot be computed with.

    Args:
        places: shape (numbers,), where each is in the table.
    """
    infinite = places[~np.isfinite(numbers)]
    if len(infinite):
        rows = ", ".join(_row(place, own) for place in infinite[:5])
        raise InputError(f"The target {name!r} is infinite in {rows}. Correct or remove these rows.")


def _row(place: int, own: int | None) -> str:
    """Which row of its file that is, for messages."""
    return f"row {place + 1:,}" if own is None or place < own else f"row {place - own + 1:,} of the test file"


def _likely_task(known: pd.Series, numbers: np.ndarray | None) -> TaskName:
    if numbers is None:
        return "classify"
    distinct = known.nunique()
    whole = bool(np.all(numbers == np.round(numbers)))
    return "classify" if distinct == 2 or (whole and distinct <= 20 and distinct < 0.1 * len(known)) else "regress"


def _regression(name: str, known: pd.Series, numbers: np.ndarray | None, missing: int, notes: list[str]) -> Target:
    if numbers is None:
        parsed = cells.numbers(known)
        samples = ", ".join(repr(str(value)[:20]) for value in known[np.isnan(parsed)].unique()[:3])
        raise InputError(
            f"The target {name!r} holds text ({samples}), so it cannot be predicted as a number. Use --task classify."
        )
    with np.errstate(all="ignore"):
        spread = numbers.std()
    if not 1 / LARGEST < spread < LARGEST:
        raise InputError(
            f"The values of the target {name!r} lie between {numbers.min():g} and {numbers.max():g}, which cannot be"
            " computed with. Correct them, or give them in another unit."
        )
    skew = float(np.mean(((numbers - numbers.mean()) / spread) ** 3))
    return Target(
        name,
        "regress",
        missing,
        minimum=float(numbers.min()),
        maximum=float(numbers.max()),
        median=float(np.median(numbers)),
        skew=skew,
        notes=tuple(notes),
        histogram=histogram(numbers),
    )


def _classification(name: str, known: pd.Series, numbers: np.ndarray | None, missing: int, notes: list[str]) -> Target:
    counts = pd.Series(cells.labels(known), dtype=object).value_counts()
    if numbers is not None and len(counts) > MOST_CLASSES:
        raise InputError(
            f"The target {name!r} has {len(counts):,} different numbers, too many for classes. Use --task regress."
        )
    if len(counts) > MOST_CLASSES or len(counts) > 0.5 * len(known):
        raise InputError(
            f"The target {name!r} has {len(counts):,} different values in {len(known):,} rows: "
            "it looks like an identifier, not like classes. Choose another column with --target."
        )
    ordered = sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))
    if ordered[1][1] < 2:
        raise InputError(
            f"The target {name!r} has {ordered[0][1]:,} rows of {str(ordered[0][0])[:40]!r}, and no other value has"
            " more than one row. There is nothing to learn: add rows, or choose another column with --target."
        )
    return Target(name, "classify", missing, tuple((str(k), int(v)) for k, v in ordered), notes=tuple(notes))
