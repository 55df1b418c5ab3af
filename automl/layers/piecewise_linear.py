"""Numbers as small vectors that bend at quantiles of the training rows."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any

import keras
import numpy as np
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
        self.slope = self.add_weight((columns, 1, self.size), self.slope_initializer, name="slope")
        self.bias = self.add_weight((columns, 1, self.size), self.bias_initializer, name="bias")
        self.kernel = self.add_weight((columns, self.bins, self.size), self.kernel_initializer, name="kernel")
        self.edges = self.add_weight((columns, self.bins + 1), self.edges_initializer, trainable=False, name="edges")

    def call(self, inputs: Any) -> Any:
        edges = self.edges
        start = started()
        if start is not None:
            edges = quantiles(np.asarray(inputs), self.bins + 1)
            start.values[id(self.edges)] = edges
        values = ops.transpose(inputs)[:, :, None]  # (columns, rows, 1)
        embedded = ops.matmul(below(values, edges), self.kernel) + values * self.slope + self.bias
        rows_first = ops.transpose(embedded, (1, 0, 2))  # (rows, columns, size)
        columns, _, size = ops.shape(self.kernel)
        return ops.reshape(rows_first, (-1, columns * size))

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, int]:
        return (input_shape[0], input_shape[-1] * self.size)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "bins": self.bins, "size": self.size}


def below(values: Any, edges: Any) -> Any:
    """Shape (columns, rows, bins): how much of each bin lies below the value, in [0, 1]; 0 for a bin without width.

    Args:
        values: shape (columns, rows, 1).
        edges: shape (columns, bins + 1), ascending.
    """
    edges = ops.convert_to_tensor(edges)
    widths = edges[:, 1:] - edges[:, :-1]
    rates = ops.where(widths > 0, 1 / ops.where(widths > 0, widths, 1.0), 0.0)
    return ops.clip((values - edges[:, None, :-1]) * rates[:, None, :], 0.0, 1.0)


def quantiles(rows: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """Shape (columns, count): different values of the rows at equal distances in rank, the last one repeated."""
    found = np.quantile(rows, np.linspace(0, 1, count), axis=0, method="inverted_cdf").T
    edges = np.empty_like(found)
    for column, of_column in enumerate(found):
        different = np.unique(of_column)
        edges[column] = np.pad(different, (0, count - len(different)), mode="edge")
    return edges.astype(np.float32)
