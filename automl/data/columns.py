"""A column's cells as numbers, booleans, dates or labels: one reading for the profile, training and prediction.

Every function takes a pandas column of any type and gives one NumPy value per row; what cannot be read is missing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

TRUE = frozenset({"true", "t", "yes", "y", "1", "1.0"})
FALSE = frozenset({"false", "f", "no", "n", "0", "0.0"})

# What real dates are written as, too.
ISO = "ISO8601"
DATE_FORMATS = (
    ISO,
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%Y/%m/%d",
    "%d.%m.%Y",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%m/%d/%y",
    "%d/%m/%y",
    "%d %b %Y",
    "%d %B %Y",
    "%d-%b-%Y",
    "%b %d, %Y",
    "%B %d, %Y",
    "%m/%d/%Y %H:%M",
    "%d/%m/%Y %H:%M",
    "%d.%m.%Y %H:%M",
    "%d-%m-%Y %H:%M",
    "%m-%d-%Y %H:%M",
    "%m/%d/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M:%S",
    "%d.%m.%Y %H:%M:%S",
    "%d-%m-%Y %H:%M:%S",
    "%m-%d-%Y %H:%M:%S",
    "%d-%b-%Y %H:%M:%S",
    "%d-%b-%y",
    "%m/%d/%y %H:%M",
    "%d/%m/%y %H:%M",
    "%m/%d/%Y %I:%M %p",
    "%d/%m/%Y %I:%M %p",
    "%m/%d/%Y %I:%M:%S %p",
    "%d/%m/%Y %I:%M:%S %p",
    "%Y-%m-%d %H:%M:%S UTC",
)

# Where the years 1 to 9999 begin and end, in days since 1970.
FIRST_DAY, END_OF_DAYS = -719_162, 2_932_897

# The largest number that networks and trees calculate with (float32), rounded.
LARGEST = 1e38

# What people write where there is nothing, what databases do ("\N"), and spreadsheets that could not compute a cell.
ABSENT = frozenset({"na", "n/a", "nan", "null", "none", "missing", "-", "--", "?", ".", "..", ":", "\\n"}) | frozenset(
    {"#n/a", "#div/0!", "#name?", "#null!", "#num!", "#ref!", "#value!"}
)

# What a column may be read as that not every cell is, and how one cell of it is called.
READ_AS = {"number": "number", "boolean": "yes or no", "date": "date"}

FORMAT_MARK = " or "
MOST_FORMATS = 3
# Of the different texts of a column, those that are tried as dates.
MOST_SAMPLED = 2_000

# "$ 5", "-$5", "$-5", "5 €" and "5 %"; and "($5)", which is -5 to an accountant.
_DECORATED = re.compile(r"[\s$€£¥]*(?:([+-])[\s$€£¥]*)?([\d.,eE+-]+)[\s%$€£¥]*")
_IN_PARENTHESES = re.compile(r"[\s$€£¥]*\(([^()+-]+)\)[\s%$€£¥]*")
# "0,125" has a decimal comma, whatever else the column holds.
_THOUSANDS = re.compile(r"^[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d*)?$")
# "1 234.5" and "1'234.5", with a space of any kind.
_SET_APART = re.compile(r"(?<![\d.,])([1-9]\d{0,2})((?:[\s'’]\d{3})+)(?![\d'’])")
_LOOKS_LIKE_DATE = r"\d[-/. ,][A-Za-z\d]+[-/. ,]|^[A-Za-z]{3,9} \d|^[12]\d{3}-\d{2}$"


@dataclass(frozen=True)
class Unread:
    """Cells that are there and mean nothing to a column's reading: they count as missing.

    Attributes:
        known: the cells that are there.
        examples: some of those that are not read, the most frequent first.
    """

    cells: int
    known: int
    examples: tuple[str, ...] = ()

    @property
    def share(self) -> float:
        """Of the cells that are there."""
        return self.cells / max(1, self.known)


def unread(column: pd.Series, kind: str, *, date_format: str = "") -> Unread:
    """The cells of a number, date or boolean column that are no such thing; none of a column of another kind."""
    if kind not in READ_AS or (not is_text(column) and _is_read(column, kind)):
        return Unread(0, int(column.notna().sum()))
    counts = column.value_counts()
    different = counts.index.to_series()
    if kind == "number":
        lost = np.isnan(numbers(different))
    elif kind == "boolean":
        lost = np.isnan(booleans(different))
    else:
        lost = np.isnat(dates(different, date_format=date_format))
    texts = labels(different)
    lost &= are_there(texts)
    return Unread(int(counts[lost].sum()), int(counts.sum()), tuple(texts[lost][:3]))


def _is_read(column: pd.Series, kind: str) -> bool:
    """Whether a look at the type, or at the range of numbers, shows that every cell is read."""
    if kind == "number" and pd.api.types.is_numeric_dtype(column.dtype):
        return not np.isinf(column.to_numpy(dtype=np.float64, na_value=np.nan)).any()
    return kind == "date" and bool(pd.api.types.is_datetime64_any_dtype(column.dtype))


def is_text(column: pd.Series) -> bool:
    """Whether the cells are text, by the column's type."""
    return bool(pd.api.types.is_string_dtype(column.dtype) or isinstance(column.dtype, pd.CategoricalDtype))


