"""The parts of FT-Transformer against their published description (Gorishniy et al. 2021; Vaswani et al. 2017)."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from automl.layers.attention import Attended, AttentionWeights
from automl.layers.gated import ReGLU
from automl.layers.softmax import softmax
from automl.layers.tokens import CategoryTokens, NumberTokens, RowToken, WithRowToken

RNG = np.random.default_rng(0)
TOKENS = RNG.normal(size=(9, 5, 8)).astype(np.float32)


def shares(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.exp(values) / np.exp(values).sum(axis=-1, keepdims=True), dtype=np.float32)


def test_a_number_is_a_point_on_its_columns_line() -> None:
    rows = RNG.normal(size=(6, 3)).astype(np.float32)
    layer = NumberTokens(4)
    tokens = np.asarray(layer(rows))
    slope, bias = (weight.numpy() for weight in layer.weights)
    assert slope.shape == bias.shape == (3, 4)
    for row in range(6):
        for column in range(3):
            np.testing.assert_allclose(tokens[row, column], rows[row, column] * slope[column] + bias[column], rtol=1e-5)


def test_equal_codes_of_different_categories_are_different_tokens() -> None:
    layer = CategoryTokens([3, 40], 4)
    tokens = np.asarray(layer(np.array([[2, 0], [0, 39], [2, 2]], dtype=np.int32)))
    table = layer.embeddings.numpy()
    assert table.shape == (43, 4)
    np.testing.assert_array_equal(tokens, table[[[2, 3], [0, 42], [2, 5]]])


def test_tokens_start_small_enough_for_their_width() -> None:
    for layer, shape in ((NumberTokens(64), (None, 30)), (CategoryTokens([500], 64), (None, 1))):
        layer.build(shape)
        for weight in layer.weights:
            assert np.abs(weight.numpy()).max() == pytest.approx(1 / 8, rel=0.02)
            assert abs(weight.numpy().mean()) < 0.01


def test_the_rows_token_is_the_first_and_the_same_for_all() -> None:
    layer = WithRowToken()
    tokens = np.asarray(layer(TOKENS))
    assert tokens.shape == (9, 6, 8)
    np.testing.assert_array_equal(tokens[:, 1:], TOKENS)
    np.testing.assert_array_equal(tokens[:, 0], np.tile(layer.token.numpy(), (9, 1)))
    np.testing.assert_array_equal(np.asarray(RowToken(keepdims=False)(tokens)), tokens[:, 0])
    np.testing.assert_array_equal(np.asarray(RowToken(keepdims=True)(tokens)), tokens[:, :1])


@pytest.mark.parametrize("asking", [1, 5])
def test_attention_is_a_weighted_mean_in_each_head(asking: int) -> None:
    queries = RNG.normal(size=(9, asking, 8)).astype(np.float32)
    layer = AttentionWeights(2)
    weights = np.asarray(layer([queries, TOKENS]))
    query, key = (weight.numpy() for weight in layer.weights)
    assert weights.shape == (9, 2, asking, 5)
    taking = Attended()
    outputs = np.asarray(taking([weights, TOKENS]))
    taking.bias.assign(RNG.normal(size=8))
    value, kernel, bias = taking.value.numpy(), taking.kernel.numpy(), taking.bias.numpy()
    for row in range(9):
        mixed = []
        for head in (slice(0, 4), slice(4, 8)):
            expected = shares((queries[row] @ query[:, head]) @ (TOKENS[row] @ key[:, head]).T / math.sqrt(4))
            np.testing.assert_allclose(weights[row, head.start // 4], expected, rtol=1e-4, atol=1e-6)
            mixed.append(expected @ (TOKENS[row] @ value[:, head]))
        np.testing.assert_allclose(outputs[row], np.concatenate(mixed, axis=1) @ kernel, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(np.asarray(taking([weights, TOKENS])), outputs + bias, rtol=1e-4, atol=1e-5)


def test_it_is_that_of_keras() -> None:
    theirs = keras.layers.MultiHeadAttention(num_heads=2, key_dim=4)
    theirs(TOKENS, TOKENS)
    ours, taking = AttentionWeights(2), Attended()
    taking([ours([TOKENS, TOKENS]), TOKENS])
    (query, key), (value, kernel, bias) = ([weight.numpy() for weight in layer.weights] for layer in (ours, taking))
    no_bias = np.zeros((2, 4), dtype=np.float32)
    in_heads = [part for of in (query, key, value) for part in (of.reshape(8, 2, 4), no_bias)]
    theirs.set_weights([*in_heads, kernel.reshape(2, 4, 8), bias])
    np.testing.assert_allclose(
        np.asarray(taking([ours([TOKENS, TOKENS]), TOKENS])), np.asarray(theirs(TOKENS, TOKENS)), rtol=1e-3, atol=1e-5
    )


def test_half_of_the_features_are_the_gate_of_the_others() -> None:
    rows = np.array([[[1, 2, 3, 4, 0, -1]]], dtype=np.float32)
    np.testing.assert_array_equal(np.asarray(ReGLU()(rows)), [[[4, 0, 0]]])


def test_shares_and_their_gradient_are_those_of_the_formula() -> None:
    values = tf.constant(RNG.normal(0, 30, size=(20, 3, 7)).astype(np.float32))
    upstream = tf.constant(RNG.normal(size=values.shape).astype(np.float32))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(values)
        ours, theirs = softmax(values), tf.nn.softmax(values)
    np.testing.assert_allclose(np.asarray(ours), np.asarray(theirs), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(
        tape.gradient(ours, values, upstream), tape.gradient(theirs, values, upstream), rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize("tokens", [7, 22])
def test_attention_has_the_same_bits_at_any_place_of_a_batch(tokens: int) -> None:
    rows = RNG.normal(size=(160, tokens, 64)).astype(np.float32)
    asking, taking = AttentionWeights(4), Attended()
    everywhere = np.asarray(taking([asking([rows, rows]), rows]))
    for first in (1, 7, 16):
        some = rows[first : first + 128]
        np.testing.assert_array_equal(np.asarray(taking([asking([some, some]), some])), everywhere[first : first + 128])


@pytest.mark.parametrize(
    ("layer", "inputs"),
    [
        (NumberTokens(4), np.zeros((9, 3), dtype=np.float32)),
        (CategoryTokens([3, 40], 4), np.zeros((9, 2), dtype=np.int32)),
        (WithRowToken(), TOKENS),
        (RowToken(keepdims=True), TOKENS),
        (RowToken(keepdims=False), TOKENS),
        (AttentionWeights(2), [TOKENS[:, :2], TOKENS]),
        (Attended(), [np.zeros((9, 2, 3, 5), dtype=np.float32), TOKENS]),
        (ReGLU(), TOKENS),
    ],
    ids=lambda given: type(given).__name__,
)
def test_says_its_shape_and_configuration(layer: keras.layers.Layer, inputs: Any) -> None:
    copy = type(layer).from_config(layer.get_config())
    assert copy.get_config() == layer.get_config()
    shape = [one.shape for one in inputs] if isinstance(inputs, list) else inputs.shape
    assert copy.compute_output_shape(shape) == np.asarray(layer(inputs)).shape
