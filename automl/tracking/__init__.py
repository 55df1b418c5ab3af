"""Where a run is recorded while it goes on: what every tracker does. `mlflow` is the real one.

A tracker never decides anything and is told everything by the main process alone.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from automl.diagnostics import Answer
from automl.ensemble import Ensemble
from automl.trial import Trial

if TYPE_CHECKING:
    import pandas as pd

    from automl.data.profile import Profile

# MLflow reads it when it is imported, which the modules of this package do.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")


@dataclass(frozen=True)
class RunDescription:
    """What is known when a run starts.

    Attributes:
        name: the run's name, as its folder is called.
        data: the data set's name; `digest` identifies its content; `source` is the path or "data frame".
        split: rows per part, for example {"train": 600, "val": 200, "test": 200}.
        objective: the metric that the search minimises or maximises on the validation rows.
        settings: what was asked for: search, time, trials, seed, workers, …
        command: the command line, or the Python call, that started the run, or this session of it.
        began: when the run began, in milliseconds since 1970.
        keeps: a file of the tracker's own, in the run's folder.
        resumed: how many earlier sessions there were of the run.
        trials: those that ended in them; `ended` says when, by their number, as far as that is known.
    """

    name: str
    data: str
    digest: str
    source: str
    profile: Profile
    split: Mapping[str, int]
    objective: str
    settings: Mapping[str, Any]
    command: str
    began: int
    keeps: Path | None = None
    resumed: int = 0
    trials: Sequence[Trial] = ()
    ended: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class RunOutcome:
    """What is known when a run ends.

    Attributes:
        status: "finished", "failed" (no model) or "interrupted" (ended by the user; there may be a model).
        leaderboard: one row per trial and baseline, best first; none of a run that was broken off.
        best: what the model is made of, None if no trial succeeded.
        baselines: scores of the baselines by name, then split, then metric.
        bundle: the folder of the saved model, None if there is none.
        example: a few rows as the model takes them, without the target.
        files: further files to keep with the run; `plots` are pictures of it.
        summary: what a person should read first, in Markdown.
        answers, verdict: of all checks; `of_trials` are the answers for each of the leading trials, by number.
        evaluated: the file with what the model says of rows whose truth is known.
        ended: when it ended, in milliseconds since 1970; None for now.
    """

    status: str
    leaderboard: pd.DataFrame
    best: Ensemble | None
    baselines: Mapping[str, Mapping[str, Mapping[str, float]]]
    bundle: Path | None
    example: pd.DataFrame
    files: tuple[Path, ...] = ()
    plots: tuple[Path, ...] = ()
    summary: str = ""
    answers: Sequence[Answer] = ()
    of_trials: Mapping[int, Sequence[Answer]] = field(default_factory=dict)
    verdict: str = ""
    evaluated: Path | None = None
    ended: int | None = None


class Tracker(Protocol):
    """Records one run.

    Calls come in this order: start; then, per trial, started, epochs…, ended; then finish; and close in any case.
    """

    def start(self, run: RunDescription) -> None:
        """Opens the run, or opens it again; a store that does not answer must not end a run."""

    def trial_started(self, trial: Trial) -> None:
        """A worker has begun the trial."""

    def epochs(self, trial: Trial) -> None:
        """More epochs of a running trial are known: `trial.curves` holds all of them so far."""

    def trial_ended(self, trial: Trial) -> None:
        """The trial has finished or failed."""

    def finish(self, outcome: RunOutcome) -> None:
        """Closes the run."""

    def close(self) -> None:
        """Closes a run that was started and not finished, as failed; does nothing after `finish`."""
