"""What a table holds: the kind of each column, the target, and whatever a person should know before training."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from automl.data import columns as cells
from automl.data.copies import equal_rows
from automl.data.files import printable
from automl.data.histogram import HUGE, Histogram, histogram
from automl.data.target import Target, describe_target, find_target, is_known
from automl.errors import InputError, unknown

Kind = Literal["number", "category", "boolean", "date", "text", "identifier", "constant", "dropped"]
KINDS: tuple[Kind, ...] = ("number", "category", "boolean", "date", "text", "identifier", "constant", "dropped")
LEFT_OUT: tuple[Kind, ...] = ("identifier", "constant", "dropped")

# Beyond this, a floating-point number no longer tells neighbours apart.
EXACT = 2.0**53

# Why numbers are a category that the data itself calls one.
DECLARED = "categories in the data"

# Times in nanoseconds since 1970, from 2001 to 2049.
NANOSECONDS = (1e18, 2.5e18)

# Of a column's cells that are there, those that are numbers or days if it is one of such.
LEAST_READ = 0.95

# Of a column of one value, the cells that must have it, and must lack it, for it to tell something.
FEWEST_OF_ONE_VALUE = 10
LEAST_OF_ONE_VALUE = 0.01

# Days that are written as whole numbers, and how many different ones there must be.
DAYS: tuple[Kind, str, str] = ("date", "read as YYYYMMDD", cells.ISO)
FIRST_DAY, LAST_DAY = 19000101, 21001231
FEWEST_DAYS = 10

# To read all dates of a long table would take longer than everything else that is found out about it.
MOST_DATES = 20_000

# Words that name identifiers: at the end of a name, at its beginning, or alone ("heat_index" measures something).
_LAST = frozenset({"id", "uuid", "guid", "row", "nr", "no", "key", "instant"})
_FIRST = frozenset({"id", "unnamed"})
_ALONE = frozenset({"index"})
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


@dataclass(frozen=True)
class Column:
    """Facts about one feature column.

    Attributes:
        missing: the number of cells that are empty or cannot be read.
        distinct: the number of different values, missing not counted.
        minimum, maximum, median, skew: of number columns (skew: third standardised moment).
        common: the most frequent values with their counts, of columns that are not numbers.
        date_format: how the texts of a date column are read; empty where the file has real dates.
        why: why the column has this kind, where that is not plain from its type.
        histogram: of number and date columns; dates are seconds since 1970.
    """

    name: str
    kind: Kind
    missing: int
    distinct: int
    minimum: float | None = None
    maximum: float | None = None
    median: float | None = None
    skew: float | None = None
    common: tuple[tuple[str, int], ...] = ()
    date_format: str = ""
    why: str = ""
    histogram: Histogram | None = None

    @property
    def is_used(self) -> bool:
        """Whether models see the column."""
        return self.kind not in LEFT_OUT


@dataclass(frozen=True)
class Profile:
    """Facts about a table. `columns` are the features; the target is apart.

    Attributes:
        rows: rows with a known target.
        duplicates: rows that repeat an earlier row in the target and in every column that models see.
        notes: what was decided or done without asking.
        warnings: what a person should look at before trusting a score.
    """

    rows: int
    columns: tuple[Column, ...]
    target: Target
    duplicates: int
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def count(self, kind: Kind) -> int:
        """The number of columns of one kind."""
        return sum(column.kind == kind for column in self.columns)

    @property
    def used(self) -> tuple[Column, ...]:
        """The columns that models see."""
        return tuple(column for column in self.columns if column.is_used)

    @property
    def features(self) -> list[str]:
        """The names of these."""
        return [column.name for column in self.used]

    def to_json(self) -> dict[str, Any]:
        """A dictionary for `json`."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Profile:
        """The profile that `to_json` described."""
        columns = tuple(
            Column(
                **{
                    **column,
                    "common": tuple((value, count) for value, count in column["common"]),
                    "histogram": Histogram.from_json(column.get("histogram")),
                }
            )
            for column in record["columns"]
        )
        return cls(
            record["rows"],
            columns,
            Target.from_json(record["target"]),
            record["duplicates"],
            tuple(record["notes"]),
            tuple(record["warnings"]),
        )


