"""What makes a run this one and no other."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from automl.options import Options

# What decides between settings, or what the model is, beside data, target, metric, split and spaces. How long the
# search lasts, on how many workers and in how much memory, and where it is recorded, may change.
DECIDING = (
    "search",
    "quality",
    "seed",
    "prune",
    "single",
    "max_latency",
    "balance",
    "refit",
    "kinds",
    "group",
    "time_column",
    "delimiter",
    "encoding",
    "no_header",
    "skip_bad_lines",
)
# By what trainings fail that could do otherwise, beside their space.
LIMITS = ("seconds", "processes", "memory")
DIGITS = 12


def identity(asked: Mapping[str, Any]) -> dict[str, Any]:
    """What makes a run this one and no other, by names that people understand, as JSON keeps it."""
    data = asked["data"]
    # Of options that an older version did not know, the defaults.
    options = Options.from_json(asked["options"])
    known = {
        "data": data["digest"],
        "test data": data["test"],
        **{name: asked[name] for name in ("target", "task", "metric", "split", "spaces")},
        **{name: getattr(options, name) for name in DECIDING},
    }
    same: dict[str, Any] = json.loads(json.dumps(known))
    return same


def is_limited_alike(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether what failed in a session that was asked the one is to be expected of one that is asked the other."""
    before, now = (Options.from_json(asked["options"]) for asked in (one, other))
    same_spaces: bool = identity(one)["spaces"] == identity(other)["spaces"]
    return same_spaces and all(getattr(before, name) == getattr(now, name) for name in LIMITS)


def fingerprint(known: Mapping[str, Any]) -> str:
    """The first digits of the SHA-256 of an identity."""
    canonical = json.dumps(known, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:DIGITS]
