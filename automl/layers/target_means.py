"""How the target goes with categories and with pairs of them, as a layer: target encoding (Micci-Barreca 2001)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

# A key is the code of one column, or this times the code of one and the code of another: no column has more codes.
BASE = 2**15
# Trees tell fewer codes than this apart by themselves.
MANY_CODES = 13
# Of so many columns with the most values pairs are made: of eight, 28.
MOST_PAIRED = 8
# A table of columns that is wider than this makes every tree slow.
MOST_WIDTH = 100
FILLED_UP = np.iinfo(np.int32).max

Combination = tuple[int, int]


def large(sizes: Sequence[int]) -> list[int]:
    """The category columns with many values."""
    return [column for column, size in enumerate(sizes) if size >= MANY_CODES]


def chosen(sizes: Sequence[int], *, width: int) -> list[Combination]:
    """The columns with many values, each with itself, and pairs of those with the most.

    Args:
        sizes: the number of codes of each category column.
        width: how many numbers there are for each.
    """
    columns = large(sizes)
    paired = sorted(sorted(columns, key=lambda column: -sizes[column])[:MOST_PAIRED])
    every = [*((column, column) for column in columns), *combinations(paired, 2)]
    return every[: max(1, MOST_WIDTH // width)]


def means_per_class(outputs: int) -> int:
    """How many numbers tell how a target goes: the shares of the classes, or the mean. Of two classes, one tells."""
    return outputs if outputs > 2 else 1


def keys(codes: Any, combination: Combination) -> Any:
    """Shape (rows,), int32: equal for rows that have the same values."""
    left, right = combination
    return codes[:, left] if left == right else codes[:, left] * BASE + codes[:, right]


@keras.saving.register_keras_serializable("automl")
class TargetMeans(keras.layers.Layer):
    """Codes, shape (rows, categories), to what the target was for such rows: (rows, combinations * width).

    What is not known gets the mean of all. The means are worked out by `automl.training.target_means`.

    Args:
        combinations: pairs of columns; one with itself stands for itself.
        width: how many numbers tell how the target goes.
        room: the most keys of a combination.
    """

    def __init__(self, combinations: Sequence[Sequence[int]], width: int, *, room: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.combinations = [(int(left), int(right)) for left, right in combinations]
        self.width, self.room = int(width), int(room)

    def build(self, input_shape: Any) -> None:
        count = len(self.combinations)
        self.mean = self.add_weight(
            shape=(count, self.room + 1, self.width), initializer="zeros", dtype="float32", name="mean"
        )
        self.key = self.add_weight(
            shape=(count, self.room),
            initializer=keras.initializers.Constant(FILLED_UP),
            dtype="int32",
            trainable=False,
            name="key",
        )

    def call(self, inputs: Any) -> Any:
        return looked_up(inputs, self.combinations, self.key.value, self.mean.value)

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, int]:
        return (input_shape[0], len(self.combinations) * self.width)

    def get_config(self) -> dict[str, Any]:
        own = {name: getattr(self, name) for name in ("combinations", "width", "room")}
        return {**super().get_config(), **own}


def looked_up(codes: Any, combinations: Sequence[Combination], key: Any, mean: Any) -> Any:
    """Shape (rows, combinations * width).

    Args:
        key: shape (combinations, room), ascending, filled up.
        mean: shape (combinations, room + 1, width): of each key, and last of all rows.
    """
    wanted = tf.stack([keys(codes, combination) for combination in combinations])
    place = tf.searchsorted(key, wanted)
    room = tf.shape(key)[1]
    found = tf.gather(key, tf.minimum(place, room - 1), batch_dims=1)
    means = tf.gather(mean, tf.where(found == wanted, place, room), batch_dims=1)  # (combinations, rows, width)
    count, width = tf.shape(mean)[0], tf.shape(mean)[2]
    return tf.reshape(tf.transpose(means, [1, 0, 2]), tf.stack([-1, count * width]))


def with_equal_room(networks: Sequence[Sequence[NDArray[Any]]]) -> list[list[NDArray[Any]]]:
    """The weights of `TargetMeans` layers, mean and key, filled up to the same room."""
    most = max(key.shape[1] for _, key in networks)
    return [
        [
            np.concatenate([mean[:, :-1], np.repeat(mean[:, -1:], most + 1 - key.shape[1], axis=1)], axis=1),
            np.pad(key, ((0, 0), (0, most - key.shape[1])), constant_values=FILLED_UP),
        ]
        for mean, key in networks
    ]
