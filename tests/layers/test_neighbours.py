"""The parts of ModernNCA against its published description (Ye et al. 2024)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from automl import keras_files
from automl.layers.candidates import Fingerprint, WithCandidates, kept
from automl.layers.neighbours import FAR_AWAY, Distances, Neighbours, apart, as_outputs
from automl.layers.starting import starting

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(40, 3)).astype(np.float32)


def fingerprints_of(*parts: Any) -> np.ndarray:
    return np.asarray(Fingerprint()(list(parts)))


def test_candidates_follow_the_batch_and_start_from_the_rows() -> None:
    layer = WithCandidates(10, drawn="normal")
    layer(ROWS)
    with starting(np.random.default_rng(1)) as found:
        told = np.asarray(layer(ROWS))
    layer.rows.assign(found.values[id(layer.rows)])
    np.testing.assert_array_equal(told, np.concatenate([ROWS, layer.rows.numpy()]))
    np.testing.assert_array_equal(np.asarray(layer(ROWS[:2])), np.concatenate([ROWS[:2], layer.rows.numpy()]))
    places = [int(np.flatnonzero((row == ROWS).all(axis=1))[0]) for row in layer.rows.numpy()]
    assert places[0] == 0
    assert places[-1] == 39
    assert len(set(places)) == 10
    assert layer.trainable_weights == []


def test_rows_that_are_kept_twice_count_once() -> None:
    places, counting = kept(3, 8)
    assert places.tolist() == [0, 1, 2, 0, 1, 2, 0, 1]
    assert counting.tolist() == [True] * 3 + [False] * 5
    places, counting = kept(100, 4)
    assert places.tolist() == [0, 33, 66, 99]
    assert counting.all()


def test_only_equal_rows_have_one_fingerprint() -> None:
    grid = np.stack(np.meshgrid(np.arange(200), np.arange(100)), axis=-1).reshape(-1, 2)
    numbers, codes = grid.astype(np.float32), grid[:, ::-1].astype(np.int32)
    tables: list[list[Any]] = [[numbers], [codes], [numbers / 7, codes]]
    for parts in tables:
        of_rows = fingerprints_of(*parts)
        assert of_rows.shape == (20_000,)
        assert len(np.unique(of_rows)) >= 20_000 - 2
        np.testing.assert_array_equal(fingerprints_of(*[part[7:9] for part in parts]), of_rows[7:9])


def test_distances_are_those_of_the_formula() -> None:
    here, there = RNG.normal(size=(2, 30, 5)).astype(np.float32)
    expected = np.linalg.norm(here[:, None] - there[None], axis=-1)
    np.testing.assert_allclose(np.asarray(apart(here, there)), expected, rtol=1e-4)
    assert np.asarray(apart(here, here)).max() < 20
    assert (np.diagonal(np.asarray(apart(here, here))) < 0.01).all()


def test_a_row_in_training_has_no_neighbour_like_itself() -> None:
    batch, candidates = ROWS[[4, 5, 30]], ROWS[[5, 9, 5, 4]]
    every = np.concatenate([batch, candidates])
    layer = Distances(4)
    inputs = [every * 2, fingerprints_of(every)]
    free = np.asarray(layer(inputs))
    np.testing.assert_allclose(free, np.asarray(apart(batch * 2, candidates * 2)))
    trained = np.asarray(layer(inputs, training=True))
    hidden = np.array([[False, False, False, True], [True, False, True, False], [False] * 4])
    np.testing.assert_array_equal(trained[~hidden], free[~hidden])
    assert (trained[hidden] >= FAR_AWAY).all()


def test_candidates_that_do_not_count_are_out_of_reach() -> None:
    layer = Distances(8)
    with_candidates = WithCandidates(8, drawn="normal")
    inputs = with_candidates(ROWS[:3])
    layer([inputs, fingerprints_of(inputs)])
    with starting(np.random.default_rng(1)) as found:
        inputs = with_candidates(ROWS[:3])
        told = np.asarray(layer([inputs, fingerprints_of(inputs)]))
    assert found.values[id(layer.counts)].tolist() == [1] * 3 + [0] * 5
    np.testing.assert_allclose(told[:, :3], np.asarray(apart(ROWS[:3], ROWS[:3])), atol=2e-3)
    assert (told[:, 3:] >= FAR_AWAY).all()


@pytest.mark.parametrize("outputs", [1, 3])
def test_predicts_the_mean_of_neighbours_by_their_distance(outputs: int) -> None:
    distances = RNG.exponential(size=(6, 12)).astype(np.float32)
    learned = RNG.normal(size=12).astype(np.float32) if outputs == 1 else RNG.integers(3, size=12).astype(np.int32)
    layer = Neighbours(outputs)
    layer(distances)
    with starting(np.random.default_rng(1), learned) as found:
        layer(np.zeros((12, 12), dtype=np.float32))
    layer.targets.assign(found.values[id(layer.targets)])
    raw = np.asarray(layer(distances))
    for row in range(6):
        weights = np.exp(-distances[row])
        if outputs == 1:
            assert raw[row, 0] == pytest.approx(np.average(learned, weights=weights), rel=1e-4, abs=1e-5)
        else:
            shares = np.bincount(learned, weights=weights, minlength=3) / weights.sum()
            np.testing.assert_allclose(raw[row], np.log(shares + 1e-7), rtol=1e-4, atol=1e-5)


def test_classes_are_probabilities_of_zero_and_one() -> None:
    np.testing.assert_array_equal(as_outputs(np.array([2, 0], dtype=np.int32), 3), [[0, 0, 1], [1, 0, 0]])
    np.testing.assert_array_equal(as_outputs(np.array([0.5, -2.0], dtype=np.float32), 1), [[0.5], [-2]])


def test_candidates_survive_saving(tmp_path: Path) -> None:
    numbers, codes = keras.Input((3,), name="numbers"), keras.Input((1,), dtype="int32", name="codes")
    more = WithCandidates(5, drawn="normal")(numbers), WithCandidates(5, drawn="zeros")(codes)
    distances = Distances(5)([more[0], Fingerprint()(list(more))])
    network = keras.Model({"numbers": numbers, "codes": codes}, Neighbours(2)(distances))
    drawn = [RNG.integers(9, size=weight.shape).astype(weight.dtype) for weight in network.weights]
    network.set_weights(drawn)
    network.save(tmp_path / "network.keras")
    loaded = keras_files.load(tmp_path / "network.keras", network.get_weights())
    rows = {"numbers": ROWS, "codes": RNG.integers(9, size=(40, 1)).astype(np.int32)}
    np.testing.assert_array_equal(np.asarray(loaded(rows)), np.asarray(network(rows)))
    assert network.count_params() == sum(weight.size for weight in drawn)


@pytest.mark.parametrize(
    "layer", [WithCandidates(5, drawn="zeros"), Fingerprint(), Distances(5), Neighbours(2)], ids=lambda of: of.name
)
def test_says_its_configuration(layer: keras.layers.Layer) -> None:
    assert type(layer).from_config(layer.get_config()).get_config() == layer.get_config()
