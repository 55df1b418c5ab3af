"""Extremely randomised trees (Geurts et al. 2006) as the layer of a network: each predicts, and their mean counts."""

from __future__ import annotations

import keras

from automl.layers.inputs import Inputs
from automl.layers.trees import Trees

# The trees' means are the raw outputs.
HEAD = None


def build(inputs: Inputs, *, rounds: int, leaves: int) -> keras.KerasTensor:
    """Shape (rows, outputs): the mean of at most `rounds` trees, of probabilities as their logarithms."""
    trees = Trees(inputs.outputs, rounds=rounds, leaves=leaves, averages=True, name="head")
    raw: keras.KerasTensor = trees(inputs.tensors)
    return raw
