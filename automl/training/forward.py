"""A network as a function of its weights and a batch: the same one for training, validation and the saved model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from automl.encoding.table import Arrays
from automl.tasks import FloatArray
from automl.training.topology import serves_every_width

# Rows per call: wide hidden layers of this many rows still fit the memory.
ROWS_AT_ONCE = 8192

Inputs = Mapping[str, tf.Tensor]
Forward = Callable[[Sequence[tf.Tensor], Inputs], FloatArray]


def on_device(arrays: Arrays) -> Inputs:
    """The arrays as tensors, by the role that networks know them by."""
    roles = {"numbers": arrays.numbers, "codes": arrays.codes}
    return {role: tf.convert_to_tensor(np.asarray(array)) for role, array in roles.items() if array.shape[1]}


def variables(network: keras.Model) -> list[keras.Variable]:
    """All that a network computes with: trainable weights first, then other weights and random states."""
    return [*network.trainable_variables, *network.non_trainable_variables]


def shape_of(variable: keras.Variable, network: keras.Model) -> tf.TensorShape:
    """The shape that a graph of the network may count on: only the rank, where it serves every width."""
    return tf.TensorShape([None] * len(variable.shape) if serves_every_width(network) else variable.shape)


def call(
    network: keras.Model, values: Sequence[tf.Tensor], batch: Any, *, training: bool
) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Raw outputs and new values of the variables, if `values` were the network's, as `variables` orders them.

    `keras.Model.stateless_call` does this too, but insists on the shapes that the network was built with.
    """
    own = variables(network)
    scope = keras.StatelessScope()
    scope.state_mapping = {id(variable): value for variable, value in zip(own, values, strict=True)}
    with scope:
        raw = network(batch, training=training)
    return raw, [scope.state_mapping[id(variable)] for variable in own]


def forward(network: keras.Model) -> Forward:
    """A function from values of the variables and inputs to raw outputs in inference mode, shape (rows, outputs).

    It is compiled on first use.
    """
    values_signature = [tf.TensorSpec(shape_of(variable, network), variable.dtype) for variable in variables(network)]
    inputs_signature = {
        name: tf.TensorSpec([None, *tensor.shape[1:]], tensor.dtype, name=name)
        for name, tensor in network.input.items()
    }

    @tf.function(input_signature=[values_signature, inputs_signature], autograph=False)
    def compiled(values: Sequence[tf.Tensor], inputs: Inputs) -> tf.Tensor:
        return call(network, values, inputs, training=False)[0]

    def raw_outputs(values: Sequence[tf.Tensor], inputs: Inputs) -> FloatArray:
        rows = next(iter(inputs.values())).shape[0]
        starts = range(0, max(rows, 1), ROWS_AT_ONCE)
        parts = [{role: tensor[start : start + ROWS_AT_ONCE] for role, tensor in inputs.items()} for start in starts]
        return np.concatenate([compiled(list(values), part).numpy() for part in parts])

    return raw_outputs


def predictor(network: keras.Model) -> Callable[[Inputs], FloatArray]:
    """A function from inputs to raw outputs of a network whose weights stay as they are."""
    compiled = forward(network)
    values = [variable.value for variable in variables(network)]
    return lambda inputs: compiled(values, inputs)
