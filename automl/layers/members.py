"""Many networks in one: members that share most of their weights, and each answer for themselves.

BatchEnsemble (Wen et al. 2020) as TabM uses it (Gorishniy et al. 2025, "TabM"). Between `MemberInputs` and `MemberHead`
the first axis is that of the members, so that the heads are one product of matrices.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("automl")
class Signs(keras.initializers.Initializer):
    """-1 or 1, equally likely."""

    def __init__(self, seed: int | None = None) -> None:
        self.seed = seed

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        return ops.sign(keras.random.uniform(shape, -1, 1, dtype=dtype, seed=self.seed))

    def get_config(self) -> dict[str, Any]:
        return {"seed": self.seed}


@keras.saving.register_keras_serializable("automl")
class SharedUniform(keras.initializers.Initializer):
    """Uniform on [-edge, edge] along the last axis, the same along all others: members start with equal biases."""

    def __init__(self, edge: float, seed: int | None = None) -> None:
        self.edge = edge
        self.seed = seed

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        drawn = keras.random.uniform(shape[-1:], -self.edge, self.edge, dtype=dtype, seed=self.seed)
        return ops.broadcast_to(drawn, shape)

    def get_config(self) -> dict[str, Any]:
        return {"edge": self.edge, "seed": self.seed}


@keras.saving.register_keras_serializable("automl")
class MemberInputs(keras.layers.Layer):
    """Shape (rows, features) to (members, rows, features): each member sees every column by a factor of its own.

    It is what makes members differ, and all that does in TabM-mini. Unlike in the paper, where they only start equal,
    the factors of the features that are made of one column stay one number.

    Args:
        members: how many.
        widths: the number of features that each column has become, in their order.
        signs: whether factors start at -1 or 1, and not normally distributed.
    """

    undecayed = frozenset({"factor"})

    def __init__(self, members: int, *, widths: Sequence[int], signs: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.members, self.widths, self.signs = int(members), tuple(int(width) for width in widths), bool(signs)
        self.factor_initializer = Signs() if self.signs else keras.initializers.RandomNormal(stddev=1.0)
        self._column = np.repeat(np.arange(len(self.widths)), self.widths)

    def build(self, input_shape: Any) -> None:
        self.factor = self.add_weight((self.members, len(self.widths)), self.factor_initializer, name="factor")

    def call(self, inputs: Any) -> Any:
        return inputs * ops.take(self.factor, self._column, axis=1)[:, None, :]

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        return (self.members, *input_shape)

    def get_config(self) -> dict[str, Any]:
        own = {"members": self.members, "widths": list(self.widths), "signs": self.signs}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable("automl")
class MemberDense(keras.layers.Layer):
    """y = s * ((r * x) W) + b, shape (members, rows, units): all members share W.

    W and b start as uniform on +-1 / sqrt(features), r and s at 1.

    Args:
        units: the width of y.
        own_inputs: whether each member has an r of its own; otherwise there is none.
        own_outputs: whether each member has an s and a b of its own; otherwise there is no s, and they share b.
    """

    undecayed = frozenset({"input_factor", "output_factor", "bias"})

    def __init__(self, units: int, *, own_inputs: bool, own_outputs: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units, self.own_inputs, self.own_outputs = int(units), bool(own_inputs), bool(own_outputs)
        self.input_factor_initializer = keras.initializers.Ones()
        self.output_factor_initializer = keras.initializers.Ones()

    def build(self, input_shape: Any) -> None:
        members, _, features = input_shape
        edge = 1 / math.sqrt(features)
        self.kernel_initializer = keras.initializers.RandomUniform(-edge, edge)
        self.bias_initializer = SharedUniform(edge)
        self.kernel = self.add_weight((features, self.units), self.kernel_initializer, name="kernel")
        if self.own_inputs:
            self.input_factor = self.add_weight(
                (members, 1, features), self.input_factor_initializer, name="input_factor"
            )
        if self.own_outputs:
            self.output_factor = self.add_weight(
                (members, 1, self.units), self.output_factor_initializer, name="output_factor"
            )
        shape = (members, 1, self.units) if self.own_outputs else (self.units,)
        self.bias = self.add_weight(shape, self.bias_initializer, name="bias")

    def call(self, inputs: Any) -> Any:
        members, rows, features = ops.shape(inputs)
        if self.own_inputs:
            inputs = inputs * self.input_factor
        # One product for the rows of all members: (members * rows, units).
        outputs = ops.matmul(ops.reshape(inputs, (-1, features)), self.kernel)
        if not self.own_outputs:
            outputs = outputs + self.bias
        outputs = ops.reshape(outputs, (members, rows, ops.shape(outputs)[1]))
        return outputs * self.output_factor + self.bias if self.own_outputs else outputs

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        own = {"units": self.units, "own_inputs": self.own_inputs, "own_outputs": self.own_outputs}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable("automl")
class MemberHead(keras.layers.Layer):
    """Shape (members, rows, features) to (rows, members, outputs): a linear map for each member, nothing shared."""

    undecayed = frozenset({"bias"})

    def __init__(self, outputs: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.outputs = int(outputs)

    def build(self, input_shape: Any) -> None:
        members, _, features = input_shape
        edge = 1 / math.sqrt(features)
        self.kernel_initializer = self.bias_initializer = keras.initializers.RandomUniform(-edge, edge)
        self.kernel = self.add_weight((members, features, self.outputs), self.kernel_initializer, name="kernel")
        self.bias = self.add_weight((members, 1, self.outputs), self.bias_initializer, name="bias")

    def call(self, inputs: Any) -> Any:
        kernel = self.kernel.value
        members, features, outputs = ops.shape(kernel)
        # All heads for the rows of all members, of which each keeps its own: one product for each member takes longer
        # where outputs are few, and rounds differently in batches of few rows.
        every = ops.matmul(
            ops.reshape(inputs, (-1, features)), ops.reshape(ops.transpose(kernel, (1, 0, 2)), (features, -1))
        )
        every = ops.reshape(every, (members, -1, members, outputs))
        own = ops.sum(every * ops.eye(members)[:, None, :, None], axis=2)  # (members, rows, outputs)
        return ops.transpose(own + self.bias, (1, 0, 2))

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        members, rows, _ = input_shape
        return (rows, members, self.outputs)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "outputs": self.outputs}
