"""A linear map whose step sizes do not depend on its width, and whose weights start from the data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import keras
import numpy as np
from keras import ops

from automl.layers.starting import Start, started

# A bias starts from so many rows.
ROWS = 5
# A unit that varies by less than this share of its size is a constant.
SAME = 1e-5


@keras.saving.register_keras_serializable("automl")
class NTKDense(keras.layers.Layer):
    """y = x W / sqrt(width of x) + b, shape (rows, units): the NTK parametrisation (Jacot et al. 2018).

    It starts as RealMLP's layers do (Holzmüller et al. 2024, appendix A): every unit has variance 1 on the training
    rows, and is 0 at a random point between five of them.

    Args:
        units: the width of y.
    """

    learning_rate_factors: ClassVar[Mapping[str, float]] = {"bias": 0.1}
    undecayed = frozenset({"bias"})
    starts_from_data = True

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = int(units)
        self.kernel_initializer = keras.initializers.RandomNormal(stddev=1.0)
        self.bias_initializer = keras.initializers.Zeros()

    def build(self, input_shape: Any) -> None:
        self.kernel = self.add_weight(
            shape=(input_shape[-1], self.units), initializer=self.kernel_initializer, name="kernel"
        )
        self.bias = self.add_weight(shape=(self.units,), initializer=self.bias_initializer, name="bias")

    def call(self, inputs: Any) -> Any:
        width = ops.cast(ops.shape(inputs)[-1], self.compute_dtype)
        # Not the outputs: validation has many times the rows of the kernel.
        outputs = ops.matmul(inputs, self.kernel * ops.rsqrt(width))
        start = started()
        return outputs + self.bias if start is None else self._start(start, np.asarray(outputs))

    def _start(self, start: Start, outputs: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Notes the values for these outputs without a bias, and returns what the outputs are with them."""
        spread = outputs.std(axis=0, dtype=np.float64)
        # What is the same for all rows still differs by how it is rounded.
        varies = spread > SAME * np.abs(outputs).max(axis=0)
        spread = np.where(varies, spread, 1.0).astype(np.float32)
        outputs = outputs / spread
        bias = -_between_rows(outputs, start.rng)
        start.values[id(self.kernel)] = np.asarray(self.kernel) / spread
        start.values[id(self.bias)] = bias
        return outputs + bias

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, int]:
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}


def _between_rows(outputs: np.ndarray[Any, Any], rng: np.random.Generator) -> np.ndarray[Any, Any]:
    """Shape (units,): for each unit a random convex combination of its outputs for five random rows."""
    rows, units = outputs.shape
    chosen = outputs[rng.integers(rows, size=(ROWS, units)), np.arange(units)]
    shares = rng.exponential(size=(ROWS, units))
    return np.asarray((chosen * shares / shares.sum(axis=0)).sum(axis=0), dtype=np.float32)
