"""Boosting as an engine: scikit-learn's histogram gradient boosting grows the trees of a layer.

A tree may be kept to a few thresholds of every column, drawn at random for it alone, which makes it a kin of extremely
randomised trees (Geurts et al. 2006): trees then differ more, and their sums are smoother.
"""

from __future__ import annotations

from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from automl.binning import binnable
from automl.training.growing import Growing, Grown, Nodes, extended

# Comparisons that a row goes through in a tree: the network takes as long for every row as for the deepest leaf. On
# nine tables the error with 12 is 0.990 of that with 8 (geometric mean, down to 0.945); without a limit it is 0.990.
DEEPEST = 12
# The log-odds of a class that no training row has.
NEVER = -12.0
# More values of a column than this share scikit-learn's thresholds. With fewer of them (3 for a tree up to 2,000 rows,
# 6 above) a training has 0.893 of the error (geometric mean of 19 tables). And yet whole runs that began with such
# trees had 1.044 of it (5 tables, se 0.022), perhaps since an ensemble has networks for what is smooth: the search may
# come to them, and does not begin with them.
ALL_THRESHOLDS = 255


class GoesOn:
    """scikit-learn's boosting that goes on from what it has, where it would ask all earlier trees for their sums again.

    Attributes:
        thresholds: of every column, as many as a tree may split at.
        draws: where these are drawn from.
        binned: the rows that it learns from, and how they were put into bins; None before its first tree.
        sums: of these rows, shape (rows, trees of a round); None before it has gone on once.
    """

    thresholds: int = ALL_THRESHOLDS
    draws: np.random.Generator
    binned: tuple[NDArray[np.uint8], Any] | None = None
    sums: NDArray[np.float64] | None = None

    def _bin_data(self, features: NDArray[np.float64], *arguments: Any, **named: Any) -> NDArray[np.uint8]:
        """Called by `fit`, which comes with a new mapper."""
        if self.binned is None:
            rows = super()._bin_data(binnable(features), *arguments, **named)  # type: ignore[misc]
            mapper = self._bin_mapper  # type: ignore[has-type]
            if self.thresholds < ALL_THRESHOLDS:
                mapper = FewThresholds(rows, mapper, self.thresholds, self.draws)
                rows = mapper.rows
            self.binned = rows, mapper
        rows, self._bin_mapper = self.binned
        return rows

    def fit(self, rows: NDArray[np.float32], *arguments: Any, **named: Any) -> Any:
        """Grows the trees that are still to come."""
        if self.sums is None and self._is_fitted():  # type: ignore[attr-defined]
            self.sums = super()._raw_predict(rows)  # type: ignore[misc]
        return super().fit(rows, *arguments, **named)  # type: ignore[misc]

    def _raw_predict(self, *arguments: Any, **named: Any) -> NDArray[np.float64]:
        """Called by `fit` to go on, which adds the new trees to what it is given."""
        assert self.sums is not None
        return self.sums


class FewThresholds:
    """What scikit-learn's mapper says of bins, with those of a column between a few thresholds, drawn for each tree.

    Attributes:
        rows: in these bins, shape (rows, columns); every draw puts them into other ones.
        bin_thresholds_: shape (columns, thresholds), in their order.
    """

    def __init__(self, rows: NDArray[np.uint8], mapper: Any, thresholds: int, draws: np.random.Generator) -> None:
        known = mapper.bin_thresholds_
        self._binned, self._draws = rows, draws
        self._counts = np.array([[len(own)] for own in known])
        # A column without any is not split: nothing is above its one.
        self._known = np.full((len(known), max(1, self._counts.max())), np.inf)
        for column, own in enumerate(known):
            self._known[column, : len(own)] = own
        self._all = np.minimum(np.arange(thresholds), np.maximum(self._counts - 1, 0))
        self.missing_values_bin_idx_ = mapper.missing_values_bin_idx_
        self.make_known_categories_bitsets = mapper.make_known_categories_bitsets
        self.bin_thresholds_ = self._known[:, :0]
        self.rows = rows.copy(order="F")

    @property
    def n_bins_non_missing_(self) -> NDArray[np.uint32]:
        """For each column. Whoever grows a tree asks for it before, so that this is the time to draw."""
        drawn = np.sort((self._draws.random(self._all.shape) * self._counts).astype(np.intp), axis=1)
        places = np.where(self._counts > self._all.shape[1], drawn, self._all)
        self.bin_thresholds_ = np.take_along_axis(self._known, places, axis=1)
        new_bin = (np.arange(256)[:, None] > places[:, None, :]).sum(axis=2, dtype=np.uint8)
        new_bin[:, self.missing_values_bin_idx_] = self.missing_values_bin_idx_
        for column, bins in enumerate(new_bin):
            np.take(bins, self._binned[:, column], out=self.rows[:, column])
        return np.full(len(places), places.shape[1] + 1, dtype=np.uint32)


