"""A gate: one half of the features decides how much of the other half passes."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("automl")
class ReGLU(keras.layers.Layer):
    """Shape (..., 2 units) to (..., units): the first half times the positive part of the second (Shazeer 2020)."""

    def call(self, inputs: Any) -> Any:
        passing, gate = ops.split(inputs, 2, axis=-1)
        return passing * ops.relu(gate)

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        return (*input_shape[:-1], input_shape[-1] // 2)
