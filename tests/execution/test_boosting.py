"""The gradient-boosting baseline."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd

from automl.execution.boosting import boost
from automl.training.examples import Part
from automl.training.workshop import Workshop
from tests.conftest import _workshop_of


def test_a_seed_may_be_larger_than_scikit_learn_takes(workshop: Workshop) -> None:
    scores = boost(workshop.task, workshop.examples, seed=20240101123)["scores"]
    assert scores["val"]["accuracy"] > 0.8


def test_a_class_may_have_a_single_row(workshop: Workshop) -> None:
    part = workshop.examples.parts["train"]
    part.targets[part.targets == 1] = 0
    part.targets[0] = 1
    rows = np.concatenate([[0], 1 + np.arange(10_000) % (len(part.targets) - 1)])
    many = Part({scaling: arrays.take(rows) for scaling, arrays in part.arrays.items()}, part.targets[rows])
    examples = dataclasses.replace(
        workshop.examples, parts={**workshop.examples.parts, "train": many}, weights=np.ones(len(rows), np.float32)
    )
    assert np.bincount(many.targets)[1] == 1
    assert boost(workshop.task, examples, seed=0)["scores"]["val"]["accuracy"] > 0.3


def test_a_fold_may_have_a_single_class(flowers: pd.DataFrame) -> None:
    workshop = _workshop_of(flowers[flowers["kind"] != "rose"], "kind")
    workshop.examples.parts["train"].targets[:] = 1
    predictions = boost(workshop.task, workshop.examples, seed=0)["predictions"]
    assert (predictions["val"] == [0.0, 1.0]).all()


def test_learns_without_a_column_that_no_training_row_knows(workshop: Workshop) -> None:
    workshop.examples.parts["train"].arrays["none"].numbers[:, 0] = np.nan
    scores = boost(workshop.task, workshop.examples, seed=0)["scores"]
    assert scores["val"]["accuracy"] > 0.5
