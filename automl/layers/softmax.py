"""The softmax of rows, with the same bits for a row wherever in the batch it stands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras import ops


@ops.custom_gradient
def softmax(values: Any) -> tuple[Any, Callable[[Any], Any]]:
    """Shares that sum to 1 along the last axis.

    `tf.nn.softmax` rounds by the place in the batch, unless the axis is as long as vector registers are.
    """
    grown = ops.exp(values - ops.max(values, axis=-1, keepdims=True))
    shares = grown / ops.sum(grown, axis=-1, keepdims=True)

    def gradient(upstream: Any) -> Any:
        return shares * (upstream - ops.sum(upstream * shares, axis=-1, keepdims=True))

    return shares, gradient
