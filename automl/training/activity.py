"""Whether the hidden units of a trained network still answer to the rows that it sees, and how loudly."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from automl.layers.gated import ReGLU
from automl.layers.parametric import ParametricActivation
from automl.training.forward import on_device
from automl.training.workshop import Workshop
from automl.trial import LayerActivity, Params

MOST_ROWS = 1_000
# A unit is silent if its output varies over the rows by less than this share of its size, or of what is usual.
SILENT = 1e-4


def activity(workshop: Workshop, network: keras.Model, params: Params) -> list[LayerActivity]:
    """What the units behind each activation do on validation rows, layer by layer; empty if there are none.

    Whatever the activation is, a unit that says the same of every row adds nothing but a bias: a ReLU whose input is
    never positive, and a saturated tanh or SELU alike. Most networks have a few.
    """
    layers = [layer for layer in network.layers if is_activated(layer)]
    if not layers:
        return []
    arrays = workshop.examples.parts["val"].arrays[str(params["scaling"])]
    rows = np.linspace(0, len(arrays) - 1, min(len(arrays), MOST_ROWS)).astype(np.int64)
    chosen = arrays.take(np.unique(rows))
    hidden = keras.Model(network.input, {str(number): layer.output for number, layer in enumerate(layers, start=1)})
    answers = hidden(on_device(chosen), training=False)
    return [_of_layer(number, np.asarray(answers[str(number)])) for number in range(1, len(layers) + 1)]


def is_activated(layer: keras.layers.Layer) -> bool:
    """Whether units end in the layer."""
    if isinstance(layer, keras.layers.Dense):
        return layer.activation is not keras.activations.linear
    return isinstance(layer, (keras.layers.Activation, ParametricActivation, ReGLU))


def _of_layer(number: int, answers: NDArray[Any]) -> LayerActivity:
    """Of answers of shape (…, units)."""
    by_unit = answers.reshape(-1, answers.shape[-1]).astype(np.float64)
    spread = by_unit.std(axis=0)
    loudness = np.sqrt((by_unit**2).mean(axis=0))
    silent = ~(spread > SILENT * np.maximum(loudness, np.median(loudness)))
    return LayerActivity(number, len(spread), int(silent.sum()), float(np.median(loudness)), float(loudness.max()))