def is_date(column: pd.Series) -> bool:
    """Whether the cells are dates, by the column's type."""
    return bool(pd.api.types.is_datetime64_any_dtype(column.dtype) or "date" in str(column.dtype))


def numbers(column: pd.Series) -> NDArray[np.float64]:
    """Shape (rows,), NaN where missing. Text such as "1,234.5", "-$12" or "7 %" counts as a number (7, not 0.07)."""
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return np.full(len(column), np.nan)
    if not is_text(column):
        numeric = column if pd.api.types.is_numeric_dtype(column.dtype) else pd.to_numeric(column, errors="coerce")
        values = numeric.to_numpy(dtype=np.float64, na_value=np.nan)
        return np.where(np.isinf(values), np.nan, values)
    texts = labels(column)
    values = np.full(len(texts), np.nan)
    known: dict[str, float] = {}
    for row, text in enumerate(texts):
        if text is not None:
            if text not in known:
                known[text] = _number(text)
            values[row] = known[text]
    return values


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = _decorated(text)
    # float() also reads "nan", "infinity" and "1_000", which nobody writes as a number in a table.
    return value if np.isfinite(value) and "_" not in text else np.nan


def _decorated(text: str) -> float:
    """The number in a text with a currency, a percent sign, thousands set apart, or a minus of another kind."""
    plain = text.replace("\N{MINUS SIGN}", "-")
    if negative := _IN_PARENTHESES.fullmatch(plain):
        plain = f"-{negative[1]}"
    plain = _SET_APART.sub(lambda digits: digits[1] + re.sub(r"\D", "", digits[2]), plain, count=1)
    found = _DECORATED.fullmatch(plain)
    if not found:
        return np.nan
    bare = (found[1] or "") + found[2]
    if _THOUSANDS.match(bare):
        bare = bare.replace(",", "")
    try:
        return float(bare)
    except ValueError:
        return np.nan


def calculable(column: pd.Series) -> NDArray[np.float64]:
    """Numbers, none beyond what float32 can hold."""
    return np.clip(numbers(column), -LARGEST, LARGEST)


def labels(column: pd.Series) -> NDArray[np.object_]:
    """Shape (rows,): the cells as text without outer spaces, None where missing or blank; 3 and 3.0 are both "3"."""
    missing = column.isna().to_numpy()
    if pd.api.types.is_bool_dtype(column.dtype):
        texts = np.where(column.fillna(False).to_numpy(dtype=bool), "true", "false").astype(object)
    elif pd.api.types.is_numeric_dtype(column.dtype):
        values = column.to_numpy(dtype=object, na_value=0)
        unique = {value: number_label(value) for value in dict.fromkeys(values.tolist())}
        texts = np.array([unique[value] for value in values.tolist()], dtype=object)
    else:
        # Python's own strings: one pass, and no surprise from a column that mixes types.
        texts = np.array([str(cell).strip() for cell in column.to_numpy(dtype=object, na_value="")], dtype=object)
        missing = missing | (texts == "")
    texts[missing] = None
    return cast("NDArray[np.object_]", texts)


def are_there(texts: NDArray[np.object_]) -> NDArray[np.bool_]:
    """Shape (rows,): whether labels are there and are more than a word for nothing."""
    return np.array([text is not None and text.lower() not in ABSENT for text in texts], dtype=bool)


