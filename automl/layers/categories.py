"""Category codes become numbers: small categories one-hot, large ones by a learned embedding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

# RealMLP (Holzmüller et al. 2024, table A.1) draws the line at nine codes, and scales the columns by their shares; both
# made no network better here.
LARGEST_ONE_HOT = 12
# The code of values that are not known. Of a category with few values no training row has it; of others, rows with rare
# values do, and are told from the rest by having no column of their own.
OTHER = 0
NEVER = -1


def widths(sizes: Sequence[int], *, embedding_size: int) -> tuple[int, ...]:
    """How many features `Categories` makes of each category, in their order: all small categories come first."""
    small = [size for size in sizes if size <= LARGEST_ONE_HOT]
    return (*small, *[embedding_size] * (len(sizes) - len(small)))


@keras.saving.register_keras_serializable("automl")
class NormalOrZero(keras.initializers.Initializer):
    """Rows drawn from a normal distribution, and some of zeros.

    Args:
        stddev: of the others.
        zeros: the numbers of the rows of zeros.
    """

    def __init__(self, stddev: float, zeros: Sequence[int], seed: int | None = None) -> None:
        self.stddev, self.zeros, self.seed = float(stddev), [int(row) for row in zeros], seed

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        drawn = np.array(keras.initializers.RandomNormal(stddev=self.stddev, seed=self.seed)(shape, dtype=dtype))
        drawn[self.zeros] = 0.0
        return ops.convert_to_tensor(drawn)

    def get_config(self) -> dict[str, Any]:
        return {"stddev": self.stddev, "zeros": self.zeros, "seed": self.seed}


@keras.saving.register_keras_serializable("automl")
class Categories(keras.layers.Layer):
    """Shape (rows, categories) of int32 codes to (rows, features).

    What stands for a value that is not known is zero in every feature, as for RealMLP, and not what no network has
    learned: of small categories for good, of large ones to begin with.

    One table embeds all large categories, and one comparison makes all the one-hot columns: two operations
    however many columns there are.

    Args:
        sizes: the number of codes of each category.
        embedding_size: the width of the embedding of a large category.
        marks_unknown: whether values of small categories that are not known have a column of their own, all the same,
            as in models that were saved before.
    """

    def __init__(self, sizes: Sequence[int], *, embedding_size: int, marks_unknown: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.marks_unknown = bool(marks_unknown)
        self.sizes = tuple(int(size) for size in sizes)
        self.embedding_size = int(embedding_size)
        small = np.array([size <= LARGEST_ONE_HOT for size in self.sizes])
        self._small, self._large = np.flatnonzero(small), np.flatnonzero(~small)
        sizes_of_small = np.array(self.sizes, dtype=np.int32)[self._small]
        self._owner = np.repeat(np.arange(len(self._small)), sizes_of_small)
        self._code = np.concatenate([np.arange(size) for size in sizes_of_small] or [np.empty(0)]).astype(np.int32)
        if not self.marks_unknown:
            self._code[self._code == OTHER] = NEVER
        sizes_of_large = np.array(self.sizes, dtype=np.int32)[self._large]
        self._offsets = (np.cumsum(sizes_of_large) - sizes_of_large).astype(np.int32)
        self._rows = int(sizes_of_large.sum())
        self.embeddings_initializer = NormalOrZero(0.3, zeros=(self._offsets + OTHER).tolist())

    def build(self, input_shape: Any) -> None:
        if len(self._large):
            self.embeddings = self.add_weight(
                shape=(self._rows, self.embedding_size), initializer=self.embeddings_initializer, name="embeddings"
            )

    def call(self, codes: Any) -> Any:
        parts = []
        if len(self._small):
            own = ops.take(codes, self._small[self._owner], axis=1)  # (rows, one-hot columns)
            parts.append(ops.cast(ops.equal(own, self._code), self.compute_dtype))
        if len(self._large):
            rows = ops.take(codes, self._large, axis=1) + self._offsets  # (rows, large categories)
            embedded = ops.take(self.embeddings, rows, axis=0)  # (rows, large categories, embedding size)
            parts.append(ops.reshape(embedded, (-1, len(self._large) * self.embedding_size)))
        return parts[0] if len(parts) == 1 else ops.concatenate(parts, axis=1)

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, int]:
        return (input_shape[0], len(self._code) + len(self._large) * self.embedding_size)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "sizes": list(self.sizes),
            "embedding_size": self.embedding_size,
            "marks_unknown": self.marks_unknown,
        }
