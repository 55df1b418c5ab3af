"""Trains a setting once more on more rows, for as long as its best epoch lasted, when its scores are recorded."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.encoding.table import together
from automl.training.examples import Examples, Part
from automl.training.siblings import Siblings
from automl.training.timetable import Timetable
from automl.training.train import TrialFailed, losses_of_epochs, steps_per_epoch
from automl.training.workshop import Workshop
from automl.trial import Params, Place, at_the_rate_of, grows_trees

# A training that seems too slow by no more than this goes on: its first moments are slower than what follows.
TOLERANCE = 0.15


def with_rows_of(parts: Sequence[str], workshop: Workshop, scaling: str) -> Workshop:
    """A workshop with the same compiled engines, whose training rows are the rows of these parts."""
    return dataclasses.replace(workshop, examples=rows_of(parts, workshop.examples, scaling), tensors={})


def rows_of(chosen: Sequence[str], examples: Examples, scaling: str) -> Examples:
    """The rows of these parts as training rows for as many networks as before, encoded and weighted as they were."""
    names = [name for name in chosen if name in examples.parts]
    if examples.folds is not None and "val" in names:
        names.remove("val")
    parts = [examples.parts[name] for name in names]
    weights = {"train": examples.weights, **examples.other_weights}
    whole = Part(
        {scaling: together([part.arrays[scaling] for part in parts])},
        np.concatenate([part.targets for part in parts]),
    )
    return Examples(
        # Nothing is left to judge the networks by.
        {"train": whole, "val": whole},
        np.concatenate(
            [
                weights.get(name, np.ones(len(part.targets), dtype=np.float32))
                for name, part in zip(names, parts, strict=True)
            ]
        ),
        examples.specification,
        examples.sizes,
        networks=len(examples.cuts),
    )


def refit(
    workshop: Workshop,
    family: str,
    params: Params,
    *,
    place: Place,
    seed: int,
    until: float = float("inf"),
    report: Callable[[], None] = lambda: None,
) -> list[list[NDArray[Any]]]:
    """Trains the setting on the training rows of the workshop up to the same place in the same schedule.

    Args:
        place: where the training stood that was scored. An epoch has more steps now, if there are more rows.
        seed: of the first network, as that of a trial.
        until: when it should have ended, on the monotonic clock, in seconds.
        report: called in between as a sign of life.

    Returns:
        The weights of each network, as `keras.Model.get_weights` orders them.

    Raises:
        TrialFailed: the loss is not a number, or it will not end in time.
    """
    params = at_the_rate_of(place, params)
    engine, plan = workshop.engine(family, params)
    scaling = str(params["scaling"])
    cuts = range(len(workshop.examples.cuts))
    samples = [workshop.start(cut, scaling, rows=plan.rows_of_start) for cut in cuts]
    siblings = Siblings(engine, plan, params, samples=samples, seed=seed)
    steps = steps_per_epoch(workshop, params)
    timetable = Timetable(
        float("inf"),
        steps_per_epoch=steps,
        planned=max(1, round(place.planned * steps)),
        last=max(1, round(place.epochs * steps)),
        compiles=not grows_trees(params),
    )

    def check() -> None:
        report()
        if time.monotonic() + (1 - TOLERANCE) * timetable.seconds_left > until:
            raise TrialFailed("timeout", "It would not have ended in time.")

    for loss in losses_of_epochs(workshop, siblings, params, timetable, seed=seed, report=check):
        if not np.isfinite(loss):
            raise TrialFailed("nan", "The loss is not a number.")
        check()
    return siblings.weights()
