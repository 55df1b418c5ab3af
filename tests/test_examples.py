"""What the examples in docstrings say is so."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

import automl

PACKAGE = Path(automl.__file__).parent
# By their text: to import every module would load everything that automl needs.
MODULES = sorted(
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
    for path in PACKAGE.rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_of_a_module_give_what_they_show(module: str) -> None:
    failed, tried = doctest.testmod(importlib.import_module(module))
    assert (failed, tried > 0) == (0, True)
