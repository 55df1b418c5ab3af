"""The gradient-boosting baseline: scikit-learn's HistGradientBoosting with its defaults, on the same split."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from automl.binning import binnable
from automl.encoding.table import Arrays
from automl.gathered import Gathered
from automl.tasks import Task, scores
from automl.training.examples import Examples

# HistGradientBoosting splits on sets of categories up to this many; larger codes are numbers to it.
MOST_CATEGORIES = 255


def boost(task: Task, examples: Examples, *, seed: int) -> Mapping[str, Any]:
    """Trains on the training rows (numbers as they are, missing ones missing) and scores every part.

    In a cross-validation there is a model for each fold, as there is a network.
    """
    began = time.monotonic()
    train = examples.parts["train"]
    options: dict[str, Any] = {
        "categorical_features": _categorical(train.arrays["none"], examples),
        "random_state": seed % 2**32,
    }
    make = HistGradientBoostingRegressor if task.PREDICTS == "values" else HistGradientBoostingClassifier
    features = {name: _features(part.arrays["none"]) for name, part in examples.parts.items()}
    gathered = {name: Gathered(len(part.targets)) for name, part in examples.parts.items()}
    for cut in examples.cuts:
        targets = train.targets[cut.train]
        # Of a class with a single row, none could be put aside to stop early by.
        stops_early = task.PREDICTS == "values" or np.unique(targets, return_counts=True)[1].min() > 1
        model = make(early_stopping="auto" if stops_early else False, **options)
        weights = np.asarray(examples.weights)[cut.train]
        # Equal weights make the search for the bins' edges much slower, and change nothing.
        own_weights = None if (weights == weights[0]).all() else weights
        model.fit(binnable(features["train"][cut.train]), targets, sample_weight=own_weights)
        for name, own in features.items():
            rows = cut.rows(name)
            gathered[name].add(rows, _predictions(model, own[rows], task, examples))
    by_part = {
        name: scores(task, np.asarray(part.targets), gathered[name].mean) for name, part in examples.parts.items()
    }
    return {
        "predictions": {name: each.mean for name, each in gathered.items()},
        "scores": by_part,
        "seconds": time.monotonic() - began,
    }


def _features(arrays: Arrays) -> NDArray[np.float32]:
    return np.concatenate([arrays.numbers, arrays.codes.astype(np.float32)], axis=1)


def _categorical(arrays: Arrays, examples: Examples) -> NDArray[np.bool_]:
    numbers = np.zeros(arrays.numbers.shape[1], dtype=bool)
    return np.concatenate([numbers, np.array([size <= MOST_CATEGORIES for size in examples.sizes], dtype=bool)])


def _predictions(model: Any, features: NDArray[np.float32], task: Task, examples: Examples) -> NDArray[np.float64]:
    """Values, or probabilities with a column for every class, also for those without a training row."""
    if task.PREDICTS == "values":
        return np.asarray(model.predict(features))
    probabilities = np.zeros((len(features), task.outputs(examples.specification)))
    # Of a single class it gives the probabilities of two.
    probabilities[:, model.classes_] = model.predict_proba(features) if len(model.classes_) > 1 else 1.0
    return probabilities
