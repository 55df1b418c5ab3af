"""How to get the same again: command, versions, seed and the data's digest."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from automl.data.files import STANDARD_INPUT
from automl.figures import clock
from automl.options import DEFAULT_SECONDS, Options
from automl.reporting.facts import ReportFacts

TITLE = "How to reproduce it"
FROM_PYTHON = ("automl.fit", "automl.resume")
# What `automl.fit` calls otherwise, and the folder: in that of a run there is no room for another.
RENAMED = ("seconds", "kinds", "memory", "out")
GIGABYTE = 2**30


def show(facts: ReportFacts) -> dict[str, Any]:
    """What was typed, and with what."""
    asked = facts.asked
    options, command = asked["options"], asked["command"]
    later = asked.get("resumed", [])
    is_call = command in FROM_PYTHON
    return {
        "command": _call(asked) if is_call else command,
        "is_call": is_call,
        "later": [(clock(session["after_seconds"]), session["command"]) for session in later],
        # What Python was given then is recorded only as a part of all that was asked for.
        "in_all": "" if is_call or not any(session["command"] in FROM_PYTHON for session in later) else _call(asked),
        "about": {
            "Run": facts.name,
            "Began": asked.get("began", "").replace("T", " ").replace("+00:00", " UTC"),
            "Data": f"{asked['data']['name']} ({asked['data']['source']})",
            "SHA-256 of the data": asked["data"]["digest"],
            "Seed": str(options["seed"]),
            "Split": asked["split"]["how"],
        },
        "versions": asked["versions"],
        "is_exact": options.get("workers") == 1 and options.get("seconds") is None,
        "predict": f"automl predict {shlex.quote(str(facts.path))} new.csv --out predictions.csv",
        "python": f"automl.load({str(facts.path)!r}).predict(frame)",
        "has_model": facts.best is not None,
    }


def _call(asked: Mapping[str, Any]) -> str:
    """`automl.fit(…)` with all that was asked for and is not the default."""
    source = asked["data"]["source"]
    data = "frame" if source in ("data frame", STANDARD_INPUT) else repr(source)
    return f"automl.fit({', '.join([data, *(f'{name}={given!r}' for name, given in _arguments(asked['options']))])})"


def _arguments(options: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    usual = dataclasses.asdict(Options())
    for name, given in options.items():
        if name in usual and name not in RENAMED and given not in (usual[name], []):
            yield name, given
    seconds = options.get("seconds")
    if seconds is not None and (seconds != DEFAULT_SECONDS or options.get("trials") is not None):
        yield "time", _short(seconds)
    kinds = options.get("kinds") or {}
    if kept := {name: kind for name, kind in kinds.items() if kind != "dropped"}:
        yield "kinds", kept
    if dropped := [name for name in kinds if kinds[name] == "dropped"]:
        yield "drop", dropped
    if options.get("memory") is not None:
        yield "memory", _short(options["memory"] / GIGABYTE)


def _short(number: float) -> float:
    """Without a fraction of nothing."""
    return int(number) if number == int(number) else number
