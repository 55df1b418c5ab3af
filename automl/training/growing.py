"""Engines that grow trees where others take gradient steps: scikit-learn's trees fill a layer."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, final

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from automl.layers.target_means import TargetMeans, looked_up, means_per_class, with_equal_room
from automl.layers.trees import (
    ARRAYS,
    ORDER,
    Forest,
    Trees,
    fused,
    room_of_trees,
    sums,
    two_sided,
    without_room_of_trees,
)
from automl.tasks import FloatArray, Task
from automl.training import target_means
from automl.training.engine import Sample
from automl.training.forward import Inputs
from automl.trial import ROUNDS_PER_EPOCH, Params

# What the speed is told by.
ROWS_OF_SPEED = 2_048
ROUNDS_OF_SPEED = 64

_NODES = tf.TensorSpec([None, None, None], tf.float32)
_PLACES = tf.TensorSpec([None, None, None], tf.int32)
_LEAVES = tf.TensorSpec([None, None, None, None], tf.float32)


@tf.function(
    input_signature=[
        tf.TensorSpec([None, None], tf.float32),
        _PLACES,
        _NODES,
        _PLACES,
        _LEAVES,
        tf.TensorSpec([], tf.int32),
    ],
    autograph=False,
)
def _sums(features: Any, feature: Any, threshold: Any, child: Any, value: Any, depth: Any) -> Any:
    with fused():
        return sums(features, Forest(feature, threshold, child, value, depth), tf.shape(feature)[0])


@dataclass
class Grown:
    """All trees that have been grown for a network, and what they sum up to for rows that were asked for before.

    Attributes:
        seed: of the network, which its siblings do not share.
        model: what grew them; None before the first round.
        base: shape (sums,), what the sums are added to.
        columns: for each of the model's classes or outputs, the column of the sums that it counts for.
        exponents: shape (columns,), of the powers of two by which the model has the features divided; empty for none.
        learned: the identity of the inputs that it learns from, and of which rows.
        means: the weights of its `TargetMeans` layer; empty without one.
        own_features: of the rows that it learns from, none with its own target in it; None where they are as others'.
        sides: by the identity of inputs, these and `two_sided` with the means.
        totals: by the identity of inputs, how many rounds are in their sums, and the sums.
    """

    seed: int
    model: Any
    forest: Forest
    base: NDArray[np.float32]
    columns: NDArray[np.intp]
    exponents: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))
    learned: tuple[int, NDArray[np.int32]] = (0, np.empty(0, np.int32))
    means: Sequence[NDArray[Any]] = ()
    own_features: NDArray[np.float32] | None = None
    sides: dict[int, tuple[Inputs, tf.Tensor]] = field(default_factory=dict)
    totals: dict[int, tuple[int, NDArray[np.float64]]] = field(default_factory=dict)

    @property
    def rounds(self) -> int:
        return len(self.forest.feature)


@dataclass(frozen=True)
class State:
    """A network in its training: its first `used` rounds of trees."""

    grown: Grown
    used: int


class Growing(ABC):
    """An engine, as `automl.training.engine.Engine` is, for networks of `Trees`, with `TargetMeans` before them or not.

    A step is ten rounds over all rows.

    Args:
        network: any that will be trained; its own weights are not used.
    """

    def __init__(self, network: keras.Model, task: Task) -> None:
        (layer,) = [layer for layer in network.layers if isinstance(layer, Trees)]
        # Without the room for all of its trees.
        self._layer = Trees.from_config(layer.get_config())
        self._means = next((layer for layer in network.layers if isinstance(layer, TargetMeans)), None)
        self._task = task
        self._params: Params = {}
        self.forget()

    @final
    def forget(self) -> None:
        """Gives back what it keeps of rows, and its trees."""
        self._features: dict[int, tuple[Inputs, tf.Tensor]] = {}
        self._state = self._nothing(seed=0)

    @abstractmethod
    def _grow(
        self,
        grown: Grown,
        features: NDArray[np.float32],
        learned: NDArray[Any],
        weights: NDArray[np.float32] | None,
        needed: int,
        learning_rate: float,
    ) -> None:
        """Grows the trees up to `needed` rounds, and brings the base up to date.

        Args:
            weights: None where all rows count the same.
        """

    @abstractmethod
    def _add(
        self, totals: NDArray[np.float64], grown: Grown, features: NDArray[np.float32], first: int, last: int
    ) -> None:
        """Adds what the rounds from `first` to before `last` say of rows, as the layer would, but in less time."""

    @abstractmethod
    def _sums_of_learned(self, grown: Grown, features: NDArray[np.float32]) -> NDArray[np.float64] | None:
        """What all rounds say of the rows that are learned from, shape (rows, sums), if it takes less time to tell."""

    @final
    def start(self, values: Sequence[NDArray[Any]], params: Params, *, sample: Sample, seed: int) -> None:
        """Begins a new training, without a tree."""
        self._params = params
        self._state = self._nothing(seed=seed)

    def _nothing(self, *, seed: int) -> State:
        forest = self._layer.empty(0)
        grown = Grown(seed, None, forest, self._layer.base_at_first(), np.arange(forest.sums))
        if self._means is not None:
            grown.means = self._means.get_weights()
        return State(grown, 0)

    @final
    @property
    def weights(self) -> list[NDArray[Any]]:
        """Of the network that trains now, as `keras.Model.get_weights` orders them."""
        grown, used = self._state.grown, self._state.used
        padded = self._layer.empty(self._layer.rounds)
        for name in ARRAYS:
            getattr(padded, name)[:used] = getattr(grown.forest, name)[:used]
        own = {
            "feature": padded.feature,
            "threshold": padded.threshold,
            "child": padded.child,
            "value": padded.value,
            "depth": np.asarray(grown.forest.depth, np.int32),
            "count": np.asarray(used, np.int32),
            "base": grown.base,
        }
        return [*grown.means, *(own[name] for name in ORDER)]

    @final
    def state(self) -> Sequence[Any]:
        """All that training has changed so far, to go on from later."""
        return [self._state]

    @final
    def resume(self, state: Sequence[Any]) -> None:
        """Goes on from a state."""
        (self._state,) = state

    @final
    def predict(self, inputs: Inputs) -> FloatArray:
        """Raw outputs, shape (rows, outputs)."""
        raw: FloatArray = self._raw(self._totals(inputs)).numpy()
        return raw

    @final
    def rows_per_second(self, inputs: Inputs) -> float:
        """How many rows the saved network predicts, if there are many.

        `predict` knows the answer for rows that it has been asked for, so the trees are gone through, some for all.
        """
        features = self._sides(inputs)
        features = tf.gather(features, tf.range(ROWS_OF_SPEED) % features.shape[0])
        used = self._state.used
        forest = self._state.grown.forest.rounds(0, min(used, ROUNDS_OF_SPEED))
        own = (features, *(tf.constant(getattr(forest, name)) for name in ARRAYS), tf.constant(forest.depth))
        _sums(*own).numpy()
        began = time.perf_counter()
        _sums(*own).numpy()
        seconds = (time.perf_counter() - began) * used / max(forest.feature.shape[0], 1)
        return ROWS_OF_SPEED / max(seconds, 1e-9)

    def _raw(self, totals: NDArray[np.float64]) -> tf.Tensor:
        return self._layer.raw_outputs(totals, self._state.grown.base, self._state.used)

    @final
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
        self._state.grown.learned = (id(inputs), rows)
        own, counts = learned.numpy()[rows], weights.numpy()[rows]
        features = self._learned_features(inputs, rows, own, counts)
        losses = []
        for learning_rate in learning_rates:
            grown = self._state.grown
            used = min(self._state.used + ROUNDS_PER_EPOCH, self._layer.rounds)
            if used > grown.rounds:
                alike = (counts == counts[0]).all()
                self._grow(grown, features, own, None if alike else counts, used, float(learning_rate))
            self._state = replace(self._state, used=min(used, grown.rounds))
            losses.append(len(order) * self._loss(self._learned_totals(inputs, features, rows), own, counts))
        return np.array(losses, dtype=np.float32)

    def _learned_features(
        self, inputs: Inputs, rows: NDArray[np.int32], learned: NDArray[Any], weights: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Of the rows that are learned from. The first time, means are worked out."""
        grown = self._state.grown
        if self._means is None:
            return self._features_of(inputs)[rows]
        if grown.own_features is None:
            codes = inputs["codes"].numpy()[rows]
            said = self._said(learned)
            told = (codes, said, weights.astype(np.float64), self._means.combinations)
            grown.means = target_means.fitted(*told)
            # Whatever was looked up before was looked up in empty tables.
            grown.sides.clear()
            plain = [inputs[role].numpy()[rows] for role in ("numbers", "codes") if role in inputs]
            of_others = target_means.out_of_fold(*told, seed=grown.seed)
            grown.own_features = np.concatenate([*plain, of_others], axis=1).astype(np.float32)
        return grown.own_features

    def _said(self, learned: NDArray[Any]) -> NDArray[np.float64]:
        """Shape (rows, width): what tells how the target goes."""
        if self._task.PREDICTS == "values":
            return learned.reshape(-1, 1).astype(np.float64)
        outputs = self._layer.outputs
        classes = np.arange(outputs)[-means_per_class(outputs) :]
        said: NDArray[np.float64] = (learned.reshape(-1, 1) == classes).astype(np.float64)
        return said

    def _learned_totals(
        self, inputs: Inputs, features: NDArray[np.float32], rows: NDArray[np.int32]
    ) -> NDArray[np.float64]:
        """Shape (rows, sums): what the trees in use say of the rows that are learned from."""
        grown, used = self._state.grown, self._state.used
        known = self._sums_of_learned(grown, features) if used == grown.rounds else None
        return self._totals(inputs)[rows] if known is None else known

    def _loss(self, totals: NDArray[np.float64], learned: NDArray[Any], weights: NDArray[np.float32]) -> float:
        """The mean over the rows."""
        return float(tf.reduce_mean(self._task.loss(learned, self._raw(totals), label_smoothing=0.0) * weights))

    def _sides(self, inputs: Inputs) -> tf.Tensor:
        """The features of rows, of either sign. Who asks for rows asks for them often."""
        kept, means = self._features, None
        if self._means is not None:
            kept = self._state.grown.sides
        if id(inputs) not in kept:
            if self._means is not None:
                mean, key = (tf.constant(weight) for weight in self._state.grown.means)
                means = looked_up(inputs["codes"], self._means.combinations, key, mean)
            kept[id(inputs)] = (inputs, two_sided(inputs.get("numbers"), inputs.get("codes"), means))
        return kept[id(inputs)][1]

    def _features_of(self, inputs: Inputs) -> NDArray[np.float32]:
        """Without their negatives; of rows that are learned from, those that trees learn from."""
        both: NDArray[np.float32] = self._sides(inputs).numpy()
        features = both[:, : both.shape[1] // 2]
        grown = self._state.grown
        inputs_of_learned, rows = grown.learned
        if grown.own_features is not None and inputs_of_learned == id(inputs):
            features = features.copy()
            features[rows] = grown.own_features
        return features

    def _totals(self, inputs: Inputs) -> NDArray[np.float64]:
        """Shape (rows, sums): of the trees in use.

        scikit-learn's own trees say what the layer's would, in a third of the time.
        """
        grown, used = self._state.grown, self._state.used
        done, totals = grown.totals.get(id(inputs)) or self._totals_at_first(inputs)
        if done != used:
            change = np.zeros_like(totals)
            self._add(change, grown, self._features_of(inputs), min(done, used), max(done, used))
            totals = totals + change if done < used else totals - change
        grown.totals[id(inputs)] = (used, totals)
        return totals

    def _totals_at_first(self, inputs: Inputs) -> tuple[int, NDArray[np.float64]]:
        """A number of rounds, and what they say of rows that have not been asked for."""
        grown, features = self._state.grown, self._features_of(inputs)
        totals = np.zeros((len(features), grown.forest.sums))
        inputs_of_learned, rows = grown.learned
        if inputs_of_learned != id(inputs) or not grown.rounds:
            return 0, totals
        known = self._sums_of_learned(grown, features[rows])
        if known is None:
            return 0, totals
        is_other = np.ones(len(totals), np.bool_)
        is_other[rows] = False
        others = totals[is_other]
        self._add(others, grown, features[is_other], 0, grown.rounds)
        totals[rows], totals[is_other] = known, others
        return grown.rounds, totals


def room_of(weights: Sequence[NDArray[Any]]) -> dict[str, int]:
    """The arguments of a family's `build` for a network that has these weights."""
    means, trees = _apart(weights)
    return {**room_of_trees(trees), **({"keys": means[1].shape[1]} if means else {})}


def without_room(networks: Sequence[Sequence[NDArray[Any]]]) -> list[list[NDArray[Any]]]:
    """The weights of networks, without the room that none of them needs."""
    trees = without_room_of_trees([_apart(weights)[1] for weights in networks])
    means = [_apart(weights)[0] for weights in networks]
    return [[*mean, *tree] for mean, tree in zip(with_equal_room(means), trees, strict=True)] if means[0] else trees


def _apart(weights: Sequence[NDArray[Any]]) -> tuple[Sequence[NDArray[Any]], Sequence[NDArray[Any]]]:
    """Those of a `TargetMeans` layer, none where there is none, and those of a `Trees` layer."""
    return weights[: -len(ORDER)], weights[-len(ORDER) :]


@dataclass(frozen=True)
class Nodes:
    """A tree of scikit-learn, a value per node, from the root on.

    Attributes:
        threshold: a row goes left where its `feature` is at most this, or missing and `missing_left` is true.
        value: shape (nodes, width).
    """

    is_leaf: NDArray[np.bool_]
    feature: NDArray[np.intp]
    threshold: NDArray[np.float64]
    missing_left: NDArray[np.bool_]
    left: NDArray[np.intp]
    right: NDArray[np.intp]
    value: NDArray[np.float32]


def extended(forest: Forest, trees: Sequence[Sequence[tuple[int, Nodes]]], *, depth: int, width: int) -> Forest:
    """The forest with more rounds.

    Args:
        trees: of each round, the trees and their columns.
        depth: of the deepest of them.
        width: the number of features of either sign.
    """
    more = Forest.empty(len(trees), *forest.feature.shape[1:], width=forest.value.shape[3])
    for number, of_round in enumerate(trees):
        for column, nodes in of_round:
            _write(nodes, more, (number, column), width)
    return Forest(
        depth=np.asarray(max(int(forest.depth), depth), np.int32),
        **{name: np.concatenate([getattr(old, name) for old in (forest, more)]) for name in ARRAYS},
    )


def _write(nodes: Nodes, forest: Forest, place: tuple[int, int], width: int) -> None:
    """Writes a tree into its place, the two children of a node side by side."""
    order = [0]
    sides = {True: (nodes.left.tolist(), nodes.right.tolist()), False: (nodes.right.tolist(), nodes.left.tolist())}
    is_leaf, missing_left = nodes.is_leaf.tolist(), nodes.missing_left.tolist()
    for node in order:
        if not is_leaf[node]:
            first, second = sides[missing_left[node]]
            order += [first[node], second[node]]
    inner, swapped = ~nodes.is_leaf[order], ~nodes.missing_left[order]
    threshold = _not_above(nodes.threshold[order])
    # Swapped, a row goes to the second side where x <= threshold, that is where -x is above what is next below.
    threshold = _normal(np.where(swapped, np.nextafter(-threshold, np.float32(-np.inf)), threshold))
    count = slice(len(order))
    forest.feature[place][count] = np.where(inner, nodes.feature[order] + width * swapped, 0)
    forest.threshold[place][count] = np.where(inner, threshold, np.inf)
    forest.child[place][count] = np.where(inner, 2 * np.cumsum(inner) - 1, np.arange(len(order)))
    forest.value[place][count] = np.where(inner[:, None], 0.0, nodes.value[order])


def _not_above(thresholds: NDArray[np.float64]) -> NDArray[np.float32]:
    """The largest numbers of single precision that are not above these: the same side for every such feature."""
    rounded = thresholds.astype(np.float32)
    return np.where(rounded > thresholds, np.nextafter(rounded, np.float32(-np.inf)), rounded)


def _normal(thresholds: NDArray[np.float32]) -> NDArray[np.float32]:
    """Without those that are closer to 0 than normal numbers are: TensorFlow takes such for 0, on both sides."""
    nearest = np.finfo(np.float32).smallest_normal
    return np.where((thresholds < 0) & (thresholds > -nearest), -nearest, thresholds)
