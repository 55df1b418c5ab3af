"""Whether the network that is saved predicts what was scored: a model that says something else is worse than none."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from automl.tasks import FloatArray, predicted
from automl.training.forward import on_device
from automl.training.workshop import Workshop, spread
from automl.trial import Params

MOST_ROWS = 256
# Of how far values are spread, or of probabilities as such. Compiled graphs and single operations differ by below 1e-4.
TOLERANCE = 1e-3


def disagreement(
    workshop: Workshop, network: keras.Model, params: Params, *, scored: FloatArray, temperature: float
) -> float:
    """The largest difference from what was scored, as a share of how far values are spread; above 1e-3 is no rounding.

    It is measured on some of the validation rows that belong to the first network of a setting.

    Args:
        network: the first of the setting, with the weights that were scored.
        scored: the setting's predictions of all validation rows.
        temperature: that of the setting.
    """
    rows = spread(workshop.examples.cuts[0].val, MOST_ROWS)
    arrays = workshop.examples.parts["val"].arrays[str(params["scaling"])].take(rows)
    raw: Any = np.asarray(network(on_device(arrays), training=False))
    specification = workshop.examples.specification
    now = predicted(workshop.task, raw, specification, temperature=temperature)
    # One that has learned nothing may say the same of all rows: then the target's own spread counts.
    is_classes = workshop.task.PREDICTS == "probabilities"
    span = 1.0 if is_classes else max(float(np.ptp(scored)), float(specification["deviation"]))
    difference = np.abs(now - scored[rows])
    return float(difference.max() / span) if np.isfinite(difference).all() else np.inf
