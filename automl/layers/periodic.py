"""Numbers as small vectors of waves, so that a network can bend sharply along a column."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import keras
from keras import ops

# TensorFlow multiplies several pairs of matrices in another way, which rounds differently, if each product has fewer
# multiplications than this.
SMALL_PRODUCT = 128 * 128


@keras.saving.register_keras_serializable("automl")
class PeriodicEmbedding(keras.layers.Layer):
    """Shape (rows, columns) to (rows, columns * size): PBLD of RealMLP (Holzmüller et al. 2024, section 3).

    Each column becomes itself and size - 1 linear maps of cosines cos(2 pi w x + b) of its own.

    Args:
        frequencies: the number of cosines of a column.
        size: the length of a column's vector.
        sigma: the standard deviation of the frequencies w at the start.
    """

    learning_rate_factors: ClassVar[Mapping[str, float]] = {"frequency": 0.1, "phase": 0.1, "kernel": 0.1, "bias": 0.1}
    undecayed = frozenset({"bias", "phase"})

    def __init__(self, *, frequencies: int, size: int, sigma: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.frequencies, self.size, self.sigma = int(frequencies), int(size), float(sigma)
        self.least_rows = SMALL_PRODUCT // (self.frequencies * max(1, self.size - 1)) + 1
        edge = 1 / math.sqrt(self.frequencies)
        self.frequency_initializer = keras.initializers.RandomNormal(stddev=self.sigma)
        self.phase_initializer = keras.initializers.RandomUniform(-math.pi, math.pi)
        self.kernel_initializer = keras.initializers.RandomUniform(-edge, edge)
        self.bias_initializer = keras.initializers.RandomUniform(-edge, edge)

    def build(self, input_shape: Any) -> None:
        columns, waves = input_shape[-1], self.frequencies
        self.columns = columns
        self.frequency = self.add_weight((columns, waves), self.frequency_initializer, name="frequency")
        self.phase = self.add_weight((columns, waves), self.phase_initializer, name="phase")
        self.kernel = self.add_weight((columns, waves, self.size - 1), self.kernel_initializer, name="kernel")
        self.bias = self.add_weight((columns, self.size - 1), self.bias_initializer, name="bias")

    def call(self, inputs: Any) -> Any:
        # One small matrix product per column, with the columns in front: transposing the waves would take longer.
        columns = ops.transpose(inputs)[:, :, None]  # (columns, rows, 1)
        angles = ops.matmul(columns, 2 * math.pi * self.frequency[:, None, :]) + self.phase[:, None, :]
        mapped = ops.matmul(ops.cos(angles), self.kernel) + self.bias[:, None, :]  # (columns, rows, size - 1)
        embedded = ops.transpose(ops.concatenate([columns, mapped], axis=-1), (1, 0, 2))  # (rows, columns, size)
        return ops.reshape(embedded, (-1, self.columns * self.size))

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, int]:
        return (input_shape[0], input_shape[-1] * self.size)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "frequencies": self.frequencies, "size": self.size, "sigma": self.sigma}
