"""Compiled training: arrays stay on the device, and one call runs many steps without returning to Python."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from automl.layers.dropout import Dropout
from automl.layers.starting import starting
from automl.tasks import Task
from automl.training.forward import Inputs, call, exchangeable, forward, signature, variables
from automl.training.optimizers import Pace, optimizer
from automl.trial import Params

# Weights of Keras' own layers that shift and scale, and are no smaller for being smooth; others name theirs themselves.
UNDECAYED = frozenset({"bias", "gamma", "beta"})

State = Sequence[tf.Tensor]


@dataclass(frozen=True)
class Sample:
    """Some training rows, and what the network should give for them."""

    inputs: Inputs
    learned: NDArray[Any]


class Engine:
    """Trains networks of one topology, one after the other; compiled on first use.

    Widths, learning rate, momentum, weight decay, dropout rates, label smoothing and batch size are inputs of the
    compiled graph.

    Args:
        network: any of that topology; its own weights are not used.
        learned_type: of what the task's loss compares raw outputs with.
    """

    def __init__(self, network: keras.Model, task: Task, *, optimizer_name: str, learned_type: tf.DType) -> None:
        self._network = network
        self._task = task
        own = variables(network)
        self._values = exchangeable(network)
        self._learned = len(network.trainable_variables)
        positions = {id(variable): position for position, variable in enumerate(own)}
        self._saved = [positions[id(weight)] for weight in network.weights]
        self._rates = {positions[id(layer.rate)] for layer in network.layers if isinstance(layer, Dropout)}
        # A layer checks that its inputs are as wide as when it was built, and this network stands for others, too.
        for layer in network.layers:
            layer.input_spec = None
        self._starts_from_data = any(getattr(layer, "starts_from_data", False) for layer in network.layers)
        self._optimizer = optimizer(optimizer_name, self._values[: self._learned], _paces(network))
        self._label_smoothing = tf.Variable(0.0, trainable=False)
        self.predict = forward(network, self._values)
        # Not more than its rank is known of any tensor, so that nothing is ever traced again.
        self._steps = tf.function(
            self._run_steps,
            input_signature=[
                signature(network),
                tf.TensorSpec([None], learned_type),
                tf.TensorSpec([None], tf.float32),
                tf.TensorSpec([None], tf.int32),
                tf.TensorSpec([], tf.int32),
                tf.TensorSpec([None], tf.float32),
                tf.TensorSpec([None], tf.float32),
            ],
            autograph=False,
        )
        self._changing = [(variable.handle, variable.dtype) for variable in (*self._values, *self._optimizer.memory)]

    def start(self, values: Sequence[NDArray[Any]], params: Params, *, sample: Sample, seed: int) -> None:
        """Begins a new training: an optimizer without memory, and these values of all variables.

        Args:
            sample: for layers whose weights start from the data.
        """
        for variable, value in zip(self._values, values, strict=True):
            variable.assign(value)
        if self._starts_from_data:
            drawn = [variable.read_value() for variable in self._values]
            with starting(np.random.default_rng([seed, 17]), sample.learned) as found:
                call(self._network, drawn, sample.inputs, training=False)
            for variable, own in zip(self._values, variables(self._network), strict=True):
                if id(own) in found.values:
                    variable.assign(found.values[id(own)])
        self._label_smoothing.assign(float(params.get("label_smoothing", 0.0)))
        self._optimizer.reset(
            momentum=float(params.get("momentum", 0.0)), weight_decay=float(params.get("weight_decay", 0.0))
        )

    @property
    def weights(self) -> list[NDArray[Any]]:
        """Of the network that trains now, as `keras.Model.get_weights` orders them."""
        return [self._values[position].numpy() for position in self._saved]

    def state(self) -> State:
        """All that training has changed so far, to go on from later."""
        return [tf.raw_ops.ReadVariableOp(resource=handle, dtype=dtype) for handle, dtype in self._changing]

    def resume(self, state: State) -> None:
        """Goes on from a state."""
        # `tf.Variable.assign` takes five times as long.
        for (handle, _), value in zip(self._changing, state, strict=True):
            tf.raw_ops.AssignVariableOp(resource=handle, value=value)

    def run(
        self,
        inputs: Inputs,
        learned: tf.Tensor,
        weights: tf.Tensor,
        order: NDArray[np.int32],
        *,
        batch_size: int,
        learning_rates: NDArray[np.float32],
        regularization: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """Runs one step per learning rate over the rows in the given order, and returns the loss of each, summed.

        Args:
            regularization: for each step the share of the setting's dropout and weight decay.
            inputs, learned, weights: all training rows, what they should give, and how much each counts.
            order: row numbers; the last batch may be smaller than the others.
        """
        losses = self._steps(
            inputs,
            learned,
            weights,
            tf.constant(order),
            tf.constant(batch_size),
            tf.constant(learning_rates),
            tf.constant(regularization),
        )
        return losses.numpy()

    def _run_steps(
        self,
        inputs: Any,
        learned: Any,
        weights: Any,
        order: Any,
        batch_size: Any,
        learning_rates: Any,
        regularization: Any,
    ) -> Any:
        def one_step(step: Any, sums: Any) -> tuple[Any, Any]:
            rows = order[step * batch_size : (step + 1) * batch_size]
            batch = {role: tf.gather(tensor, rows) for role, tensor in inputs.items()}
            losses = self._step(
                batch, tf.gather(learned, rows), tf.gather(weights, rows), learning_rates[step], regularization[step]
            )
            return step + 1, sums.write(step, tf.reduce_sum(losses))

        steps = tf.shape(learning_rates)[0]
        sums = tf.TensorArray(tf.float32, size=steps, element_shape=())
        return tf.while_loop(lambda step, _: step < steps, one_step, (0, sums), parallel_iterations=1)[1].stack()

    def _step(self, batch: Any, learned: Any, weights: Any, learning_rate: Any, regularization: Any) -> Any:
        """Changes the weights by one batch, and returns the losses of its rows."""
        kept = [variable.read_value() for variable in self._values]
        values = [value * regularization if position in self._rates else value for position, value in enumerate(kept)]
        trained = values[: self._learned]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(trained)
            raw, updated = call(self._network, values, batch, training=True)
            losses = self._losses(learned, raw) * weights
            loss = tf.reduce_mean(losses)
        self._optimizer.apply(tape.gradient(loss, trained), learning_rate, decay_share=regularization)
        for variable, before, after in list(zip(self._values, values, updated, strict=True))[self._learned :]:
            if after is not before:
                variable.assign(after)
        return losses

    def _losses(self, learned: Any, raw: Any) -> Any:
        """Of each row; where the network has members, the mean of their own losses, so that each learns by itself."""
        if len(raw.shape) == 2:
            return self._task.loss(learned, raw, label_smoothing=self._label_smoothing)
        members, outputs = tf.shape(raw)[1], tf.shape(raw)[2]
        each = tf.reshape(raw, tf.stack([-1, outputs]))  # (rows * members, outputs)
        losses = self._task.loss(tf.repeat(learned, members), each, label_smoothing=self._label_smoothing)
        return tf.reduce_mean(tf.reshape(losses, tf.stack([-1, members])), axis=1)


def _paces(network: keras.Model) -> list[Pace]:
    """How fast each trainable weight learns: as its layer says, by the weight's name."""
    paces = {
        id(weight): Pace(
            getattr(layer, "learning_rate_factors", {}).get(weight.name, 1.0),
            weight.name not in UNDECAYED | getattr(layer, "undecayed", frozenset()),
        )
        for layer in network.layers
        for weight in layer.trainable_weights
    }
    return [paces[id(weight)] for weight in network.trainable_variables]
