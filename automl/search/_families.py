"""Which family the next trial belongs to."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from automl.search._outcome import outcome
from automl.trial import Trial


def family_in_turn(families: Sequence[str], tried: Sequence[Trial], *, seed: int) -> str:
    """The family with the fewest trials, the first of them where several have as few. `seed` changes nothing."""
    trials = Counter(trial.family for trial in tried)
    return min(families, key=lambda family: trials[family])


def draw_family(families: Sequence[str], tried: Sequence[Trial], *, seed: int) -> str:
    """Each family once, in the given order; then one drawn by its share of the best quarter of finished trials.

    This is how TPE samples a categorical hyperparameter (Bergstra et al. 2011): in proportion to its counts among
    the good trials, with one more that all families share. A family that does better than its number of trials promises
    is drawn more and more often, and none is ever given up.
    """
    trials = Counter(trial.family for trial in tried)
    for family in families:
        if not trials[family]:
            return family
    ranked = sorted((score, trial.number, trial.family) for trial in tried if (score := outcome(trial)) is not None)
    good = Counter(family for _, _, family in ranked[: math.ceil(len(ranked) / 4)])
    weights = np.array([1 / len(families) + good[family] for family in families])
    rng = np.random.default_rng([seed, len(tried)])
    return families[int(rng.choice(len(families), p=weights / weights.sum()))]
