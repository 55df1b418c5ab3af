"""How long a training goes on: as many steps as its epochs have, or as many as the time allows."""

from __future__ import annotations

import math
import statistics
import time
from dataclasses import dataclass, field

from automl.trial import Place

# How long one call of the compiled steps should take: the clock is looked at between calls.
SECONDS_PER_CALL = 0.5
# A plan is made from no fewer seconds of steps: a single step takes twice as long by itself as among others.
LEAST_SECONDS = 0.25
# What is kept of the time left, for a machine that slows down.
MARGIN = 0.1
# After so long a call counts half for the pace: a search's first moments are slower than what follows.
HALF_LIFE_SECONDS = 3.0
# In this share of its steps a plan may become longer again. Later its learning rate has begun to fall.
OPEN_SHARE = 0.5
# Of so many measurements the one in the middle counts.
LAST_MEASURED = 3


@dataclass
class Timetable:
    """Plans a training's steps, and plans fewer when the time turns out to be short.

    The learning-rate schedule is stretched over the planned steps, so that a training that has to be shorter is still
    a whole one, and not the beginning of a longer one.

    Attributes:
        until: when the training should have ended, on the monotonic clock, in seconds; infinite for no limit.
        steps_per_epoch: after as many steps the network is measured.
        planned: the number of steps of the whole training, never more than at first.
        last: after so many steps it ends, wherever in its plan; None for the end of the plan.
        compiles: whether the first call and the first measurement take longer than the others.
        scoring: how many times as long as a measurement it takes to score the network in the end.
        done: the number of steps so far.
        asked: the number of steps that were planned at first.
    """

    until: float
    steps_per_epoch: int
    planned: int
    done: int = 0
    last: int | None = None
    compiles: bool = True
    scoring: float = 0.0
    _step_seconds: float = 0.0
    _timed: float = 0.0
    _measured: list[float] = field(default_factory=list)
    _learned: float = 0.0
    asked: int = field(init=False)

    def __post_init__(self) -> None:
        self.asked = self.planned

    @property
    def pace(self) -> float | None:
        """Seconds per step; None before it is known."""
        return self._step_seconds / self._timed if self._timed else None

    @property
    def is_over(self) -> bool:
        """Whether all planned steps are done, or the time is up."""
        return self.done >= self._end or time.monotonic() >= self.until

    @property
    def seconds_left(self) -> float:
        """What the steps that are left take at the pace so far; 0 before that is known."""
        known = self.pace is not None and self._step_seconds >= LEAST_SECONDS
        return (self._end - self.done) * (self.pace or 0.0) if known else 0.0

    @property
    def place(self) -> Place:
        """Where in its schedule the training is now."""
        steps = self.steps_per_epoch
        return Place(self.done / steps, self.planned / steps, self._learned / self.done if self.done else None)

    def next_steps(self) -> int:
        """How many steps to run in the next call: to the end of the epoch or of the plan, or about half a second."""
        left = min(self._end - self.done, self.steps_per_epoch - self.done % self.steps_per_epoch)
        # The first call also compiles, so it tells nothing of the pace and should be short.
        return min(left, max(1, int(SECONDS_PER_CALL / self.pace)) if self.pace else 1)

    @property
    def _end(self) -> int:
        return self.planned if self.last is None else min(self.last, self.planned)

    def ran(self, steps: int, seconds: float, *, learning_rates: float = 0.0) -> None:
        """Takes note of a call.

        Args:
            learning_rates: the sum of those of its steps.
        """
        self._learned += learning_rates
        if self.done or not self.compiles:
            kept = 0.5 ** (seconds / HALF_LIFE_SECONDS)
            self._step_seconds = kept * self._step_seconds + seconds
            self._timed = kept * self._timed + steps
        self.done += steps
        self._replan()

    def measured(self, seconds: float) -> None:
        """Takes note of how long it took to measure the network after an epoch."""
        self._measured.append(seconds)
        self._replan()

    def move(self, until: float) -> None:
        """Gives it more time or less, and as long a plan as that allows."""
        self.until = until
        self._replan(is_open=True)

    @property
    def _measure_seconds(self) -> float:
        """What it usually takes to measure the network; 0 before that is known."""
        known = self._measured[self.compiles :]
        return statistics.median(known[-LAST_MEASURED:]) if known else 0.0

    def _replan(self, *, is_open: bool = False) -> None:
        if math.isinf(self.until) or self.pace is None or self._step_seconds < LEAST_SECONDS:
            return
        # Until it has been seen, measuring is taken to cost a third of an epoch: it has no backward pass.
        measuring = self._measure_seconds / self.steps_per_epoch or self.pace / 3
        is_open |= self.done < OPEN_SHARE * self.planned
        # Later there is no way back, and a moment in which the machine is slow must not end the schedule.
        margin = MARGIN if is_open else 0.0
        left = (self.until - time.monotonic()) * (1 - margin) - self.scoring * self._measure_seconds
        affordable = self.done + max(0, int(left / (self.pace + measuring)))
        if affordable < self.planned or is_open:
            self.planned = max(min(affordable, self.asked), self.done, 1)
