"""Where trials run. An executor takes jobs and gives events; `local` runs them in processes of this machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from automl.encoding.table import Encoding
from automl.ensemble import Ensemble
from automl.trial import Bar, Params, Place, Reason


@dataclass(frozen=True)
class Job:
    """One piece of work for a worker.

    Attributes:
        key: identifies the job among all of the run; a trial's is its number.
        kind: "trial" trains a setting, "boosting" the baseline, "export" makes a Keras file of a trial's weights,
            "refit" trains a setting again on more rows, "probe" measures what a setting's training takes, "importance"
            how much columns matter to a model.
        bars: the short trainings that a trial has to pass first.
        until: when the job should have ended, on the machine's monotonic clock, in seconds.
        place, parts: of a refit: how long it trains, and with which schedule; and on the rows of which parts.
        keep_below: weights and predictions are written to disk if the objective is below this.
        folder: where the job's files go, or for an export, where they come from; for an importance, the run's.
        temperature, refitted: of an export: that of the trial, and whether the weights are those that learned from more
            rows.
        share: of its training rows that a trial learns from.
        model, encoding, columns: of an importance; the columns in question.
    """

    key: int
    kind: Literal["trial", "boosting", "export", "refit", "probe", "importance"]
    folder: Path
    family: str = ""
    params: Params = field(default_factory=dict)
    metric: str = ""
    seed: int = 0
    bars: tuple[Bar, ...] = ()
    until: float = float("inf")
    place: Place | None = None
    parts: tuple[str, ...] = ()
    keep_below: float = float("inf")
    temperature: float = 1.0
    refitted: bool = False
    share: float = 1.0
    model: Ensemble | None = None
    encoding: Encoding | None = None
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Event:
    """Something that a job reports: "epoch" with curves, "done" with its result, "failed" with a reason.

    An "epoch" without curves is a sign of life. `leaves` tells that the worker should be replaced by a new one.
    """

    key: int
    kind: Literal["epoch", "done", "failed"]
    result: Mapping[str, Any] = field(default_factory=dict)
    reason: Reason = ""
    message: str = ""
    leaves: bool = False


@dataclass(frozen=True)
class Moved:
    """Tells the worker that has a job when it should have ended now, on the monotonic clock, in seconds."""

    key: int
    until: float


class Executor(Protocol):
    """Runs jobs, each apart from the others: one that crashes costs nothing but itself."""

    @property
    def capacity(self) -> int:
        """How many more jobs can be submitted now."""

    def submit(self, job: Job) -> None:
        """Starts a job; there must be capacity."""

    def wait(self, seconds: float) -> list[Event]:
        """What has happened since the last call, after waiting for it at most so long."""

    def move(self, key: int, until: float) -> None:
        """Gives a job more time or less, if it has not ended."""

    def cancel(self, key: int) -> None:
        """Ends a job at once; it gives no further event."""

    def close(self) -> None:
        """Ends everything."""
