"""The settings that are tried first: those that together did best on other tables of the same size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from automl import yaml_files
from automl.resources import folder
from automl.space import SearchSpace, Value

FILE = "portfolio.yaml"

Setting = dict[str, Value]


def first_settings(
    spaces: Mapping[str, SearchSpace], *, rows: int, trials: int | None = None
) -> Iterator[tuple[str, Setting]]:
    """The families and settings to begin with; what a setting does not say is as in the family's defaults.

    Settings outside of a space are left out: the user has narrowed it.

    Args:
        spaces: of the families that may be tried, with the defaults for the table.
        rows: for training.
        trials: the most that there will be. Too few for all of these begin with the one that did best alone.
    """
    for entry in _entries(rows, trials):
        family = entry["family"]
        if family not in spaces:
            continue
        own = {name: value for name, value in entry.items() if name != "family"}
        setting = spaces[family].with_values(own)
        if setting in spaces[family] and own.items() <= setting.items():
            yield family, setting


def _entries(rows: int, trials: int | None) -> list[dict[str, Any]]:
    """Those of the smallest class of tables that holds so many rows."""
    group = next(group for group in _file() if rows <= group.get("most_rows", rows))
    together: list[dict[str, Any]] = group["settings"]
    if trials is None or trials >= len(together):
        return together
    return [group["alone"], *(entry for entry in together if entry != group["alone"])]


@cache
def _file() -> list[dict[str, Any]]:
    content: list[dict[str, Any]] = yaml_files.read(folder("search_spaces") / FILE)
    return content
