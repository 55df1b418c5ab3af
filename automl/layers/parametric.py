"""An activation that each unit can make weaker or stronger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import keras
from keras import ops


@keras.saving.register_keras_serializable("automl")
class ParametricActivation(keras.layers.Layer):
    """x + a (f(x) - x) with a trainable `a` per unit, at first 1 (RealMLP, Holzmüller et al. 2024, section 3).

    Args:
        activation: the name of f.
    """

    learning_rate_factors: ClassVar[Mapping[str, float]] = {"slope": 0.1}

    def __init__(self, activation: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = activation
        self.slope_initializer = keras.initializers.Ones()

    def build(self, input_shape: Any) -> None:
        self.slope = self.add_weight(shape=(input_shape[-1],), initializer=self.slope_initializer, name="slope")

    def call(self, inputs: Any) -> Any:
        function = mish if self.activation == "mish" else keras.activations.get(self.activation)
        return inputs + self.slope * (function(inputs) - inputs)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "activation": self.activation}


def mish(inputs: Any) -> Any:
    """X tanh(softplus(x)) (Misra 2020), by one exponential."""
    grown = ops.exp(ops.minimum(inputs, 20.0))
    product = grown * (grown + 2.0)
    return inputs * product / (product + 2.0)
