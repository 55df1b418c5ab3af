"""A module's file name is its registration: `automl/search/random.py` is the search called `random`.

Other distributions add modules through entry points of the group `automl.<kind>`: families, searches and checks
(`automl.families`, `automl.search`, `automl.diagnostics`).
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType

from automl.errors import unknown


@cache
def names(kind: str) -> list[str]:
    """The plug-ins of one kind ("families", "reporting.sections", …), sorted, without importing any of them."""
    folder = Path(__file__).parent.joinpath(*kind.split("."))
    own = [module.name for module in pkgutil.iter_modules([str(folder)]) if not module.name.startswith("_")]
    return sorted({*own, *_added(kind)})


@cache
def load(kind: str, name: str, *, noun: str) -> ModuleType:
    """The module of one plug-in.

    Raises:
        InputError: there is no such plug-in; `noun` is what the message calls it.
    """
    if name not in names(kind):
        raise unknown(noun, name, names(kind))
    added = _added(kind)
    return importlib.import_module(added[name].module if name in added else f"automl.{kind}.{name}")


def folders(kind: str) -> dict[str, Path]:
    """Where the modules lie that other distributions add, by name; they are not imported, but their packages are."""
    specifications = {name: importlib.util.find_spec(entry.module) for name, entry in _added(kind).items()}
    return {name: Path(found.origin).parent for name, found in specifications.items() if found and found.origin}


@cache
def _added(kind: str) -> Mapping[str, EntryPoint]:
    """Looked up once, because going through all installed distributions takes 14 ms."""
    return {entry.name: entry for entry in entry_points(group=f"automl.{kind}")}