def profile(
    frame: pd.DataFrame,
    *,
    target: str | None = None,
    task: str | None = None,
    kinds: Mapping[str, str] | None = None,
    repeated: Collection[str] = (),
    unnamed: Collection[str] = (),
    categories: Collection[str] = (),
    deciding: pd.DataFrame | None = None,
) -> Profile:
    """Describes every column of a table and its target.

    Args:
        frame: one row per example, as `read` gives it.
        target: the target column; by default one called target, label, class or y, else the last.
        task: "classify" or "regress"; by default what the target's values suggest.
        kinds: the kinds of columns that the caller knows better, by column name.
        repeated: names that stood above several columns of the file; the target's must not be among them.
        unnamed: the columns that had no name in the file.
        categories: the columns that the data itself calls categories: they are none of numbers, unless `kinds` says so.
        deciding: the first of the rows, as they were read, that say what a feature is, where the others are those of a
            test file; by default all.

    Raises:
        InputError: the target is missing, constant or does not suit the task; a named column does not exist.
    """
    name, chosen = find_target(frame, target)
    if name in repeated:
        raise InputError(f"Several columns are called {name!r}, so it is not clear which is the target. Rename one.")
    told = _checked_kinds(frame, kinds or {}, target=name)
    described = describe_target(frame[name], task, own=None if deciding is None else len(deciding))
    known = frame[is_known(frame[name])] if described.missing else frame
    features = [str(other) for other in frame.columns if other != name]
    if not features:
        raise InputError(f"The table has no column beside the target {name!r}. A model needs at least one feature.")
    deciding = known if deciding is None else deciding[is_known(deciding[name])]
    columns, lost = _columns(known[features], told, deciding, unnamed, categories)
    if not any(column.is_used for column in columns):
        raise InputError(
            "No feature column is usable: "
            + ", ".join(f"{column.name} ({column.kind})" for column in columns[:10])
            + ". Say what a column is with --kind NAME=category."
        )
    result = Profile(len(known), columns, described, 0, notes=tuple(note for note in (chosen,) if note))
    return dataclasses.replace(
        result,
        duplicates=repeated_rows(known, result),
        notes=(*result.notes, *described.notes, *_notes(columns), *lost),
        warnings=tuple(_warnings(result)),
    )


def repeated_rows(frame: pd.DataFrame, facts: Profile) -> int:
    """How many rows of the frame repeat an earlier one in the target and in every column that models see."""
    return int(equal_rows(frame[[*facts.features, facts.target.name]]).duplicated().sum())


def _columns(
    frame: pd.DataFrame,
    told: Mapping[str, Kind],
    deciding: pd.DataFrame,
    unnamed: Collection[str],
    categories: Collection[str],
) -> tuple[tuple[Column, ...], list[str]]:
    """What each column is, and a note on each in which some cells cannot be read.

    Args:
        deciding: the rows that say what a column is.

    Raises:
        InputError: the caller has called a column numbers, dates or booleans of which no cell is any.
    """
    columns, notes = [], []
    for name, cells_of in frame.items():
        column = describe_column(cells_of, told.get(str(name)), deciding[name], is_named=name not in unnamed)
        if column.kind == "number" and name in categories and name not in told:
            column = dataclasses.replace(describe_column(cells_of, "category"), why=DECLARED)
        unread = cells.unread(cells_of, column.kind, date_format=column.date_format)
        if unread.cells:
            shown = ", ".join(repr(printable(example, 20)) for example in unread.examples)
            what = cells.READ_AS[column.kind]
            if unread.cells == unread.known:
                raise InputError(
                    f"Column {printable(column.name)!r} has no cell that is a {what}: {shown}. Leave its --kind out."
                )
            notes.append(
                f"{printable(column.name)}: cells that are no {what} count as missing: {unread.cells:,} ({shown})."
            )
            # Those that are numbers are counted where they are read.
            if column.kind != "number":
                column = dataclasses.replace(column, missing=column.missing + unread.cells)
        columns.append(column)
    return tuple(columns), notes


def _checked_kinds(frame: pd.DataFrame, kinds: Mapping[str, str], *, target: str) -> Mapping[str, Kind]:
    checked: dict[str, Kind] = {}
    for name, kind in kinds.items():
        if name not in frame.columns:
            raise unknown("column", name, [str(column) for column in frame.columns])
        if name == target:
            raise InputError(
                f"{name!r} is the target: it is not left out, and --task says whether it is classes or numbers."
                " Choose another column with --target, or leave its --kind or --drop out."
            )
        if kind not in KINDS:
            raise unknown("kind of column", kind, KINDS)
        checked[name] = kind
    return checked


