"""Dropout whose rate is a weight, so that a compiled network serves every rate."""

from __future__ import annotations

from typing import Any

import keras
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

    Args:
        rate: the share that is zeroed, in [0, 1).
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
        if not training:
            return inputs
        return ops.cond(self.rate > 0, lambda: self._dropped(inputs), lambda: inputs)

    def _dropped(self, inputs: Any) -> Any:
        draws = keras.random.uniform(ops.shape(inputs), dtype=inputs.dtype, seed=self.seed_generator)
        return ops.where(draws >= self.rate, inputs / (1 - self.rate), ops.zeros_like(inputs))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.initial_rate}
