"""Our own Keras layers: what they compute, and that they survive saving."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from automl.layers.categories import Categories
from automl.layers.dropout import Dropout, Rate


def test_small_categories_are_one_hot_and_large_ones_embedded() -> None:
    layer = Categories([3, 40, 2, 50], embedding_size=4, marks_unknown=False)
    codes = np.array([[2, 0, 0, 0], [0, 39, 1, 0], [0, 39, 1, 49]], dtype=np.int32)
    encoded = np.asarray(layer(codes))
    assert encoded.shape == (3, 3 + 2 + 2 * 4)
    assert encoded[:, :5].tolist() == [[0, 0, 1, 0, 0], [0, 0, 0, 0, 1], [0, 0, 0, 0, 1]]
    table = np.asarray(layer.embeddings)
    assert table.shape == (90, 4)
    np.testing.assert_array_equal(encoded[2, 5:], np.concatenate([table[39], table[40 + 49]]))


def test_an_unknown_value_is_zero_until_something_is_learned_of_it() -> None:
    layer = Categories([3, 40, 50], embedding_size=4, marks_unknown=False)
    assert not np.asarray(layer(np.zeros((2, 3), dtype=np.int32))).any()
    table = np.asarray(layer.embeddings)
    assert np.flatnonzero(~table.any(axis=1)).tolist() == [0, 40]
    assert abs(table[table.any(axis=1)].std() - 0.3) < 0.05
    assert Categories.from_config(layer.get_config()).marks_unknown is False
    before = {name: value for name, value in layer.get_config().items() if name != "marks_unknown"}
    assert np.asarray(Categories.from_config(before)(np.zeros((1, 3), dtype=np.int32)))[0, :3].tolist() == [1, 0, 0]


@pytest.mark.parametrize("rate", [0.1, 0.37, 0.5])
def test_dropout_keeps_the_mean_and_drops_the_right_share(rate: float) -> None:
    layer = Dropout(rate)
    ones = np.ones((400, 501), dtype=np.float32)
    kept = np.asarray(layer(ones, training=True))
    share = (kept == 0).mean()
    margin = 4 * np.sqrt(rate * (1 - rate) / ones.size)
    assert abs(share - round(rate * 256) / 256) < margin
    assert abs(kept.mean() - 1) < 2 * margin / (1 - rate)


def test_dropout_masks_are_independent_of_row_unit_and_call() -> None:
    layer = Dropout(0.5)
    ones = np.ones((2000, 64), dtype=np.float32)
    first, second = (np.asarray(layer(ones, training=True)) > 0 for _ in range(2))
    units = np.corrcoef(first, rowvar=False) - np.eye(64)
    assert np.abs(units).max() < 5 / np.sqrt(2000)
    for other in (second, np.roll(first, 1, axis=0)):
        assert abs(np.corrcoef(first.ravel(), other.ravel())[0, 1]) < 5 / np.sqrt(first.size)


def test_dropout_does_nothing_in_inference_and_at_rate_zero() -> None:
    values = np.random.default_rng(0).normal(size=(5, 7)).astype(np.float32)
    np.testing.assert_array_equal(np.asarray(Dropout(0.9)(values)), values)
    np.testing.assert_array_equal(np.asarray(Dropout(0.0)(values, training=True)), values)


def test_the_rate_of_a_built_layer_can_change() -> None:
    layer = Dropout(Rate.named("dropout", 0.1))
    ones = np.ones((100, 100), dtype=np.float32)
    layer(ones, training=True)
    assert layer.hyperparameter == "dropout"
    layer.rate.assign(0.75)
    assert 0.7 < (np.asarray(layer(ones, training=True)) == 0).mean() < 0.8


def test_layers_survive_saving(tmp_path: Path) -> None:
    codes = keras.Input((2,), dtype="int32")
    network = keras.Model(codes, Dropout(0.3)(Categories([3, 40], embedding_size=4)(codes)))
    network.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras")
    rows = np.array([[1, 17], [2, 39]], dtype=np.int32)
    np.testing.assert_array_equal(np.asarray(network(rows)), np.asarray(loaded(rows)))
