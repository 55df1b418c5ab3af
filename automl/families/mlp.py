"""A plain feed-forward network."""

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
    """Shape (rows, units): `layers` blocks of equal width."""
    return dense_stack(
        as_features(inputs, embedding_size=embedding_size),
        layers,
        units,
        activation=activation,
        normalization=normalization,
        initializer=initializer,
        dropout=dropout,
    )
