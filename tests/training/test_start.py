"""Weights that start from the training rows, and from what those rows should give."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from automl.space_files import read_space
from automl.tasks import metric, task
from automl.training.train import train
from automl.training.workshop import Workshop

SETTING = {**read_space("modern_nca").space.defaults(), "candidates": 512, "epochs": 15, "batch_size": 32}


def candidates_of(workshop: Workshop, *, cut: int) -> tuple[np.ndarray, np.ndarray]:
    """The numbers that the network keeps, and their targets, those that count."""
    engine, plan = workshop.engine("modern_nca", SETTING)
    sample = workshop.start(cut, "quantile", rows=plan.rows_of_start)
    engine.start(plan.draw(SETTING, seed=0), SETTING, sample=sample, seed=0)
    network = workshop.network("modern_nca", SETTING)
    weights = {weight.path: value for weight, value in zip(network.weights, engine.weights, strict=True)}
    counting = weights["distances/counts"] == 1
    return weights["more_numbers/rows"][counting], weights["head/targets"][counting]


def test_a_network_keeps_training_rows_with_what_they_should_give(regression: Workshop) -> None:
    rows, targets = candidates_of(regression, cut=0)
    np.testing.assert_array_equal(rows, regression.examples.parts["train"].arrays["quantile"].numbers)
    np.testing.assert_array_equal(targets[:, 0], regression.learned)


def test_it_keeps_none_of_the_fold_that_it_is_judged_by(workshop: Workshop) -> None:
    train_rows = workshop.examples.parts["train"]
    folds = np.arange(len(train_rows.targets)) % 3
    examples = dataclasses.replace(workshop.examples, parts={"train": train_rows, "val": train_rows}, folds=folds)
    rows, targets = candidates_of(Workshop(examples, workshop.task), cut=1)
    np.testing.assert_array_equal(rows, train_rows.arrays["quantile"].numbers[folds != 1])
    np.testing.assert_array_equal(targets.argmax(axis=1), train_rows.targets[folds != 1])
    assert (targets.sum(axis=1) == 1).all()


def test_a_layer_may_ask_for_more_rows_than_usual(regression: Workshop) -> None:
    _, usual = regression.engine("mlp", read_space("mlp").space.defaults())
    _, more = regression.engine("modern_nca", {**SETTING, "candidates": 4096})
    assert (usual.rows_of_start, more.rows_of_start) == (2000, 4096)
    assert len(regression.start(0, "quantile", rows=30).learned) == 30


@pytest.mark.parametrize("family", ["ft_transformer", "modern_nca"])
def test_new_families_learn_numbers(family: str, regression: Workshop) -> None:
    defaults = read_space(family).for_table(task="regress", rows=400).defaults()
    trained = train(regression, family, {**defaults, "epochs": 40}, metric=metric(None, task("regress")), seed=0)
    assert trained.scores["test"]["r2"] > 0.9
