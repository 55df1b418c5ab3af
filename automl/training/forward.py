"""Prediction by a network: one compiled function for training, validation and the saved model, so that all agree."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import keras
import numpy as np
import tensorflow as tf

from automl.encoding.table import Arrays
from automl.tasks import FloatArray

# Rows per call: wide hidden layers of this many rows still fit the memory.
ROWS_AT_ONCE = 8192

Inputs = Mapping[str, tf.Tensor]


def on_device(arrays: Arrays) -> Inputs:
    """The arrays as tensors, by the role that networks know them by."""
    roles = {"numbers": arrays.numbers, "codes": arrays.codes}
    return {role: tf.convert_to_tensor(np.asarray(array)) for role, array in roles.items() if array.shape[1]}


def forward(network: keras.Model) -> Callable[[Inputs], FloatArray]:
    """A function from inputs to raw outputs in inference mode, shape (rows, outputs); compiled on first use."""
    signature = {
        name: tf.TensorSpec([None, *tensor.shape[1:]], tensor.dtype, name=name)
        for name, tensor in network.input.items()
    }

    @tf.function(input_signature=[signature], autograph=False)
    def call(inputs: Inputs) -> tf.Tensor:
        return network(inputs, training=False)

    def raw_outputs(inputs: Inputs) -> FloatArray:
        rows = next(iter(inputs.values())).shape[0]
        starts = range(0, max(rows, 1), ROWS_AT_ONCE)
        parts = [{role: tensor[start : start + ROWS_AT_ONCE] for role, tensor in inputs.items()} for start in starts]
        return np.concatenate([call(part).numpy() for part in parts])

    return raw_outputs
