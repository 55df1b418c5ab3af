"""Grows trees where other engines take gradient steps: scikit-learn's histogram boosting fills a layer of trees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from automl.layers.trees import BoostedTrees, Forest, raw_outputs, sums, two_sided
from automl.tasks import FloatArray, Task
from automl.training.engine import Sample
from automl.training.forward import Inputs
from automl.trial import Params

ROUNDS_PER_STEP = 10
# More rounds are grown at a time than a step asks for, since each time begins with a look at all earlier ones; but not
# more than this many cells (rows times features times trees), some seconds of work.
GROWTH = 1.5
MOST_CELLS = 100_000_000
# Comparisons that a row goes through in a tree: the network takes as long for every row as for the deepest leaf.
DEEPEST = 8
ROWS_AT_ONCE = 8_192
# The log-odds of a class that no training row has.
NEVER = -12.0

_NODES = tf.TensorSpec([None, None, None], tf.float32)
_PLACES = tf.TensorSpec([None, None, None], tf.int32)


@tf.function(
    input_signature=[
        tf.TensorSpec([None, None], tf.float32),
        _PLACES,
        _NODES,
        _PLACES,
        _NODES,
        tf.TensorSpec([], tf.int32),
    ],
    autograph=False,
)
def _sums(features: Any, feature: Any, threshold: Any, child: Any, value: Any, depth: Any) -> Any:
    return sums(features, Forest(feature, threshold, child, value, depth), tf.shape(feature)[0])


@dataclass
class _Trees:
    """All that have been grown for a network, and what they sum up to for rows that were asked for before.

    Attributes:
        model: what grew them; None before the first round.
        base: shape (columns,), what the sums are added to.
        columns: for each of the model's trees of a round, the column that it counts for.
        totals: by the identity of inputs, how many rounds are in their sums, and the sums.
    """

    model: Any
    forest: Forest
    base: NDArray[np.float32]
    columns: NDArray[np.intp]
    totals: dict[int, tuple[int, NDArray[np.float64]]] = field(default_factory=dict)

    @property
    def rounds(self) -> int:
        return len(self.forest.feature)


@dataclass(frozen=True)
class _Grown:
    """A network in its training: its first `used` rounds of trees."""

    trees: _Trees
    used: int


class Boosting:
    """An engine, as `automl.training.engine.Engine` is, for networks whose layers are a `BoostedTrees` alone.

    A step is ten rounds over all rows, with the step's learning rate as their shrinkage.

    Args:
        network: any that will be trained; its own weights are not used.
    """

    def __init__(self, network: keras.Model, task: Task) -> None:
        (self._layer,) = [layer for layer in network.layers if isinstance(layer, BoostedTrees)]
        self._names = [weight.name for weight in network.weights]
        self._task = task
        self._params: Params = {}
        self._seed = 0
        self._features: dict[int, tuple[Inputs, tf.Tensor]] = {}
        self._grown = self._nothing()

    def start(self, values: Sequence[NDArray[Any]], params: Params, *, sample: Sample, seed: int) -> None:
        """Begins a new training, without a tree."""
        self._params, self._seed = params, seed
        self._grown = self._nothing()

    def _nothing(self) -> _Grown:
        columns = 1 if self._layer.outputs == 2 else self._layer.outputs
        forest = Forest.empty(0, columns, 2 * self._layer.leaves - 1)
        return _Grown(_Trees(None, forest, np.zeros(columns, np.float32), np.arange(columns)), 0)

    @property
    def weights(self) -> list[NDArray[Any]]:
        """Of the network that trains now, as `keras.Model.get_weights` orders them."""
        trees, used = self._grown.trees, self._grown.used
        padded = Forest.empty(self._layer.rounds, *trees.forest.feature.shape[1:])
        for name in ("feature", "threshold", "child", "value"):
            getattr(padded, name)[:used] = getattr(trees.forest, name)[:used]
        own = {
            "feature": padded.feature,
            "threshold": padded.threshold,
            "child": padded.child,
            "value": padded.value,
            "depth": np.asarray(trees.forest.depth, np.int32),
            "count": np.asarray(used, np.int32),
            "base": trees.base,
        }
        return [own[name] for name in self._names]

    def state(self) -> Sequence[Any]:
        """All that training has changed so far, to go on from later."""
        return [self._grown]

    def resume(self, state: Sequence[Any]) -> None:
        """Goes on from a state."""
        (self._grown,) = state

    def predict(self, inputs: Inputs) -> FloatArray:
        """Raw outputs, shape (rows, outputs)."""
        raw: FloatArray = self._raw(self._totals(inputs)).numpy()
        return raw

    def _raw(self, totals: NDArray[np.float64]) -> tf.Tensor:
        return raw_outputs(totals, self._grown.trees.base, outputs=self._layer.outputs)

    def run(
        self,
        inputs: Inputs,
        learned: tf.Tensor,
        weights: tf.Tensor,
        order: NDArray[np.int32],
        *,
        batch_size: int,
        learning_rates: NDArray[np.float32],
        regularization: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """Takes a step per learning rate, and returns the loss after each, summed over the rows of `order`."""
        rows = np.unique(order)
        losses = []
        for learning_rate in learning_rates:
            used = min(self._grown.used + ROUNDS_PER_STEP, self._layer.rounds)
            trees = self._grown.trees
            if used > trees.rounds:
                self._grow(inputs, learned.numpy()[rows], weights.numpy()[rows], rows, used, float(learning_rate))
            self._grown = replace(self._grown, used=min(used, trees.rounds))
            losses.append(len(order) * self._loss(inputs, learned, weights, rows))
        return np.array(losses, dtype=np.float32)

    def _loss(self, inputs: Inputs, learned: tf.Tensor, weights: tf.Tensor, rows: NDArray[np.int32]) -> float:
        """The mean over the rows."""
        raw = self._raw(self._totals(inputs)[rows])
        losses = self._task.loss(tf.gather(learned, rows), raw, label_smoothing=0.0) * tf.gather(weights, rows)
        return float(tf.reduce_mean(losses))

    def _grow(
        self,
        inputs: Inputs,
        learned: NDArray[Any],
        weights: NDArray[np.float32],
        rows: NDArray[np.int32],
        needed: int,
        learning_rate: float,
    ) -> None:
        """Grows the trees up to `needed` rounds or some more."""
        trees = self._grown.trees
        features = self._of(inputs).numpy()[rows, : self._of(inputs).shape[1] // 2]
        if self._task.PREDICTS == "probabilities" and len(np.unique(learned)) == 1:
            trees.base = self._certain(int(learned[0]))
            return
        cells = features.size * trees.forest.feature.shape[1]
        ahead = min(int(trees.rounds * (GROWTH - 1)), MOST_CELLS // cells)
        rounds = min(max(needed, trees.rounds + ahead), self._layer.rounds)
        if trees.model is None:
            trees.model = self._new_model()
        trees.model.set_params(max_iter=rounds, learning_rate=learning_rate)
        # Equal weights make the search for the bins' edges much slower, and change nothing.
        trees.model.fit(features, learned, sample_weight=None if (weights == weights[0]).all() else weights)
        self._take_over(trees, features.shape[1])

    def _new_model(self) -> Any:
        make = HistGradientBoostingRegressor if self._task.PREDICTS == "values" else HistGradientBoostingClassifier
        return make(
            max_leaf_nodes=int(self._params["leaves"]),
            max_depth=DEEPEST,
            min_samples_leaf=int(self._params["leaf_rows"]),
            max_features=float(self._params["column_share"]),
            l2_regularization=float(self._params["weight_decay"]),
            early_stopping=False,
            warm_start=True,
            # Our codes are small where categories are common, and split as well as sets of categories do.
            categorical_features=None,
            random_state=self._seed % 2**32,
        )

    def _take_over(self, trees: _Trees, width: int) -> None:
        """Copies what the model has grown since the last time."""
        grown = trees.model._predictors[trees.rounds :]  # noqa: SLF001  There is no public way to a tree's nodes.
        own = trees.model._baseline_prediction.reshape(-1)  # noqa: SLF001
        outputs = self._layer.outputs
        if self._task.PREDICTS == "probabilities" and outputs > 2:
            present = np.asarray(trees.model.classes_, dtype=np.intp)
            trees.columns = present if len(own) > 1 else present[1:]
            trees.base = np.full(outputs, NEVER, np.float32)
            trees.base[present] = 0.0
        trees.base[trees.columns] = own
        forest = Forest.empty(len(grown), *trees.forest.feature.shape[1:])
        depth = int(trees.forest.depth)
        for number, of_round in enumerate(grown):
            for column, tree in zip(trees.columns, of_round, strict=True):
                depth = max(depth, int(tree.nodes["depth"].max()))
                # Both are to sum up the same numbers.
                tree.nodes["value"] = tree.nodes["value"].astype(np.float32)
                _write(tree.nodes, forest, (number, int(column)), width)
        trees.forest = Forest(
            depth=np.asarray(depth, np.int32),
            **{
                name: np.concatenate([getattr(old, name) for old in (trees.forest, forest)])
                for name in ("feature", "threshold", "child", "value")
            },
        )

    def _certain(self, label: int) -> NDArray[np.float32]:
        """The base where all training rows are of one class."""
        if self._layer.outputs == 2:
            return np.array([-NEVER if label else NEVER], np.float32)
        base = np.full(self._layer.outputs, NEVER, np.float32)
        base[label] = 0.0
        return base

    def _of(self, inputs: Inputs) -> tf.Tensor:
        """The features of rows. Who asks for rows asks for them often."""
        if id(inputs) not in self._features:
            self._features[id(inputs)] = (inputs, two_sided(inputs.get("numbers"), inputs.get("codes")))
        return self._features[id(inputs)][1]

    def _totals(self, inputs: Inputs) -> NDArray[np.float64]:
        """Shape (rows, columns): the sums of the trees in use.

        The first time, and after a step back, by the function that the saved network predicts with; scikit-learn's own
        adds what has been grown since, in a third of the time.
        """
        grown = self._grown
        done, totals = grown.trees.totals.get(id(inputs), (grown.used + 1, np.empty(0)))
        if done > grown.used:
            totals = self._pass_through(self._of(inputs))
        else:
            totals = totals + self._added(self._of(inputs), done)
        grown.trees.totals[id(inputs)] = (grown.used, totals)
        return totals

    def _pass_through(self, features: tf.Tensor) -> NDArray[np.float64]:
        forest = self._grown.trees.forest.rounds(0, self._grown.used)
        own = [tf.constant(array) for array in (forest.feature, forest.threshold, forest.child, forest.value)]
        rows_at_once = max(1, ROWS_AT_ONCE // forest.feature.shape[1])
        parts = [
            _sums(features[begin : begin + rows_at_once], *own, tf.constant(forest.depth)).numpy()
            for begin in range(0, features.shape[0], rows_at_once)
        ]
        return np.concatenate(parts)

    def _added(self, features: tf.Tensor, first: int) -> NDArray[np.float64]:
        """Of the rounds in use from `first` on."""
        trees, width = self._grown.trees, features.shape[1] // 2
        added = np.zeros((features.shape[0], len(trees.base)))
        if first < self._grown.used:
            rows = features.numpy()[:, :width].astype(np.float64)
            no_sets = (np.zeros((0, 8), np.uint32), np.zeros(width, np.uint32))
            for of_round in trees.model._predictors[first : self._grown.used]:  # noqa: SLF001
                for column, tree in zip(trees.columns, of_round, strict=True):
                    added[:, column] += tree.predict(rows, *no_sets, n_threads=1)
        return added


def _write(nodes: NDArray[Any], forest: Forest, place: tuple[int, int], width: int) -> None:
    """Writes one of scikit-learn's trees into its place, the two children of a node side by side.

    Args:
        nodes: a record per node: a row goes left where its feature is at most `num_threshold`, or missing and
            `missing_go_to_left`.
        width: the number of features of either sign.
    """
    order = [0]
    for node in order:
        if not nodes["is_leaf"][node]:
            sides = ("left", "right") if nodes["missing_go_to_left"][node] else ("right", "left")
            order += [int(nodes[side][node]) for side in sides]
    own = nodes[order]
    inner, swapped = own["is_leaf"] == 0, own["missing_go_to_left"] == 0
    threshold = _not_above(own["num_threshold"])
    # Swapped, a row goes to the second side where x <= threshold, that is where -x is above what is next below.
    threshold = np.where(swapped, np.nextafter(-threshold, np.float32(-np.inf)), threshold)
    position = np.arange(len(own), dtype=np.int32)
    count = slice(len(own))
    forest.feature[place][count] = np.where(inner, own["feature_idx"] + width * swapped, 0)
    forest.threshold[place][count] = np.where(inner, threshold, np.inf)
    forest.child[place][count] = np.where(inner, 2 * np.cumsum(inner) - 1, position)
    forest.value[place][count] = np.where(inner, 0.0, own["value"])


def _not_above(thresholds: NDArray[np.float64]) -> NDArray[np.float32]:
    """The largest numbers of single precision that are not above these: the same side for every such feature."""
    rounded = thresholds.astype(np.float32)
    return np.where(rounded > thresholds, np.nextafter(rounded, np.float32(-np.inf)), rounded)
