"""An activation that each unit can make weaker or stronger."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import keras
import tensorflow as tf
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
        slope = tf.convert_to_tensor(self.slope)
        if self.activation in _FUSED:
            return _FUSED[self.activation](inputs, slope)
        return inputs + slope * (keras.activations.get(self.activation)(inputs) - inputs)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "activation": self.activation}


def _with_own_gradient(bend: Callable[[Any], tuple[Any, Callable[[Any], Any]]]) -> Callable[[Any, Any], Any]:
    """X + a (f(x) - x): in a network of free widths a derived gradient has many operations for shapes alone.

    Args:
        bend: gives f(x) - x, and a function that multiplies a gradient by f'(x) - 1.
    """

    @ops.custom_gradient
    def activated(inputs: Any, slope: Any) -> Any:
        bent, times_slope_of_bent = bend(inputs)

        def gradient(upstream: Any) -> tuple[Any, Any]:
            return (
                upstream + times_slope_of_bent(upstream * slope),
                ops.sum(upstream * bent, axis=tuple(range(len(upstream.shape) - 1))),
            )

        return inputs + slope * bent, gradient

    return activated


def _selu(inputs: Any) -> tuple[Any, Callable[[Any], Any]]:
    """Klambauer et al. 2017."""
    values = tf.nn.selu(inputs)
    return values - inputs, lambda upstream: tf.raw_ops.SeluGrad(gradients=upstream, outputs=values) - upstream


def _mish(inputs: Any) -> tuple[Any, Callable[[Any], Any]]:
    """X tanh(softplus(x)) (Misra 2020), by one exponential e: tanh(softplus(x)) = 1 - 2 / (e^2 + 2e + 2)."""
    grown = ops.exp(ops.minimum(inputs, 20.0))
    short = -2.0 / (grown * (grown + 2.0) + 2.0)
    return inputs * short, lambda upstream: upstream * (short + inputs * (grown * grown + grown) * (short * short))


_FUSED = {"selu": _with_own_gradient(_selu), "mish": _with_own_gradient(_mish)}
