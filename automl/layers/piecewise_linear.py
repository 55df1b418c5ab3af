"""Numbers as small vectors that bend at quantiles of the training rows."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from numpy.typing import NDArray

from automl.layers.starting import started


@keras.saving.register_keras_serializable("automl")
class NormalQuantiles(keras.initializers.Initializer):
    """Shape (columns, quantiles): those of numbers that are normally distributed, as scaled columns nearly are."""

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        columns, count = shape
        quantiles = [NormalDist().inv_cdf((position + 0.5) / count) for position in range(count)]
        return ops.cast(ops.tile(np.array([quantiles]), (columns, 1)), dtype or "float32")


@keras.saving.register_keras_serializable("automl")
class PiecewiseLinear(keras.layers.Layer):
    """Shape (rows, columns) to (rows, columns * size): a straight line, and one that bends at the edges of the bins.

    The piecewise-linear embedding of TabM, version B (Gorishniy et al. 2022, "On embeddings for numerical features"):
    x w + b + e V, where e says of each bin how much of it lies below x, in [0, 1], and V starts at zero. Beyond the
    outermost edges only the straight line goes on.

    Edges are quantiles of the training rows. Equal ones are one edge, so a column with few values has few bins, and
    one that is constant has none.

    Args:
        bins: the most bins of a column.
        size: the length of a column's vector.
    """

    undecayed = frozenset({"bias"})
    starts_from_data = True

    def __init__(self, *, bins: int, size: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.bins, self.size = int(bins), int(size)
        edge = 1 / math.sqrt(self.size)
        self.slope_initializer = keras.initializers.RandomUniform(-edge, edge)
        self.bias_initializer = keras.initializers.RandomUniform(-edge, edge)
        self.kernel_initializer = keras.initializers.Zeros()
        self.edges_initializer = NormalQuantiles()

    def build(self, input_shape: Any) -> None:
        columns = input_shape[-1]
        self.slope = self.add_weight((columns, self.size), self.slope_initializer, name="slope")
        self.bias = self.add_weight((columns, self.size), self.bias_initializer, name="bias")
        self.kernel = self.add_weight((columns, self.bins, self.size), self.kernel_initializer, name="kernel")
        self.edges = self.add_weight((columns, self.bins + 1), self.edges_initializer, trainable=False, name="edges")

    def call(self, inputs: Any) -> Any:
        edges = self.edges.value
        start = started()
        if start is not None:
            # Not self.bins: the graph serves other networks than the one it was made of.
            edges = ops.convert_to_tensor(quantiles(np.asarray(inputs), edges.shape[1]))
            start.values[id(self.edges)] = np.asarray(edges)
        bent = bend(inputs, edges, self.kernel.value)
        embedded = inputs[:, :, None] * self.slope + self.bias + bent  # (rows, columns, size)
        _, columns, size = ops.shape(embedded)
        return ops.reshape(embedded, (-1, columns * size))

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, int]:
        return (input_shape[0], input_shape[-1] * self.size)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "bins": self.bins, "size": self.size}


def bend(inputs: Any, edges: Any, kernel: Any) -> Any:
    """The e V of `PiecewiseLinear`, shape (rows, columns, size), without e: V summed up to the bin of x.

    Products of matrices as small as e and V round differently in batches of few rows.

    Args:
        inputs: shape (rows, columns).
        edges: shape (columns, bins + 1), ascending.
        kernel: V, shape (columns, bins, size).
    """
    columns, bins, size = ops.shape(kernel)
    widths = edges[:, 1:] - edges[:, :-1]
    has_width = ops.cast(widths > 0, kernel.dtype)
    rates = has_width / (widths + (1 - has_width))
    kernel = kernel * has_width[:, :, None]
    before = ops.cumsum(kernel, axis=1) - kernel  # (columns, bins, size)
    inside = ops.minimum(tf.searchsorted(edges[:, 1:], ops.transpose(inputs), side="right"), bins - 1)
    place = ops.transpose(inside) + bins * ops.arange(columns)  # (rows, columns), among the bins of all columns
    filled = (inputs - _at(edges[:, :-1], place)) * _at(rates, place)
    whole, part = (ops.take(ops.reshape(values, (-1, size)), place, axis=0) for values in (before, kernel))
    return whole + ops.clip(filled, 0.0, 1.0)[:, :, None] * part


def _at(values: Any, place: Any) -> Any:
    return ops.take(ops.reshape(values, (-1,)), place)


def quantiles(rows: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """Shape (columns, count): different values of the rows at equal distances in rank, the last one repeated."""
    found = np.quantile(rows, np.linspace(0, 1, count), axis=0, method="inverted_cdf").T
    edges = np.empty_like(found)
    for column, of_column in enumerate(found):
        different = np.unique(of_column)
        edges[column] = np.pad(different, (0, count - len(different)), mode="edge")
    return edges.astype(np.float32)
