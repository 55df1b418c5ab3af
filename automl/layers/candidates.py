"""Training rows that a network keeps, and that go through it together with every batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from automl.layers.starting import started


@keras.saving.register_keras_serializable("automl")
class WithCandidates(keras.layers.Layer):
    """Shape (rows, columns) to (rows + candidates, columns): the batch, and after it the training rows that are kept.

    They are taken evenly from the rows that a training begins with. Where those are too few, some are kept twice, and
    `kept` says which ones count.

    Args:
        candidates: how many.
        drawn: how they are until then: "normal" for numbers, "zeros" for codes.
    """

    starts_from_data = True

    def __init__(self, candidates: int, *, drawn: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.candidates, self.drawn = int(candidates), drawn
        self.rows_of_start = self.candidates
        self.rows_initializer = keras.initializers.get({"normal": "random_normal", "zeros": "zeros"}[drawn])

    def build(self, input_shape: Any) -> None:
        self.rows = self.add_weight(
            (self.candidates, input_shape[-1]),
            self.rows_initializer,
            dtype="float32" if self.drawn == "normal" else "int32",
            trainable=False,
            name="rows",
        )

    def call(self, inputs: Any) -> Any:
        rows = self.rows.value
        start = started()
        if start is not None:
            places, _ = kept(len(inputs), rows.shape[0])
            start.values[id(self.rows)] = np.asarray(inputs)[places]
            rows = ops.convert_to_tensor(start.values[id(self.rows)])
        return ops.concatenate([inputs, rows], axis=0)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "candidates": self.candidates, "drawn": self.drawn}


def kept(rows: int, candidates: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Which of so many rows become candidates, and which of those count: each row once at most. Shape (candidates,)."""
    places = np.linspace(0, rows - 1, min(rows, candidates)).astype(np.int64)
    return np.resize(places, candidates), np.arange(candidates) < rows


@keras.saving.register_keras_serializable("automl")
class Fingerprint(keras.layers.Layer):
    """A whole number for each row, shape (rows,), by which equal rows can be told from others.

    Its inputs are parts of the row, each of shape (rows, columns). Two rows that differ have the same one once in some
    four billion times. Whole numbers, since their sums do not depend on the order.
    """

    def call(self, inputs: Sequence[Any]) -> Any:
        bits = ops.concatenate([ops.view(part, "uint32") for part in inputs], axis=1)
        # The last bits of small whole numbers are all zero, and a product would lose the first.
        bits = ops.bitwise_xor(bits, ops.right_shift(bits, 16))
        factors = np.random.default_rng(0).integers(2**31, size=bits.shape[1], dtype=np.uint32) * np.uint32(
            2
        ) + np.uint32(1)
        return ops.sum(bits * factors, axis=1)
