"""What each hyperparameter did to the trials of a search: a random forest on their ranks, and permutation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.space import Choice, Parameter, SearchSpace
from automl.trial import Trial

MOST_TRIALS = 500
TREES = 100
REPEATS = 5


@dataclass(frozen=True)
class Importance:
    """What a family's hyperparameters did to its trials.

    Attributes:
        explained: R² on out-of-bag trials; below 0, the hyperparameters tell nothing.
        shares: of each hyperparameter in the influence of all, the largest first; the sum is 1, or 0 if there is none.
    """

    family: str
    trials: int
    explained: float
    shares: dict[str, float]


def importance(space: SearchSpace, trials: Sequence[Trial], *, seed: int) -> Importance:
    """Trains a forest that predicts each trial's rank, and shuffles one hyperparameter after the other.

    Permutation importance (Breiman 2001) on the trials that a tree has not seen. Ranks and not scores, so that a few
    trials that came to nothing do not decide.

    Args:
        trials: finished ones of one family, best first.
    """
    from sklearn.ensemble import RandomForestRegressor

    places = np.linspace(0, len(trials) - 1, min(len(trials), MOST_TRIALS)).astype(np.int64)
    kept = [trials[place] for place in places]
    columns = {
        name: _column(parameter, [trial.params.get(name) for trial in kept])
        for name, parameter in space.reachable().items()
    }
    columns = {name: column for name, column in columns.items() if column.std() > 0}
    if not columns:
        return Importance(space.name, len(trials), -math.inf, {})
    features = np.column_stack(list(columns.values())).astype(np.float32)
    ranks = np.arange(len(kept)) / len(kept)
    forest = RandomForestRegressor(TREES, max_features=0.5, min_samples_leaf=2, random_state=seed % 2**32)
    forest.fit(features, ranks)
    rng = np.random.default_rng([seed, 37])
    seen = _seen(forest, len(ranks))
    explained = _explained(forest, features, ranks, seen)
    lost = {}
    for number, name in enumerate(columns):
        shuffled = features.copy()
        without = []
        for _ in range(REPEATS):
            shuffled[:, number] = rng.permutation(features[:, number])
            without.append(_explained(forest, shuffled, ranks, seen))
        lost[name] = max(0.0, explained - float(np.mean(without)))
    total = sum(lost.values()) or 1.0
    shares = {name: own / total for name, own in sorted(lost.items(), key=lambda item: -item[1])}
    return Importance(space.name, len(trials), explained, shares)


def _seen(forest: Any, trials: int) -> NDArray[np.bool_]:
    """Which trials each tree has learned from. Shape (trees, trials)."""
    return np.array([np.bincount(rows, minlength=trials) > 0 for rows in forest.estimators_samples_])


def _explained(
    forest: Any, features: NDArray[np.float32], ranks: NDArray[np.float64], seen: NDArray[np.bool_]
) -> float:
    """R² of predicting each trial by the trees that have not seen it."""
    predicted = np.array([tree.tree_.predict(features)[:, 0] for tree in forest.estimators_])  # (trees, trials)
    votes = (~seen).sum(axis=0)
    voted = votes > 0
    errors = ranks[voted] - (predicted * ~seen).sum(axis=0)[voted] / votes[voted]
    return float(1 - (errors**2).mean() / ranks[voted].var())


def _column(parameter: Parameter, chosen: Sequence[object]) -> NDArray[np.float64]:
    """Numbers for a forest: places in the order of the values; -1 where the hyperparameter was not active."""
    if isinstance(parameter, Choice):
        values = list(parameter.values)
        if all(isinstance(value, int | float) for value in values):
            values.sort(key=float)
        return np.array([values.index(value) if value in values else -1.0 for value in chosen])
    return np.array([-1.0 if value is None else float(str(value)) for value in chosen])
