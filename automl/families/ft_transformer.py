"""FT-Transformer: the columns of a row as tokens that attend to each other (Gorishniy et al. 2021, "Revisiting")."""

from __future__ import annotations

import keras

from automl.layers.attention import Attended, AttentionWeights
from automl.layers.dropout import Dropout
from automl.layers.gated import ReGLU
from automl.layers.inputs import Inputs
from automl.layers.normalization import LayerNorm
from automl.layers.tokens import CategoryTokens, NumberTokens, RowToken, WithRowToken


def build(
    inputs: Inputs,
    *,
    layers: int,
    units: int,
    heads: int,
    widening: int,
    dropout: float,
    attention_dropout: float,
    residual_dropout: float,
) -> keras.KerasTensor:
    """Shape (rows, units): the row's token after `layers` blocks of attention and a gated network, each added on.

    In the last block only the row's token looks at the others: what they would learn there, nobody would ask.

    Args:
        units: the width of a token.
        widening: of the gated network, whose hidden layer has so many times the units.
    """
    stream = _tokens(inputs, units)
    for block in range(layers):
        # Whatever the tokenizer's scale is, the first block sees it.
        tokens = LayerNorm()(stream) if block > 0 else stream
        queries = tokens
        if block == layers - 1:
            stream, queries = RowToken(keepdims=True)(stream), RowToken(keepdims=True)(tokens)
        weights = Dropout(attention_dropout)(AttentionWeights(heads)([queries, tokens]))
        attended = Attended()([weights, tokens])
        stream = keras.layers.Add()([stream, Dropout(residual_dropout)(attended)])
        hidden = Dropout(dropout)(ReGLU()(keras.layers.Dense(2 * widening * units)(LayerNorm()(stream))))
        stream = keras.layers.Add()([stream, Dropout(residual_dropout)(keras.layers.Dense(units)(hidden))])
    return keras.layers.Activation("relu")(LayerNorm()(RowToken(keepdims=False)(stream)))


def _tokens(inputs: Inputs, units: int) -> keras.KerasTensor:
    """Shape (rows, 1 + columns, units), the row's own token first."""
    parts = [] if inputs.numbers is None else [NumberTokens(units, name="numbers_as_tokens")(inputs.numbers)]
    if inputs.codes is not None:
        parts.append(CategoryTokens(inputs.sizes, units, name="codes_as_tokens")(inputs.codes))
    columns = parts[0] if len(parts) == 1 else keras.layers.Concatenate(axis=1, name="columns")(parts)
    return WithRowToken(name="row")(columns)
