"""Decision trees as arrays: a network can be made of them, be saved with them and predict with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from numpy.typing import NDArray

# Rounds that rows go through at once: enough for long operations, few enough for their results to stay in the cache.
ROUNDS_AT_ONCE = 8
# Numbers that nodes may hold in all, 40 MB.
MOST_NUMBERS = 10_000_000
# As Keras orders the weights of a `Trees` layer: those that count as trainable first.
ORDER = ("value", "threshold", "base", "feature", "child", "depth", "count")
# Of a forest, an entry for each node.
ARRAYS = ("feature", "threshold", "child", "value")

_fused: ContextVar[bool] = ContextVar("fused", default=False)


@dataclass(frozen=True)
class Forest:
    """Rounds of trees, with `columns` trees in each.

    A row begins in node 0. From a node it goes to the node `child`, or to the one after it if its `feature` is above
    `threshold`; a leaf is its own child, and no feature is above its threshold.

    Attributes:
        feature: shape (rounds, columns, nodes), int32, of `two_sided` features.
        threshold: as `feature`, float32.
        child: as `feature`, int32.
        value: shape (rounds, columns, nodes, width), float32: what leaves add to sums; 0 in other nodes.
        depth: the most steps from node 0 to a leaf.
    """

    feature: Any
    threshold: Any
    child: Any
    value: Any
    depth: Any

    @classmethod
    def empty(cls, rounds: int, columns: int, nodes: int, *, width: int = 1) -> Forest:
        """Trees of one leaf, of the value 0."""
        shape = (rounds, columns, nodes)
        return cls(
            np.zeros(shape, np.int32),
            np.full(shape, np.inf, np.float32),
            np.broadcast_to(np.arange(nodes, dtype=np.int32), shape).copy(),
            np.zeros((*shape, width), np.float32),
            np.zeros((), np.int32),
        )

    @property
    def sums(self) -> int:
        """How many numbers the trees sum up to for a row."""
        return int(self.value.shape[1] * self.value.shape[3])

    def rounds(self, first: int, last: int) -> Forest:
        """Those from `first` to before `last`."""
        return replace(self, **{name: getattr(self, name)[first:last] for name in ARRAYS})


def two_sided(numbers: Any, codes: Any, means: Any = None) -> Any:
    """Shape (rows, 2 * features): the features and their negatives.

    No comparison holds for a missing value, so it goes to `child`; with the negative feature and the sides swapped
    that is the other side.
    """
    parts = [ops.cast(part, "float32") for part in (numbers, codes, means) if part is not None]
    return ops.concatenate([*parts, *(-part for part in parts)], axis=1)


def sums(features: Any, forest: Forest, count: Any) -> Any:
    """Shape (rows, columns * width), float64: the sums of the leaves' values over the first `count` rounds.

    Args:
        features: shape (rows, features), of either sign.
    """
    add_up: Any = tf.function(_add_up, jit_compile=True, autograph=False) if _fused.get() else _add_up
    return add_up(features, *(getattr(forest, name) for name in ARRAYS), forest.depth, count)


@contextmanager
def fused() -> Iterator[None]:
    """What is traced meanwhile goes through trees in a seventh of the time, and is compiled for each number of rows.

    The sums are the same, bit by bit: they are added up in the same order.
    """
    before = _fused.set(True)
    try:
        yield
    finally:
        _fused.reset(before)


def _add_up(features: Any, feature: Any, threshold: Any, child: Any, value: Any, depth: Any, count: Any) -> Any:
    rows, width = tf.shape(features)[0], tf.shape(features)[1]
    rounds, columns, nodes, width_of_leaf = (tf.shape(value)[axis] for axis in range(4))
    # A loop that is compiled has operands of one shape, so that the last rounds may come a second time.
    at_once = tf.minimum(ROUNDS_AT_ONCE, rounds)
    roots = tf.reshape(tf.range(at_once * columns) * nodes, [1, -1, columns])
    flat = tf.reshape(features, [-1])
    begins = (tf.range(rows) * width)[:, None, None]

    def of_rounds(array: Any, first: Any) -> Any:
        return tf.slice(array, [first, 0, 0], [at_once, columns, nodes])

    def add(done: Any, total: Any) -> tuple[Any, Any]:
        first = tf.minimum(done, rounds - at_once)
        features_of, thresholds, children = (
            tf.reshape(of_rounds(array, first), [-1]) for array in (feature, threshold, child)
        )
        values = tf.slice(value, [first, 0, 0, 0], [at_once, columns, nodes, width_of_leaf])
        values = tf.reshape(values, tf.stack([-1, width_of_leaf]))

        def descend(step: Any, place: Any) -> tuple[Any, Any]:
            seen = tf.gather(flat, begins + tf.gather(features_of, place))
            second = tf.cast(seen > tf.gather(thresholds, place), tf.int32)
            return step + 1, roots + tf.gather(children, place) + second

        start = (0, tf.zeros([rows, 1, 1], tf.int32) + roots)
        _, leaf = tf.while_loop(lambda step, _: step < depth, descend, start, parallel_iterations=1)
        said = tf.gather(values, leaf)  # (rows, at_once, columns, width)

        def add_round(number: Any, total: Any) -> tuple[Any, Any]:
            own = tf.cast(tf.gather(said, number, axis=1), tf.float64)
            return number + 1, total + tf.reshape(own, tf.shape(total))

        last = tf.minimum(count - first, at_once)
        _, total = tf.while_loop(
            lambda number, _: number < last, add_round, (done - first, total), shape_invariants=shapes
        )
        return done + at_once, total

    shapes = (tf.TensorShape([]), tf.TensorShape([None, None]))
    start = (tf.constant(0), tf.zeros(tf.stack([rows, columns * width_of_leaf]), tf.float64))
    return tf.while_loop(lambda done, _: done < count, add, start, shape_invariants=shapes, parallel_iterations=1)[1]


@keras.saving.register_keras_serializable("automl")
class Trees(keras.layers.Layer):
    """What trees say of rows: {"numbers": (rows, width), "codes": (rows, categories)} to raw outputs, (rows, outputs).

    Of the target means of categories, "means", there may be some as well.

    The trees are grown by `automl.training.growing` and not by gradient steps.

    Args:
        rounds: the most that there is room for.
        leaves: the most of a tree.
        averages: whether every tree predicts by itself and their mean counts. If not, a round has a tree for each
            output (for two classes one, of the log-odds of the second), and they are summed up.
    """

    def __init__(self, outputs: int, *, rounds: int, leaves: int, averages: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.outputs, self.rounds, self.leaves, self.averages = int(outputs), int(rounds), int(leaves), bool(averages)

    def empty(self, rounds: int) -> Forest:
        """Trees of the layer's shape that have not been grown."""
        summed = 1 if self.outputs == 2 else self.outputs
        columns, width = (1, self.outputs) if self.averages else (summed, 1)
        return Forest.empty(rounds, columns, 2 * self.leaves - 1, width=width)

    def base_at_first(self) -> NDArray[np.float32]:
        """What the sums of no trees are added to, shape (sums,): nothing, or equal probabilities to average with."""
        means_probabilities = self.averages and self.outputs > 1
        return np.full(self.empty(0).sums, 1 / self.outputs if means_probabilities else 0.0, np.float32)

    def build(self, input_shape: Mapping[str, Any]) -> None:
        empty = self.empty(self.rounds)
        # What is learned, though by no gradient, counts as trainable.
        self.value = self._weight("value", empty.value, trainable=True)
        self.threshold = self._weight("threshold", empty.threshold, trainable=True)
        self.feature = self._weight("feature", empty.feature)
        self.child = self._weight("child", empty.child)
        self.depth = self._weight("depth", empty.depth)
        self.count = self._weight("count", np.zeros((), np.int32))
        self.base = self._weight("base", self.base_at_first(), trainable=True)

    def _weight(self, name: str, start: NDArray[Any], *, trainable: bool = False) -> keras.Variable:
        def initializer(shape: Any, dtype: Any = None) -> Any:
            return ops.convert_to_tensor(start, dtype=dtype)

        return self.add_weight(
            shape=start.shape, initializer=initializer, dtype=start.dtype.name, trainable=trainable, name=name
        )

    def call(self, inputs: Mapping[str, Any]) -> Any:
        own = (self.feature, self.threshold, self.child, self.value, self.depth)
        forest = Forest(*(weight.value for weight in own))
        features = two_sided(inputs.get("numbers"), inputs.get("codes"), inputs.get("means"))
        return self.raw_outputs(sums(features, forest, self.count.value), self.base.value, self.count.value)

    def raw_outputs(self, total: Any, base: Any, count: Any) -> Any:
        """What the loss takes, shape (rows, outputs), float32.

        Args:
            total: `sums` of the first `count` rounds.
            base: what they are added to. In a mean of probabilities it counts as one more tree, so that none is 0.
        """
        total, base, count = tf.cast(total, tf.float64), tf.cast(base, tf.float64), tf.cast(count, tf.float64)
        if not self.averages:
            raw = tf.cast(total + base, tf.float32)
            return tf.concat([tf.zeros_like(raw), raw], axis=1) if self.outputs == 2 else raw
        if self.outputs == 1:
            return tf.cast(base + total / tf.maximum(count, 1.0), tf.float32)
        return tf.cast(tf.math.log((total + base) / (count + 1.0)), tf.float32)

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, int]:
        return (next(iter(input_shape.values()))[0], self.outputs)

    def get_config(self) -> dict[str, Any]:
        own = {name: getattr(self, name) for name in ("outputs", "rounds", "leaves", "averages")}
        return {**super().get_config(), **own}


