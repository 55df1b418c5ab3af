"""RealMLP: a feed-forward network with strong defaults for tables (Holzmüller et al. 2024, "Better by default")."""

from __future__ import annotations

from dataclasses import replace

import keras

from automl.layers.dropout import Dropout
from automl.layers.inputs import Inputs, as_features
from automl.layers.ntk import NTKDense
from automl.layers.parametric import ParametricActivation
from automl.layers.periodic import PeriodicEmbedding
from automl.layers.scale import Scale

HEAD = NTKDense


def build(
    inputs: Inputs,
    *,
    layers: int,
    units: int,
    activation: str,
    dropout: float,
    embedding_size: int,
    frequencies: int,
    number_size: int,
    sigma: float,
) -> keras.KerasTensor:
    """Shape (rows, units): embedded columns, a factor for each, and `layers` blocks of equal width."""
    if inputs.numbers is not None:
        embedding = PeriodicEmbedding(frequencies=frequencies, size=number_size, sigma=sigma, name="waves")
        inputs = replace(inputs, numbers=embedding(inputs.numbers))
    features = Scale(name="scale")(as_features(inputs, embedding_size=embedding_size))
    for _ in range(layers):
        features = Dropout(dropout)(ParametricActivation(activation)(NTKDense(units)(features)))
    return features
