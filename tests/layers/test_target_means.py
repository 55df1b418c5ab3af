"""What the target was for categories, as a layer, and how it is worked out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from automl import keras_files
from automl.encoding.categories import FEW_VALUES, FIRST_KNOWN, MOST_VALUES
from automl.layers.target_means import BASE, FILLED_UP, MANY_CODES, chosen, looked_up
from automl.layers.trees import ORDER
from automl.space_files import read_space
from automl.tasks import metric, predicted
from automl.training.forward import on_device, predictors
from automl.training.target_means import PRIOR_ROWS, fitted, out_of_fold
from automl.training.train import train
from automl.training.workshop import Workshop
from tests.conftest import _workshop_of

SETTING = {**read_space("encoded_trees").space.defaults(), "leaf_rows": 5, "epochs": 12, "patience": 3}
PLAIN = {name: value for name, value in SETTING.items() if name != "keys"}


def departments(*, classes: int = 2, rows: int = 1_500) -> pd.DataFrame:
    """Each pair of a department and a title has a habit of its own, and neither says anything by itself."""
    rng = np.random.default_rng(0)
    department, title = rng.integers(0, 14, size=(2, rows))
    habit = rng.integers(0, classes, size=(14, 14))
    target = np.where(rng.random(rows) < 0.85, habit[department, title], rng.integers(0, classes, rows))
    names = {"department": [f"d{code}" for code in department], "title": [f"t{code}" for code in title]}
    return pd.DataFrame({**names, "noise": rng.normal(size=rows), "target": [f"class {code}" for code in target]})


def test_no_two_pairs_of_codes_have_the_same_key() -> None:
    assert FIRST_KNOWN + MOST_VALUES <= BASE
    assert BASE * BASE <= FILLED_UP
    assert MANY_CODES == FIRST_KNOWN + FEW_VALUES + 1


def test_columns_with_many_values_are_chosen_and_pairs_of_them() -> None:
    assert chosen([5, 40, 13, 12], width=1) == [(1, 1), (2, 2), (1, 2)]
    assert chosen([5, 12], width=1) == []
    assert len(chosen([50] * 12, width=1)) == 12 + 28
    assert len(chosen([50] * 12, width=10)) == 10


def test_a_mean_counts_as_if_some_more_rows_had_the_mean_of_all() -> None:
    codes = np.array([[2, 7], [2, 7], [2, 8], [3, 8], [2, 7]], np.int32)
    said = np.array([[1.0], [0.0], [1.0], [0.0], [1.0]])
    mean, key = fitted(codes, said, np.ones(5), [(0, 0), (0, 1)])
    of_all = 0.6
    assert key.tolist() == [[2], [2 * BASE + 7]]
    np.testing.assert_allclose(mean[0, :, 0], [(3 + PRIOR_ROWS * of_all) / (4 + PRIOR_ROWS), of_all], rtol=1e-6)
    np.testing.assert_allclose(mean[1, :, 0], [(2 + PRIOR_ROWS * of_all) / (3 + PRIOR_ROWS), of_all], rtol=1e-6)
    # The value 3 and the pair (2, 8) are too rare, and (4, 7) is new.
    rows = np.array([[2, 7], [3, 7], [2, 8], [4, 7]], np.int32)
    told = looked_up(rows, [(0, 0), (0, 1)], key, mean).numpy()
    np.testing.assert_allclose(told[:, 0], mean[0, [0, 1, 0, 1], 0])
    np.testing.assert_allclose(told[:, 1], mean[1, [0, 1, 1, 1], 0])


def test_rows_that_count_more_weigh_more() -> None:
    codes, said = np.full((4, 1), 2, np.int32), np.array([[1.0], [0.0], [0.0], [0.0]])
    mean, _ = fitted(codes, said, np.array([3.0, 1.0, 1.0, 1.0]), [(0, 0)])
    assert mean[0, :, 0].tolist() == pytest.approx([0.5, 0.5])


def test_no_row_knows_its_own_target() -> None:
    rng = np.random.default_rng(0)
    codes, said = rng.integers(2, 40, size=(400, 2)).astype(np.int32), rng.integers(0, 2, size=(400, 1)).astype(float)
    combinations = [(0, 0), (0, 1)]
    told = out_of_fold(codes, said, np.ones(400), combinations, seed=3)
    for row in range(0, 400, 37):
        other = said.copy()
        other[row] = 1 - other[row]
        changed = out_of_fold(codes, other, np.ones(400), combinations, seed=3)
        np.testing.assert_array_equal(changed[row], told[row])
        assert (changed != told).any()
    # What rows are told of their own targets by chance is nothing; the layer that knows them tells much.
    mean, key = fitted(codes, said, np.ones(400), combinations)
    known = looked_up(codes, combinations, key, mean).numpy()
    assert abs(np.corrcoef(told[:, 0], said[:, 0])[0, 1]) < 0.15 < np.corrcoef(known[:, 0], said[:, 0])[0, 1]


def test_pairs_of_categories_are_learned_that_trees_do_not_see() -> None:
    workshop = _workshop_of(departments(), "target")
    plain, encoded = (
        train(workshop, family, {**setting, "epochs": 40}, metric=metric(None, workshop.task), seed=0)
        for family, setting in (("boosted_trees", PLAIN), ("encoded_trees", SETTING))
    )
    assert encoded.scores["test"]["log_loss"] < 0.85 * plain.scores["test"]["log_loss"]


@pytest.mark.parametrize("classes", [2, 3])
def test_the_saved_network_predicts_what_was_scored(classes: int, tmp_path: Path) -> None:
    workshop = _workshop_of(departments(classes=classes), "target")
    trained = train(workshop, "encoded_trees", SETTING, metric=metric(None, workshop.task), seed=0)
    assert trained.best_epoch > 1
    network = workshop.trained_network("encoded_trees", SETTING, trained.weights[0])
    assert tuple(weight.name for weight in network.weights) == ("mean", "key", *ORDER)
    network.save(tmp_path / "network.keras")
    loaded = keras_files.load(tmp_path / "network.keras", trained.weights[0])
    for part in ("val", "test"):
        inputs = on_device(workshop.examples.parts[part].arrays["none"])
        for raw in (np.asarray(network(inputs)), predictors(loaded, [loaded.get_weights()])[0](inputs)):
            said = predicted(workshop.task, raw, workshop.examples.specification, temperature=trained.temperature)
            np.testing.assert_allclose(trained.predictions[part], said, rtol=1e-4, atol=1e-6)


def test_what_is_said_of_training_rows_is_what_trees_have_learned_from() -> None:
    workshop = _workshop_of(departments(), "target")
    trained = train(workshop, "encoded_trees", SETTING, metric=metric(None, workshop.task), seed=0)
    last = {**SETTING, "epochs": trained.best_epoch, "patience": 100}
    again = train(workshop, "encoded_trees", last, metric=metric(None, workshop.task), seed=0)
    np.testing.assert_allclose(trained.predictions["train"], again.predictions["train"], rtol=1e-5)


def test_a_table_without_large_categories_gets_plain_trees(workshop: Workshop) -> None:
    networks = [
        train(workshop, family, {**setting, "epochs": 3}, metric=metric(None, workshop.task), seed=0)
        for family, setting in (("boosted_trees", PLAIN), ("encoded_trees", SETTING))
    ]
    np.testing.assert_array_equal(networks[0].predictions["test"], networks[1].predictions["test"])
