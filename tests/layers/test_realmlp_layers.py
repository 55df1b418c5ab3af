"""The parts of RealMLP against their published description (Holzmüller et al. 2024, section 3 and appendix A)."""

from __future__ import annotations

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from automl.layers.ntk import NTKDense
from automl.layers.parametric import ParametricActivation
from automl.layers.periodic import PeriodicEmbedding
from automl.layers.scale import Scale
from automl.layers.starting import starting

ROWS = np.random.default_rng(0).normal(2, 3, size=(400, 7)).astype(np.float32)


def test_a_linear_map_is_divided_by_the_root_of_its_width() -> None:
    layer = NTKDense(5)
    outputs = np.asarray(layer(ROWS))
    expected = ROWS @ layer.kernel.numpy() / math.sqrt(7) + layer.bias.numpy()
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-6)


def test_its_weights_start_with_unit_variance_and_zeros_among_the_rows() -> None:
    layer = NTKDense(6)
    layer(ROWS)
    with starting(np.random.default_rng(1)) as found:
        told = np.asarray(layer(ROWS))
    for weight in layer.weights:
        weight.assign(found.values[id(weight)])
    outputs = np.asarray(layer(ROWS))
    np.testing.assert_allclose(outputs, told, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose((outputs - layer.bias.numpy()).std(axis=0), 1, rtol=1e-3)
    # Minus a convex combination of outputs: every unit is 0 somewhere between the rows.
    assert (outputs.min(axis=0) < 0).all()
    assert (outputs.max(axis=0) > 0).all()
    assert len(set(layer.bias.numpy().tolist())) == 6


def test_a_unit_that_is_the_same_for_all_rows_starts_finite() -> None:
    layer = NTKDense(3)
    zeros = np.zeros((10, 4), dtype=np.float32)
    layer(zeros)
    with starting(np.random.default_rng(1)) as found:
        assert np.isfinite(np.asarray(layer(zeros))).all()
    assert all(np.isfinite(found.values[id(weight)]).all() for weight in layer.weights)


def test_a_unit_that_differs_only_by_rounding_starts_as_the_same_for_all_rows() -> None:
    layer = NTKDense(3)
    tenths = np.full((2_000, 1), 0.1, dtype=np.float32)
    layer(tenths)
    with starting(np.random.default_rng(1)) as found:
        layer(tenths)
    np.testing.assert_array_equal(found.values[id(layer.kernel)], layer.kernel.numpy())


def test_a_number_becomes_itself_and_maps_of_its_own_cosines() -> None:
    layer = PeriodicEmbedding(frequencies=16, size=4, sigma=0.1)
    embedded = np.asarray(layer(ROWS)).reshape(400, 7, 4)
    frequency, phase, kernel, bias = (weight.numpy() for weight in layer.weights)
    np.testing.assert_array_equal(embedded[:, :, 0], ROWS)
    waves = np.cos(2 * np.pi * ROWS[:, 3:4] * frequency[3] + phase[3])
    np.testing.assert_allclose(embedded[:, 3, 1:], waves @ kernel[3] + bias[3], rtol=1e-3, atol=1e-4)


def test_waves_start_as_published() -> None:
    layer = PeriodicEmbedding(frequencies=16, size=4, sigma=0.1)
    layer.build((None, 500))
    frequency, phase, kernel, bias = (weight.numpy() for weight in layer.weights)
    assert frequency.std() == pytest.approx(0.1, rel=0.05)
    assert np.abs(phase).max() == pytest.approx(math.pi, rel=0.01)
    for weight in (kernel, bias):
        assert np.abs(weight).max() == pytest.approx(0.25, rel=0.01)


@pytest.mark.parametrize("activation", ["selu", "mish", "gelu"])
def test_an_activation_may_be_taken_back(activation: str) -> None:
    plain = keras.activations.get(activation)
    layer = ParametricActivation(activation)
    np.testing.assert_allclose(np.asarray(layer(ROWS)), np.asarray(plain(ROWS)), rtol=1e-5, atol=1e-6)
    layer.slope.assign(np.zeros(7))
    np.testing.assert_allclose(np.asarray(layer(ROWS)), ROWS)


@pytest.mark.parametrize("activation", ["selu", "mish"])
def test_its_own_gradient_is_that_of_the_formula(activation: str) -> None:
    values = tf.constant(np.linspace(-40, 40, 4001, dtype=np.float32).reshape(-1, 1) * np.ones((1, 3), np.float32))
    slope = tf.constant([0.0, 0.7, 1.3])
    upstream = tf.constant(np.random.default_rng(1).normal(size=(4001, 3)).astype(np.float32))
    layer = ParametricActivation(activation)
    layer.build((None, 3))
    layer.slope.assign(slope)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([values, slope])
        ours = layer(values)
        plain = values + slope * (keras.activations.get(activation)(values) - values)
    np.testing.assert_allclose(np.asarray(ours), np.asarray(plain), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        tape.gradient(ours, values, upstream), tape.gradient(plain, values, upstream), rtol=1e-4, atol=1e-5
    )
    np.testing.assert_allclose(
        tape.gradient(ours, layer.slope.value, upstream), tape.gradient(plain, slope, upstream), rtol=1e-4
    )


def test_every_column_has_its_factor() -> None:
    layer = Scale()
    np.testing.assert_array_equal(np.asarray(layer(ROWS)), ROWS)
    layer.scale.assign(np.arange(7))
    np.testing.assert_allclose(np.asarray(layer(ROWS)), ROWS * np.arange(7), rtol=1e-6)
