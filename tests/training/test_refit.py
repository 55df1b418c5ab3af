"""Training again on all rows: which rows, how far, and with which learning rates."""

from __future__ import annotations

import contextlib
import dataclasses
import time

import numpy as np
import pytest
import tensorflow as tf

from automl.refitting import EVERY
from automl.space_files import read_space
from automl.tasks import metric, task
from automl.training import growing
from automl.training.examples import Examples
from automl.training.forward import predictors
from automl.training.refit import refit, rows_of, with_rows_of
from automl.training.timetable import Timetable
from automl.training.train import TrialFailed, train
from automl.training.workshop import Workshop
from automl.trial import ROUNDS_PER_EPOCH, Params, Place

LOG_LOSS = metric("log_loss", task("classify"))
TREES: Params = {**read_space("boosted_trees").space.defaults(), "epochs": 3}
SETTING: Params = {
    **read_space("mlp").space.defaults(),
    "layers": 2,
    "units": 64,
    "dropout": 0.0,
    "batch_size": 16,
    "learning_rate": 0.01,
    "schedule": "cosine",
    "epochs": 60,
    "patience": 4,
}


def again_on_training_rows(workshop: Workshop, place: Place) -> list[np.ndarray]:
    """The weights of a network that learns from the training rows alone."""
    train_part = workshop.examples.parts["train"]
    parts = {"train": train_part, "val": train_part}
    same = dataclasses.replace(workshop, examples=dataclasses.replace(workshop.examples, parts=parts), tensors={})
    (weights,) = refit(same, "mlp", SETTING, place=place, seed=3)
    return weights


def test_is_cut_at_the_best_epoch_of_the_same_schedule(workshop: Workshop) -> None:
    trained = train(workshop, "mlp", SETTING, metric=LOG_LOSS, seed=3)
    assert trained.stopped == "early"
    assert trained.place == Place(trained.best_epoch, 60, trained.place.learning_rate)
    # On the same rows the same steps with the same learning rates give the same bits.
    for one, other in zip(trained.weights[0], again_on_training_rows(workshop, trained.place), strict=True):
        np.testing.assert_array_equal(one, other)
    whole = again_on_training_rows(workshop, Place(trained.best_epoch, trained.best_epoch))
    assert not np.array_equal(trained.weights[0][0], whole[0])


def test_every_row_is_learned_from(workshop: Workshop) -> None:
    # Nothing but memory can tell such labels.
    rng = np.random.default_rng(0)
    parts = {
        name: dataclasses.replace(part, targets=rng.integers(0, 3, size=len(part.targets)))
        for name, part in workshop.examples.parts.items()
    }
    shuffled = Workshop(dataclasses.replace(workshop.examples, parts=parts), workshop.task)
    setting = {**SETTING, "units": 256, "schedule": "constant"}

    def right(learning: Workshop) -> dict[str, float]:
        (weights,) = refit(learning, "mlp", setting, place=Place(250, 250), seed=0)
        raw_outputs = predictors(shuffled.network("mlp", setting), [weights])[0]
        return {
            name: (raw_outputs(shuffled.inputs(name, "quantile")).argmax(axis=1) == part.targets).mean()
            for name, part in parts.items()
        }

    before, after = right(shuffled), right(with_rows_of(EVERY, shuffled, "quantile"))
    assert before["train"] > 0.7
    assert max(before["val"], before["test"]) < 0.55
    assert min(after.values()) > 0.6


def test_all_rows_are_those_of_all_parts(workshop: Workshop) -> None:
    examples = workshop.examples
    heavy = {"test": np.full(len(examples.parts["test"].targets), 2, dtype=np.float32)}
    whole = rows_of(EVERY, dataclasses.replace(examples, other_weights=heavy), "quantile")
    sizes = {name: len(part.targets) for name, part in examples.parts.items()}
    assert sizes == {"train": 90, "val": 30, "test": 30}
    assert len(whole.parts["train"].arrays["quantile"]) == len(whole.parts["train"].targets) == 150
    for first, name in ((0, "train"), (90, "val"), (120, "test")):
        rows = slice(first, first + sizes[name])
        np.testing.assert_array_equal(whole.parts["train"].targets[rows], examples.parts[name].targets)
        np.testing.assert_array_equal(
            whole.parts["train"].arrays["quantile"].numbers[rows], examples.parts[name].arrays["quantile"].numbers
        )
    assert whole.weights.tolist() == [1.0] * 120 + [2.0] * 30
    assert [cut.train.tolist() for cut in whole.cuts] == [list(range(150))]
    known = rows_of(("train", "val"), examples, "quantile")
    np.testing.assert_array_equal(known.parts["train"].targets, whole.parts["train"].targets[:120])


