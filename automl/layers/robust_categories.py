"""Category codes become numbers as RealMLP has them: one-hot columns are centred and scaled like measured ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from automl.layers.starting import Start, started

# Codes below it are no value: other values, and missing cells.
FIRST_KNOWN = 2
# Values of a column; the paper's nine counts one for missing cells.
MOST_ONE_HOT = 8


@keras.saving.register_keras_serializable("automl")
class RobustCategories(keras.layers.Layer):
    """Shape (rows, categories) of int32 codes to (rows, features) (Holzmüller et al. 2024, section 3).

    A category of few values has a column for each, and one alone if there are two. A row without a known value is 0 in
    all of them, or 0.5 in that one. As with numbers, the median is then subtracted, and the rest divided by the
    interquartile range or half of the whole range, and clipped smoothly. A category of many values is embedded.

    Args:
        sizes: the number of codes of each category.
        embedding_size: the width of the embedding of a category of many values.
    """

    starts_from_data = True

    def __init__(self, sizes: Sequence[int], *, embedding_size: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.sizes = tuple(int(size) for size in sizes)
        self.embedding_size = int(embedding_size)
        self.embeddings_initializer = keras.initializers.RandomNormal(stddev=1.0)
        self.centre_initializer = keras.initializers.Zeros()
        self.factor_initializer = keras.initializers.Ones()
        known = np.array(self.sizes, dtype=np.int32) - FIRST_KNOWN
        self._large = np.flatnonzero(known > MOST_ONE_HOT)
        small = np.flatnonzero(known <= MOST_ONE_HOT)
        columns = [1 if known[category] == 2 else known[category] for category in small]
        self._owner = np.repeat(small, columns).astype(np.int32)
        self._code = np.concatenate([FIRST_KNOWN + np.arange(n) for n in columns] or [np.empty(0)]).astype(np.int32)
        self._unknown = np.where(known[self._owner] == 2, 0.5, 0.0).astype(np.float32)
        sizes_of_large = np.array(self.sizes, dtype=np.int32)[self._large]
        self._offsets = (np.cumsum(sizes_of_large) - sizes_of_large).astype(np.int32)
        self._rows = int(sizes_of_large.sum())

    def build(self, input_shape: Any) -> None:
        if len(self._code):
            width = (len(self._code),)
            self.centre = self.add_weight(width, self.centre_initializer, trainable=False, name="centre")
            self.factor = self.add_weight(width, self.factor_initializer, trainable=False, name="factor")
        if len(self._large):
            self.embeddings = self.add_weight(
                (self._rows, self.embedding_size), self.embeddings_initializer, name="embeddings"
            )

    def call(self, codes: Any) -> Any:
        parts = []
        if len(self._code):
            own = ops.take(codes, self._owner, axis=1)  # (rows, one-hot columns)
            hot = ops.cast(ops.equal(own, self._code), self.compute_dtype)
            hot += ops.cast(own < FIRST_KNOWN, self.compute_dtype) * self._unknown
            start = started()
            centre, factor = (self.centre, self.factor) if start is None else self._start(start, np.asarray(hot))
            scaled = (hot - centre) * factor
            parts.append(scaled * ops.rsqrt(1 + ops.square(scaled / 3)))
        if len(self._large):
            rows = ops.take(codes, self._large, axis=1) + self._offsets  # (rows, large categories)
            embedded = ops.take(self.embeddings, rows, axis=0)  # (rows, large categories, embedding size)
            parts.append(ops.reshape(embedded, (-1, len(self._large) * self.embedding_size)))
        return parts[0] if len(parts) == 1 else ops.concatenate(parts, axis=1)

    def _start(self, start: Start, hot: np.ndarray[Any, Any]) -> tuple[Any, Any]:
        """Notes the centres and factors for these columns, and returns them; a constant column becomes 0."""
        low, median, high = np.quantile(hot, [0.25, 0.5, 0.75], axis=0)
        spread = np.where(high > low, high - low, 0.5 * np.ptp(hot, axis=0))
        factor = np.divide(1.0, spread, out=np.zeros_like(spread), where=spread > 0)
        values = median.astype(np.float32), factor.astype(np.float32)
        start.values[id(self.centre)], start.values[id(self.factor)] = values
        return values

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, int]:
        return (input_shape[0], len(self._code) + len(self._large) * self.embedding_size)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "sizes": list(self.sizes), "embedding_size": self.embedding_size}
