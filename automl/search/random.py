"""Random search: independent draws, each hyperparameter on its own scale (Bergstra and Bengio 2012)."""

from __future__ import annotations

from collections.abc import Sequence

from automl.search._untried import draw_untried, generator
from automl.space import SearchSpace, Value
from automl.trial import Trial

LEARNS = False


def suggest(space: SearchSpace, tried: Sequence[Trial], *, seed: int) -> dict[str, Value] | None:
    """The defaults first, then a setting drawn at random; None if every setting of the space has been tried."""
    if not tried:
        return space.defaults()
    return draw_untried(space, tried, generator(space, tried, seed=seed))
