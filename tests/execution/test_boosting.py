"""The gradient-boosting baseline."""

from __future__ import annotations

from automl.execution.boosting import boost
from automl.training.workshop import Workshop


def test_a_seed_may_be_larger_than_scikit_learn_takes(workshop: Workshop) -> None:
    scores = boost(workshop.task, workshop.examples, seed=20240101123)["scores"]
    assert scores["val"]["accuracy"] > 0.8
