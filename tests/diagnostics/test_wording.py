"""Names of columns in commands."""

from __future__ import annotations

import shlex

import numpy as np

from automl.data.split import Split
from automl.diagnostics._wording import more_rows_to_choose_by, option, options


def test_a_command_names_the_column_that_there_is() -> None:
    name = "Average daily temperature in the warehouse (°C)"
    assert shlex.split(option("--drop", name)) == ["--drop", name]
    assert shlex.split(options("--drop", [name, "it's"])) == ["--drop", name, "--drop", "it's"]


def test_a_command_is_harmless_to_a_terminal() -> None:
    assert option("--drop", "a\x1b[31mb\nc") == "--drop 'a[31mb c'"


def test_in_folds_no_other_split_has_more_rows_to_choose_by() -> None:
    rows = np.arange(10)
    assert "--split" in more_rows_to_choose_by(Split(rows[:6], rows[6:8], rows[8:], "at random"))
    in_folds = more_rows_to_choose_by(Split(rows[:8], rows[:8], rows[8:], "at random", folds=rows[:8] % 4))
    assert "--" not in in_folds
    without_test = more_rows_to_choose_by(Split(rows, rows, rows[:0], "at random", folds=rows % 5))
    assert ("test rows" in in_folds, "test rows" in without_test) == (True, False)
