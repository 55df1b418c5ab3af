"""Names of columns in commands."""

from __future__ import annotations

import shlex

from automl.diagnostics._wording import option, options


def test_a_command_names_the_column_that_there_is() -> None:
    name = "Average daily temperature in the warehouse (°C)"
    assert shlex.split(option("--drop", name)) == ["--drop", name]
    assert shlex.split(options("--drop", [name, "it's"])) == ["--drop", name, "--drop", "it's"]


def test_a_command_is_harmless_to_a_terminal() -> None:
    assert option("--drop", "a\x1b[31mb\nc") == "--drop 'a[31mb c'"
