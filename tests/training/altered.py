"""A trained network whose weights are altered, and what was scored with those that it had."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from automl.training.agreement import disagreement
from automl.training.train import Trained
from automl.training.workshop import Workshop
from automl.trial import Params


def distance(
    workshop: Workshop, family: str, setting: Params, trained: Trained, change: Callable[[np.ndarray], np.ndarray]
) -> float:
    """How far the predictions are from those that were scored, when `change` is made to every array of numbers."""
    weights = [change(weight) if weight.dtype == np.float32 else weight for weight in trained.weights[0]]
    network = workshop.trained_network(family, setting, weights)
    scored = trained.predictions["val"]
    return disagreement(workshop, network, setting, scored=scored, temperature=trained.temperature)
