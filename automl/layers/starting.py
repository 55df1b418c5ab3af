"""Weights that start from the training rows: a layer learns here that a training begins, and says what they are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Start:
    """The values that weights should start with, by the identity of the variable.

    Attributes:
        learned: shape (rows,), what the network should give for each of the rows, as `Task.learned` says it.
    """

    rng: np.random.Generator
    learned: NDArray[Any] = field(default_factory=lambda: np.empty(0))
    values: dict[int, np.ndarray[Any, Any]] = field(default_factory=dict)


_START: ContextVar[Start | None] = ContextVar("start", default=None)


@contextmanager
def starting(rng: np.random.Generator, learned: NDArray[Any] | None = None) -> Iterator[Start]:
    """Within it, a call of a network with training rows finds the values that its weights should start with.

    Layers that take part have the attribute `starts_from_data = True`, and may say by `rows_of_start` how many rows
    they would like to see.

    Args:
        learned: what the network should give for those rows, for layers that ask for it.
    """
    start = Start(rng) if learned is None else Start(rng, learned)
    token = _START.set(start)
    try:
        yield start
    finally:
        _START.reset(token)


def started() -> Start | None:
    """Where a layer should note its values; None unless the call is one within `starting`."""
    return _START.get()
