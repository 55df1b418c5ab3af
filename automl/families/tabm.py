"""TabM: an ensemble of feed-forward networks that share their weights (Gorishniy et al. 2025, "TabM")."""

from __future__ import annotations

from dataclasses import replace

import keras

from automl.layers.categories import widths
from automl.layers.dropout import Dropout
from automl.layers.inputs import Inputs, as_features
from automl.layers.members import MemberDense, MemberHead, MemberInputs
from automl.layers.piecewise_linear import PiecewiseLinear

HEAD = MemberHead


def build(
    inputs: Inputs,
    *,
    variant: str,
    members: int,
    layers: int,
    units: int,
    dropout: float,
    embedding_size: int,
    bins: int,
    number_size: int,
) -> keras.KerasTensor:
    """Shape (members, rows, units): `layers` blocks of equal width, whose weights the members share.

    Args:
        variant: "full" for factors and biases of each member's own in every block, "mini" for those of the columns
            alone.
        bins, number_size: of the embedding of a number.
    """
    of_columns = list(widths(inputs.sizes, embedding_size=embedding_size))
    if inputs.numbers is not None:
        of_columns = [number_size] * inputs.numbers.shape[-1] + of_columns
        embedding = PiecewiseLinear(bins=bins, size=number_size, name="bends")
        inputs = replace(inputs, numbers=embedding(inputs.numbers))
    features = as_features(inputs, embedding_size=embedding_size)
    features = MemberInputs(members, widths=of_columns, signs=inputs.numbers is None, name="members")(features)
    full = variant == "full"
    for block in range(layers):
        hidden = MemberDense(units, own_inputs=full and block > 0, own_outputs=full)(features)
        features = Dropout(dropout)(keras.layers.Activation("relu")(hidden))
    return features
