"""Rows are predicted by what is known of the training rows near them: ModernNCA (Ye et al. 2024)."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from automl.layers.candidates import kept
from automl.layers.softmax import softmax
from automl.layers.starting import started

# What a class without neighbours has as its probability.
SMALLEST_PROBABILITY = 1e-7
# Of a squared distance: its root has no slope at 0, and it is a difference of rounded numbers.
SMALLEST_SQUARE = 1e-6
FAR_AWAY = 1e9
# A call of a network takes so many distances at once: more would not stay in the processor's cache.
DISTANCES_AT_ONCE = 2**20


@keras.saving.register_keras_serializable("automl")
class Distances(keras.layers.Layer):
    """How far each row is from each candidate, shape (rows, candidates): Euclidean.

    Its inputs are positions, shape (rows + candidates, units), and fingerprints, shape (rows + candidates,), as
    `WithCandidates` arranges them.

    While it trains, candidates with a row's own fingerprint are out of reach. So a training row is not its own
    neighbour, and neither are its duplicates: a split does not part them, so a new row has none among the candidates.
    """

    starts_from_data = True

    def __init__(self, candidates: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.candidates = int(candidates)
        self.most_rows = max(1, DISTANCES_AT_ONCE // self.candidates)
        self.counts_initializer = keras.initializers.Ones()

    def build(self, input_shape: Any) -> None:
        self.counts = self.add_weight((self.candidates,), self.counts_initializer, trainable=False, name="counts")

    def call(self, inputs: Any, training: bool = False) -> Any:
        positions, fingerprints = inputs
        counts = self.counts.value
        candidates = ops.shape(counts)[0]
        start = started()
        if start is not None:
            _, counting = kept(len(positions) - candidates, candidates)
            counts = start.values[id(self.counts)] = counting.astype(np.float32)
        distances = apart(positions[:-candidates], positions[-candidates:]) + FAR_AWAY * (1 - counts)
        if not training:
            return distances
        twins = ops.equal(fingerprints[:-candidates, None], fingerprints[-candidates:])
        return distances + FAR_AWAY * ops.cast(twins, distances.dtype)

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        return (None, self.candidates)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "candidates": self.candidates}


def apart(rows: Any, candidates: Any) -> Any:
    """The Euclidean distances between rows of positions, shape (rows, candidates)."""
    squares = ops.sum(rows * rows, axis=1, keepdims=True) + ops.sum(candidates * candidates, axis=1)
    squares = squares - 2 * ops.matmul(rows, ops.transpose(candidates))
    return ops.sqrt(ops.maximum(squares, SMALLEST_SQUARE))


@keras.saving.register_keras_serializable("automl")
class Neighbours(keras.layers.Layer):
    """The mean of the candidates' targets, weighted by exp(-distance): (rows, candidates) to (rows, outputs).

    Where outputs are classes, the means are probabilities, and the layer gives their logarithms.

    Args:
        outputs: the number of classes, or 1 for a number.
    """

    starts_from_data = True

    def __init__(self, outputs: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.outputs = int(outputs)
        self.targets_initializer = keras.initializers.RandomUniform(0, 1)

    def build(self, input_shape: Any) -> None:
        self.targets = self.add_weight(
            (input_shape[-1], self.outputs), self.targets_initializer, trainable=False, name="targets"
        )

    def call(self, distances: Any) -> Any:
        targets = self.targets.value
        start = started()
        if start is not None:
            places, _ = kept(len(distances), targets.shape[0])
            targets = start.values[id(self.targets)] = as_outputs(start.learned[places], self.outputs)
        means = ops.matmul(softmax(-distances), targets)
        return means if self.outputs == 1 else ops.log(means + SMALLEST_PROBABILITY)

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, int]:
        return (input_shape[0], self.outputs)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "outputs": self.outputs}


def as_outputs(learned: NDArray[Any], outputs: int) -> NDArray[np.float32]:
    """Shape (rows, outputs): numbers as they are, and classes as probabilities of 0 and 1."""
    return (learned[:, None] if outputs == 1 else learned[:, None] == np.arange(outputs)).astype(np.float32)
