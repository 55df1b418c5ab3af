"""Trains one setting and scores it: the loop that a reader should understand in one sitting."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from automl.gathered import Gathered
from automl.tasks import FloatArray, Metric, Task, predicted, scores
from automl.temperature import best_temperature, tempered
from automl.training.growing import Growing
from automl.training.schedules import learning_rates, regularization
from automl.training.siblings import Siblings
from automl.training.timetable import Timetable
from automl.training.workshop import Workshop
from automl.trial import ROUNDS_PER_EPOCH, Bar, Params, Place, Reason, Rung, grows_trees

# A longer training is worth beginning if there is time for this many times the last one.
LEAST_GROWTH = 1.5
# Of a batch's rows, those that the last one has at least.
LEAST_LAST_BATCH = 0.5
# So much of the log loss counts where another metric decides: of epochs that are right as often, the surest is kept.
# Keras compares in single precision.
TIE = 1e-5

# Is told the curves, and may answer with another end of the training, on the monotonic clock.
Report = Callable[[Mapping[str, list[float]]], float | None]


class TrialFailed(Exception):
    """The trial cannot give a network; `reason` is one word of `Trial.reason`."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True)
class Course:
    """How a training went. Its networks have the weights of the best epoch.

    Attributes:
        curves: one value per epoch, by name.
        objective: the validation score of the best epoch, lower is better.
        stopped: why it ended before its last epoch; see `Trial.stopped`.
    """

    curves: Mapping[str, list[float]]
    objective: float
    best_epoch: int
    place: Place
    stopped: str


@dataclass(frozen=True)
class Trained:
    """What a trial gave. A pruned one has no weights, predictions and scores.

    Attributes:
        weights: for each network of the setting, as `keras.Model.get_weights` orders them.
        objective: None for a pruned one.
        rungs: the short trainings that it went through first.
        rows_per_second: how many rows one network predicts.
        temperature: of the probabilities that each network predicts.
    """

    curves: Mapping[str, list[float]]
    best_epoch: int
    place: Place
    parameters: int
    seconds: float
    stopped: str
    rungs: tuple[Rung, ...]
    objective: float | None = None
    weights: Sequence[Sequence[NDArray[Any]]] = ()
    predictions: Mapping[str, FloatArray] = field(default_factory=dict)
    scores: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    rows_per_second: float = 0.0
    temperature: float = 1.0


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
    scoring: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> Trained:
    """Trains a setting on few epochs first, if there are bars to pass, and then on all of its own.

    Each training starts from the beginning and runs a whole schedule, so that a short one tells how good the setting
    is and not how good it is at the beginning of a long one. The first bar that it does not pass ends the trial. Of its
    trainings the best one counts: on small tables that may be a short one.

    In a cross-validation a setting has a network for each fold. They learn side by side, and of all the same epoch is
    kept, the best for all of the left-out rows together: a fold alone would choose its own luckiest one.

    Args:
        metric: decides which epoch is the best.
        bars: the lowest first.
        until: when the trial should end, on the monotonic clock, in seconds. Fewer epochs are planned if need be.
        report: called with all curves so far of the last training after each epoch, and with none in between. It may
            give another `until`, for the training that goes on.
        scoring: makes what surrounds the predictions of all rows in the end, in which nothing is reported.

    Raises:
        TrialFailed: the loss is not a number, or the time was up before the network had been measured once.
    """
    began = time.monotonic()
    engine, plan = workshop.engine(family, params)

    def learn(epochs: float, told: Report) -> tuple[Siblings, Course]:
        scaling = str(params["scaling"])
        cuts = range(len(workshop.examples.cuts))
        samples = [workshop.start(cut, scaling, rows=plan.rows_of_start) for cut in cuts]
        siblings = Siblings(engine, plan, params, samples=samples, seed=seed)
        course = _learn(workshop, siblings, {**params, "epochs": epochs}, metric, seed=seed, until=until, report=told)
        return siblings, course

    def trained(course: Course, **scored: Any) -> Trained:
        return Trained(
            curves=course.curves,
            best_epoch=course.best_epoch,
            place=course.place,
            parameters=plan.parameters,
            seconds=time.monotonic() - began,
            stopped=course.stopped,
            rungs=tuple(rungs),
            **scored,
        )

    rungs: list[Rung] = []
    shorter: tuple[Course, Sequence[Any]] | None = None
    for bar in bars:
        started = time.monotonic()
        siblings, course = learn(bar.epochs, lambda _: report({}))
        if course.stopped != "time":
            rungs.append(Rung(bar.level, bar.epochs, course.objective))
            if course.objective > bar.objective:
                return trained(course)
            if shorter is None or course.objective < shorter[0].objective:
                shorter = course, siblings.get_weights()
        if until - time.monotonic() < LEAST_GROWTH * (time.monotonic() - started):
            course = dataclasses.replace(course, stopped="time")
            break
    else:
        siblings, course = learn(float(params["epochs"]), report)
    if shorter is not None and shorter[0].objective < course.objective:
        course = dataclasses.replace(shorter[0], stopped="time" if course.stopped == "time" else shorter[0].stopped)
        siblings.set_weights(shorter[1])
    with scoring():
        scored = _scored(workshop, siblings, str(params["scaling"]), metric)
    return trained(course, **scored)


