"""A trial: one setting of one family's hyperparameters, and what came of it. Every later stage reads this."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Params = Mapping[str, int | float | str | bool]
Status = Literal["running", "finished", "pruned", "failed"]
Reason = Literal["", "killed", "oom", "timeout", "nan", "build", "data", "disk", "interrupted"]
# What a space calls an optimizer though no gradient is followed: trees are grown instead.
AVERAGING = "averaging"
TREE_OPTIMIZERS = ("boosting", AVERAGING)
# Of trees, in an epoch.
ROUNDS_PER_EPOCH = 10
# How the message begins of a trial whose batches were halved.
HALVED = "With batches of"
# The schedule whose learning rate goes with the time that a training has.
HURRIED = "hurried"


@dataclass(frozen=True)
class Rung:
    """A whole training on few epochs, and the validation score (lower is better) that it came to."""

    level: int
    epochs: int
    objective: float


@dataclass(frozen=True)
class Bar(Rung):
    """A rung that a trial has to reach: with a worse objective than this it is not worth all of its epochs."""


@dataclass(frozen=True)
class Place:
    """Where in its schedule a training was when its best epoch ended. The last epoch may be a part of one.

    Attributes:
        epochs: that were done.
        planned: over which the schedule was stretched.
        learning_rate: the mean of those steps'; None where it is not known.
    """

    epochs: float
    planned: float
    learning_rate: float | None = None


@dataclass(frozen=True)
class LayerActivity:
    """What the units of a hidden layer do on validation rows.

    Attributes:
        layer: its number among the layers with an activation, from 1.
        silent: how many of the units say the same of every row.
        usual, loudest: the root mean square of the output of the unit in the middle, and of the loudest.
    """

    layer: int
    units: int
    silent: int
    usual: float
    loudest: float


@dataclass(frozen=True)
class Trial:
    """One setting and its outcome.

    Attributes:
        number: 0, 1, 2, … in the order in which trials were started; over all families of a run.
        params: the active hyperparameters (those whose condition holds), as plain Python values.
        objective: the validation score that the search minimises (greater-is-better metrics are negated);
            None until the trial has finished.
        scores: final metrics in inference mode, by split ("train", "val", "test") and metric.
        curves: per epoch, by name ("loss", "val_log_loss", …); all lists have one value per epoch. A pruned trial's
            are those of its last rung.
        rungs: the short trainings that came first, and decided whether it was pruned.
        seconds: wall-clock time in the worker.
        parameters: the number of trainable weights in the network.
        rows_per_second: how many encoded rows one network of the trial predicts, many at a time.
        temperature: of the probabilities that each of its networks predicts, chosen on validation rows.
        best_epoch: the epoch, counted from 1, whose weights were kept.
        place: where in its schedule that was: what training the setting again needs to know.
        stopped: "early" if validation stopped improving, "time" if fewer epochs were planned to end in time; if it
            failed, "time" if the end of the whole search cut it off, "silence" if its worker hung.
        reason, message: why a trial failed: one word for programs and one line for people.
        asked_batch: the batch size that was asked for, where want of memory has made it smaller; else None.
    """

    number: int
    family: str
    params: Params
    status: Status = "running"
    objective: float | None = None
    scores: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    curves: Mapping[str, list[float]] = field(default_factory=dict)
    rungs: tuple[Rung, ...] = ()
    seconds: float = 0.0
    parameters: int = 0
    rows_per_second: float = 0.0
    temperature: float = 1.0
    best_epoch: int = 0
    place: Place | None = None
    stopped: str = ""
    reason: Reason = ""
    message: str = ""
    asked_batch: int | None = None

    @property
    def asked(self) -> Params:
        """The setting that was asked for."""
        return self.params if self.asked_batch is None else {**self.params, "batch_size": self.asked_batch}

    def to_json(self) -> dict[str, Any]:
        """A dictionary that `json` writes and `from_json` reads back to an equal trial."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Trial:
        """The trial that `to_json` described; JSON has no NaN, so null stands for it in scores and curves."""
        scores = {part: {k: _number(v) for k, v in own.items()} for part, own in record["scores"].items()}
        curves = {name: [_number(value) for value in values] for name, values in record["curves"].items()}
        rungs = tuple(Rung(**rung) for rung in record.get("rungs", ()))
        place = Place(**record["place"]) if record.get("place") else None
        return cls(**{**record, "scores": scores, "curves": curves, "rungs": rungs, "place": place})


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def is_cut_off(trial: Trial) -> bool:
    """Whether the trial came to nothing for want of time or of room: it was not at fault, and may start again."""
    return trial.status == "failed" and (trial.reason in ("interrupted", "disk") or trial.stopped == "time")


def finished(trials: Sequence[Trial]) -> list[Trial]:
    """The trials that have an objective, best first; equal ones in the order in which they were started."""
    return sorted((t for t in trials if t.status == "finished"), key=lambda t: (t.objective, t.number))


def grows_trees(params: Params) -> bool:
    """Whether the networks of a setting are made of trees, and do not learn by gradient steps."""
    return params.get("optimizer") in TREE_OPTIMIZERS


def at_the_rate_of(place: Place, params: Params) -> Params:
    """The setting with the learning rate that it had, where that went with the time there was."""
    if params.get("schedule") != HURRIED or place.learning_rate is None:
        return params
    return {**params, "schedule": "constant", "learning_rate": place.learning_rate}


def learns_by_heart(params: Params) -> bool:
    """Whether the networks of a setting know their training rows whatever they have understood of them.

    Trees whose mean counts are grown until they do; where neighbours are looked up, a training row is its own.
    """
    return params.get("optimizer") == AVERAGING or "candidates" in params
