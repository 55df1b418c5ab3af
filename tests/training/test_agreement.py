"""What is saved predicts what was scored."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from automl import families
from automl.space_files import read_space
from automl.tasks import metric
from automl.training.agreement import TOLERANCE, disagreement
from automl.training.train import train
from automl.training.workshop import Workshop
from tests.training.altered import distance

pytestmark = pytest.mark.slow


# That a classifier does is among the contracts of a family.
@pytest.mark.parametrize("family", families.names())
def test_every_regression_agrees_with_its_scores_and_other_weights_do_not(family: str, regression: Workshop) -> None:
    setting = {**read_space(family).space.defaults(), "epochs": 2}
    trained = train(regression, family, setting, metric=metric(None, regression.task), seed=0)
    after = partial(distance, regression, family, setting, trained)
    assert after(lambda weight: weight) < TOLERANCE / 10
    assert after(lambda weight: 1.5 * weight) > TOLERANCE
    assert after(lambda weight: np.full_like(weight, np.nan)) > TOLERANCE


def test_a_network_that_has_learned_nothing_agrees_within_rounding(regression: Workshop) -> None:
    setting = {**read_space("linear").space.defaults(), "epochs": 1}
    trained = train(regression, "linear", setting, metric=metric(None, regression.task), seed=0)
    network = regression.trained_network("linear", setting, [np.zeros_like(weight) for weight in trained.weights[0]])
    rows = len(regression.examples.parts["val"].targets)
    mean = float(regression.examples.specification["mean"]) + 1e-5
    assert disagreement(regression, network, setting, scored=np.full(rows, mean), temperature=1.0) < TOLERANCE