class Classifier(GoesOn, HistGradientBoostingClassifier):
    """Of classes."""


class Regressor(GoesOn, HistGradientBoostingRegressor):
    """Of numbers."""


@final
class Boosting(Growing):
    """The step's learning rate is the shrinkage of its trees."""

    def _grow(
        self,
        grown: Grown,
        features: NDArray[np.float32],
        learned: NDArray[Any],
        weights: NDArray[np.float32] | None,
        needed: int,
        learning_rate: float,
    ) -> None:
        if self._task.PREDICTS == "probabilities" and len(np.unique(learned)) == 1:
            grown.base = self._certain(int(learned[0]))
            return
        if grown.model is None:
            grown.model = self._new_model(grown.seed)
        grown.model.set_params(max_iter=needed, learning_rate=learning_rate)
        # Equal weights make the search for the bins' edges much slower, and change nothing.
        grown.model.fit(features, learned, sample_weight=weights)
        self._take_over(grown, features.shape[1])

    def _new_model(self, seed: int) -> Any:
        make = Regressor if self._task.PREDICTS == "values" else Classifier
        model = make(
            max_leaf_nodes=self._layer.leaves,
            max_depth=DEEPEST,
            min_samples_leaf=int(self._params["leaf_rows"]),
            max_features=float(self._params["column_share"]),
            l2_regularization=float(self._params["weight_decay"]),
            early_stopping=False,
            warm_start=True,
            # Our codes are small where categories are common, and split as well as sets of categories do.
            categorical_features=None,
            random_state=seed % 2**32,
        )
        # Spaces of earlier versions know of no such choice.
        model.thresholds = int(self._params.get("thresholds", ALL_THRESHOLDS))
        model.draws = np.random.default_rng(seed % 2**32)
        return model

    def _take_over(self, grown: Grown, width: int) -> None:
        """Copies what the model has grown since the last time."""
        rounds = grown.model._predictors[grown.rounds :]  # noqa: SLF001  There is no public way to a tree's nodes.
        own = grown.model._baseline_prediction.reshape(-1)  # noqa: SLF001
        outputs = self._layer.outputs
        if self._task.PREDICTS == "probabilities" and outputs > 2:
            present = np.asarray(grown.model.classes_, dtype=np.intp)
            grown.columns = present if len(own) > 1 else present[1:]
            grown.base = np.full(outputs, NEVER, np.float32)
            grown.base[present] = 0.0
        grown.base[grown.columns] = own
        depth = 0
        for of_round in rounds:
            for tree in of_round:
                depth = max(depth, int(tree.nodes["depth"].max()))
                # The layer and scikit-learn are to sum up the same numbers.
                tree.nodes["value"] = tree.nodes["value"].astype(np.float32)
        trees = [
            [(int(column), _nodes(tree)) for column, tree in zip(grown.columns, of_round, strict=True)]
            for of_round in rounds
        ]
        grown.forest = extended(grown.forest, trees, depth=depth, width=width)

    def _certain(self, label: int) -> NDArray[np.float32]:
        """The base where all training rows are of one class."""
        if self._layer.outputs == 2:
            return np.array([-NEVER if label else NEVER], np.float32)
        base = np.full(self._layer.outputs, NEVER, np.float32)
        base[label] = 0.0
        return base

    def _add(
        self, totals: NDArray[np.float64], grown: Grown, features: NDArray[np.float32], first: int, last: int
    ) -> None:
        rows = features.astype(np.float64)
        no_sets = (np.zeros((0, 8), np.uint32), np.zeros(rows.shape[1], np.uint32))
        for of_round in grown.model._predictors[first:last]:  # noqa: SLF001
            for column, tree in zip(grown.columns, of_round, strict=True):
                totals[:, column] += tree.predict(rows, *no_sets, n_threads=1)

    def _sums_of_learned(self, grown: Grown, features: NDArray[np.float32]) -> NDArray[np.float64] | None:
        totals = np.zeros((len(features), grown.forest.sums))
        if grown.model is None:
            return totals
        if grown.model.sums is None:
            self._add(totals, grown, features, 0, grown.rounds)
        else:
            totals[:, grown.columns] = grown.model.sums - grown.base[grown.columns]
        return totals


def _nodes(tree: Any) -> Nodes:
    nodes = tree.nodes
    return Nodes(
        is_leaf=nodes["is_leaf"].astype(bool),
        feature=nodes["feature_idx"].astype(np.intp),
        threshold=nodes["num_threshold"],
        missing_left=nodes["missing_go_to_left"].astype(bool),
        left=nodes["left"].astype(np.intp),
        right=nodes["right"].astype(np.intp),
        value=nodes["value"].astype(np.float32)[:, None],
    )
