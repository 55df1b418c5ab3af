"""A plain feed-forward network."""

from __future__ import annotations

import keras

from automl.layers.dense import dense
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
    """Shape (rows, units): `layers` blocks of equal width."""
    hidden = as_features(inputs, embedding_size=embedding_size)
    for _ in range(layers):
        hidden = dense(
            hidden,
            units,
            activation=activation,
            normalization=normalization,
            initializer=initializer,
            dropout=dropout,
        )
    return hidden
