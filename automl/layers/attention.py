"""Attention among the tokens of a row, in two halves, so that dropout can thin out the weights between them.

Multi-head attention (Vaswani et al. 2017) without biases in its maps but the last.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from automl.layers.softmax import softmax

# A network's call takes so many tokens at once: more would not stay in the processor's cache.
TOKENS_AT_ONCE = 2**14


@keras.saving.register_keras_serializable("automl")
class AttentionWeights(keras.layers.Layer):
    """How much each query takes from each token, shape (rows, heads, queries, tokens); over the tokens they sum to 1.

    Its inputs are the queries, shape (rows, queries, units), and the tokens, shape (rows, tokens, units).

    Args:
        heads: a divisor of the units.
    """

    def __init__(self, heads: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.heads = int(heads)
        self.query_initializer = self.key_initializer = keras.initializers.GlorotUniform()

    def build(self, input_shape: Any) -> None:
        units = input_shape[0][-1]
        self.most_rows = TOKENS_AT_ONCE // input_shape[1][1]
        self.query = self.add_weight((units, units), self.query_initializer, name="query")
        self.key = self.add_weight((units, units), self.key_initializer, name="key")

    def call(self, inputs: Any) -> Any:
        queries, tokens = inputs
        asked = in_heads(mapped(queries, self.query), self.heads)
        offered = in_heads(mapped(tokens, self.key), self.heads)
        width = ops.cast(ops.shape(asked)[-1], asked.dtype)
        return softmax(ops.matmul(asked * ops.rsqrt(width), ops.transpose(offered, (0, 1, 3, 2))))

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        (rows, queries, _), (_, tokens, _) = input_shape
        return (rows, self.heads, queries, tokens)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "heads": self.heads}


@keras.saving.register_keras_serializable("automl")
class Attended(keras.layers.Layer):
    """What the queries take from the tokens, shape (rows, queries, units).

    Its inputs are the weights, shape (rows, heads, queries, tokens), and the tokens, shape (rows, tokens, units).
    """

    undecayed = frozenset({"bias"})

    def build(self, input_shape: Any) -> None:
        units = input_shape[1][-1]
        self.value_initializer = self.kernel_initializer = keras.initializers.GlorotUniform()
        self.bias_initializer = keras.initializers.Zeros()
        self.value = self.add_weight((units, units), self.value_initializer, name="value")
        self.kernel = self.add_weight((units, units), self.kernel_initializer, name="kernel")
        self.bias = self.add_weight((units,), self.bias_initializer, name="bias")

    def call(self, inputs: Any) -> Any:
        weights, tokens = inputs
        rows, heads, queries, _ = ops.shape(weights)
        taken = ops.matmul(weights, in_heads(mapped(tokens, self.value), heads))  # (rows, heads, queries, units of one)
        together = ops.reshape(ops.transpose(taken, (0, 2, 1, 3)), (rows, queries, ops.shape(tokens)[-1]))
        return mapped(together, self.kernel) + self.bias

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        (rows, _, queries, _), (_, _, units) = input_shape
        return (rows, queries, units)


def mapped(tokens: Any, kernel: Any) -> Any:
    """The product with a square matrix, as one for the tokens of all rows. Shape (rows, tokens, units)."""
    shape = ops.shape(tokens)
    return ops.reshape(ops.matmul(ops.reshape(tokens, (-1, shape[-1])), kernel), shape)


def in_heads(tokens: Any, heads: int) -> Any:
    """Shape (rows, tokens, units) to (rows, heads, tokens, units of one head)."""
    rows, count, units = ops.shape(tokens)
    return ops.transpose(ops.reshape(tokens, (rows, count, heads, units // heads)), (0, 2, 1, 3))
