"""Every column of a row becomes a vector of its own, and so does the row: what attention looks at."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("automl")
class NumberTokens(keras.layers.Layer):
    """Shape (rows, columns) to (rows, columns, units): x w + b, each column with a w and a b of its own.

    The feature tokenizer of FT-Transformer (Gorishniy et al. 2021, section 3.3).
    """

    undecayed = frozenset({"slope", "bias"})

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = int(units)
        self.slope_initializer = self.bias_initializer = spread(self.units)

    def build(self, input_shape: Any) -> None:
        self.slope = self.add_weight((input_shape[-1], self.units), self.slope_initializer, name="slope")
        self.bias = self.add_weight((input_shape[-1], self.units), self.bias_initializer, name="bias")

    def call(self, inputs: Any) -> Any:
        return inputs[:, :, None] * self.slope + self.bias

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        return (*input_shape, self.units)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}


@keras.saving.register_keras_serializable("automl")
class CategoryTokens(keras.layers.Layer):
    """Shape (rows, categories) of int32 codes to (rows, categories, units): a vector for each code of each category.

    Args:
        sizes: the number of codes of each category.
    """

    undecayed = frozenset({"embeddings"})

    def __init__(self, sizes: Sequence[int], units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.sizes, self.units = tuple(int(size) for size in sizes), int(units)
        self.embeddings_initializer = spread(self.units)
        sizes_of_codes = np.array(self.sizes, dtype=np.int32)
        self._offsets = (np.cumsum(sizes_of_codes) - sizes_of_codes).astype(np.int32)

    def build(self, input_shape: Any) -> None:
        self.embeddings = self.add_weight((sum(self.sizes), self.units), self.embeddings_initializer, name="embeddings")

    def call(self, codes: Any) -> Any:
        return ops.take(self.embeddings, codes + self._offsets, axis=0)

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        return (*input_shape, self.units)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "sizes": list(self.sizes), "units": self.units}


@keras.saving.register_keras_serializable("automl")
class WithRowToken(keras.layers.Layer):
    """Shape (rows, tokens, units) to (rows, 1 + tokens, units): in front, a vector that is the same for every row.

    Attention gathers in it what the columns say of the row (BERT's [CLS], Devlin et al. 2019).
    """

    undecayed = frozenset({"token"})

    def build(self, input_shape: Any) -> None:
        self.token_initializer = spread(input_shape[-1])
        self.token = self.add_weight((input_shape[-1],), self.token_initializer, name="token")

    def call(self, tokens: Any) -> Any:
        rows, _, units = ops.shape(tokens)
        return ops.concatenate([ops.broadcast_to(self.token, (rows, 1, units)), tokens], axis=1)

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        rows, tokens, units = input_shape
        return (rows, tokens + 1, units)


@keras.saving.register_keras_serializable("automl")
class RowToken(keras.layers.Layer):
    """The first token of each row alone, shape (rows, 1, units), or (rows, units) without `keepdims`."""

    def __init__(self, *, keepdims: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.keepdims = bool(keepdims)

    def call(self, tokens: Any) -> Any:
        return tokens[:, :1] if self.keepdims else tokens[:, 0]

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        rows, _, units = input_shape
        return (rows, 1, units) if self.keepdims else (rows, units)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "keepdims": self.keepdims}


def spread(units: int) -> keras.initializers.Initializer:
    """How tokens of so many units start: uniform on +-1 / sqrt(units)."""
    return keras.initializers.RandomUniform(-1 / math.sqrt(units), 1 / math.sqrt(units))
