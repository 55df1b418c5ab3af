"""Trains one setting and scores it: the loop that a reader should understand in one sitting."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from automl.tasks import FloatArray, Metric, predicted, scores
from automl.training.engine import Engine
from automl.training.schedules import learning_rates, regularization
from automl.training.timetable import Timetable
from automl.training.workshop import Workshop
from automl.trial import Bar, Params, Reason, Rung

# A longer training is worth beginning if there is time for this many times the last one.
LEAST_GROWTH = 1.5

Report = Callable[[Mapping[str, list[float]]], None]


class TrialFailed(Exception):
    """The trial cannot give a network; `reason` is one word of `Trial.reason`."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True)
class Course:
    """How a training went. The engine that it ran on holds the weights of its best epoch.

    Attributes:
        curves: one value per epoch, by name.
        objective: the validation score of the best epoch, lower is better.
        stopped: why it ended before its last epoch; see `Trial.stopped`.
    """

    curves: Mapping[str, list[float]]
    objective: float
    best_epoch: int
    stopped: str


@dataclass(frozen=True)
class Trained:
    """What a trial gave. A pruned one has no weights, predictions and scores.

    Attributes:
        weights: the network's, as `keras.Model.get_weights` orders them.
        objective: None for a pruned one.
        rungs: the short trainings that it went through first.
    """

    curves: Mapping[str, list[float]]
    best_epoch: int
    parameters: int
    seconds: float
    stopped: str
    rungs: tuple[Rung, ...]
    objective: float | None = None
    weights: Sequence[NDArray[Any]] = ()
    predictions: Mapping[str, FloatArray] = field(default_factory=dict)
    scores: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


def train(
    workshop: Workshop,
    family: str,
    params: Params,
    *,
    metric: Metric,
    seed: int,
    bars: Sequence[Bar] = (),
    until: float = float("inf"),
    report: Report = lambda _: None,
) -> Trained:
    """Trains a setting on few epochs first, if there are bars to pass, and then on all of its own.

    Each training starts from the beginning and runs a whole schedule, so that a short one tells how good the setting
    is and not how good it is at the beginning of a long one. The first bar that it does not pass ends the trial.

    Args:
        metric: decides which epoch is the best.
        bars: the lowest first.
        until: when the trial should end, on the monotonic clock, in seconds. Fewer epochs are planned if need be.
        report: called with all curves so far of the last training after each epoch, and with none in between.

    Raises:
        TrialFailed: the loss is not a number, or the time was up before the network had been measured once.
    """
    began = time.monotonic()
    engine, plan = workshop.engine(family, params)

    def learn(epochs: int, told: Report) -> Course:
        sample = workshop.inputs("start", str(params["scaling"]))
        engine.start(plan.draw(params, seed=seed), params, sample=sample, seed=seed)
        return _learn(workshop, engine, {**params, "epochs": epochs}, metric, seed=seed, until=until, report=told)

    def trained(course: Course, **scored: Any) -> Trained:
        return Trained(
            curves=course.curves,
            best_epoch=course.best_epoch,
            parameters=plan.parameters,
            seconds=time.monotonic() - began,
            stopped=course.stopped,
            rungs=tuple(rungs),
            **scored,
        )

    rungs: list[Rung] = []
    for bar in bars:
        started = time.monotonic()
        course = learn(bar.epochs, lambda _: report({}))
        if course.stopped != "time":
            rungs.append(Rung(bar.level, bar.epochs, course.objective))
            if course.objective > bar.objective:
                return trained(course)
        if until - time.monotonic() < LEAST_GROWTH * (time.monotonic() - started):
            course = dataclasses.replace(course, stopped="time")
            break
    else:
        course = learn(int(params["epochs"]), report)
    return trained(course, **_scored(workshop, engine, str(params["scaling"]), metric))


