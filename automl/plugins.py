"""A module's file name is its registration: `automl/search/random.py` is the search called `random`.

Other distributions add modules through entry points of the group `automl.<kind>`, for example `automl.families`.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType

from automl.errors import unknown


@cache
def names(kind: str) -> list[str]:
    """The plug-ins of one kind ("families", "reporting.sections", …), sorted, without importing any of them."""
    folder = Path(__file__).parent.joinpath(*kind.split("."))
    own = [module.name for module in pkgutil.iter_modules([str(folder)]) if not module.name.startswith("_")]
    return sorted({*own, *(entry.name for entry in entry_points(group=f"automl.{kind}"))})


@cache
def load(kind: str, name: str, *, noun: str) -> ModuleType:
    """The module of one plug-in.

    Raises:
        InputError: there is no such plug-in; `noun` is what the message calls it.
    """
    if name not in names(kind):
        raise unknown(noun, name, names(kind))
    for entry in entry_points(group=f"automl.{kind}", name=name):
        module = entry.load()
        assert isinstance(module, ModuleType)
        return module
    return importlib.import_module(f"automl.{kind}.{name}")
