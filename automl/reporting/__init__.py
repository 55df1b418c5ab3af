"""What a person sees of a run. The pipeline tells a reporter what happens; `terminal` shows it, `silent` does not.

Reporters compute nothing that other code reads, and load neither Keras nor MLflow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from automl.baselines import Baseline
from automl.data.profile import Profile
from automl.data.split import Split
from automl.diagnostics import Answer, Finding
from automl.ensemble import Ensemble
from automl.families import Candidate
from automl.tasks import Metric
from automl.trial import Trial


@dataclass(frozen=True)
class Before:
    """What a run has that goes on.

    Attributes:
        trials: those that have ended.
        again: how many start again.
        seconds: of its time that are used.
    """

    trials: Sequence[Trial]
    again: int
    seconds: float


@dataclass(frozen=True)
class Plan:
    """The search that is about to begin.

    Attributes:
        seconds: the whole budget, from the start of the process; None without one.
        trials: the most trials to run; None without a limit.
        grid_size: the number of points of a grid search.
        quality: a name of `automl.quality`.
        refit_rows: on how many rows the chosen networks will be trained again; None if they will not.
        refits_test: whether the test rows are among these.
        before: None for a new run.
    """

    search: str
    seconds: float | None
    trials: int | None
    workers: int
    metric: Metric
    grid_size: int | None = None
    quality: str = "balanced"
    refit_rows: int | None = None
    refits_test: bool = True
    before: Before | None = None


@dataclass(frozen=True)
class Progress:
    """Where the search stands. Running trials carry the curves known so far.

    Attributes:
        activity: what the main process is doing, for example "searching" or "saving the best model".
        seconds_left: of the budget; None without one.
    """

    activity: str
    trials: Sequence[Trial]
    baselines: Sequence[Baseline]
    seconds_left: float | None


@dataclass(frozen=True)
class Result:
    """What came out.

    Attributes:
        metric: the one that decided between trials; `metrics` are all of the task, by name.
        best: what the model is made of; None when no trial succeeded.
        interrupted: whether the user ended the search.
        tracking: where the run is recorded; empty if nowhere.
        verdict: the sentence that sums up the answers of all checks.
        of_trials: by number, what checks answer of each of the leading trials.
    """

    folder: Path
    metric: Metric
    split: Split
    trials: Sequence[Trial]
    baselines: Sequence[Baseline]
    best: Ensemble | None
    seconds: float
    interrupted: bool
    tracking: str
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    verdict: str = ""
    answers: Sequence[Answer] = ()
    of_trials: Mapping[int, Sequence[Answer]] = field(default_factory=dict)


class Reporter(Protocol):
    """Told in this order: data, findings, families, search, progress (often), result; `note` at any time."""

    def note(self, text: str) -> None:
        """Something that the user should know now."""

    def data(self, profile: Profile, *, name: str, notes: Sequence[str], split: Split) -> None:
        """The table has been read, profiled and split."""

    def findings(self, findings: Sequence[Finding]) -> None:
        """What the checks before training have found, the worst first."""

    def families(self, candidates: Sequence[Candidate]) -> None:
        """The families have been chosen."""

    def search(self, plan: Plan) -> None:
        """The search begins."""

    def progress(self, progress: Progress) -> None:
        """The search goes on; called several times a second."""

    def result(self, result: Result) -> None:
        """The run is over."""

    def close(self) -> None:
        """Leaves the terminal as it was; called on every way out."""
