"""Grid search: every combination of a few values of each hyperparameter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from automl.errors import InputError
from automl.search._untried import DRAWS, first_untried, generator, grid_from_anywhere
from automl.space import SearchSpace, Value
from automl.trial import Trial

LEARNS = False
MOST_POINTS = 10_000


def suggest(space: SearchSpace, tried: Sequence[Trial], *, seed: int) -> dict[str, Value] | None:
    """The defaults first, then the points of the grid in a random order; None when all have been tried.

    The order is random so that a grid which is cut short, by time or by a number of trials, is a fair sample of
    the whole, and not a corner of it.
    """
    if not tried:
        return space.defaults()
    return first_untried(_shuffled(space, generator(space, tried, seed=seed)), tried)


def check_size(spaces: Mapping[str, SearchSpace], *, trials: int | None) -> int:
    """The number of points of all the spaces' grids. `trials` bounds a run; None if nothing does.

    A family's defaults are tried as well, and may lie beside its grid.

    Raises:
        InputError: there are more than 10,000 points, and no bound.
    """
    size = sum(space.grid_size() for space in spaces.values())
    if trials is None and size > MOST_POINTS:
        raise InputError(
            f"The grid has {size:,} points, more than {MOST_POINTS:,}. "
            f"Narrow it (--set {_narrower(spaces)}) or bound it (--trials 200)."
        )
    return size


def _shuffled(space: SearchSpace, rng: np.random.Generator) -> Iterator[dict[str, Value]]:
    """Points of the grid drawn at random, and at last each of them, for when only a few are left to be found."""
    size = space.grid_size()
    yield from (space.grid_at(int(rng.random() * size)) for _ in range(DRAWS))
    yield from grid_from_anywhere(space, rng)


def _narrower(spaces: Mapping[str, SearchSpace]) -> str:
    """An example of `--set`: two values for the hyperparameter that has the most, in the largest space."""
    space = max(spaces.values(), key=lambda space: space.grid_size())
    name, parameter = max(space.parameters.items(), key=lambda item: len(item[1].grid()))
    family = next(family for family, candidate in spaces.items() if candidate is space)
    values = (f"{value:g}" if isinstance(value, float) else str(value) for value in parameter.grid()[:2])
    return f"{family}.{name}=" + ",".join(values)
