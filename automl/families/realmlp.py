"""RealMLP: a feed-forward network with strong defaults for tables (Holzmüller et al. 2024, "Better by default")."""

from __future__ import annotations

import keras

from automl.layers.dropout import Dropout
from automl.layers.inputs import Inputs
from automl.layers.ntk import NTKDense
from automl.layers.parametric import ParametricActivation
from automl.layers.periodic import PeriodicEmbedding
from automl.layers.robust_categories import RobustCategories
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
    parts = []
    if inputs.numbers is not None:
        parts.append(
            PeriodicEmbedding(frequencies=frequencies, size=number_size, sigma=sigma, name="waves")(inputs.numbers)
        )
    if inputs.codes is not None:
        parts.append(RobustCategories(inputs.sizes, embedding_size=embedding_size, name="categories")(inputs.codes))
    features = Scale(name="scale")(parts[0] if len(parts) == 1 else keras.layers.Concatenate(name="features")(parts))
    for _ in range(layers):
        features = Dropout(dropout)(ParametricActivation(activation)(NTKDense(units)(features)))
    return features
