"""Our fused optimizers take the same steps as Keras'."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from automl.training.optimizers import BETA_2, Pace, optimizer

RNG = np.random.default_rng(0)
GRADIENTS = [RNG.normal(size=(4, 3)).astype(np.float32) for _ in range(6)]
START = RNG.normal(size=(4, 3)).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("adam", keras.optimizers.Adam(0.1, beta_2=BETA_2)),
        ("adamw", keras.optimizers.AdamW(0.1, weight_decay=0.5, beta_2=BETA_2)),
        ("sgd", keras.optimizers.SGD(0.1, momentum=0.8, nesterov=True)),
    ],
)
def test_takes_the_steps_of_keras(name: str, reference: Any) -> None:
    ours, theirs = tf.Variable(START, shape=[None, None]), keras.Variable(START)
    stepper = optimizer(name, [ours], [Pace()])
    for _ in range(2):  # the second time shows that `reset` forgets everything
        ours.assign(START)
        stepper.reset(momentum=0.8, weight_decay=0.5 if name == "adamw" else 0.0)
        for gradient in GRADIENTS:
            stepper.apply([tf.constant(gradient)], tf.constant(0.1), decay_share=tf.constant(1.0))
    for gradient in GRADIENTS:
        reference.apply([tf.constant(gradient)], [theirs])
    assert np.abs(ours.numpy() - START).max() > 0.1
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=2e-5, atol=2e-6)
