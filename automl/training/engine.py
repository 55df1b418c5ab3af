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
from automl.training.optimizers import optimizer
from automl.trial import Params


class Engine:
    """A network and its optimizer, compiled on first use, and used again for every setting of the same structure.

    Learning rate, momentum, weight decay, dropout rates and batch size are inputs of the compiled graph.
    """

    def __init__(self, network: keras.Model, task: Task, *, optimizer_name: str) -> None:
        self.network = network
        self.predict = forward(network)
        self._task = task
        self._optimizer = optimizer(optimizer_name, network.trainable_variables)
        self._steps = tf.function(self._run_steps, reduce_retracing=True)

    def renew(self, params: Params, *, seed: int) -> None:
        """Starts a new training: fresh weights, an optimizer without memory, the setting's rates."""
        renew(self.network, params, seed=seed)
        self._optimizer.reset(
            momentum=float(params.get("momentum", 0.0)), weight_decay=float(params.get("weight_decay", 0.0))
        )

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
        total = self._steps(
            inputs, learned, weights, tf.constant(order), tf.constant(batch_size), tf.constant(learning_rates)
        )
        return float(total) / len(order)

    def _run_steps(
        self, inputs: Any, learned: Any, weights: Any, order: Any, batch_size: Any, learning_rates: Any
    ) -> Any:
        total = tf.constant(0.0)
        variables = self.network.trainable_variables
        values = [variable.value for variable in variables]
        for step in tf.range(tf.shape(learning_rates)[0]):
            rows = order[step * batch_size : (step + 1) * batch_size]
            batch = {role: tf.gather(tensor, rows) for role, tensor in inputs.items()}
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(values)
                raw = self.network(batch, training=True)
                losses = self._task.loss(tf.gather(learned, rows), raw) * tf.gather(weights, rows)
                loss = tf.reduce_mean(losses)
            self._optimizer.apply(tape.gradient(loss, values), learning_rates[step])
            total += tf.reduce_sum(losses)
        return total
