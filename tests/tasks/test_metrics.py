"""The tasks' metrics agree with scikit-learn's."""

from __future__ import annotations

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as reference

from automl.errors import InputError
from automl.tasks import metric, scores, task

RNG = np.random.default_rng(0)
CLASSES = RNG.integers(0, 4, size=300)
PROBABILITIES = RNG.dirichlet(np.ones(4), size=300)


def test_classification() -> None:
    measured = scores(task("classify"), CLASSES, PROBABILITIES)
    chosen = PROBABILITIES.argmax(axis=1)
    assert measured["log_loss"] == pytest.approx(reference.log_loss(CLASSES, PROBABILITIES))
    assert measured["accuracy"] == pytest.approx(reference.accuracy_score(CLASSES, chosen))
    assert measured["balanced_accuracy"] == pytest.approx(reference.balanced_accuracy_score(CLASSES, chosen))
    assert measured["macro_f1"] == pytest.approx(reference.f1_score(CLASSES, chosen, average="macro"))
    assert measured["roc_auc"] == pytest.approx(reference.roc_auc_score(CLASSES, PROBABILITIES, multi_class="ovr"))
    precision = reference.average_precision_score(np.eye(4)[CLASSES], PROBABILITIES, average="macro")
    assert measured["average_precision"] == pytest.approx(precision)


def test_two_classes() -> None:
    targets, probabilities = CLASSES % 2, np.stack([1 - PROBABILITIES[:, 0], PROBABILITIES[:, 0]], axis=1)
    measured = scores(task("classify"), targets, probabilities)
    assert measured["roc_auc"] == pytest.approx(reference.roc_auc_score(targets, probabilities[:, 1]))
    precision = reference.average_precision_score(np.eye(2)[targets], probabilities, average="macro")
    assert measured["average_precision"] == pytest.approx(precision)


def test_the_average_precision_does_not_go_by_the_order_of_the_classes() -> None:
    targets, probabilities = CLASSES % 2, np.stack([1 - PROBABILITIES[:, 0], PROBABILITIES[:, 0]], axis=1)
    judge = metric("average_precision", task("classify"))
    other_way_round = judge.function(1 - targets, probabilities[:, ::-1])
    assert judge.function(targets, probabilities) == pytest.approx(other_way_round)


def test_regression() -> None:
    targets = RNG.normal(size=100)
    predictions = targets + RNG.normal(size=100)
    measured = scores(task("regress"), targets, predictions)
    assert measured["rmse"] == pytest.approx(reference.root_mean_squared_error(targets, predictions))
    assert measured["mae"] == pytest.approx(reference.mean_absolute_error(targets, predictions))
    assert measured["r2"] == pytest.approx(reference.r2_score(targets, predictions))
    assert measured["median_absolute_error"] == pytest.approx(reference.median_absolute_error(targets, predictions))


def test_a_class_that_does_not_occur_spoils_no_score() -> None:
    targets = np.zeros(10, dtype=int)
    measured = scores(task("classify"), targets, PROBABILITIES[:10])
    assert np.isnan([measured["roc_auc"], measured["average_precision"]]).all()
    assert np.isfinite(measured["log_loss"])
    of_two = PROBABILITIES[:300, :2] / PROBABILITIES[:300, :2].sum(axis=1, keepdims=True)
    judge = metric("average_precision", task("classify"))
    with_a_third = np.column_stack([of_two, np.zeros(300)])
    assert judge.function(CLASSES % 2, with_a_third) == pytest.approx(judge.function(CLASSES % 2, of_two))


@pytest.mark.parametrize(
    ("column", "classes"),
    [
        (pd.Series([3, 1, 2, 10]), [1, 2, 3, 10]),
        (pd.Series([1.0, 2.5]), [1.0, 2.5]),
        (pd.Series([True, False]), [False, True]),
        (pd.Series(["b ", "a", "b"]), ["a", "b"]),
    ],
)
def test_classes_keep_their_type(column: pd.Series, classes: list[object]) -> None:
    judge = task("classify")
    specification = judge.fit_target(column)
    assert specification["classes"] == classes
    positions = judge.encode_target(column, specification)
    decoded = judge.decode(np.eye(len(classes))[positions], specification)
    assert [str(value).strip() for value in decoded] == [str(value).strip() for value in column]


def test_an_unknown_class_is_named() -> None:
    judge = task("classify")
    specification = judge.fit_target(pd.Series(["a", "b"]))
    with pytest.raises(InputError, match="no class of the model: 'c'. Classes: a, b"):
        judge.encode_target(pd.Series(["a", "c"]), specification)


def test_an_unknown_metric_is_named() -> None:
    with pytest.raises(InputError, match="no metric 'log_los'. Did you mean 'log_loss'"):
        metric("log_los", task("classify"))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_smooths_labels_as_keras_does(smoothing: float) -> None:
    raw = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
    labels = np.array([0, 1, 2, 2, 1, 0], dtype=np.int32)
    ours = task("classify").loss(labels, raw, label_smoothing=np.float32(smoothing))
    reference = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing, reduction=None)
    np.testing.assert_allclose(np.asarray(ours), np.asarray(reference(np.eye(3)[labels], raw)), rtol=1e-5)


@pytest.mark.parametrize("classes", [2, 4])
def test_ranks_are_shared_by_equal_predictions(classes: int) -> None:
    rng = np.random.default_rng(3)
    targets = rng.integers(0, classes, 300)
    probabilities = np.round(rng.dirichlet(np.ones(classes), 300), 1)
    measured = scores(task("classify"), targets, probabilities)
    areas = [reference.roc_auc_score(targets == label, probabilities[:, label]) for label in range(classes)]
    assert measured["roc_auc"] == pytest.approx(np.mean(areas))
    precision = reference.average_precision_score(np.eye(classes)[targets], probabilities, average="macro")
    assert measured["average_precision"] == pytest.approx(precision)
