"""Averages of trees as an engine: scikit-learn's random forests and extremely randomised trees fill a layer."""

from __future__ import annotations

from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor, RandomForestClassifier, RandomForestRegressor

from automl.training.growing import Growing, Grown, Nodes, extended

KINDS = {
    ("random", "probabilities"): ExtraTreesClassifier,
    ("random", "values"): ExtraTreesRegressor,
    ("best", "probabilities"): RandomForestClassifier,
    ("best", "values"): RandomForestRegressor,
}


@final
class Averaging(Growing):
    """Every tree learns by itself: random splits of all rows, or the best ones of a bootstrap sample of them.

    The learning rate means nothing.
    """

    def _grow(
        self,
        grown: Grown,
        features: NDArray[np.float32],
        learned: NDArray[Any],
        weights: NDArray[np.float32] | None,
        needed: int,
        learning_rate: float,
    ) -> None:
        if grown.model is None:
            grown.model = self._new_model(grown.seed)
            grown.exponents = _exponents(features)
        before = grown.rounds
        grown.model.set_params(n_estimators=needed)
        grown.model.fit(np.ldexp(features, -grown.exponents), learned, sample_weight=weights)
        if self._task.PREDICTS == "probabilities":
            grown.columns = np.asarray(grown.model.classes_, dtype=np.intp)
            grown.base = self._prior(learned, weights)
        trees = [tree.tree_ for tree in grown.model.estimators_[before:]]
        grown.forest = extended(
            grown.forest,
            [[(0, self._nodes(grown, tree))] for tree in trees],
            depth=max(tree.max_depth for tree in trees),
            width=features.shape[1],
        )

    def _new_model(self, seed: int) -> Any:
        return KINDS[str(self._params["splits"]), self._task.PREDICTS](
            max_leaf_nodes=self._layer.leaves,
            min_samples_leaf=int(self._params["leaf_rows"]),
            max_features=float(self._params["column_share"]),
            warm_start=True,
            random_state=seed % 2**32,
        )

    def _prior(self, learned: NDArray[Any], weights: NDArray[np.float32] | None) -> NDArray[np.float32]:
        """The classes' shares, as if there were one row more that is a bit of each."""
        counts = np.bincount(learned.astype(np.int64), weights, minlength=self._layer.outputs)
        prior: NDArray[np.float32] = ((counts + 1 / len(counts)) / (counts.sum() + 1)).astype(np.float32)
        return prior

    def _nodes(self, grown: Grown, tree: Any) -> Nodes:
        feature = np.maximum(tree.feature, 0)
        return Nodes(
            is_leaf=tree.children_left < 0,
            feature=feature,
            threshold=np.ldexp(tree.threshold, grown.exponents[feature]),
            missing_left=tree.missing_go_to_left.astype(bool),
            left=tree.children_left,
            right=tree.children_right,
            value=self._values(grown, tree),
        )

    def _values(self, grown: Grown, tree: Any) -> NDArray[np.float32]:
        """Shape (nodes, sums): what a node says, for classes that have training rows and for those that have none."""
        values = np.zeros((tree.node_count, grown.forest.sums), np.float32)
        values[:, grown.columns] = tree.value[:, 0, :]
        return values

    def _add(
        self, totals: NDArray[np.float64], grown: Grown, features: NDArray[np.float32], first: int, last: int
    ) -> None:
        divided = np.ldexp(features, -grown.exponents)
        for estimator in grown.model.estimators_[first:last]:
            totals += self._values(grown, estimator.tree_)[estimator.tree_.apply(divided)]

    def _sums_of_learned(self, grown: Grown, features: NDArray[np.float32]) -> NDArray[np.float64] | None:
        return None


def _exponents(features: NDArray[np.float32]) -> NDArray[np.int32]:
    """Shape (columns,): of the powers of two by which columns of small numbers are divided, which is exact.

    To scikit-learn's trees, values that differ by 1e-7 are the same.
    """
    largest = np.fmax.reduce(np.abs(features), axis=0, initial=0.0, where=np.isfinite(features))
    exponents: NDArray[np.int32] = np.minimum(np.frexp(largest)[1], 0)
    return exponents
