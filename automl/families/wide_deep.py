"""A linear model and a deep one that are trained together (Cheng et al. 2016, "Wide & deep learning")."""

from __future__ import annotations

import keras

from automl.layers.dense import dense_stack
from automl.layers.inputs import Inputs, as_features


def build(
    inputs: Inputs,
    *,
    layers: int,
    units: int,
    activation: str,
    normalization: str,
    initializer: str,
    dropout: float,
    embedding_size: int,
) -> keras.KerasTensor:
    """Shape (rows, units + features): the head on both is the sum of a linear model and one on the deep part."""
    wide = as_features(inputs, embedding_size=embedding_size)
    deep = dense_stack(
        wide,
        layers,
        units,
        activation=activation,
        normalization=normalization,
        initializer=initializer,
        dropout=dropout,
    )
    return keras.layers.Concatenate()([deep, wide])
