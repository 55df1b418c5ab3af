"""Which networks share a graph."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from automl.layers.normalization import LayerNorm
from automl.training.forward import call, predictors, variables
from automl.training.topology import serves_every_width, topology


def network(*layers: keras.layers.Layer, width: int = 4) -> keras.Model:
    inputs = keras.Input((width,), name="numbers")
    features: Any = inputs
    for layer in layers:
        features = layer(features)
    return keras.Model({"numbers": inputs}, features)


def dense(units: int, activation: str = "relu") -> keras.layers.Layer:
    return keras.layers.Dense(units, activation=activation)


def test_widths_and_names_make_no_difference() -> None:
    assert topology(network(dense(8), dense(3))) == topology(network(dense(64), dense(5)))


@pytest.mark.parametrize(
    "other",
    [
        lambda: network(dense(8), dense(3), dense(3)),
        lambda: network(dense(8, "gelu"), dense(3)),
        lambda: network(dense(8), LayerNorm(), dense(3)),
        lambda: network(dense(8), dense(3), width=5),
    ],
)
def test_layers_activations_and_inputs_do(other: Any) -> None:
    assert topology(network(dense(8), dense(3))) != topology(other())


def test_the_wiring_does() -> None:
    def residual(*, skip: bool) -> keras.Model:
        inputs = keras.Input((4,))
        first = keras.layers.Dense(4)(inputs)
        second = keras.layers.Dense(4)(first)
        return keras.Model(inputs, keras.layers.Add()([second, inputs if skip else first]))

    assert topology(residual(skip=True)) != topology(residual(skip=False))


def test_a_layer_that_is_not_known_keeps_its_widths() -> None:
    one, other = (network(dense(units), keras.layers.Reshape((units,))) for units in (8, 16))
    assert not serves_every_width(one)
    assert topology(one) != topology(other)
    assert topology(one) == topology(network(dense(8), keras.layers.Reshape((8,))))


def test_layer_norm_is_that_of_keras() -> None:
    rows = np.random.default_rng(0).normal(2, 3, size=(50, 7)).astype(np.float32)
    scale, shift = np.linspace(1, 2, 7, dtype=np.float32), np.linspace(-1, 1, 7, dtype=np.float32)
    ours, theirs = LayerNorm(), keras.layers.LayerNormalization()
    for layer in (ours, theirs):
        layer.build((None, 7))
        layer.set_weights([scale, shift])
    np.testing.assert_allclose(np.asarray(ours(rows)), np.asarray(theirs(rows)), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("training", [True, False])
def test_a_call_with_other_values_is_the_call_of_a_network_that_has_them(training: bool) -> None:
    def normalised() -> keras.Model:
        return network(dense(6), keras.layers.BatchNormalization(), dense(2))

    one, other = normalised(), normalised()
    rows = {"numbers": np.random.default_rng(0).normal(size=(9, 4)).astype(np.float32)}
    before = [variable.numpy() for variable in variables(other)]
    values = [tf.constant(variable.numpy()) for variable in variables(one)]
    raw, updated = call(other, values, rows, training=training)
    np.testing.assert_array_equal(np.asarray(raw), np.asarray(one(rows, training=training)))
    for value, variable in zip(updated, variables(one), strict=True):
        np.testing.assert_array_equal(np.asarray(value), variable.numpy())
    for value, variable in zip(before, variables(other), strict=True):
        np.testing.assert_array_equal(value, variable.numpy())
    if not training:
        np.testing.assert_array_equal(
            predictors(one, [one.get_weights()])[0]({"numbers": tf.constant(rows["numbers"])}),
            np.asarray(one(rows, training=False)),
        )
