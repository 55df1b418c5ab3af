"""Settings that no trial has had yet."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from automl.space import SearchSpace, Value
from automl.trial import Trial

DRAWS = 100


def generator(space: SearchSpace, tried: Sequence[Trial], *, seed: int) -> np.random.Generator:
    """Random numbers for one suggestion: they depend on how many trials there were, not on what was drawn for them."""
    return np.random.default_rng([seed, zlib.crc32(space.name.encode()), len(tried)])


def first_untried(candidates: Iterable[Mapping[str, Value]], tried: Sequence[Trial]) -> dict[str, Value] | None:
    """The first of the candidates that no trial has had; None if there is none."""
    known = {frozenset(trial.params.items()) for trial in tried}
    return next((dict(setting) for setting in candidates if frozenset(setting.items()) not in known), None)


def draw_untried(space: SearchSpace, tried: Sequence[Trial], rng: np.random.Generator) -> dict[str, Value] | None:
    """A setting drawn at random, each parameter on its own scale; None if every setting has been tried."""

    def candidates() -> Iterator[dict[str, Value]]:
        yield from (space.sample(rng) for _ in range(DRAWS))
        # Repeated draws are rare until hardly anything is left, and then it is quicker to look through it.
        finite = space.finite()
        if finite is not None:
            yield from grid_from_anywhere(finite, rng)

    return first_untried(candidates(), tried)


def grid_from_anywhere(space: SearchSpace, rng: np.random.Generator) -> Iterator[dict[str, Value]]:
    """Every setting of the space's grid, each once, from a random one on."""
    size = space.grid_size()
    start = int(rng.random() * size)
    return (space.grid_at((start + step) % size) for step in range(size))