def _learn(
    workshop: Workshop, siblings: Siblings, params: Params, metric: Metric, *, seed: int, until: float, report: Report
) -> Course:
    """Trains until the epochs or the time are over or validation stops improving; keeps the best epoch's weights."""
    stopper = keras.callbacks.EarlyStopping(
        "objective", mode="min", patience=int(params["patience"]), restore_best_weights=True
    )
    stopper.set_model(siblings)
    stopper.on_train_begin()
    timetable = _timetable(workshop, params, until)
    curves: dict[str, list[float]] = {}
    places: list[Place] = []

    def tell() -> None:
        if (end := report(curves)) is not None:
            timetable.move(end)

    for epoch, loss in enumerate(losses_of_epochs(workshop, siblings, params, timetable, seed=seed, report=tell)):
        began = time.monotonic()
        places.append(timetable.place)
        measured = {"loss": loss, **_measure(workshop, siblings, str(params["scaling"]), metric)}
        if not np.isfinite([loss, measured[f"val_{metric.name}"]]).all():
            if not curves:
                raise TrialFailed("nan", "The loss is not a number in the first epoch. A lower learning rate may help.")
            # What was learned until then is as good as ever.
            siblings.stop_training = True
            break
        for name, value in measured.items():
            curves.setdefault(name, []).append(value)
        objective = metric.objective(measured[f"val_{metric.name}"])
        if workshop.task.PREDICTS == "probabilities" and metric.name != "log_loss":
            objective += TIE * measured["val_log_loss"]
        stopper.on_epoch_end(epoch, {"objective": objective})
        tell()
        timetable.measured(time.monotonic() - began)
        if siblings.stop_training:
            break
    if not curves:
        raise TrialFailed("timeout", "The time was up before the network had been measured once. Give more --time.")
    stopper.on_train_end()
    return Course(
        curves,
        metric.objective(curves[f"val_{metric.name}"][stopper.best_epoch]),
        stopper.best_epoch + 1,
        places[stopper.best_epoch],
        "early" if siblings.stop_training else "time" if timetable.done < timetable.asked else "",
    )


