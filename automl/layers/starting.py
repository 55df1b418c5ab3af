"""Weights that start from the training rows: a layer learns here that a training begins, and says what they are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Start:
    """The values that weights should start with, by the identity of the variable."""

    rng: np.random.Generator
    values: dict[int, np.ndarray[Any, Any]] = field(default_factory=dict)


_START: ContextVar[Start | None] = ContextVar("start", default=None)


@contextmanager
def starting(rng: np.random.Generator) -> Iterator[Start]:
    """Within it, a call of a network with training rows finds the values that its weights should start with.

    Layers that take part have the attribute `starts_from_data = True`.
    """
    start = Start(rng)
    token = _START.set(start)
    try:
        yield start
    finally:
        _START.reset(token)


def started() -> Start | None:
    """Where a layer should note its values; None unless the call is one within `starting`."""
    return _START.get()