def describe_column(
    column: pd.Series, told: Kind | None, deciding: pd.Series | None = None, *, is_named: bool = True
) -> Column:
    """The facts about a feature column; its kind, too, unless that is told.

    Args:
        deciding: the cells that say which kind it is, and how its dates are written; by default all.
    """
    name = str(column.name)
    deciding = column if deciding is None else deciding
    found = _kind(deciding, is_named=is_named) if told is None else (told, "as you said", _date_format(deciding))
    kind, why, date_format = found
    missing = int(column.isna().sum())
    if kind == "number":
        values = cells.numbers(column)
        values = values[~np.isnan(values)]
        missing = len(column) - len(values)
        spread = _distribution(values)
        return Column(name, kind, missing, len(np.unique(values)), **spread, why=why, histogram=histogram(values))
    counts = column.value_counts()
    if kind in cells.READ_AS and cells.is_text(column):
        missing = len(column) - int(counts[cells.are_there(cells.labels(counts.index.to_series()))].sum())
    common = tuple((str(value)[:40], int(count)) for value, count in counts.head(5).items())
    spans = histogram(_moments(column, date_format)) if kind == "date" else None
    return Column(name, kind, missing, len(counts), common=common, date_format=date_format, why=why, histogram=spans)


def _moments(column: pd.Series, date_format: str) -> np.ndarray:
    """Known dates, of many rows some, in seconds since 1970."""
    some = cells.dates(column.iloc[:: -(-len(column) // MOST_DATES)], date_format=date_format)
    return some[~np.isnat(some)].astype("datetime64[s]").astype(np.float64)


def _distribution(values: np.ndarray) -> dict[str, Any]:
    if not len(values):
        return {}
    with np.errstate(all="ignore"):
        centred = values - values.mean()
        spread = centred.std()
        skew = float(np.mean((centred / spread) ** 3)) if spread > 0 else 0.0
    return {
        "minimum": float(values.min()),
        "maximum": float(values.max()),
        # Of an even number of values it is half their sum, which the largest ones do not have.
        "median": float(np.quantile(values, 0.5, method="lower" if np.abs(values).max() > HUGE else "linear")),
        "skew": skew if np.isfinite(skew) else None,
    }


def _kind(column: pd.Series, *, is_named: bool) -> tuple[Kind, str, str]:
    """The kind, the reason, and the date format."""
    known = column.dropna()
    distinct, missing = known.nunique(), len(column) - len(known)
    if not distinct:
        return "constant", "empty", ""
    # Of texts, blank ones are still among them.
    if distinct == 1 and not cells.is_text(column):
        return _kind_of_one_value(str(known.iloc[0]), len(known), missing)
    if pd.api.types.is_bool_dtype(column.dtype):
        return "boolean", "", ""
    if cells.is_date(column):
        return "date", "", ""
    if not cells.is_text(column) and pd.api.types.is_numeric_dtype(column.dtype):
        return _kind_of_numbers(known, distinct, missing, is_named=is_named)
    return _kind_of_texts(known, distinct, missing)


def _kind_of_one_value(value: str, there: int, missing: int) -> tuple[Kind, str, str]:
    """A category where enough rows have the value and enough have none, as with boxes to tick; otherwise a constant."""
    if min(there, missing) >= max(FEWEST_OF_ONE_VALUE, LEAST_OF_ONE_VALUE * (there + missing)):
        return "category", "one value, or missing", ""
    return "constant", f"always {value[:30]!r}" + ", or missing" * bool(missing), ""


def _kind_of_numbers(known: pd.Series, distinct: int, missing: int, *, is_named: bool) -> tuple[Kind, str, str]:
    values = cells.numbers(known)
    # 0 and -0 are two floating-point numbers and one value.
    if len(np.unique(values)) == 1:
        return _kind_of_one_value(cells.number_label(values[0]), len(known), missing)
    if distinct == 2 and set(np.unique(values)) == {0.0, 1.0}:
        return "boolean", "", ""
    if _are_days(known, values):
        return DAYS
    if distinct == len(known) and len(known) >= 20 and pd.api.types.is_integer_dtype(known.dtype):
        if np.all(np.diff(values) == 1):
            return "identifier", "counts the rows", ""
        # pandas writes the numbers of the rows without one, and rows that were shuffled keep theirs.
        if not is_named:
            return "identifier", "different in every row, and without a name", ""
        if _is_called_identifier(str(known.name)):
            return "identifier", "different in every row, and named like one", ""
    if distinct > 0.5 * len(known) and len(known) >= 20 and _are_too_long(values):
        return "identifier", "whole numbers too long to be measured", ""
    return "number", "", ""


def _are_days(known: pd.Series, values: np.ndarray) -> bool:
    """Whether nearly all cells that are numbers are days that are written as whole numbers, as 20240131 is.

    Args:
        values: shape (rows,), the cells as numbers.
    """
    is_there = np.isfinite(values)
    there = values[is_there]
    if not len(there) or there.min() < FIRST_DAY or there.max() > LAST_DAY or np.any(there % 1):
        return False
    different = known[is_there].drop_duplicates()
    some = different.iloc[:: -(-len(different) // MOST_DATES)]
    return len(different) >= FEWEST_DAYS and bool(np.mean(~np.isnat(cells.dates(some))) >= LEAST_READ)


def _are_too_long(values: np.ndarray) -> bool:
    """Whether all have the same number of digits, more than a measurement has, and are no nanoseconds since 1970."""
    sizes = np.abs(values)
    shortest, longest = sizes.min(), sizes.max()
    if not shortest >= EXACT or (shortest >= NANOSECONDS[0] and longest <= NANOSECONDS[1]):
        return False
    return bool(np.floor(np.log10(shortest)) == np.floor(np.log10(longest)))


def words(name: str) -> list[str]:
    """The words of a column's name, in lower case.

    >>> words("customerID"), words("AMOUNT_PAID"), words("IDNumber 2")
    (['customer', 'id'], ['amount', 'paid'], ['id', 'number'])
    """
    return [word.lower() for word in _WORD.findall(name)]


def is_called(name: str, *, first: Collection[str], last: Collection[str]) -> bool:
    """Whether the first or the last word of a column's name is among these."""
    own = words(name)
    return bool(own) and (own[0] in first or own[-1] in last)


def _is_called_identifier(name: str) -> bool:
    return is_called(name, first=_FIRST, last=_LAST) or (len(words(name)) == 1 and words(name)[0] in _ALONE)


def _kind_of_texts(known: pd.Series, distinct: int, missing: int) -> tuple[Kind, str, str]:
    texts = cells.labels(known)
    different = [text for text in dict.fromkeys(texts.tolist()) if text is not None]
    if not different:
        return "constant", "blank", ""
    if len(different) == 1:
        blank = int(pd.isna(texts).sum())
        return _kind_of_one_value(different[0], len(known) - blank, missing + blank)
    lowered = {text.lower() for text in different}
    if len(lowered) == 2 and lowered & cells.TRUE and lowered & cells.FALSE and lowered <= cells.TRUE | cells.FALSE:
        return "boolean", "", ""
    values = cells.numbers(known)
    read = np.isfinite(values[cells.are_there(texts)])
    if read.any() and read.mean() >= LEAST_READ:
        return DAYS if _are_days(known, values) else ("number", "text that reads as numbers", "")
    found = cells.find_date_format(texts)
    if found:
        date_format, ambiguous = found
        return "date", f"read as {date_format}" + (", the day might as well come first" * ambiguous), date_format
    words = float(np.mean([text.count(" ") + 1 for text in different]))
    if (words >= 3 and distinct > 0.5 * len(known)) or words >= 8:
        return "text", f"{words:.0f} words on average", ""
    if distinct == len(known) and len(known) >= 20:
        return "identifier", "different in every row", ""
    return "category", "", ""


def _date_format(column: pd.Series) -> str:
    found = cells.find_date_format(cells.labels(column)) if cells.is_text(column) else None
    return found[0] if found else ""


def _notes(columns: tuple[Column, ...]) -> list[str]:
    left_out = [f"{column.name} ({column.why})" for column in columns if not column.is_used]
    repaired = [f"{column.name} ({column.why})" for column in columns if column.is_used and column.why]
    notes = []
    if left_out:
        notes.append(f"Left out: {', '.join(left_out)}. Keep one with --kind NAME=category.")
    if repaired:
        notes.append(f"Understood: {', '.join(repaired)}.")
    return notes


def _warnings(facts: Profile) -> list[str]:
    warnings = []
    if facts.target.task == "classify":
        (rarest, fewest), (_, most) = min(facts.target.counts, key=lambda item: item[1]), facts.target.counts[0]
        if fewest / most < 0.05:
            warnings.append(f"Imbalanced: {most / fewest:.0f} rows of the commonest class to one of {rarest!r}.")
    elif facts.target.skew is not None and abs(facts.target.skew) > 3:
        warnings.append(f"The target has a long tail (skew {facts.target.skew:.1f}): a few rows decide the error.")
    warnings += [
        f"{column.name} is missing in {column.missing / facts.rows:.0%} of the rows."
        for column in facts.columns
        if column.is_used and column.missing > 0.5 * facts.rows
    ]
    warnings += [
        f"{column.name}: day and month cannot be told apart in its dates; read as {column.date_format}."
        for column in facts.columns
        if "might as well" in column.why
    ]
    if facts.rows < 200:
        warnings.append(f"Only {facts.rows} rows: the scores have wide margins.")
    return warnings
