"""Trains one setting and scores it: the loop that a reader should understand in one sitting."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from automl.tasks import FloatArray, Metric, Task, scores
from automl.training.blueprint import Blueprint, blueprint
from automl.training.engine import Engine
from automl.training.examples import Examples
from automl.training.forward import Inputs, on_device
from automl.training.network import build_network, structure
from automl.training.schedules import learning_rates
from automl.trial import Params, Reason

ROWS_OF_TRAINING_CURVE = 1_000
SECONDS_PER_CALL = 0.5
ENGINES_KEPT = 64

Report = Callable[[Mapping[str, list[float]]], None]


class TrialFailed(Exception):
    """The trial cannot give a network; `reason` is one word of `Trial.reason`."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True)
class Trained:
    """What a training gave. `weights` are the network's, as `keras.Model.get_weights` orders them."""

    weights: list[NDArray[Any]]
    predictions: Mapping[str, FloatArray]
    scores: Mapping[str, Mapping[str, float]]
    objective: float
    curves: Mapping[str, list[float]]
    best_epoch: int
    parameters: int
    seconds: float
    stopped: str


@dataclass
class Workshop:
    """What a worker keeps from trial to trial: tensors on the device and compiled networks, the latest used last."""

    examples: Examples
    task: Task
    blueprints: dict[Hashable, Blueprint] = field(default_factory=dict)
    engines: dict[Hashable, Engine] = field(default_factory=dict)
    tensors: dict[tuple[str, str], Inputs] = field(default_factory=dict)

    @cached_property
    def learned(self) -> tf.Tensor:
        """What the network should give for each training row."""
        return tf.convert_to_tensor(
            self.task.learned(self.examples.parts["train"].targets, self.examples.specification)
        )

    @cached_property
    def weights(self) -> tf.Tensor:
        """How much each training row counts."""
        return tf.convert_to_tensor(np.asarray(self.examples.weights))

    @property
    def sampled(self) -> int:
        """How many training rows are measured for the curves: as many as of validation, within a limit."""
        rows = (len(self.examples.weights), len(self.examples.parts["val"].targets), ROWS_OF_TRAINING_CURVE)
        return min(rows)

    def inputs(self, part: str, scaling: str) -> Inputs:
        """The rows of a part on the device; "sample" are the first training rows."""
        if (part, scaling) not in self.tensors:
            arrays = self.examples.parts["train" if part == "sample" else part].arrays[scaling]
            rows = slice(self.sampled if part == "sample" else None)
            self.tensors[part, scaling] = on_device(arrays.take(rows))
        return self.tensors[part, scaling]

    def engine(self, family: str, params: Params) -> tuple[Engine, Blueprint]:
        """What trains the setting, compiled for an earlier one of the same topology if there was any."""
        network = None
        built = structure(family, params)
        if built not in self.blueprints:
            network = self._network(family, params)
            self.blueprints[built] = blueprint(network)
        plan = self.blueprints[built]
        key = (plan.topology, params["optimizer"] == "sgd")
        engine = self.engines.pop(key, None) or Engine(
            network or self._network(family, params),
            self.task,
            optimizer_name=str(params["optimizer"]),
            learned_type=self.learned.dtype,
        )
        self.engines[key] = engine
        while len(self.engines) > ENGINES_KEPT:
            self.engines.pop(next(iter(self.engines)))
        return engine, plan

    def _network(self, family: str, params: Params) -> keras.Model:
        return build_network(
            family,
            params,
            width=self.examples.parts["train"].arrays[str(params["scaling"])].numbers.shape[1],
            sizes=self.examples.sizes,
            outputs=self.task.outputs(self.examples.specification),
        )


