"""Numbers with decimal commas, as much of the world writes them, among the texts of a table."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Hashable, Mapping
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from automl.data.columns import ABSENT

Name = TypeVar("Name", bound=Hashable)

# Of a column's cells that are there, those that are numbers if it is one of numbers.
_LEAST_NUMBERS = 0.95
# What may stand before and after the digits: signs, currencies and, of a negative number, parentheses.
_BEFORE = r"^[\s\p{Zs}$€£¥]*\(?[+\x{2212}-]?[\s\p{Zs}$€£¥]*"
_AFTER = r"[\s\p{Zs}%$€£¥]*\)?[\s\p{Zs}%$€£¥]*$"
# Between thousands.
_SPACE = r"[\s\p{Zs}'\x{2019}]"
_COMMA_NUMBER = (
    _BEFORE + rf"(\d+(,\d+)?|\d{{1,3}}(\.\d{{3}})+,\d+|[1-9]\d{{0,2}}({_SPACE}\d{{3}})+(,\d+)?)([eE][+-]?\d+)?" + _AFTER
)
_POINTED = _BEFORE + r"[\d,]*\.\d+" + _AFTER
_MAYBE_THOUSANDS = _BEFORE + r"([1-9]\d{0,2}(,\d{3})*|0)" + _AFTER
# Sums of money are written with and without a sign between thousands in one column, other numbers are not.
_BARE = r"^\s*[+-]?\d+(,\d+)?\s*$"


def with_decimal_points(
    columns: Mapping[Name, pa.ChunkedArray],
    as_text: Collection[Name] = (),
    *,
    likely: str = ".",
    is_known: bool = False,
    is_doubtful: bool = False,
) -> tuple[dict[Name, pa.ChunkedArray], str, tuple[Name, ...]]:
    """Columns with decimal points instead of commas, the decimal sign that was found, and which of them are still text.

    Columns of numbers are changed. They are numbers then, unless a few cells are something else.

    Args:
        as_text: the columns that stay as they are written.
        likely: the decimal sign where the numbers do not tell.
        is_known: whether every column that is not to stay text is known to be none, whatever its cells look like.
        is_doubtful: whether commas may well be something else: then no number may have a decimal point.
    """
    texts = {
        name: column for name, column in columns.items() if pa.types.is_string(column.type) and name not in as_text
    }
    numbers = {name: column for name, column in texts.items() if _has_commas(column) and _are_numbers(column)}
    # "1,234" alone may stand for a thousand and more; another number must show that the comma is a decimal sign.
    if likely == "." and not any(_shows_decimal_comma(column) for column in numbers.values()):
        return dict(columns), ".", ()
    if likely == "." and is_doubtful and any(map(_has_points, columns.values())):
        return dict(columns), ".", ()
    pointed = {name: with_points(column) for name, column in (texts if is_known else numbers).items()}
    still_text = [name for name, own in pointed.items() if pa.types.is_string(own.type) and not own.equals(texts[name])]
    return {**columns, **pointed}, ",", tuple(still_text)


def _has_points(column: pa.ChunkedArray) -> bool:
    """Whether there are numbers with a decimal point."""
    if pa.types.is_string(column.type):
        return bool(pc.any(_matches(column, _POINTED)).as_py())
    return bool(pa.types.is_floating(column.type) and pc.any(pc.not_equal(pc.floor(column), column)).as_py())


def _are_numbers(texts: pa.ChunkedArray) -> bool:
    """Whether nearly all cells that are there are whole numbers, or have a decimal comma."""
    there = texts.filter(pc.invert(pc.is_in(pc.utf8_lower(texts), pa.array(sorted(ABSENT)))))
    return (pc.mean(_matches(there, _COMMA_NUMBER)).as_py() or 0.0) >= _LEAST_NUMBERS


def _shows_decimal_comma(texts: pa.ChunkedArray) -> bool:
    """Whether the numbers among the cells have commas, and not only where thousands might have them."""
    numbers = texts.filter(_matches(texts, _COMMA_NUMBER))
    bare = numbers.filter(_matches(numbers, _BARE))
    others = numbers.filter(pc.invert(_matches(numbers, _MAYBE_THOUSANDS)))
    return _has_commas(others) or (_has_commas(bare) and not pc.all(_matches(bare, _MAYBE_THOUSANDS)).as_py())


def _has_commas(texts: pa.ChunkedArray) -> bool:
    return bool(pc.any(pc.match_substring(texts, ",")).as_py())


def with_points(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Numbers with decimal points instead of commas, as numbers if all are; what is no number stays as it is."""
    is_number = _matches(texts, _COMMA_NUMBER)
    bare = pc.replace_substring_regex(pc.replace_substring(texts, ".", ""), rf"(\d){_SPACE}(\d)", r"\1\2")
    pointed = pc.if_else(is_number, pc.replace_substring(bare, ",", "."), texts)
    with contextlib.suppress(pa.ArrowInvalid):
        return pointed.cast(pa.float64())
    return pointed


def _matches(texts: pa.ChunkedArray, pattern: str) -> pa.ChunkedArray:
    return pc.match_substring_regex(texts, pattern)
