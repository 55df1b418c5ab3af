"""What predicting without the features comes to."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from automl.diagnostics import Evidence
from automl.tasks import FloatArray

# How often predictions are dealt out to see what that comes to, and the standard errors that make it clearly better.
DEALS, CLEAR = 9, 3.0
MOST_ROWS = 5_000
# Metrics by which guessing is better than always giving the same answer.
GUESSED = ("macro_f1", "average_precision")


def constant(evidence: Evidence, part: str) -> FloatArray:
    """The share of each class, or the mean, for every row of a part, learned from the training rows."""
    data = evidence.data
    prediction = data.task.constant(data.of("train"), data.specification)
    return _for_all(prediction, evidence, part)


def without_features(evidence: Evidence, part: str) -> FloatArray:
    """What predicts a part best without the features, by the metric that decides.

    Absolute errors are least for the median of the training rows, others for the mean. F1 is better for guessing than
    for always naming the same class; so the model's own predictions, dealt out to the rows at random, are what it has
    to beat where they are clearly better than the constant.
    """
    if evidence.data.task.PREDICTS == "values":
        return min(_constants(evidence, part), key=lambda known: _objective(evidence, "train", known[0]))[1]
    best, targets = constant(evidence, part), evidence.data.of(part)
    if evidence.metric.name not in GUESSED or len(np.unique(targets)) == 1:
        return best
    rng = np.random.default_rng([evidence.data.seed, 47])
    few = rng.permutation(len(targets))[:MOST_ROWS]
    deals = [rng.permutation(len(targets)) for _ in range(DEALS)]
    judge = evidence.metric
    dealt = [judge.objective(judge.function(targets[few], evidence.blended[part][deal[few]])) for deal in deals]
    error = float(np.std(dealt, ddof=1)) / math.sqrt(DEALS)
    if not np.mean(dealt) + CLEAR * error < judge.objective(judge.function(targets[few], best[few])):
        return best
    middle = int(np.argsort(dealt)[DEALS // 2])
    return evidence.blended[part][deals[middle]]


def objective_without_features(evidence: Evidence, part: str) -> float:
    """The error that this makes on a part, by the metric that decides."""
    return _objective(evidence, part, without_features(evidence, part))


def _constants(evidence: Evidence, part: str) -> Iterator[tuple[FloatArray, FloatArray]]:
    """For every row of the training rows and of a part."""
    yield constant(evidence, "train"), constant(evidence, part)
    median = np.asarray(np.median(evidence.data.of("train")))
    yield _for_all(median, evidence, "train"), _for_all(median, evidence, part)


def _for_all(prediction: FloatArray, evidence: Evidence, part: str) -> FloatArray:
    return prediction[None].repeat(len(evidence.data.of(part)), axis=0)


def _objective(evidence: Evidence, part: str, prediction: FloatArray) -> float:
    return evidence.metric.objective(evidence.metric.function(evidence.data.of(part), prediction))
