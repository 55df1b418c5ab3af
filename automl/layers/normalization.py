"""Layer normalisation whose graph serves every width."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("automl")
class LayerNorm(keras.layers.LayerNormalization):
    """Normalises each row over its last axis (Ba et al. 2016).

    Computes what `keras.layers.LayerNormalization` does, which writes the width into its graph.
    """

    def call(self, inputs: Any) -> Any:
        mean, variance = ops.moments(inputs, axes=-1, keepdims=True)
        return (inputs - mean) * ops.rsqrt(variance + self.epsilon) * self.gamma + self.beta
