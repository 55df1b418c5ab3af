"""A trainable factor for every column: which ones matter is learned first, and fast."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import keras


@keras.saving.register_keras_serializable("automl")
class Scale(keras.layers.Layer):
    """Shape (rows, columns), each column times its own factor (RealMLP, Holzmüller et al. 2024, section 3)."""

    learning_rate_factors: ClassVar[Mapping[str, float]] = {"scale": 6.0}

    def build(self, input_shape: Any) -> None:
        self.scale_initializer = keras.initializers.Ones()
        self.scale = self.add_weight(shape=(input_shape[-1],), initializer=self.scale_initializer, name="scale")

    def call(self, inputs: Any) -> Any:
        return inputs * self.scale
