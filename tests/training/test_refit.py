"""Training again on all rows: which rows, how far, and with which learning rates."""

from __future__ import annotations

import dataclasses
import time

import numpy as np
import pytest

from automl.space_files import read_space
from automl.tasks import metric, task
from automl.training.examples import Examples
from automl.training.forward import predictors
from automl.training.refit import all_rows, refit, with_all_rows
from automl.training.train import TrialFailed, train
from automl.training.workshop import Workshop
from automl.trial import Params, Place

LOG_LOSS = metric("log_loss", task("classify"))
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
    assert trained.place == Place(trained.best_epoch, 60)
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

    before, after = right(shuffled), right(with_all_rows(shuffled, "quantile"))
    assert before["train"] > 0.7
    assert max(before["val"], before["test"]) < 0.55
    assert min(after.values()) > 0.6


def test_all_rows_are_those_of_all_parts(workshop: Workshop) -> None:
    examples = workshop.examples
    heavy = {"test": np.full(len(examples.parts["test"].targets), 2, dtype=np.float32)}
    whole = all_rows(dataclasses.replace(examples, other_weights=heavy), "quantile")
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


def test_folds_count_their_rows_once_and_keep_their_number_of_networks(workshop: Workshop) -> None:
    examples: Examples = workshop.examples
    parts = {**examples.parts, "val": examples.parts["train"]}
    whole = all_rows(dataclasses.replace(examples, parts=parts, folds=np.arange(90) % 4), "quantile")
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
