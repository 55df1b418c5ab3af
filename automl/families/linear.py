"""Logistic or linear regression: the task's head on the features themselves."""

from __future__ import annotations

import keras

from automl.layers.inputs import Inputs, as_features


def build(inputs: Inputs, *, embedding_size: int) -> keras.KerasTensor:
    """Shape (rows, features). An embedding of a large category keeps the model linear, at a lower rank."""
    return as_features(inputs, embedding_size=embedding_size)
