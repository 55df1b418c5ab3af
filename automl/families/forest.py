"""Trees that learn each by itself, as the layer of a network: their mean counts.

With random splits they are extremely randomised trees (Geurts et al. 2006), with the best ones a random forest (Breiman
2001). How they are split is the training's business.
"""

from __future__ import annotations

import keras

from automl.layers.inputs import Inputs
from automl.layers.trees import Trees, affordable

# The trees' means are the raw outputs.
HEAD = None


def build(inputs: Inputs, *, rounds: int, leaves: int) -> keras.KerasTensor:
    """Shape (rows, outputs): the mean of at most `rounds` trees, of probabilities as their logarithms.

    Trees have fewer leaves than `leaves` where there are many outputs.
    """
    leaves = affordable(leaves, rounds=rounds, numbers=inputs.outputs)
    trees = Trees(inputs.outputs, rounds=rounds, leaves=leaves, averages=True, name="head")
    raw: keras.KerasTensor = trees(inputs.tensors)
    return raw