def affordable(leaves: int, *, rounds: int, numbers: int) -> int:
    """As many leaves, or as few as there is room for.

    Args:
        numbers: that a node has in all trees of a round.
    """
    nodes = MOST_NUMBERS // (rounds * numbers)
    return min(leaves, max(2, nodes // 2))


def room_of_trees(weights: Sequence[NDArray[Any]]) -> dict[str, int]:
    """The arguments of a `Trees` layer that has these weights."""
    rounds, _, nodes = weights[ORDER.index("threshold")].shape
    return {"rounds": rounds, "leaves": (nodes + 1) // 2}


def without_room_of_trees(networks: Sequence[Sequence[NDArray[Any]]]) -> list[list[NDArray[Any]]]:
    """The weights of networks of one `Trees` layer each, without the room that none of their trees takes."""
    rounds = max(1, *(int(weights[ORDER.index("count")]) for weights in networks))
    children = [weights[ORDER.index("child")] for weights in networks]
    # A tree has a leaf more than it has comparisons, whose thresholds may be infinite: that tells missing values apart.
    leaves = 1 + max(int((child != np.arange(child.shape[2])).sum(axis=2).max()) for child in children)
    kept = {"value", "threshold", "feature", "child"}
    return [
        [
            weight[:rounds, :, : 2 * leaves - 1].copy() if name in kept else weight
            for name, weight in zip(ORDER, weights, strict=True)
        ]
        for weights in networks
    ]
