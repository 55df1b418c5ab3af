"""The gradient-boosting baseline."""

from __future__ import annotations

import numpy as np

from automl.execution.boosting import boost
from automl.training.workshop import Workshop


def test_a_seed_may_be_larger_than_scikit_learn_takes(workshop: Workshop) -> None:
    scores = boost(workshop.task, workshop.examples, seed=20240101123)["scores"]
    assert scores["val"]["accuracy"] > 0.8


def test_learns_without_a_column_that_no_training_row_knows(workshop: Workshop) -> None:
    workshop.examples.parts["train"].arrays["none"].numbers[:, 0] = np.nan
    scores = boost(workshop.task, workshop.examples, seed=0)["scores"]
    assert scores["val"]["accuracy"] > 0.5
