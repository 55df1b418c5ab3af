"""The target: which rows have one, and what can be learned of it."""

from __future__ import annotations

import pandas as pd
import pytest

from automl.data.target import describe_target, is_known
from automl.errors import InputError


@pytest.mark.parametrize(
    ("cells", "known"),
    [
        (["none", "1", "2", "3a"], [True, True, True, True]),
        (["none", "1", "2", None], [False, True, True, False]),
        (["-", "-", " "], [False, False, False]),
        (["-", "+", " "], [True, True, False]),
    ],
)
def test_the_other_rows_say_whether_a_word_is_a_class(cells: list[str | None], known: list[bool]) -> None:
    assert is_known(pd.Series(cells, dtype="string")).tolist() == known


@pytest.mark.parametrize(
    ("classes", "known"),
    [
        (["1", "2", "3a", "none"], [True, True, True, False]),
        (["1", "2", "3"], [False, True, True, False]),
    ],
)
def test_the_classes_of_a_model_say_it_whatever_the_other_rows_are(classes: list[str], known: list[bool]) -> None:
    assert is_known(pd.Series(["none", "1", "2", None], dtype="string"), classes).tolist() == known


@pytest.mark.parametrize(
    "column",
    [
        pd.Series(["yes", "yes "] * 10, dtype="string", name="y"),
        pd.Series([0.0, -0.0] * 10, dtype="double[pyarrow]", name="y"),
    ],
    ids=["spaces", "signs of zero"],
)
@pytest.mark.parametrize("task", [None, "classify"])
def test_what_is_one_label_is_one_value(column: pd.Series, task: str | None) -> None:
    with pytest.raises(InputError, match="The target 'y' has only one value"):
        describe_target(column, task)


@pytest.mark.parametrize("unit", [1e-35, 1e35])
def test_values_that_single_precision_does_not_hold_are_refused(unit: float) -> None:
    with pytest.raises(InputError, match="cannot be computed with"):
        describe_target(pd.Series([unit * number for number in range(1, 41)], name="y"), "regress")
    assert describe_target(pd.Series([unit**0.5 * number for number in range(1, 41)], name="y"), "regress").minimum


def test_rows_are_counted_with_those_that_have_no_target() -> None:
    column = pd.Series([None, 3.5, *range(18), float("inf")], name="y")
    with pytest.raises(InputError, match=r"infinite in row 21\."):
        describe_target(column, "regress")


def test_rows_of_a_test_file_are_counted_in_it() -> None:
    infinite = pd.Series([float("inf"), *range(1_200), float("inf"), None], name="y")
    with pytest.raises(InputError, match=r"infinite in row 1, row 102 of the test file\."):
        describe_target(infinite, "regress", own=1_100)
    words = pd.Series([*map(str, range(1_201)), "none of it"], dtype="string", name="y")
    with pytest.raises(InputError, match=r"the first 'none of it' in row 102 of the test file\."):
        describe_target(words, None, own=1_100)
