"""Layers whose weights learn at a pace of their own, start from the data, and are regularised by a schedule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from automl.space_files import read_space
from automl.tasks import metric, task
from automl.training.engine import Engine, _paces
from automl.training.network import build_network
from automl.training.optimizers import Pace, optimizer
from automl.training.schedules import learning_rates, regularization
from automl.training.train import train
from automl.training.workshop import Workshop

REALMLP = read_space("realmlp").space.defaults()


@pytest.mark.parametrize("name", ["adam", "sgd"])
def test_a_weight_takes_its_share_of_the_learning_rate(name: str) -> None:
    weights = [tf.Variable([1.0, 2.0]) for _ in range(3)]
    paces = [Pace(), Pace(factor=0.5), Pace(factor=0.0)]
    stepper = optimizer(name, weights, paces)
    stepper.reset(momentum=0.0, weight_decay=0.0)
    stepper.apply([tf.constant([1.0, -1.0])] * 3, tf.constant(0.1), decay_share=tf.constant(1.0))
    whole, half, none = (weight.numpy() - [1.0, 2.0] for weight in weights)
    np.testing.assert_allclose(half, whole / 2, rtol=1e-5)
    np.testing.assert_array_equal(none, 0)
    assert np.abs(whole).min() > 0.05


def test_weights_decay_by_rate_share_and_squared_factor_unless_they_are_not_to() -> None:
    weights = [tf.Variable([1.0]) for _ in range(3)]
    stepper = optimizer("adamw", weights, [Pace(), Pace(factor=0.5), Pace(decays=False)])
    stepper.reset(momentum=0.0, weight_decay=0.2)
    stepper.apply([tf.constant([0.0])] * 3, tf.constant(0.1), decay_share=tf.constant(0.5))
    # RealMLP: w *= 1 - learning rate * factor^2 * decay, here with half of the decay.
    np.testing.assert_allclose([float(weight[0]) for weight in weights], [1 - 0.01, 1 - 0.0025, 1.0], rtol=1e-6)


def test_coslog4_has_four_cycles_each_twice_as_long() -> None:
    rates = learning_rates("coslog4", 1.0, np.arange(15_000), of=15_000)
    lows = [
        position for position in range(1, 14_999) if rates[position] < rates[position - 1 : position + 2].min() + 1e-12
    ]
    np.testing.assert_allclose(np.array(lows) / 1000, [1, 3, 7], atol=0.01)
    assert rates[0] < 1e-4
    assert rates[-1] < 1e-4
    assert rates.max() == pytest.approx(1.0, abs=1e-4)


def test_who_is_in_a_hurry_learns_faster_within_limits() -> None:
    def rate(of: int, asked: int, peak: float = 0.06) -> list[float]:
        return [round(float(rate), 6) for rate in learning_rates("hurried", peak, np.arange(2), of=of, asked=asked)]

    assert rate(80, 80) == rate(60, 80) == [0.06, 0.06]
    assert rate(30, 80) == [0.12, 0.12]
    assert rate(1, 80) == [0.24, 0.24]
    assert rate(1, 80, peak=0.2) == [0.3, 0.3]
    assert rate(1, 80, peak=0.5) == [0.5, 0.5]


def test_regularization_is_flat_and_then_fades() -> None:
    shares = regularization("flat_cos", np.arange(1000), of=1000)
    assert (shares[:500] == 1).all()
    assert shares[750] == pytest.approx(0.5, abs=0.01)
    assert shares[-1] < 1e-4
    assert (regularization("constant", np.arange(9), of=9) == 1).all()


def test_realmlp_learns_at_the_published_paces() -> None:
    network = build_network("realmlp", REALMLP, width=3, sizes=(4, 30), outputs=2)
    engine = Engine(network, task("classify"), optimizer_name="adamw", learned_type=tf.int32)
    optimizer_of: Any = engine._optimizer
    paces = {weight.path: pace for weight, pace in zip(network.trainable_variables, optimizer_of._paces, strict=True)}

    def pace_of(ending: str) -> Pace:
        return next(pace for path, pace in paces.items() if path.endswith(ending))

    assert pace_of("scale/scale") == Pace(6.0)
    assert pace_of("waves/frequency") == Pace(0.1)
    assert pace_of("slope") == Pace(0.1)
    assert pace_of("head/bias") == Pace(0.1, decays=False)
    assert pace_of("head/kernel") == Pace()
    assert pace_of("categories/embeddings") == Pace()


def test_only_what_multiplies_features_decays() -> None:
    setting = {**read_space("mlp").space.defaults(), "normalization": "batch"}
    network = build_network("mlp", setting, width=3, sizes=(4, 30), outputs=2)
    decays = {
        weight.name: pace.decays for weight, pace in zip(network.trainable_variables, _paces(network), strict=True)
    }
    assert decays == {"embeddings": True, "kernel": True, "bias": False, "gamma": False, "beta": False}


def test_dropout_fades_with_the_schedule(workshop: Workshop) -> None:
    setting = {**REALMLP, "dropout": 0.5, "batch_size": 32}
    engine, plan = workshop.engine("realmlp", setting)
    assert isinstance(engine, Engine)
    inputs = workshop.inputs("train", "robust")

    def losses(share: float) -> np.ndarray[Any, Any]:
        engine.start(plan.draw(setting, seed=0), setting, sample=workshop.start(0, "robust"), seed=0)
        rows = len(workshop.examples.weights)
        return engine.run(
            inputs,
            workshop.learned,
            workshop.weights,
            np.arange(rows, dtype=np.int32),
            batch_size=rows,
            learning_rates=np.zeros(1, dtype=np.float32),
            regularization=np.full(1, share, dtype=np.float32),
        )

    without = train_loss(workshop, engine, setting)
    np.testing.assert_allclose(losses(0.0).sum() / len(workshop.examples.weights), without, rtol=1e-4)
    assert abs(losses(1.0).sum() / len(workshop.examples.weights) - without) > 0.01


def train_loss(workshop: Workshop, engine: Engine, setting: Mapping[str, Any]) -> float:
    """The cross-entropy of the freshly started network on the training rows, without dropout."""
    _, plan = workshop.engine("realmlp", dict(setting))
    engine.start(plan.draw(dict(setting), seed=0), dict(setting), sample=workshop.start(0, "robust"), seed=0)
    raw = engine.predict(workshop.inputs("train", "robust"))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return float(loss(workshop.learned, raw))


def test_it_starts_from_the_data(workshop: Workshop) -> None:
    engine, plan = workshop.engine("realmlp", REALMLP)
    sample = workshop.start(0, "robust")
    engine.start(plan.draw(REALMLP, seed=0), REALMLP, sample=sample, seed=0)
    raw = engine.predict(sample.inputs)
    bias = engine.weights[-1] if engine.weights[-1].shape == (3,) else engine.weights[-2]
    np.testing.assert_allclose((raw - bias).std(axis=0), 1, rtol=1e-3)


def test_realmlp_learns(workshop: Workshop, regression: Workshop) -> None:
    short = {**REALMLP, "epochs": 30, "batch_size": 32}
    trained = train(workshop, "realmlp", short, metric=metric(None, task("classify")), seed=0)
    assert trained.scores["test"]["log_loss"] < 0.6
    for_values = {**short, "activation": "mish", "learning_rate": 0.2}
    values = train(regression, "realmlp", for_values, metric=metric(None, task("regress")), seed=0)
    assert values.scores["test"]["r2"] > 0.95
