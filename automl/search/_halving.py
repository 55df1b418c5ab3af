"""Which trials are worth all of their epochs: asynchronous successive halving (Li et al. 2020, "ASHA")."""

from __future__ import annotations

import math
from collections.abc import Sequence

from automl.space import Int, SearchSpace
from automl.trial import Bar, Trial

# Of what is usual in a space. A second rung, at a third, was tried on five tables: it saved time on three and cost time
# on two, and on one of these it lost the winner in 29 of 100 orders of the settings.
SHARES = (1 / 8,)
PASSING = 1 / 4
# A rung that fewer trials have reached lets everything pass.
FEWEST = 4
# A rung with more than this share of a trial's own epochs would save little.
LARGEST_SHARE = 0.5


def bars(space: SearchSpace, epochs: int, tried: Sequence[Trial]) -> list[Bar]:
    """What a trial of so many epochs has to pass, the shortest rung first.

    A rung is the same number of epochs for all settings of a space, so that long trainings have no advantage. To pass
    it is to be among the best quarter of the trials of all families that have reached it so far.
    """
    rungs = []
    for level, share in enumerate(SHARES):
        short = max(1, round(share * _usual_epochs(space)))
        if short <= LARGEST_SHARE * epochs:
            reached = sorted(rung.objective for trial in tried for rung in trial.rungs if rung.level == level)
            passes = reached[int(PASSING * (len(reached) - 1))] if len(reached) >= FEWEST else math.inf
            rungs.append(Bar(level, short, passes))
    return rungs


def _usual_epochs(space: SearchSpace) -> float:
    """The middle of the range, on a logarithmic scale; of a choice its default."""
    epochs = space.parameters["epochs"]
    return math.sqrt(epochs.low * epochs.high) if isinstance(epochs, Int) else float(epochs.default)
