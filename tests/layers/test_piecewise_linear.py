"""The piecewise-linear embedding of numbers against its published description (Gorishniy et al. 2022)."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import keras
import numpy as np
import pytest

from automl import keras_files
from automl.layers.piecewise_linear import PiecewiseLinear, bend, quantiles
from automl.layers.starting import starting

RNG = np.random.default_rng(0)


def below_by_definition(value: float, edges: list[float]) -> np.ndarray:
    """Of each bin: 0 below it, 1 above it, and else how far the value has come through it."""
    shares = []
    for low, high in pairwise(edges):
        if low == high or value < low:
            shares.append(0.0)
        elif value >= high:
            shares.append(1.0)
        else:
            shares.append((value - low) / (high - low))
    return np.array(shares)


@pytest.mark.parametrize("edges", [[-1.0, 0.0, 0.5, 2.0], [0.0, 1.0, 1.0, 1.0], [3.0, 3.0, 3.0, 3.0]])
def test_a_bin_counts_as_far_as_the_value_has_come(edges: list[float]) -> None:
    values = np.array([[-5, -1, -0.25, 0, 0.1, 0.5, 0.99, 1, 2, 3, 7]], dtype=np.float32).T
    kernel = RNG.normal(size=(1, 3, 2)).astype(np.float32)
    bent = np.asarray(bend(values, np.array([edges], dtype=np.float32), kernel))
    expected = [below_by_definition(float(value), edges) @ kernel[0] for value in values[:, 0]]
    np.testing.assert_allclose(bent[:, 0], expected, rtol=1e-5, atol=1e-6)


def test_edges_are_quantiles_of_the_rows() -> None:
    rows = np.stack([np.arange(101), np.arange(101) ** 2], axis=1).astype(np.float32)
    np.testing.assert_allclose(quantiles(rows, 5), [[0, 25, 50, 75, 100], [0, 625, 2500, 5625, 10_000]])


def test_equal_quantiles_are_one_edge() -> None:
    rows = np.zeros((100, 3), dtype=np.float32)
    rows[:10, 1] = 1  # an indicator
    rows[:, 2] = np.repeat([0, 1, 2, 7], 25)
    np.testing.assert_array_equal(quantiles(rows, 6), [[0] * 6, [0, 1, 1, 1, 1, 1], [0, 1, 2, 7, 7, 7]])


def test_a_line_and_a_bent_line_that_starts_at_zero() -> None:
    rows = RNG.normal(size=(50, 3)).astype(np.float32)
    layer = PiecewiseLinear(bins=4, size=2)
    straight = np.asarray(layer(rows)).reshape(50, 3, 2)
    slope, bias, kernel, edges = (weight.numpy() for weight in (layer.slope, layer.bias, layer.kernel, layer.edges))
    assert (kernel == 0).all()
    for column in range(3):
        np.testing.assert_allclose(straight[:, column], rows[:, [column]] * slope[column] + bias[column], rtol=1e-4)
    kernel = RNG.normal(size=kernel.shape).astype(np.float32)
    layer.kernel.assign(kernel)
    bent = np.asarray(layer(rows)).reshape(50, 3, 2)
    for column in range(3):
        filled = np.array([below_by_definition(float(value), edges[column].tolist()) for value in rows[:, column]])
        np.testing.assert_allclose(bent[:, column], straight[:, column] + filled @ kernel[column], rtol=1e-4, atol=1e-5)


def test_its_edges_start_from_the_rows_and_are_not_learned() -> None:
    rows = RNG.exponential(size=(400, 2)).astype(np.float32)
    layer = PiecewiseLinear(bins=8, size=2)
    layer(rows)
    layer.kernel.assign(RNG.normal(size=layer.kernel.shape))
    with starting(np.random.default_rng(1)) as found:
        told = np.asarray(layer(rows))
    assert list(found.values) == [id(layer.edges)]
    layer.edges.assign(found.values[id(layer.edges)])
    np.testing.assert_array_equal(np.asarray(layer(rows)), told)
    np.testing.assert_allclose(layer.edges.numpy()[:, [0, -1]].T, [rows.min(axis=0), rows.max(axis=0)])
    shares = [np.histogram(rows[:, column], layer.edges.numpy()[column])[0] / 400 for column in range(2)]
    np.testing.assert_allclose(shares, 1 / 8, atol=0.01)
    assert [weight.name for weight in layer.non_trainable_weights] == ["edges"]


def test_columns_with_few_values_give_numbers() -> None:
    rows = np.zeros((300, 3), dtype=np.float32)
    rows[::7, 1] = 1
    rows[:, 2] = np.nextafter(np.float32(1), np.float32(2))
    rows[0, 2] = 1
    layer = PiecewiseLinear(bins=16, size=2)
    layer(rows)
    layer.kernel.assign(RNG.normal(size=layer.kernel.shape))
    with starting(np.random.default_rng(1)) as found:
        assert np.isfinite(np.asarray(layer(rows))).all()
    layer.edges.assign(found.values[id(layer.edges)])
    far = np.array([[-100, -100, -100], [0, 0.5, 1], [100, 100, 100]], dtype=np.float32)
    embedded = np.asarray(layer(far)).reshape(3, 3, 2)
    # The straight line alone reaches beyond the edges, and the bent one by no more than its whole height.
    straight = far[:, :, None] * layer.slope.numpy() + layer.bias.numpy()
    assert np.abs(embedded - straight).max() <= np.abs(layer.kernel.numpy()).sum(axis=1).max() + 1e-4


def test_a_row_is_embedded_alike_in_any_company() -> None:
    rows = RNG.normal(size=(64, 5)).astype(np.float32)
    layer = PiecewiseLinear(bins=24, size=8)
    layer(rows)
    layer.kernel.assign(RNG.normal(size=layer.kernel.shape))
    together = np.asarray(layer(rows))
    for few in (1, 3, 32):
        np.testing.assert_array_equal(np.asarray(layer(rows[:few])), together[:few])


def test_edges_survive_saving(tmp_path: Path) -> None:
    inputs = keras.Input((2,), name="numbers")
    layer = PiecewiseLinear(bins=4, size=3)
    network = keras.Model({"numbers": inputs}, layer(inputs))
    layer.edges.assign([[0, 1, 2, 3, 4], [5, 5, 5, 5, 5]])
    layer.kernel.assign(RNG.normal(size=layer.kernel.shape))
    path = tmp_path / "network.keras"
    network.save(path)
    rows = {"numbers": RNG.normal(2, 3, size=(20, 2)).astype(np.float32)}
    np.testing.assert_array_equal(
        np.asarray(keras_files.load(path, network.get_weights())(rows)), np.asarray(network(rows))
    )
