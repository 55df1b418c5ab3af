"""Adam, AdamW and SGD whose every rate is an input of the compiled graph, one fused operation per weight.

They do what `keras.optimizers` of the same names do (a test compares them), with fewer operations: networks are traced
sooner, and small ones spend less of a step outside of their matrix products.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

BETA_1 = 0.9
# 0.95 forgets large gradients sooner than the usual 0.999; it suits short trainings (RealMLP, Holzmüller et al. 2024).
# With the published 0.999, TabM had 1.004 of its error on nine tables (0.986 to 1.029), 2.5 times it on a tenth; with
# gradients that are cut off at a norm of 1, as published, 1.003 on all ten (0.999 to 1.029).
BETA_2 = 0.95
# Keras' own.
EPSILON = 1e-7


@dataclass(frozen=True)
class Pace:
    """How fast one weight learns: its share of the learning rate, and whether it decays.

    The share counts twice in the decay, as it does in RealMLP's own code: a factor of 6 makes it 36 times as fast.
    """

    factor: float = 1.0
    decays: bool = True


class Optimizer(Protocol):
    """Changes weights by their gradients.

    Attributes:
        memory: what it has learned of the gradients so far.
    """

    @property
    def memory(self) -> Sequence[tf.Variable]: ...

    def reset(self, *, momentum: float, weight_decay: float) -> None:
        """Forgets all gradients, and takes new rates."""

    def apply(self, gradients: Sequence[Any], learning_rate: Any, *, decay_share: Any) -> None:
        """One step, inside the compiled graph, with a share of the weight decay."""


class Adam:
    """Adam (Kingma & Ba 2015) with decoupled weight decay (Loshchilov & Hutter 2019), which may be 0."""

    def __init__(self, weights: Sequence[tf.Variable], paces: Sequence[Pace]) -> None:
        self._weights = weights
        self._paces = paces
        self._means = _zeros_like(self._weights)
        self._squares = _zeros_like(self._weights)
        self._powers = [tf.Variable(BETA_1, trainable=False), tf.Variable(BETA_2, trainable=False)]
        self.memory = [*self._means, *self._squares, *self._powers]
        self._weight_decay = tf.Variable(0.0, trainable=False)

    def reset(self, *, momentum: float, weight_decay: float) -> None:
        _zero(self._means, like=self._weights)
        _zero(self._squares, like=self._weights)
        for variable, beta in zip(self._powers, (BETA_1, BETA_2), strict=True):
            variable.assign(beta)
        self._weight_decay.assign(weight_decay)

    def apply(self, gradients: Sequence[Any], learning_rate: Any, *, decay_share: Any) -> None:
        self._decay(learning_rate * decay_share * self._weight_decay)
        powers = [power.read_value() for power in self._powers]
        slots = zip(self._weights, self._paces, self._means, self._squares, gradients, strict=True)
        for weight, pace, mean, square, gradient in slots:
            tf.raw_ops.ResourceApplyAdam(
                var=weight.handle,
                m=mean.handle,
                v=square.handle,
                beta1_power=powers[0],
                beta2_power=powers[1],
                lr=learning_rate * pace.factor,
                beta1=BETA_1,
                beta2=BETA_2,
                epsilon=EPSILON,
                grad=tf.convert_to_tensor(gradient),
            )
        for power, beta in zip(self._powers, (BETA_1, BETA_2), strict=True):
            power.assign(power * beta)

    def _decay(self, rate: Any) -> None:
        """Shrinks the weights; not at a rate of 0, since going through all of them takes a tenth of a step."""

        def shrink() -> Any:
            decaying = [(weight, pace) for weight, pace in zip(self._weights, self._paces, strict=True) if pace.decays]
            return tf.group(*(weight.assign(weight * (1 - pace.factor**2 * rate)) for weight, pace in decaying))

        tf.cond(rate > 0, shrink, tf.no_op)


class SGD:
    """Stochastic gradient descent with Nesterov's momentum (Sutskever et al. 2013)."""

    def __init__(self, weights: Sequence[tf.Variable], paces: Sequence[Pace]) -> None:
        self._weights = weights
        self._paces = paces
        self._velocities = _zeros_like(self._weights)
        self.memory = self._velocities
        self._momentum = tf.Variable(0.0, trainable=False)

    def reset(self, *, momentum: float, weight_decay: float) -> None:
        _zero(self._velocities, like=self._weights)
        self._momentum.assign(momentum)

    def apply(self, gradients: Sequence[Any], learning_rate: Any, *, decay_share: Any) -> None:
        slots = zip(self._weights, self._paces, self._velocities, gradients, strict=True)
        for weight, pace, velocity, gradient in slots:
            tf.raw_ops.ResourceApplyKerasMomentum(
                var=weight.handle,
                accum=velocity.handle,
                lr=learning_rate * pace.factor,
                grad=tf.convert_to_tensor(gradient),
                momentum=self._momentum,
                use_nesterov=True,
            )


def optimizer(name: str, weights: Sequence[tf.Variable], paces: Sequence[Pace]) -> Optimizer:
    """The optimizer that a search space calls "adam", "adamw" or "sgd"."""
    return SGD(weights, paces) if name == "sgd" else Adam(weights, paces)


def _zeros_like(weights: Sequence[tf.Variable]) -> list[tf.Variable]:
    """Variables as free in their shapes as the weights are."""
    return [
        tf.Variable(np.zeros(weight.numpy().shape, np.float32), shape=weight.shape, trainable=False)
        for weight in weights
    ]


def _zero(variables: Sequence[tf.Variable], *, like: Sequence[tf.Variable]) -> None:
    """Fills the variables with zeros, in the shapes that the weights have now."""
    for variable, weight in zip(variables, like, strict=True):
        variable.assign(tf.zeros_like(weight))