def number_label(value: float) -> str:
    """The text that stands for a number that is a label: whole numbers without a decimal point."""
    return str(int(value)) if float(value).is_integer() and abs(value) < 2**63 else repr(float(value))


def meaning(text: str) -> str:
    """The label of the number, or of true or false, that a text stands for: "17" for "17.0", "true" for "True"."""
    number = _number(text)
    return text.lower() if np.isnan(number) else number_label(number)


def booleans(column: pd.Series) -> NDArray[np.float64]:
    """Shape (rows,): 1 for true, yes, y, t, 1; 0 for their opposites in any case; NaN for anything else."""
    meaning = {**dict.fromkeys(TRUE, 1.0), **dict.fromkeys(FALSE, 0.0)}
    return np.array([np.nan if text is None else meaning.get(text.lower(), np.nan) for text in labels(column)])


def dates(column: pd.Series, *, date_format: str = "") -> NDArray[np.datetime64]:
    """Shape (rows,), in microseconds, UTC where the cells name a zone, NaT where missing.

    Text is read with `date_format` (strptime codes or "ISO8601", several with " or " between them, of which the first
    that suits a cell counts; as `find_date_format` gives it).
    """
    if is_date(column):
        parsed = pd.to_datetime(column.astype(object).where(column.notna(), None), errors="coerce", utc=True)
    else:
        texts = pd.Series(labels(column), dtype=object)
        first, *others = (date_format or ISO).split(FORMAT_MARK)
        parsed = _dates(texts, first)
        for other in others:
            parsed = parsed.fillna(_dates(texts, other))
    return parsed.dt.tz_localize(None).to_numpy(dtype="datetime64[us]")


def find_date_format(texts: NDArray[np.object_]) -> tuple[str, bool] | None:
    """The format, or up to three, that reads at least 95 % of the non-missing texts, and whether it is ambiguous.

    It is if the other order of day and month would do as well. None if the texts are no dates.
    """
    different = list(dict.fromkeys(texts[are_there(texts)]))
    # From all over the table: where it is sorted, its first days are all of one month.
    sample = pd.Series(different[:: -(-len(different) // MOST_SAMPLED) or 1], dtype=object)
    if sample.empty or not sample.str.contains(r"\d", regex=True).mean() > 0.95:
        return None
    # Bare years and other plain numbers are numbers; a date has two separators, a month's name or the form "2024-01".
    if not sample.str.contains(_LOOKS_LIKE_DATE, regex=True).mean() > 0.95 or _are_seasons(sample):
        return None
    chosen: list[str] = []
    ambiguous = False
    rest = sample
    while len(rest) > 0.05 * len(sample):
        formats = [other for other in DATE_FORMATS if other not in chosen and _swapped(other) not in chosen]
        counts = {other: int(_dates(rest, other).notna().sum()) for other in formats}
        best = max(counts, key=lambda other: counts[other])
        # One that suits a few cells by chance would hide mistakes.
        if counts[best] < 0.05 * len(sample) or len(chosen) == MOST_FORMATS:
            return None
        if counts.get(_swapped(best), 0) >= counts[best] and _swapped(best) != best:
            either = {order: int(_dates(pd.Series(different), order).notna().sum()) for order in (best, _swapped(best))}
            best = max(either, key=lambda order: either[order])
            ambiguous |= len(set(either.values())) == 1
        chosen.append(best)
        rest = rest[_dates(rest, best).isna()]
    return FORMAT_MARK.join(chosen), ambiguous


def _are_seasons(texts: pd.Series) -> bool:
    """Whether the texts are years with the next one behind, as in "2009-10", and no months."""
    years = texts.str.extract(r"^(\d{4})-(\d{2})$").astype(float)
    return bool(((years[0] + 1) % 100 == years[1]).all())


def _dates(texts: pd.Series, date_format: str) -> pd.Series:
    return pd.to_datetime(texts, format=date_format, errors="coerce", utc=True)


def _swapped(date_format: str) -> str:
    """The format with day and month the other way round, if they are numbers."""
    return re.sub(r"^%([md])([/-])%([md])", r"%\3\2%\1", date_format)
