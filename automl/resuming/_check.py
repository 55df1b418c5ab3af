"""Whether what is asked for now is the run that an earlier session began."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from automl import files
from automl.data.profile import Profile
from automl.data.split import Split
from automl.encoding.table import Encoding
from automl.errors import InputError
from automl.plain import plain
from automl.resuming._earlier import DAMAGED, Earlier
from automl.resuming._identity import DIGITS, fingerprint, identity

MOST_SHOWN = 5


def check(earlier: Earlier, asked: Mapping[str, Any], split: Split) -> list[str]:
    """What the user should know, a sentence each, of a run that is what is asked for now. Nothing is written.

    Raises:
        InputError: it would be another run.
    """
    return [*earlier.damage, *_checked(earlier, asked), *_checked_rows(earlier, split)]


def _checked(earlier: Earlier, asked: Mapping[str, Any]) -> list[str]:
    before, now = identity(earlier.asked), identity(asked)
    changes = _changes_of_spaces(before["spaces"], now["spaces"])
    may_change = earlier.respaced or _is_wider(before["spaces"], now["spaces"])
    different = [
        f"{name}: {_shown(before[name])} then, {_shown(now[name])} now"
        for name in before
        if before[name] != now[name] and name != "spaces"
    ]
    different += [] if may_change else changes
    if different:
        raise InputError(
            f"{earlier.folder.path} was made from something else: its fingerprint is {fingerprint(before)}, "
            f"and that of what is asked for now {fingerprint(now)}.\n{'; '.join(different)}.\n"
            "Ask for the same, or begin a new run: automl fit without --resume."
        )
    return [f"The search spaces have changed: {'; '.join(changes)}."] if changes else []


def _checked_rows(earlier: Earlier, split: Split) -> list[str]:
    path = earlier.folder.path / "split.npz"
    try:
        held = files.read_arrays(path)
    except DAMAGED:
        return [f"{path} cannot be read. It is made anew."]
    now = split.arrays()
    if held.keys() != now.keys() or any(not np.array_equal(held[name], now[name]) for name in now):
        raise InputError(
            f"{path} has other rows than the same seed gives now, by other versions or since somebody changed it.\n"
            "Begin a new run: automl fit without --resume."
        )
    return []


def check_columns(earlier: Earlier, profile: Profile, encoding: Encoding) -> None:
    """Makes sure that the columns are taken for what they were: networks of another encoding cannot be told together.

    Raises:
        InputError: another version takes a column for something else, or encodes it in another way.
    """
    _check_kinds(earlier, profile)
    before = earlier.asked.get("encoding")
    # Versions that did not record it encoded categories in another way.
    is_same = before == encoding.digest if before else all(one["kind"] != "category" for one in encoding.columns)
    if not is_same:
        raise InputError(
            f"{earlier.folder.path} has networks that learned from the same data encoded in another way, by another "
            "version.\nBegin a new run: automl fit without --resume."
        )


def _check_kinds(earlier: Earlier, profile: Profile) -> None:
    try:
        before = {column.name: column.kind for column in earlier.folder.profile().columns}
    except DAMAGED:
        return
    now = {column.name: column.kind for column in profile.columns}
    different = [
        f"{plain(name, longest=40)!r}: {before.get(name, 'not there')} then, {now.get(name, 'not there')} now"
        for name in {**before, **now}
        if before.get(name) != now.get(name)
    ]
    if different:
        raise InputError(
            f"{earlier.folder.path} took columns of the same data for something else, by another version: "
            f"{'; '.join(different[:MOST_SHOWN])}.\n"
            "Begin a new run: automl fit without --resume."
        )


def _shown(value: Any) -> str:
    """A value in a message; of a digest, its first digits."""
    if isinstance(value, str) and re.fullmatch(r"[0-9a-f]{64}", value):
        return value[:DIGITS]
    text = json.dumps(value, ensure_ascii=False) if value is not None else "not given"
    return text if len(text) <= 100 else f"{text[:99]}…"


def _changes_of_spaces(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Each hyperparameter that differs, as people write it."""
    changes = []
    for family in {**before, **now}:
        if family not in before or family not in now:
            changes.append(f"{family}: {'a family then' if family in before else 'a family only now'}")
            continue
        old, new = before[family], now[family]
        for name in {**old, **new}:
            if old.get(name) != new.get(name):
                then, current = _range(old.get(name)), _range(new.get(name))
                if then == current:
                    then, current = _shown(old[name]), _shown(new[name])
                changes.append(f"{family}.{name}: {then} then, {current} now")
    return changes


def _range(parameter: Mapping[str, Any] | None) -> str:
    if parameter is None:
        return "not there"
    if "values" in parameter:
        return ",".join(map(str, parameter["values"]))
    return f"{parameter['low']:g}..{parameter['high']:g}"


def _is_wider(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether every setting of the spaces before is one of those now."""
    return all(
        family in now
        and old.keys() == now[family].keys()
        and all(_holds(now[family][name], parameter) for name, parameter in old.items())
        for family, old in before.items()
    )


def _holds(now: Mapping[str, Any], before: Mapping[str, Any]) -> bool:
    if now["when"] != before["when"] or ("values" in now and "values" not in before):
        return False
    if "values" in now:
        return all(value in now["values"] for value in before["values"])
    held = before["values"] if "values" in before else (before["low"], before["high"])
    return now.get("log") == before.get("log", now.get("log")) and all(
        isinstance(value, (int, float)) and now["low"] <= value <= now["high"] for value in held
    )
