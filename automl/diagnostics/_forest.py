"""What all features together tell: a quick forest, in which each row is judged by trees that have not seen it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from automl.diagnostics._columns import Numbers

TREES = 20
LEAF = 3


def judged(features: Numbers, outcomes: Numbers, folds: NDArray[np.int64], *, seed: int) -> Numbers:
    """Predictions of `outcomes` by extremely randomised trees (Geurts et al. 2006), shape as `outcomes`.

    Args:
        features: shape (rows, columns), NaN where missing.
        outcomes: shape (rows, values).
        folds: shape (rows,): rows of the same fold are predicted by trees that were grown on all others.
    """
    from sklearn.ensemble import ExtraTreesRegressor

    predicted = np.empty_like(outcomes)
    width = features.shape[1]
    for fold in np.unique(folds):
        out = folds == fold
        forest = ExtraTreesRegressor(
            TREES,
            min_samples_leaf=LEAF,
            max_features=min(width, 5 + width // 3, 40),
            random_state=seed % 2**32,
            n_jobs=1,
        )
        # scikit-learn wants a single value per row without a second dimension.
        forest.fit(features[~out].astype(np.float32), outcomes[~out, 0] if outcomes.shape[1] == 1 else outcomes[~out])
        predicted[out] = forest.predict(features[out].astype(np.float32)).reshape(-1, outcomes.shape[1])
    return predicted
