"""Boosted decision trees (Friedman 2001) as the layer of a network: saved, served and combined as any network is."""

from __future__ import annotations

import keras

from automl.layers.inputs import Inputs
from automl.layers.trees import Trees, affordable

# The trees' sums are the raw outputs.
HEAD = None


def build(inputs: Inputs, *, rounds: int, leaves: int) -> keras.KerasTensor:
    """Shape (rows, outputs): the sums of at most `rounds` trees for each output, smaller ones where these are many."""
    leaves = affordable(leaves, rounds=rounds, numbers=inputs.outputs)
    raw: keras.KerasTensor = Trees(inputs.outputs, rounds=rounds, leaves=leaves, name="head")(inputs.tensors)
    return raw
