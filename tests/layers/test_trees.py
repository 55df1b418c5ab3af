"""Trees as a layer predict what the trees of scikit-learn predict."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)

from automl import keras_files
from automl.families.boosted_trees import build as build_boosted
from automl.families.forest import build as build_forest
from automl.layers.inputs import Inputs
from automl.layers.trees import ORDER, Forest, fused, sums, two_sided
from automl.space import Value
from automl.space_files import read_space
from automl.tasks import FloatArray, metric, predicted
from automl.temperature import tempered
from automl.training.boosting import ALL_THRESHOLDS, DEEPEST, Classifier, FewThresholds, Regressor
from automl.training.forward import on_device, predictors
from automl.training.growing import Growing, Nodes, extended
from automl.training.train import Trained, train
from automl.training.workshop import Workshop
from automl.trial import ROUNDS_PER_EPOCH
from tests.conftest import _workshop_of

SETTING = {**read_space("boosted_trees").space.defaults(), "epochs": 3, "column_share": 1.0, "leaf_rows": 5}


def features(workshop: Workshop, part: str) -> NDArray[np.float32]:
    arrays = workshop.examples.parts[part].arrays["none"]
    return np.concatenate([arrays.numbers, arrays.codes], axis=1).astype(np.float32)


def grown(workshop: Workshop) -> Trained:
    return train(workshop, "boosted_trees", SETTING, metric=metric(None, workshop.task), seed=0)


def of_scikit_learn(workshop: Workshop, *, rounds: int, targets: NDArray[np.generic]) -> NDArray[np.float64]:
    """What it predicts for the test rows."""
    options = {
        "max_leaf_nodes": SETTING["leaves"],
        "max_depth": DEEPEST,
        "min_samples_leaf": SETTING["leaf_rows"],
        "learning_rate": SETTING["learning_rate"],
        "l2_regularization": SETTING["weight_decay"],
        "early_stopping": False,
        "max_iter": rounds,
    }
    rows = features(workshop, "train")
    if workshop.task.PREDICTS == "values":
        return np.asarray(
            HistGradientBoostingRegressor(**options).fit(rows, targets).predict(features(workshop, "test"))
        )
    return np.asarray(
        HistGradientBoostingClassifier(**options).fit(rows, targets).predict_proba(features(workshop, "test"))
    )


def untempered(trained: Trained) -> FloatArray:
    """What the trees themselves say of the test rows."""
    return tempered(trained.predictions["test"], 1 / trained.temperature)


def test_three_classes_with_gaps(workshop: Workshop) -> None:
    assert np.isnan(features(workshop, "train")).any()
    trained = grown(workshop)
    targets = workshop.examples.parts["train"].targets
    expected = of_scikit_learn(workshop, rounds=trained.best_epoch * ROUNDS_PER_EPOCH, targets=targets)
    np.testing.assert_allclose(trained.predictions["test"], tempered(expected, trained.temperature), rtol=1e-5)


def test_two_classes(flowers: pd.DataFrame) -> None:
    workshop = _workshop_of(flowers[flowers["kind"] != "rose"], "kind")
    trained = grown(workshop)
    targets = workshop.examples.parts["train"].targets
    expected = of_scikit_learn(workshop, rounds=trained.best_epoch * ROUNDS_PER_EPOCH, targets=targets)
    np.testing.assert_allclose(trained.predictions["test"], tempered(expected, trained.temperature), rtol=1e-5)


def test_a_number(regression: Workshop) -> None:
    trained = grown(regression)
    targets = regression.examples.parts["train"].targets
    mean, deviation = (regression.examples.specification[name] for name in ("mean", "deviation"))
    rounds = trained.best_epoch * ROUNDS_PER_EPOCH
    assert rounds == 30
    expected = of_scikit_learn(regression, rounds=rounds, targets=(targets - mean) / deviation) * deviation + mean
    np.testing.assert_allclose(trained.predictions["test"], expected, rtol=1e-5)


@pytest.mark.parametrize("family", ["boosted_trees", "forest"])
def test_a_column_that_no_training_row_knows_decides_nothing(workshop: Workshop, family: str) -> None:
    workshop.examples.parts["train"].arrays["none"].numbers[:, 0] = np.nan
    setting = {**read_space(family).space.defaults(), "epochs": 3}
    by_name = dict(
        zip(ORDER, train(workshop, family, setting, metric=metric(None, workshop.task), seed=0).weights[0], strict=True)
    )
    is_inner = by_name["child"] != np.arange(by_name["child"].shape[2])
    assert is_inner.any()
    assert (by_name["feature"][is_inner] != 0).all()


def test_a_class_without_a_training_row_is_all_but_impossible(workshop: Workshop) -> None:
    targets = workshop.examples.parts["train"].targets
    targets[targets == 1] = 0
    trained = grown(workshop)
    assert untempered(trained)[:, 1].max() < 1e-4
    np.testing.assert_allclose(trained.predictions["test"].sum(axis=1), 1.0)


def test_a_single_class_is_certain(workshop: Workshop) -> None:
    workshop.examples.parts["train"].targets[:] = 2
    trained = grown(workshop)
    assert untempered(trained)[:, 2].min() > 0.999


def test_the_saved_network_predicts_what_was_scored(workshop: Workshop, tmp_path: Path) -> None:
    trained = grown(workshop)
    network = workshop.trained_network("boosted_trees", SETTING, trained.weights[0])
    network.save(tmp_path / "network.keras")
    loaded = keras_files.load(tmp_path / "network.keras", network.get_weights())
    raw = predictors(loaded, [loaded.get_weights()])[0](workshop.inputs("test", "none"))
    predicted = tempered(workshop.task.predictions(raw, workshop.examples.specification), trained.temperature)
    np.testing.assert_array_equal(predicted, trained.predictions["test"])


def test_a_missing_value_goes_to_the_first_side() -> None:
    forest = Forest(
        feature=np.array([[[0, 0, 0]], [[1, 0, 0]]], np.int32),
        threshold=np.array([[[0.5, np.inf, np.inf]], [[-0.5, np.inf, np.inf]]], np.float32),
        child=np.array([[[1, 1, 2]], [[1, 1, 2]]], np.int32),
        value=np.array([[[[0], [1], [2]]], [[[0], [10], [20]]]], np.float32),
        depth=np.array(1, np.int32),
    )
    rows = two_sided(np.array([[0.0], [1.0], [np.nan]], np.float32), None)
    assert sums(rows, forest, 2).numpy().tolist() == [[21.0], [12.0], [11.0]]


@pytest.mark.parametrize("missing_left", [True, False])
@pytest.mark.parametrize("threshold", [0.0, 1e-50, -1e-50, 1e-40, -1e-40, 2.0, -2.0])
def test_a_comparison_holds_where_that_of_scikit_learn_does(threshold: float, missing_left: bool) -> None:
    nodes = Nodes(
        is_leaf=np.array([False, True, True]),
        feature=np.zeros(3, np.intp),
        threshold=np.full(3, threshold),
        missing_left=np.full(3, missing_left),
        left=np.array([1, 0, 0]),
        right=np.array([2, 0, 0]),
        value=np.array([[0], [10], [20]], np.float32),
    )
    forest = extended(Forest.empty(0, 1, 3), [[(0, nodes)]], depth=1, width=1)
    rows = np.array([[-2.5], [-2.0], [-1.0], [-0.0], [0.0], [1.0], [2.0], [2.5]], np.float32)
    said = sums(two_sided(np.append(rows, [[np.nan]], axis=0).astype(np.float32), None), forest, 1).numpy()[:, 0]
    assert said.tolist() == [*np.where(rows[:, 0].astype(float) <= threshold, 10, 20), 10 if missing_left else 20]


def test_rounds_beyond_the_count_do_not_count() -> None:
    forest = Forest.empty(20, 2, 3)
    forest.value[:, :, 0, 0] = np.arange(40).reshape(20, 2)
    rows = two_sided(np.zeros((1, 1), np.float32), None)
    assert sums(rows, forest, 3).numpy().tolist() == [[0 + 2 + 4, 1 + 3 + 5]]


@pytest.mark.parametrize(("rounds", "count"), [(3, 3), (8, 5), (21, 21), (21, 17), (21, 0)])
@pytest.mark.parametrize(("columns", "width"), [(1, 1), (3, 1), (1, 3)])
def test_fused_sums_are_the_same_bit_by_bit(rounds: int, count: int, columns: int, width: int) -> None:
    rng = np.random.default_rng(0)
    forest = Forest.empty(rounds, columns, 7, width=width)
    forest.feature[:, :, :3] = rng.integers(0, 8, (rounds, columns, 3))
    forest.threshold[:, :, :3] = rng.normal(size=(rounds, columns, 3))
    forest.threshold[rng.random(forest.threshold.shape) < 0.1] = 0.0
    forest.child[:, :, :3] = [1, 3, 5]
    forest.value[:] = rng.normal(size=forest.value.shape) * 10.0 ** rng.uniform(-6, 1, forest.value.shape)
    forest.depth[()] = 2
    numbers = rng.normal(size=(3000, 4)).astype(np.float32)
    # Numbers close to zero have bits of their own, which not every operation looks at.
    numbers[rng.random(numbers.shape) < 0.1] = 1e-40
    numbers[rng.random(numbers.shape) < 0.1] = np.nan
    rows = two_sided(numbers, None)
    with fused():
        together = sums(rows, forest, count).numpy()
    np.testing.assert_array_equal(together, sums(rows, forest, count).numpy())
    assert together.any() == (count > 0)


FOREST = {**read_space("forest").space.defaults(), "epochs": 3}


def forest_of_scikit_learn(
    kind: type, workshop: Workshop, targets: NDArray[np.generic], *, rounds: int
) -> NDArray[np.float64]:
    """What the mean of such trees is for the test rows."""
    forest = kind(rounds, max_leaf_nodes=FOREST["leaves"], max_features=FOREST["column_share"], random_state=0)
    forest.fit(features(workshop, "train"), targets)
    rows = features(workshop, "test")
    return np.asarray(forest.predict(rows) if workshop.task.PREDICTS == "values" else forest.predict_proba(rows))


@pytest.mark.parametrize(("splits", "kind"), [("random", ExtraTreesRegressor), ("best", RandomForestRegressor)])
def test_the_mean_of_trees_for_a_number(splits: str, kind: type, regression: Workshop) -> None:
    setting = {**FOREST, "splits": splits}
    trained = train(regression, "forest", setting, metric=metric(None, regression.task), seed=0)
    rounds = trained.best_epoch * ROUNDS_PER_EPOCH
    deviation = regression.examples.specification["deviation"]
    expected = forest_of_scikit_learn(kind, regression, regression.examples.parts["train"].targets, rounds=rounds)
    np.testing.assert_allclose(trained.predictions["test"], expected, atol=1e-5 * deviation)
    assert expected.std() > 0.1 * deviation


@pytest.mark.parametrize(("splits", "kind"), [("random", ExtraTreesClassifier), ("best", RandomForestClassifier)])
def test_the_mean_of_trees_for_classes_counts_their_shares_as_a_tree(
    splits: str, kind: type, workshop: Workshop
) -> None:
    assert np.isnan(features(workshop, "train")).any()
    setting = {**FOREST, "splits": splits}
    trained = train(workshop, "forest", setting, metric=metric(None, workshop.task), seed=0)
    rounds = trained.best_epoch * ROUNDS_PER_EPOCH
    targets = workshop.examples.parts["train"].targets
    shares = (np.bincount(targets) + 1 / 3) / (len(targets) + 1)
    expected = (rounds * forest_of_scikit_learn(kind, workshop, targets, rounds=rounds) + shares) / (rounds + 1)
    np.testing.assert_allclose(trained.predictions["test"], tempered(expected, trained.temperature), rtol=1e-5)


def test_the_mean_of_trees_knows_small_numbers_apart(flowers: pd.DataFrame) -> None:
    def predicted(unit: float) -> FloatArray:
        small = flowers.assign(length=flowers["length"] * unit, width=flowers["width"] * unit)
        own = _workshop_of(small, "kind")
        return train(own, "forest", FOREST, metric=metric(None, own.task), seed=0).predictions["test"]

    np.testing.assert_array_equal(predicted(2.0**-40), predicted(1.0))


def test_the_mean_of_trees_knows_no_class_without_a_training_row(workshop: Workshop) -> None:
    targets = workshop.examples.parts["train"].targets
    targets[targets == 1] = 0
    trained = train(workshop, "forest", FOREST, metric=metric(None, workshop.task), seed=0)
    assert untempered(trained)[:, 1].max() < 1e-3
    np.testing.assert_allclose(trained.predictions["test"].sum(axis=1), 1.0)


@pytest.mark.parametrize(("outputs", "leaves"), [(1, 4096), (2, 4096), (12, 4096), (26, 1923), (30_000, 2)])
def test_the_mean_of_trees_has_fewer_leaves_where_there_are_many_outputs(outputs: int, leaves: int) -> None:
    inputs = Inputs.of(3, [], outputs=outputs)
    network = keras.Model(inputs.tensors, build_forest(inputs, rounds=100, leaves=4096))
    assert network.get_layer("head").leaves == leaves


@pytest.mark.parametrize(("outputs", "leaves"), [(1, 96), (26, 96), (200, 31)])
def test_boosted_trees_have_fewer_leaves_where_there_are_many_classes(outputs: int, leaves: int) -> None:
    inputs = Inputs.of(3, [], outputs=outputs)
    network = keras.Model(inputs.tensors, build_boosted(inputs, rounds=800, leaves=96))
    assert network.get_layer("head").leaves == leaves


def test_a_forest_of_nothing_but_leaves_can_be_saved(workshop: Workshop) -> None:
    setting = {**FOREST, "leaf_rows": 10_000}
    trained = train(workshop, "forest", setting, metric=metric(None, workshop.task), seed=0)
    network = workshop.trained_network("forest", setting, trained.weights[0])
    raw = predictors(network, [network.get_weights()])[0](workshop.inputs("test", "none"))
    np.testing.assert_allclose(raw, np.broadcast_to(raw[0], raw.shape))


def test_only_the_engine_that_trains_keeps_rows_and_trees(workshop: Workshop) -> None:
    settings = [{**SETTING, "leaves": leaves} for leaves in (4, 8, 16)]
    for setting in settings:
        train(workshop, "boosted_trees", setting, metric=metric(None, workshop.task), seed=0)
    kept = [engine for engine in workshop.engines.values() if isinstance(engine, Growing)]
    assert [engine._state.grown.rounds > 0 for engine in kept] == [False, False, True]
    assert [len(engine._features) > 0 for engine in kept] == [False, False, True]


def test_the_saved_mean_of_trees_predicts_what_was_scored(workshop: Workshop, tmp_path: Path) -> None:
    trained = train(workshop, "forest", FOREST, metric=metric(None, workshop.task), seed=0)
    network = workshop.trained_network("forest", FOREST, trained.weights[0])
    network.save(tmp_path / "network.keras")
    loaded = keras_files.load(tmp_path / "network.keras", trained.weights[0])
    raw = predictors(loaded, [loaded.get_weights()])[0](workshop.inputs("test", "none"))
    predicted = tempered(workshop.task.predictions(raw, workshop.examples.specification), trained.temperature)
    np.testing.assert_allclose(predicted, trained.predictions["test"], rtol=1e-6)


def test_weights_have_no_room_for_trees_that_are_not_there(workshop: Workshop) -> None:
    trained = grown(workshop)
    network = workshop.trained_network("boosted_trees", SETTING, trained.weights[0])
    assert tuple(weight.name for weight in network.weights) == ORDER
    by_name = dict(zip(ORDER, trained.weights[0], strict=True))
    assert len(by_name["value"]) == trained.best_epoch * ROUNDS_PER_EPOCH == by_name["count"]
    nodes = by_name["child"].shape[2]
    comparisons = (by_name["child"] != np.arange(nodes)).sum(axis=2)
    assert nodes == 2 * comparisons.max() + 1 < 2 * int(SETTING["leaves"]) - 1


@pytest.mark.parametrize(
    ("family", "setting"),
    [
        ("boosted_trees", {**SETTING, "leaf_rows": 1, "epochs": 5}),
        ("forest", {**FOREST, "splits": "best"}),
    ],
)
def test_there_is_room_for_comparisons_that_tell_missing_values_apart(
    family: str, setting: dict[str, Value], tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    gaps = np.where(rng.random((400, 6)) < 0.5, np.nan, rng.normal(size=(400, 6)))
    frame = pd.DataFrame(gaps, columns=list("abcdef"))
    frame["price"] = np.isnan(gaps) @ [32.0, 16.0, 8.0, 4.0, 2.0, 1.0] + 0.1 * np.nan_to_num(gaps).sum(axis=1)
    workshop = _workshop_of(frame, "price")
    trained = train(workshop, family, setting, metric=metric(None, workshop.task), seed=0)
    by_name = dict(zip(ORDER, trained.weights[0], strict=True))
    is_inner = by_name["child"] != np.arange(by_name["child"].shape[2])
    assert np.isinf(by_name["threshold"][is_inner]).any()
    network = workshop.trained_network(family, setting, trained.weights[0])
    raw = predictors(network, [network.get_weights()])[0](workshop.inputs("test", "none"))
    predicted = workshop.task.predictions(raw, workshop.examples.specification)
    np.testing.assert_allclose(predicted, trained.predictions["test"], rtol=1e-5)


@pytest.mark.parametrize(
    ("family", "own"), [("boosted_trees", {}), ("boosted_trees", {"thresholds": 3}), ("forest", {})]
)
def test_every_row_is_told_what_the_network_says_after_a_step_back(
    workshop: Workshop, family: str, own: dict[str, Value]
) -> None:
    setting = {**read_space(family).space.defaults(), "epochs": 12, "patience": 3, **own}
    quick = {**setting, "learning_rate": 0.5} if family == "boosted_trees" else setting
    trained = train(workshop, family, quick, metric=metric(None, workshop.task), seed=0)
    if family == "boosted_trees":
        assert trained.best_epoch < len(trained.curves["loss"])
    network = workshop.trained_network(family, quick, trained.weights[0])
    for part in ("train", "val", "test"):
        raw = np.asarray(network(on_device(workshop.examples.parts[part].arrays["none"]), training=False))
        said = predicted(workshop.task, raw, workshop.examples.specification, temperature=trained.temperature)
        np.testing.assert_allclose(trained.predictions[part], said, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("thresholds", [3, ALL_THRESHOLDS])
@pytest.mark.parametrize("kind", [Classifier, Regressor])
def test_boosting_that_goes_on_grows_what_it_grows_in_one_go(kind: type, thresholds: int) -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(500, 4)).astype(np.float32)
    targets = (rows[:, 0] + rng.normal(size=500) > 0).astype(int)
    options = {"early_stopping": False, "random_state": 0, "max_features": 0.5}
    going_on, in_one_go = kind(warm_start=True, **options), kind(max_iter=30, **options)
    for model in (going_on, in_one_go):
        model.thresholds, model.draws = thresholds, np.random.default_rng(0)
    for rounds in (10, 20, 30):
        going_on.set_params(max_iter=rounds).fit(rows, targets)
    in_one_go.fit(rows, targets)
    assert going_on.sums is not None
    assert going_on.binned is not None
    for own, other in zip(going_on._predictors, in_one_go._predictors, strict=True):
        np.testing.assert_array_equal(own[0].nodes, other[0].nodes)


def test_a_tree_splits_a_column_at_a_few_thresholds_and_the_next_at_others(regression: Workshop) -> None:
    trained = train(
        regression, "boosted_trees", {**SETTING, "thresholds": 3}, metric=metric(None, regression.task), seed=0
    )
    by_name = dict(zip(ORDER, trained.weights[0], strict=True))
    nodes = np.arange(by_name["child"].shape[2])
    ever: set[float] = set()
    for tree in range(len(by_name["child"])):
        is_inner = by_name["child"][tree, 0] != nodes
        own = set(by_name["threshold"][tree, 0][is_inner & (by_name["feature"][tree, 0] == 0)].tolist())
        assert len(own) <= 3
        ever |= own
    assert len(ever) > 20


def test_few_thresholds_are_drawn_anew_and_bins_are_between_them() -> None:
    rng = np.random.default_rng(0)
    values = np.stack([rng.normal(size=300), rng.integers(0, 2, 300), np.ones(300)], axis=1)
    values[:50, :2] = np.nan
    model = Regressor(max_iter=1, early_stopping=False).fit(values, values[:, 2])
    assert model.binned is not None
    rows, mapper = model.binned
    few = FewThresholds(rows, mapper, 3, np.random.default_rng(1))
    seen = []
    for _ in range(5):
        assert few.n_bins_non_missing_.tolist() == [4, 4, 4]
        is_missing = np.isnan(values)
        assert (few.rows[is_missing] == few.missing_values_bin_idx_).all()
        for place in range(3):
            at_most = values <= few.bin_thresholds_[:, place]
            np.testing.assert_array_equal((few.rows <= place)[~is_missing], at_most[~is_missing])
        # A column of two values keeps its one threshold, and nothing splits one of a single value.
        assert few.bin_thresholds_[1:].tolist() == [[0.5] * 3, [np.inf] * 3]
        seen.append(tuple(few.bin_thresholds_[0]))
    assert len(set(seen)) == 5
