"""A residual network for tables (Gorishniy et al. 2021, "Revisiting deep learning models for tabular data")."""

from __future__ import annotations

import keras

from automl.layers.dense import dense, normalized
from automl.layers.dropout import Dropout
from automl.layers.inputs import Inputs, as_features


def build(
    inputs: Inputs,
    *,
    layers: int,
    units: int,
    widening: int,
    activation: str,
    normalization: str,
    initializer: str,
    dropout: float,
    residual_dropout: float,
    embedding_size: int,
) -> keras.KerasTensor:
    """Shape (rows, units): `layers` blocks x + dropout(linear(block(normalise(x))))."""
    features = as_features(inputs, embedding_size=embedding_size)
    stream = keras.layers.Dense(units, kernel_initializer=initializer)(features)
    for _ in range(layers):
        hidden = dense(
            normalized(stream, normalization),
            widening * units,
            activation=activation,
            normalization="none",
            initializer=initializer,
            dropout=dropout,
        )
        branch = keras.layers.Dense(units, kernel_initializer=initializer)(hidden)
        stream = keras.layers.Add()([stream, Dropout(residual_dropout)(branch)])
    return keras.layers.Activation(activation)(normalized(stream, normalization))