def test_folds_count_their_rows_once_and_keep_their_number_of_networks(workshop: Workshop) -> None:
    examples: Examples = workshop.examples
    parts = {**examples.parts, "val": examples.parts["train"]}
    whole = rows_of(EVERY, dataclasses.replace(examples, parts=parts, folds=np.arange(90) % 4), "quantile")
    assert len(whole.weights) == 90 + 30
    assert len(whole.cuts) == 4
    folds = Workshop(whole, workshop.task)
    first, second, *_ = refit(folds, "mlp", SETTING, place=Place(1, 60), seed=0)
    assert not np.array_equal(first[0], second[0])


def test_what_would_not_end_in_time_is_given_up_early(workshop: Workshop) -> None:
    began = time.monotonic()
    with pytest.raises(TrialFailed) as failure:
        refit(workshop, "mlp", SETTING, place=Place(1e6, 1e6), seed=0, until=began + 60)
    assert failure.value.reason == "timeout"
    assert time.monotonic() - began < 30


@pytest.mark.parametrize(("times_too_long", "is_given_up"), [(1.1, False), (1.5, True)])
def test_what_seems_a_little_too_slow_goes_on(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, times_too_long: float, is_given_up: bool
) -> None:
    until = time.monotonic() + 60
    monkeypatch.setattr(Timetable, "seconds_left", property(lambda _: times_too_long * (until - time.monotonic())))
    with pytest.raises(TrialFailed) if is_given_up else contextlib.nullcontext():
        refit(workshop, "mlp", SETTING, place=Place(2, 2), seed=0, until=until)


@pytest.mark.parametrize("family", ["boosted_trees", "forest"])
def test_networks_of_trees_that_learn_from_the_same_rows_differ(workshop: Workshop, family: str) -> None:
    folds = np.arange(len(workshop.examples.weights)) % 3
    parts = {**workshop.examples.parts, "val": workshop.examples.parts["train"]}
    examples = dataclasses.replace(workshop.examples, parts=parts, folds=folds)
    whole = with_rows_of(EVERY, dataclasses.replace(workshop, examples=examples, tensors={}), "none")
    setting = {**read_space(family).space.defaults(), "column_share": 0.3, "epochs": 3}
    networks = refit(whole, family, setting, place=Place(3, 3), seed=0)
    assert len(networks) == 3
    for one, other in ((0, 1), (0, 2), (1, 2)):
        pairs = zip(networks[one], networks[other], strict=True)
        assert not all(np.array_equal(own, theirs) for own, theirs in pairs)


def test_trees_that_were_in_a_hurry_are_grown_at_the_same_rate_again(workshop: Workshop) -> None:
    whole = with_rows_of(EVERY, workshop, "none")
    setting = {**read_space("boosted_trees").space.defaults(), "epochs": 80}
    assert setting["schedule"] == "hurried"

    def grown(setting: Params, place: Place) -> list[np.ndarray]:
        (weights,) = refit(whole, "boosted_trees", setting, place=place, seed=0)
        return weights

    again = grown(setting, Place(3, 4, learning_rate=0.11))
    constant = grown({**setting, "schedule": "constant", "learning_rate": 0.11}, Place(3, 3))
    usual = grown({**setting, "schedule": "constant"}, Place(3, 3))
    assert all(np.array_equal(one, other) for one, other in zip(again, constant, strict=True))
    assert not all(np.array_equal(one, other) for one, other in zip(again, usual, strict=True))


def test_a_place_tells_the_rate_that_was_learned_with(workshop: Workshop) -> None:
    setting = {**read_space("boosted_trees").space.defaults(), "epochs": 4}
    trained = train(workshop, "boosted_trees", setting, metric=LOG_LOSS, seed=0)
    assert trained.place.learning_rate == pytest.approx(float(setting["learning_rate"]))


def test_the_speed_of_trees_is_that_of_all_trees_for_rows_that_are_new(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed: list[tuple[int, int]] = []

    def slow(features: tf.Tensor, feature: tf.Tensor, *others: tf.Tensor) -> tf.Tensor:
        passed.append((features.shape[0], feature.shape[0]))
        time.sleep(0.02)
        return features

    monkeypatch.setattr(growing, "_sums", slow)
    trained = train(workshop, "boosted_trees", TREES, metric=LOG_LOSS, seed=0)
    used = ROUNDS_PER_EPOCH * trained.best_epoch
    # The first one may compile.
    assert passed == [(growing.ROWS_OF_SPEED, used)] * 2
    monkeypatch.setattr(growing, "ROUNDS_OF_SPEED", used // 10)
    of_few = train(workshop, "boosted_trees", TREES, metric=LOG_LOSS, seed=0)
    assert passed[2:] == [(growing.ROWS_OF_SPEED, used // 10)] * 2
    assert 0 < of_few.rows_per_second <= growing.ROWS_OF_SPEED / (0.02 * 10)
