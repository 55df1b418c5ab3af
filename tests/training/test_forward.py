"""Arrays as tensors."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from automl.encoding import table
from automl.encoding.table import Arrays
from automl.layers.trees import ORDER, Trees
from automl.training.forward import LEAST_ROWS_TO_FUSE, on_device, predictors


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(100, 3)).astype(np.float32)
    table.save(Arrays(numbers, rng.integers(0, 9, size=(100, 2)).astype(np.int32)), tmp_path, "train")
    return tmp_path


def test_a_mapped_file_is_not_copied(saved: Path) -> None:
    tensors = on_device(table.open_saved(saved, "train"))
    written = np.load(saved / "train.numbers.npy", mmap_mode="r+")
    written[7, 1] = 42.0
    assert float(tensors["numbers"][7, 1]) == 42.0
    assert tensors["codes"].shape == (100, 2)


def test_arrays_that_cannot_be_used_as_they_are_are_copied() -> None:
    numbers = np.arange(24, dtype=np.float32).reshape(8, 3)
    fixed = numbers.copy()
    fixed.flags.writeable = False
    none = np.empty((4, 0), dtype=np.int32)
    for given in (numbers[1:5], numbers[::2], fixed[:4]):
        np.testing.assert_array_equal(on_device(Arrays(given, none))["numbers"].numpy(), given)


def test_columns_that_do_not_exist_have_no_tensor() -> None:
    arrays = Arrays(np.empty((4, 0), dtype=np.float32), np.zeros((4, 1), dtype=np.int32))
    assert set(on_device(arrays)) == {"codes"}


@pytest.mark.parametrize("activation", ["silu", "gelu"])
def test_a_row_is_predicted_alike_among_any_number_of_others(activation: str) -> None:
    inputs = keras.Input((3,), name="numbers")
    network = keras.Model({"numbers": inputs}, keras.layers.Dense(5, activation=activation)(inputs))
    rows = tf.constant(np.random.default_rng(0).normal(size=(150, 3)).astype(np.float32))
    predict = predictors(network, [network.get_weights()])[0]
    every = predict({"numbers": rows})
    for size in range(127, 150):
        np.testing.assert_array_equal(predict({"numbers": rows[150 - size :]}), every[150 - size :])


def test_trees_predict_a_row_alike_among_any_number_of_others() -> None:
    rng = np.random.default_rng(0)
    inputs = keras.Input((3,), name="numbers")
    layer = Trees(4, rounds=9, leaves=4)
    network = keras.Model({"numbers": inputs}, layer({"numbers": inputs}))
    own = dict(zip(ORDER, layer.get_weights(), strict=True))
    own["child"][:, :, :3] = [1, 3, 5]
    own["threshold"][:, :, :3] = rng.normal(size=own["threshold"][:, :, :3].shape)
    own["value"][:] = rng.normal(size=own["value"].shape)
    own["depth"], own["count"] = np.array(2, np.int32), np.array(9, np.int32)
    rows = tf.constant(rng.normal(size=(9000, 3)).astype(np.float32))
    predict = predictors(network, [list(own.values())])[0]
    few = predict({"numbers": rows[:200]})
    every = predict({"numbers": rows})
    assert len(np.unique(every, axis=0)) > 4
    np.testing.assert_array_equal(few, every[:200])
    for size in (1, 200, LEAST_ROWS_TO_FUSE, LEAST_ROWS_TO_FUSE + 1, 5000):
        np.testing.assert_array_equal(predict({"numbers": rows[:size]}), every[:size])


def test_many_networks_are_compiled_without_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    for units in range(1, 9):
        inputs = keras.Input((3,), name="numbers")
        network = keras.Model({"numbers": inputs}, keras.layers.Dense(units)(inputs))
        [raw_outputs] = predictors(network, [network.get_weights()])
        assert raw_outputs({"numbers": tf.zeros((2, 3))}).shape == (2, units)
    assert caplog.text == ""


def test_threads_do_not_take_each_others_weights() -> None:
    inputs = keras.Input((64,), name="numbers")
    network = keras.Model({"numbers": inputs}, keras.layers.Dense(256)(keras.layers.Dense(256)(inputs)))
    weights = [[np.full_like(weight, value) for weight in network.get_weights()] for value in (1.0, 2.0, 3.0)]
    networks = predictors(network, weights)
    rows = {"numbers": tf.ones((256, 64))}
    expected = [predict(rows) for predict in networks]

    def ask(number: int) -> bool:
        return bool((networks[number % 3](rows) == expected[number % 3]).all())

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(ask, range(300)))
