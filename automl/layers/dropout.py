"""Dropout whose rate is a weight, so that a compiled network serves every rate."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from keras import ops


class Rate(float):
    """A dropout rate that remembers which hyperparameter it is, so that a compiled network can be given another.

    Families pass it on to `Dropout` as it is; arithmetic gives a plain float, which is then fixed in the network.
    """

    hyperparameter: str

    @classmethod
    def named(cls, hyperparameter: str, value: float) -> Rate:
        """The rate of the hyperparameter of this name."""
        rate = cls(value)
        rate.hyperparameter = hyperparameter
        return rate


@keras.saving.register_keras_serializable("automl")
class Dropout(keras.layers.Layer):
    """Zeroes a random share of its inputs while training, and scales the rest (Srivastava et al. 2014).

    One random byte decides each unit, where `keras.layers.Dropout` draws a float: a quarter of the random bits, which
    are nearly half of the cost of training a small network. The share is therefore a multiple of 1/256.

    Args:
        rate: the share that is zeroed, in [0, 1). At 0 the layer does nothing, and stays so.
    """

    def __init__(self, rate: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.initial_rate = float(rate)
        self.hyperparameter = rate.hyperparameter if isinstance(rate, Rate) else ""
        self.seed_generator = keras.random.SeedGenerator(0)

    def build(self, input_shape: Any) -> None:
        self.rate = self.add_weight(
            shape=(), initializer=keras.initializers.Constant(self.initial_rate), trainable=False, name="rate"
        )

    def call(self, inputs: Any, training: bool = False) -> Any:
        if not training or self.initial_rate == 0:
            return inputs
        dropped = ops.round(self.rate * 256)
        kept = random_bytes(ops.shape(inputs), self.seed_generator) >= ops.cast(dropped, "uint8")
        return inputs * (ops.cast(kept, inputs.dtype) * (256 / (256 - dropped)))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.initial_rate}


def random_bytes(shape: Any, seed_generator: keras.random.SeedGenerator) -> Any:
    """Independent, uniform bytes of the given shape (…, units), as uint8."""
    *rows, units = shape
    words = -(-units // 4)
    drawn = tf.random.stateless_uniform((*rows, words), seed_generator.next(), minval=None, maxval=None, dtype="int32")
    return tf.reshape(tf.bitcast(drawn, tf.uint8), (*rows, words * 4))[..., :units]
