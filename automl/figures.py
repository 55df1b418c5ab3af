"""Figures as people read them: scores, times, counts."""

from __future__ import annotations

import math

# From here on even whole numbers are unreadable.
TOO_LARGE = 1e15
# Below it, decimal places show too few digits.
TOO_SMALL = 1e-4
# Decimal places that can be read.
MOST_PLACES = 8


def score(value: float) -> str:
    """Four significant digits; whole numbers with separators from 1,000 on; "–" for what is not a number.

    >>> score(0.28314), score(1.0), score(123456.7), score(0.00001234), score(float("nan"))
    ('0.2831', '1.000', '123,457', '1.234e-05', '–')
    """
    if math.isnan(value):
        return "–"
    rounded = float(f"{value:.3e}")
    if rounded == 0 or abs(rounded) >= TOO_LARGE or abs(rounded) < TOO_SMALL:
        return "0" if rounded == 0 else f"{value:.3e}"
    return f"{value:,.{_places(rounded)}f}"


def aligned(value: float, *, like: float) -> str:
    """A score with the decimal places of another, so that the points of a column stand below each other.

    >>> aligned(1.0544, like=0.02977), aligned(-0.000004, like=0.02977), aligned(345.6, like=12665.0)
    ('1.05440', '0.00000', '346')
    >>> aligned(1.2e-8, like=1.1e-8)
    '1.200e-08'
    """
    largest = max(abs(value), abs(like))
    is_readable = largest == 0 or TOO_SMALL <= largest < TOO_LARGE
    return f"{value:z,.{min(6, _places(like))}f}" if is_readable else score(value)


def rounded(value: float, *, error: float) -> str:
    """A score with the digits that its standard error leaves, of which the error itself has two.

    >>> rounded(0.28314, error=0.01199), rounded(0.01199, error=0.01199), rounded(12345.6, error=123.4)
    ('0.283', '0.012', '12,350')
    """
    if not (math.isfinite(value) and math.isfinite(error) and error > 0):
        return score(value)
    places = 1 - math.floor(math.log10(float(f"{error:.1e}")))
    if value and (places > MOST_PLACES or abs(value) >= TOO_LARGE):
        return f"{value:.{max(0, places + math.floor(math.log10(abs(value))))}e}"
    return f"{round(value, places):z,.{max(0, places)}f}"


def _places(value: float) -> int:
    """The decimal places that four significant digits need."""
    return max(0, 3 - math.floor(math.log10(abs(value)))) if value else 6


def value(number: float) -> str:
    """A cell's value: at most four significant digits below 10,000 (years stay years), then whole numbers.

    >>> value(2.0), value(0.5), value(2017.0), value(1234567.0), value(-0.00321)
    ('2', '0.5', '2017', '1,234,567', '-0.00321')
    """
    return f"{number:,.0f}" if 10_000 <= abs(number) < TOO_LARGE else f"{number:z.4g}"


def rate(per_second: float) -> str:
    """How many in a second.

    >>> rate(2778.4), rate(3.14159)
    ('2,778', '3.142')
    """
    return f"{per_second:,.0f}" if per_second >= 100 else value(per_second)


def seconds(duration: float) -> str:
    """A trial's time.

    >>> seconds(1.26), seconds(3723)
    ('1.3 s', '3,723 s')
    """
    return f"{duration:.1f} s" if duration < 100 else f"{duration:,.0f} s"


def clock(duration: float) -> str:
    """A run's time in minutes and seconds, or hours.

    >>> clock(192.4), clock(3723)
    ('3:12', '1:02:03')
    """
    minutes, rest = divmod(round(duration), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def percent(share: float) -> str:
    """A share of something that there is.

    >>> percent(0.442), percent(0.0002), percent(0.9999), percent(1.0)
    ('44.2%', '<0.1%', '>99.9%', '100%')
    """
    if share in (0.0, 1.0):
        return f"{share:z.0%}"
    return "<0.1%" if 0 < share < 0.0005 else ">99.9%" if 0.9995 <= share < 1 else f"{share:z.1%}"


def count(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun.

    >>> count(1, "row"), count(1200, "row"), count(2, "category", "categories")
    ('1 row', '1,200 rows', '2 categories')
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
