"""Boosted decision trees that see what the target was for categories and for pairs of them (target encoding).

Trees cut the codes of a category of a thousand values into a few pieces, and never see two such columns together.
"""

from __future__ import annotations

import keras

from automl.layers.inputs import Inputs
from automl.layers.target_means import TargetMeans, chosen, means_per_class
from automl.layers.trees import Trees, affordable

# The trees' sums are the raw outputs.
HEAD = None


def build(inputs: Inputs, *, rounds: int, leaves: int, keys: int) -> keras.KerasTensor:
    """Shape (rows, outputs): the sums of at most `rounds` trees for each output, smaller ones where these are many.

    Args:
        keys: the most values of a category, or of a pair, whose means there is room for.
    """
    tensors = dict(inputs.tensors)
    width = means_per_class(inputs.outputs)
    if combinations := chosen(inputs.sizes, width=width):
        tensors["means"] = TargetMeans(combinations, width, room=keys, name="means")(inputs.codes)
    leaves = affordable(leaves, rounds=rounds, numbers=inputs.outputs)
    raw: keras.KerasTensor = Trees(inputs.outputs, rounds=rounds, leaves=leaves, name="head")(tensors)
    return raw