def _timetable(workshop: Workshop, params: Params, until: float) -> Timetable:
    """Of one network: its siblings do the same steps in turn, so a step takes as long as one of each."""
    steps = steps_per_epoch(workshop, params)
    # What was cut short in the middle of an epoch can be repeated.
    planned = max(1, round(steps * float(params["epochs"])))
    if grows_trees(params):
        # Whoever measures an epoch wants a second one.
        planned = min(planned, max(2, -(-int(params["rounds"]) // ROUNDS_PER_EPOCH)))
    return Timetable(
        until,
        steps_per_epoch=steps,
        planned=planned,
        compiles=not grows_trees(params),
        scoring=_rows_scored(workshop) / _rows_measured(workshop),
    )


def _rows_measured(workshop: Workshop) -> int:
    """How many rows are predicted after each epoch, by all networks."""
    return sum(len(workshop.sampled(number)) + len(cut.val) for number, cut in enumerate(workshop.examples.cuts))


def _rows_scored(workshop: Workshop) -> int:
    """How many rows are predicted in the end, by all networks."""
    parts, cuts = workshop.examples.parts, workshop.examples.cuts
    others = sum(len(part.targets) for name, part in parts.items() if name != "val")
    return len(cuts) * others + sum(len(cut.val) for cut in cuts)


def steps_per_epoch(workshop: Workshop, params: Params) -> int:
    """The batches that hold all rows of the network with the most."""
    rows = _most_rows(workshop)
    return -(-rows // _batch_size(params, rows))


def _batch_size(params: Params, rows: int) -> int:
    """About as many rows in each: a last batch of a few would count as much as the others, and say less.

    Trees are grown from all rows at a time.
    """
    if grows_trees(params):
        return rows
    batches = -(-rows // int(params["batch_size"]))
    size = -(-rows // batches)
    while 0 < rows % size < LEAST_LAST_BATCH * size:
        size += 1
    return size


def _most_rows(workshop: Workshop) -> int:
    return max(len(cut.train) for cut in workshop.examples.cuts)


def losses_of_epochs(
    workshop: Workshop,
    siblings: Siblings,
    params: Params,
    timetable: Timetable,
    *,
    seed: int,
    report: Callable[[], None],
) -> Iterator[float]:
    """Trains, and yields each epoch's mean loss; the last epoch may be shorter than the others, to end in time."""
    inputs = workshop.inputs("train", str(params["scaling"]))
    rows = _most_rows(workshop)
    batch_size = _batch_size(params, rows)
    rng = np.random.default_rng([seed, 13])
    while not timetable.is_over:
        # A network with fewer rows than its siblings sees some of them twice, so that all have the same steps.
        orders = [np.resize(rng.permutation(cut.train), rows) for cut in workshop.examples.cuts]
        losses: list[NDArray[np.float32]] = []
        seen = 0
        while seen < rows and not timetable.is_over:
            began = time.monotonic()
            steps = timetable.next_steps()
            places = np.arange(timetable.done, timetable.done + steps)
            rates = learning_rates(
                str(params["schedule"]),
                float(params["learning_rate"]),
                places,
                of=timetable.planned,
                asked=timetable.asked,
            )
            for number, order in enumerate(orders):
                losses.append(
                    siblings.turn(number).run(
                        inputs,
                        workshop.learned,
                        workshop.weights,
                        order[seen : seen + steps * batch_size],
                        batch_size=batch_size,
                        learning_rates=rates,
                        regularization=regularization(
                            str(params.get("regularization", "constant")), places, of=timetable.planned
                        ),
                    )
                )
            seen = min(rows, seen + steps * batch_size)
            timetable.ran(steps, time.monotonic() - began, learning_rates=float(rates.sum()))
            if seen < rows:
                report()
        if not losses:
            return  # The time was up while the rows were put in order.
        # All steps at once: how many calls they came in depends on the clock, and the sum must not.
        yield float(np.concatenate(losses).sum(dtype=np.float64)) / (seen * len(orders))


def _measure(workshop: Workshop, siblings: Siblings, scaling: str, metric: Metric) -> dict[str, float]:
    """The task's cheap metrics and the deciding one, on a sample of the training rows and on validation.

    Probabilities have the temperature that suits the validation rows best, as they will in the end: a network learns to
    tell classes apart for longer than it stays honest (Berta et al. 2025, "Rethinking early stopping").
    """
    task, examples = workshop.task, workshop.examples
    names = dict.fromkeys((metric.name, *task.CURVES))
    targets = {part: examples.parts[part].targets for part in ("train", "val")}
    on_training: list[tuple[NDArray[Any], FloatArray]] = []
    judged = Gathered(len(targets["val"]))
    for number, cut in enumerate(examples.cuts):
        engine = siblings.turn(number)
        raw = np.concatenate([engine.predict(inputs) for inputs in workshop.measured(number, scaling)])
        predictions = predicted(task, raw, examples.specification)
        sampled = workshop.sampled(number)
        on_training.append((targets["train"][sampled], predictions[: len(sampled)]))
        judged.add(cut.val, predictions[len(sampled) :])
    on_validation = judged.mean
    temperature = _temperature(task, on_validation, targets["val"])

    def measured(targets: NDArray[Any], predictions: FloatArray) -> dict[str, float]:
        honest = tempered(predictions, temperature)
        return {name: float(task.METRICS[name].function(targets, honest)) for name in names}

    samples = [measured(*sample) for sample in on_training]
    return {
        **{f"train_{name}": float(np.mean([sample[name] for sample in samples])) for name in names},
        **{f"val_{name}": value for name, value in measured(targets["val"], on_validation).items()},
    }


def _temperature(task: Task, predictions: FloatArray, targets: NDArray[Any]) -> float:
    """The one that suits validation rows best."""
    if task.PREDICTS != "probabilities" or not np.isfinite(predictions).all():
        return 1.0
    return best_temperature(predictions, targets)


def _scored(workshop: Workshop, siblings: Siblings, scaling: str, metric: Metric) -> dict[str, Any]:
    """The weights and the temperature of the networks, and their predictions and scores on every part.

    A row is predicted by the mean of the networks that learned from it ("train"), that did not ("val"), or of all.
    """
    task, examples = workshop.task, workshop.examples
    rows_predicted, predicting = 0, 0.0

    def gathered(part: str, temperature: float) -> FloatArray:
        nonlocal rows_predicted, predicting
        all_networks = Gathered(len(examples.parts[part].targets))
        for number, cut in enumerate(examples.cuts):
            engine = siblings.turn(number)
            inputs = workshop.judged(number, scaling) if part == "val" else workshop.inputs(part, scaling)
            began = time.monotonic()
            raw = engine.predict(inputs)
            predicting += time.monotonic() - began
            rows_predicted += len(raw)
            predictions = predicted(task, raw, examples.specification, temperature=temperature)
            rows = cut.rows(part)
            all_networks.add(rows, predictions if part == "val" else predictions[rows])
        return all_networks.mean

    on_validation = gathered("val", 1.0)
    temperature = _temperature(task, on_validation, examples.parts["val"].targets)
    predictions_by_part = {
        part: tempered(on_validation, temperature) if part == "val" else gathered(part, temperature)
        for part in examples.parts
    }
    by_part = {name: scores(task, examples.parts[name].targets, own) for name, own in predictions_by_part.items()}
    speed = rows_predicted / max(predicting, 1e-9)
    last = len(examples.cuts) - 1
    if isinstance(engine := siblings.turn(last), Growing):
        speed = engine.rows_per_second(workshop.inputs(list(examples.parts)[-1], scaling))
    return {
        "weights": siblings.weights(),
        "predictions": predictions_by_part,
        "scores": by_part,
        "objective": metric.objective(by_part["val"][metric.name]),
        "rows_per_second": speed,
        "temperature": temperature,
    }
