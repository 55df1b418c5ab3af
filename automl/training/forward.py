"""A network as a function of its weights and a batch: the same one for training, validation and the saved model."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from automl.encoding.table import Arrays
from automl.layers.trees import Trees, fused
from automl.tasks import FloatArray
from automl.training.topology import serves_every_width

# Rows per call: wide hidden layers of this many rows still fit the memory; a layer's own `most_rows` may be fewer.
ROWS_AT_ONCE = 8192
# Products of fewer rows may round differently, so they are filled up; a layer's own `least_rows` may be more.
LEAST_ROWS = 128
# Exponentials and roots are taken of as many numbers at a time as a register holds, and what is left over at the end is
# rounded differently. So the rows are filled up to a multiple of the largest register: then nothing is left over.
ROWS_TOGETHER = 16
# Once trees have been asked for so many, it is worth the half second that compiling takes for each number of rows; so
# that these are few, they are powers of two.
LEAST_ROWS_TO_FUSE = 1024
# Bytes: TensorFlow copies what begins elsewhere.
ALIGNMENT = 64
# Whatever else there is, which may be at the user's own work, and rounds differently from where networks are trained.
PROCESSOR = "CPU:0"

Inputs = Mapping[str, tf.Tensor]

# TensorFlow warns where the same lines are compiled again and again. Here it is another network each time.
logging.getLogger("tensorflow").addFilter(lambda record: "forward.<locals>.compiled" not in record.getMessage())


def on_device(arrays: Arrays) -> Inputs:
    """The arrays as tensors, by the role that networks know them by."""
    roles = {"numbers": arrays.numbers, "codes": arrays.codes}
    return {role: _tensor(np.asarray(array)) for role, array in roles.items() if array.shape[1]}


def _tensor(array: NDArray[Any]) -> tf.Tensor:
    """The array itself, not a copy, where TensorFlow can use its memory, as it can that of a mapped file.

    So all workers share one copy of the data, and data larger than the memory is read as it is needed.
    """
    flags = array.flags
    if array.size and flags.writeable and flags.c_contiguous and array.ctypes.data % ALIGNMENT == 0:
        return tf.experimental.dlpack.from_dlpack(array.__dlpack__())
    with tf.device(PROCESSOR):
        return tf.convert_to_tensor(array)


def variables(network: keras.Model) -> list[keras.Variable]:
    """All that a network computes with: trainable weights first, then other weights and random states."""
    return [*network.trainable_variables, *network.non_trainable_variables]


def exchangeable(network: keras.Model) -> list[tf.Variable]:
    """Variables with the network's values, as `variables` orders them; of any width, where its graph serves all."""
    free = serves_every_width(network)
    with tf.device(PROCESSOR):
        return [
            tf.Variable(
                own.numpy(), shape=tf.TensorShape([None] * len(own.shape) if free else own.shape), trainable=False
            )
            for own in variables(network)
        ]


def signature(network: keras.Model) -> dict[str, tf.TensorSpec]:
    """What a compiled function takes for the network's inputs: any number of rows."""
    return {
        name: tf.TensorSpec([None, *tensor.shape[1:]], tensor.dtype, name=name)
        for name, tensor in network.input.items()
    }


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


def forward(network: keras.Model, values: Sequence[tf.Variable]) -> Callable[[Inputs], FloatArray]:
    """A function from inputs to raw outputs in inference mode, (rows, outputs) or (rows, members, outputs).

    It is compiled on first use.

    Args:
        values: the network's variables are taken to have these values, whatever they are when the function is called.
    """
    members = network.output_shape[1] if len(network.output_shape) == 3 else 1
    least = max(LEAST_ROWS, *(getattr(layer, "least_rows", 0) for layer in network.layers))
    most = min(getattr(layer, "most_rows", ROWS_AT_ONCE) for layer in network.layers)
    rows_at_once = max(least, most // members)
    has_trees = any(isinstance(layer, Trees) for layer in network.layers)

    def outputs(inputs: Inputs) -> tf.Tensor:
        with tf.device(PROCESSOR):
            return call(network, [value.read_value() for value in values], inputs, training=False)[0]

    @tf.function(input_signature=[signature(network)], autograph=False)
    def compiled(inputs: Inputs) -> tf.Tensor:
        return outputs(inputs)

    @tf.function(input_signature=[signature(network)], autograph=False)
    def compiled_for_many(inputs: Inputs) -> tf.Tensor:
        with fused():
            return outputs(inputs)

    served = 0

    def of_slice(inputs: Inputs) -> FloatArray:
        nonlocal served
        rows = _rows(inputs)
        served += rows
        is_fused = has_trees and served >= LEAST_ROWS_TO_FUSE
        wanted = max(least, 2 ** (rows - 1).bit_length() if is_fused else rows + -rows % ROWS_TOGETHER)
        raw: FloatArray = (compiled_for_many if is_fused else compiled)(_filled_up(inputs, wanted - rows)).numpy()
        return raw[:rows]

    def raw_outputs(inputs: Inputs) -> FloatArray:
        rows = _rows(inputs)
        with tf.device(PROCESSOR):
            if rows <= rows_at_once:
                return of_slice(inputs)
            # One slice at a time: each is a copy.
            return np.concatenate(
                [
                    of_slice({role: tensor[start : start + rows_at_once] for role, tensor in inputs.items()})
                    for start in range(0, rows, rows_at_once)
                ]
            )

    return raw_outputs


def _rows(inputs: Inputs) -> int:
    return int(next(iter(inputs.values())).shape[0])


def _filled_up(inputs: Inputs, rows: int) -> Inputs:
    """The inputs, followed by so many rows of zeros."""
    if rows == 0:
        return inputs
    return {
        role: tf.concat([tensor, tf.zeros((rows, tensor.shape[1]), tensor.dtype)], axis=0)
        for role, tensor in inputs.items()
    }


def predictors(network: keras.Model, weights: Sequence[Sequence[NDArray[Any]]]) -> list[Callable[[Inputs], FloatArray]]:
    """`forward` with each of several weights of the network, as `keras.Model.get_weights` orders them.

    All of them are one compiled graph, in which one thread at a time predicts.
    """
    values = exchangeable(network)
    positions = {id(variable): position for position, variable in enumerate(variables(network))}
    saved = [positions[id(weight)] for weight in network.weights]
    compiled = forward(network, values)
    # Servers predict in several threads; another one's weights would give other answers, without an error.
    turn = threading.Lock()

    def with_weights(own: Sequence[NDArray[Any]]) -> Callable[[Inputs], FloatArray]:
        def raw_outputs(inputs: Inputs) -> FloatArray:
            with turn, tf.device(PROCESSOR):
                for position, weight in zip(saved, own, strict=True):
                    values[position].assign(weight)
                return compiled(inputs)

        return raw_outputs

    return [with_weights(own) for own in weights]