def train(
    workshop: Workshop,
    family: str,
    params: Params,
    *,
    metric: Metric,
    seed: int,
    deadline: float = float("inf"),
    report: Report = lambda _: None,
) -> Trained:
    """Trains a network until its epochs are over, it stops improving on validation, or the deadline has come.

    The weights of the best validation epoch are kept; all scores are of these, in inference mode.

    Args:
        metric: decides which epoch is the best.
        deadline: on the monotonic clock, in seconds; checked about twice a second.
        report: called after every epoch with all curves so far.

    Raises:
        TrialFailed: the loss is not a number, or the deadline came before the first epoch's end.
    """
    began = time.monotonic()
    engine, plan = workshop.engine(family, params)
    engine.start(plan.draw(params, seed=seed), params)
    stopper = keras.callbacks.EarlyStopping(
        "objective", mode="min", patience=int(params["patience"]), restore_best_weights=True
    )
    stopper.set_model(engine)
    stopper.on_train_begin()
    curves: dict[str, list[float]] = {}
    stopped = ""
    for epoch, losses in enumerate(_epochs(workshop, engine, params, seed=seed, deadline=deadline)):
        if losses is None:
            stopped = "time"
            break
        measured = {"loss": losses, **_measure(workshop, engine, str(params["scaling"]), metric)}
        for name, value in measured.items():
            curves.setdefault(name, []).append(value)
        if not np.isfinite([losses, measured[f"val_{metric.name}"]]).all():
            raise TrialFailed("nan", f"The loss is not a number in epoch {epoch + 1}. A lower learning rate may help.")
        report(curves)
        stopper.on_epoch_end(epoch, {"objective": metric.objective(measured[f"val_{metric.name}"])})
        if engine.stop_training:
            stopped = "early"
            break
    if not curves:
        raise TrialFailed("timeout", "The time was up before the first epoch had ended. Give more --time.")
    stopper.on_train_end()
    return _scored(
        workshop,
        engine,
        str(params["scaling"]),
        metric=metric,
        curves=curves,
        best_epoch=stopper.best_epoch + 1,
        seconds=time.monotonic() - began,
        stopped=stopped,
        parameters=plan.parameters,
    )


def _epochs(workshop: Workshop, engine: Engine, params: Params, *, seed: int, deadline: float) -> Any:
    """Trains, and yields each epoch's mean loss; None when the deadline has cut an epoch short."""
    examples = workshop.examples
    inputs = workshop.inputs("train", str(params["scaling"]))
    rows, batch_size, epochs = len(examples.weights), int(params["batch_size"]), int(params["epochs"])
    batch_size = min(batch_size, rows)
    steps = -(-rows // batch_size)
    rates = learning_rates(str(params["schedule"]), float(params["learning_rate"]), steps * epochs)
    rates = rates.reshape(epochs, steps)
    rng = np.random.default_rng([seed, 13])
    steps_per_call = steps if deadline == float("inf") else min(steps, 32)
    for epoch in range(epochs):
        order = rng.permutation(rows).astype(np.int32)
        losses: list[NDArray[np.float32]] = []
        start = 0
        while start < steps:
            if time.monotonic() >= deadline:
                yield None
                return
            began = time.monotonic()
            end = min(start + steps_per_call, steps)
            part = order[start * batch_size : end * batch_size]
            losses.append(
                engine.run(
                    inputs,
                    workshop.learned,
                    workshop.weights,
                    part,
                    batch_size=batch_size,
                    learning_rates=rates[epoch, start:end],
                )
            )
            pace = (time.monotonic() - began) / (end - start)
            steps_per_call = max(1, int(SECONDS_PER_CALL / max(pace, 1e-9)))
            start = end
        # All steps at once: how many calls they came in depends on the clock, and the sum must not.
        yield float(np.concatenate(losses).sum(dtype=np.float64)) / rows


def _measure(workshop: Workshop, engine: Engine, scaling: str, metric: Metric) -> dict[str, float]:
    """The task's cheap metrics and the deciding one, on a sample of the training rows and on validation."""
    task, examples = workshop.task, workshop.examples
    names = dict.fromkeys((metric.name, *task.CURVES))
    measured = {}
    for part, rows in (("train", "sample"), ("val", "val")):
        predictions = task.predictions(engine.predict(workshop.inputs(rows, scaling)), examples.specification)
        targets = examples.parts[part].targets[: len(predictions)]
        for name in names:
            measured[f"{part}_{name}"] = float(task.METRICS[name].function(targets, predictions))
    return measured


def _scored(
    workshop: Workshop,
    engine: Engine,
    scaling: str,
    *,
    metric: Metric,
    curves: Mapping[str, list[float]],
    best_epoch: int,
    seconds: float,
    stopped: str,
    parameters: int,
) -> Trained:
    task, examples = workshop.task, workshop.examples
    predictions = {
        name: task.predictions(engine.predict(workshop.inputs(name, scaling)), examples.specification)
        for name in examples.parts
    }
    by_part = {name: scores(task, examples.parts[name].targets, predictions[name]) for name in predictions}
    return Trained(
        weights=engine.get_weights(),
        predictions=predictions,
        scores=by_part,
        objective=metric.objective(by_part["val"][metric.name]),
        curves=curves,
        best_epoch=best_epoch,
        parameters=parameters,
        seconds=seconds,
        stopped=stopped,
    )
