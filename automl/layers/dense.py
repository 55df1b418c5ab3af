"""The block that most families are made of: a linear map, normalisation, activation, dropout."""

from __future__ import annotations

import keras

from automl.layers.dropout import Dropout
from automl.layers.normalization import LayerNorm

# Of the running means, what each batch leaves of them; PyTorch's, with which the published settings were found.
MOMENTUM = 0.9


def dense(
    features: keras.KerasTensor,
    units: int,
    *,
    activation: str,
    normalization: str,
    initializer: str,
    dropout: float,
) -> keras.KerasTensor:
    """Shape (rows, units)."""
    hidden = keras.layers.Dense(units, kernel_initializer=initializer)(features)
    return Dropout(dropout)(keras.layers.Activation(activation)(normalized(hidden, normalization)))


def dense_stack(
    features: keras.KerasTensor,
    layers: int,
    units: int,
    *,
    activation: str,
    normalization: str,
    initializer: str,
    dropout: float,
) -> keras.KerasTensor:
    """Shape (rows, units): `layers` blocks of equal width, one after the other."""
    for _ in range(layers):
        features = dense(
            features,
            units,
            activation=activation,
            normalization=normalization,
            initializer=initializer,
            dropout=dropout,
        )
    return features


def batch_normalized(features: keras.KerasTensor) -> keras.KerasTensor:
    """The features after batch normalisation, whose means are of the last batches.

    A small table has a handful of batches in an epoch: with Keras' own momentum (0.99), what a network predicts with
    would for tens of epochs be what the means were before the first.
    """
    return keras.layers.BatchNormalization(momentum=MOMENTUM)(features)


def normalized(features: keras.KerasTensor, normalization: str) -> keras.KerasTensor:
    """The features after "batch", "layer" or no ("none") normalisation."""
    if normalization == "batch":
        return batch_normalized(features)
    if normalization == "layer":
        return LayerNorm()(features)
    return features