def _learn(
    workshop: Workshop, engine: Engine, params: Params, metric: Metric, *, seed: int, until: float, report: Report
) -> Course:
    """Trains until the epochs or the time are over or validation stops improving; keeps the best epoch's weights."""
    stopper = keras.callbacks.EarlyStopping(
        "objective", mode="min", patience=int(params["patience"]), restore_best_weights=True
    )
    stopper.set_model(engine)
    stopper.on_train_begin()
    timetable = _timetable(workshop, params, until)
    asked = timetable.planned
    curves: dict[str, list[float]] = {}
    for epoch, loss in enumerate(
        _epochs(workshop, engine, params, timetable, seed=seed, report=lambda: report(curves))
    ):
        began = time.monotonic()
        measured = {"loss": loss, **_measure(workshop, engine, str(params["scaling"]), metric)}
        for name, value in measured.items():
            curves.setdefault(name, []).append(value)
        if not np.isfinite([loss, measured[f"val_{metric.name}"]]).all():
            raise TrialFailed("nan", f"The loss is not a number in epoch {epoch + 1}. A lower learning rate may help.")
        stopper.on_epoch_end(epoch, {"objective": metric.objective(measured[f"val_{metric.name}"])})
        report(curves)
        timetable.measured(time.monotonic() - began)
        if engine.stop_training:
            break
    if not curves:
        raise TrialFailed("timeout", "The time was up before the network had been measured once. Give more --time.")
    stopper.on_train_end()
    return Course(
        curves,
        metric.objective(curves[f"val_{metric.name}"][stopper.best_epoch]),
        stopper.best_epoch + 1,
        "early" if engine.stop_training else "time" if timetable.done < asked else "",
    )


def _timetable(workshop: Workshop, params: Params, until: float) -> Timetable:
    rows = len(workshop.examples.weights)
    steps = -(-rows // min(int(params["batch_size"]), rows))
    return Timetable(until, steps_per_epoch=steps, planned=steps * int(params["epochs"]))


def _epochs(
    workshop: Workshop,
    engine: Engine,
    params: Params,
    timetable: Timetable,
    *,
    seed: int,
    report: Callable[[], None],
) -> Iterator[float]:
    """Trains, and yields each epoch's mean loss; the last epoch may be shorter than the others, to end in time."""
    inputs = workshop.inputs("train", str(params["scaling"]))
    rows = len(workshop.examples.weights)
    batch_size = min(int(params["batch_size"]), rows)
    rng = np.random.default_rng([seed, 13])
    while not timetable.is_over:
        order = rng.permutation(rows).astype(np.int32)
        losses: list[NDArray[np.float32]] = []
        seen = 0
        while seen < rows and not timetable.is_over:
            began = time.monotonic()
            steps = timetable.next_steps()
            part = order[seen : seen + steps * batch_size]
            places = np.arange(timetable.done, timetable.done + steps)
            losses.append(
                engine.run(
                    inputs,
                    workshop.learned,
                    workshop.weights,
                    part,
                    batch_size=batch_size,
                    learning_rates=learning_rates(
                        str(params["schedule"]), float(params["learning_rate"]), places, of=timetable.planned
                    ),
                    regularization=regularization(
                        str(params.get("regularization", "constant")), places, of=timetable.planned
                    ),
                )
            )
            seen += len(part)
            timetable.ran(steps, time.monotonic() - began)
            if seen < rows:
                report()
        # All steps at once: how many calls they came in depends on the clock, and the sum must not.
        yield float(np.concatenate(losses).sum(dtype=np.float64)) / seen


def _measure(workshop: Workshop, engine: Engine, scaling: str, metric: Metric) -> dict[str, float]:
    """The task's cheap metrics and the deciding one, on a sample of the training rows and on validation."""
    task, examples = workshop.task, workshop.examples
    names = dict.fromkeys((metric.name, *task.CURVES))
    measured = {}
    for part, rows in (("train", "sample"), ("val", "val")):
        predictions = predicted(task, engine.predict(workshop.inputs(rows, scaling)), examples.specification)
        targets = examples.parts[part].targets[: len(predictions)]
        for name in names:
            measured[f"{part}_{name}"] = float(task.METRICS[name].function(targets, predictions))
    return measured


def _scored(workshop: Workshop, engine: Engine, scaling: str, metric: Metric) -> dict[str, Any]:
    """The weights of the engine, and its predictions and scores on every part."""
    task, examples = workshop.task, workshop.examples
    predictions = {
        name: predicted(task, engine.predict(workshop.inputs(name, scaling)), examples.specification)
        for name in examples.parts
    }
    by_part = {name: scores(task, examples.parts[name].targets, predictions[name]) for name in predictions}
    return {
        "weights": engine.get_weights(),
        "predictions": predictions,
        "scores": by_part,
        "objective": metric.objective(by_part["val"][metric.name]),
    }
