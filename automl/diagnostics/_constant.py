"""What predicting without the features comes to: the share of each class, or the mean."""

from __future__ import annotations

from automl.diagnostics import Evidence
from automl.tasks import FloatArray


def constant(evidence: Evidence, part: str) -> FloatArray:
    """The prediction for every row of a part, learned from the training rows."""
    data = evidence.data
    prediction = data.task.constant(data.of("train"), data.specification)
    return prediction[None].repeat(len(data.of(part)), axis=0)


def constant_objective(evidence: Evidence, part: str) -> float:
    """Its error on a part, by the metric that decides."""
    return evidence.metric.objective(evidence.metric.function(evidence.data.of(part), constant(evidence, part)))
