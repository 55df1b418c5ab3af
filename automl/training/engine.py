"""Compiled training: arrays stay on the device, and one call runs many steps without returning to Python."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from automl.tasks import Task
from automl.training.forward import Inputs, forward
from automl.training.network import renew
from automl.trial import Params

class Engine:
    """A network and its optimizer, compiled on first use, and used again for every setting of the same structure.

    Learning rate, weight decay, dropout rates and batch size are inputs of the compiled graph.
    """

    def __init__(self, network: keras.Model, task: Task, *, optimizer: str, momentum: float = 0.0) -> None:
        self.network = network
        self._task = task
        self._weight_decay = tf.Variable(0.0, trainable=False)
        self._optimizer = _optimizer(optimizer, momentum)
        self._optimizer.build(network.trainable_variables)
        self._steps = tf.function(self._run_steps, reduce_retracing=True)
        self.predict = forward(network)

    def renew(self, params: Params, *, seed: int) -> None:
        """Starts a new training: fresh weights, an optimizer without memory, the setting's rates."""
        renew(self.network, params, seed=seed)
        for variable in self._optimizer.variables:
            variable.assign(np.zeros(variable.shape, dtype=variable.dtype))
        if self._optimizer.weight_decay is not None:
            self._optimizer.weight_decay = self._weight_decay
            self._weight_decay.assign(float(params.get("weight_decay", 0.0)))

    def run(
        self,
        inputs: Inputs,
        learned: tf.Tensor,
        weights: tf.Tensor,
        order: NDArray[np.int32],
        *,
        batch_size: int,
        learning_rates: NDArray[np.float32],
    ) -> float:
        """Runs one step per learning rate over the rows in the given order, and returns the mean loss of the rows.

        Args:
            inputs, learned, weights: all training rows, what they should give, and how much each counts.
            order: row numbers; the last batch may be smaller than the others.
        """
        return float(self._steps(inputs, learned, weights, order, batch_size, learning_rates)) / len(order)

    def _run_steps(
        self, inputs: Any, learned: Any, weights: Any, order: Any, batch_size: Any, learning_rates: Any
    ) -> Any:
        total = tf.constant(0.0)
        variables = self.network.trainable_variables
        for step in tf.range(tf.shape(learning_rates)[0]):
            rows = order[step * batch_size : (step + 1) * batch_size]
            batch = {role: tf.gather(tensor, rows) for role, tensor in inputs.items()}
            with tf.GradientTape() as tape:
                raw = self.network(batch, training=True)
                losses = self._task.loss(tf.gather(learned, rows), raw) * tf.gather(weights, rows)
                loss = tf.reduce_mean(losses)
            gradients = tape.gradient(loss, variables)
            self._optimizer.learning_rate = learning_rates[step]
            self._optimizer.apply(gradients, variables)
            total += tf.reduce_sum(losses)
        return total


def _optimizer(name: str, momentum: float) -> keras.optimizers.Optimizer:
    """The optimizer, with every rate still to be given."""
    if name == "sgd":
        return keras.optimizers.SGD(momentum=momentum, nesterov=True)
    if name == "adam":
        return keras.optimizers.Adam(beta_2=0.95)
    if name == "adamw":
        return keras.optimizers.AdamW(weight_decay=1.0, beta_2=0.95)
    raise ValueError(f"no optimizer {name!r}")
