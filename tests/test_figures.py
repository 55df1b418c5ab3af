"""Figures and foreign text, as they are shown."""

from __future__ import annotations

import math

import pytest

from automl.figures import aligned, clock, percent, rounded, score, value
from automl.plain import plain


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.9999, "0.9999"),
        (0.99996, "1.000"),
        (9.9996, "10.00"),
        (999.96, "1,000"),
        (-0.25, "-0.2500"),
        (2_065_902.4, "2,065,902"),
        (0.0, "0"),
        (3e-7, "3.000e-07"),
        (2.5e18, "2.500e+18"),
        (math.nan, "–"),
        (math.inf, "inf"),
    ],
)
def test_scores_have_four_digits(value: float, shown: str) -> None:
    assert score(value) == shown


@pytest.mark.parametrize(
    ("value", "like", "shown"),
    [
        (1.0544, 0.02977, "1.05440"),
        (0.0003022, 0.02977, "0.00030"),
        (-345.6, 12_665.0, "-346"),
        (0.5, 1e-9, "0.500000"),
        (0.5, 0.0, "0.500000"),
        (1.0, 0.99996, "1.0000"),
        (math.nan, 0.5, "–"),
        (2e20, 0.5, "2.000e+20"),
        (-0.000004, 0.01666, "0.00000"),
        (1.2e-8, 1.1e-8, "1.200e-08"),
        (0.0, 1.1e-8, "0"),
        (0.0, 0.0, "0.000000"),
    ],
)
def test_columns_have_their_points_below_each_other(value: float, like: float, shown: str) -> None:
    assert aligned(value, like=like) == shown


@pytest.mark.parametrize(
    ("score", "error", "shown"),
    [
        (0.002522, 0.001055, ("0.0025", "0.0011")),
        (0.9871, 0.0999, ("0.99", "0.10")),
        (2_345_678.9, 12_345.0, ("2,346,000", "12,000")),
        (-0.0004, 0.051, ("0.000", "0.051")),
        (1.2345e-9, 3.4e-10, ("1.23e-09", "3.4e-10")),
        (3.14e17, 1.2e15, ("3.140e+17", "1.2e+15")),
        (0.2831, 0.0, ("0.2831", "0")),
        (0.2831, math.nan, ("0.2831", "–")),
        (math.nan, 0.1, ("–", "0.10")),
    ],
)
def test_an_error_has_two_digits_and_its_score_ends_where_it_does(
    score: float, error: float, shown: tuple[str, str]
) -> None:
    assert (rounded(score, error=error), rounded(error, error=error)) == shown


def test_nothing_is_not_negative() -> None:
    assert (percent(-0.0002), percent(-0.0), value(-0.0), score(-0.0)) == ("0.0%", "0%", "0", "0")


@pytest.mark.parametrize(
    ("duration", "shown"), [(0.2, "0:00"), (59.6, "1:00"), (3599.7, "1:00:00"), (86400, "24:00:00")]
)
def test_times_carry_over(duration: float, shown: str) -> None:
    assert clock(duration) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;title\x07name", "]0;titlename"),
        ("\x9b31mred", "31mred"),
        ("user\u202etxt.exe", "usertxt.exe"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("two\r\nlines\u2028more", "two  lines more"),
        ("half\ud83da", "halfa"),
        ("größe 身長 😀", "größe 身長 😀"),
    ],
)
def test_foreign_text_cannot_command_the_terminal(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_long_text_is_cut() -> None:
    assert plain("abcdef", longest=4) == "abc…"
    assert plain("abcd", longest=4) == "abcd"
