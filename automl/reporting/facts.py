"""All that a report tells, read from a run's folder: neither the data nor TensorFlow is needed for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from automl.baselines import Baseline
from automl.data.profile import Profile
from automl.diagnostics import Answer
from automl.ensemble import Ensemble
from automl.errors import InputError
from automl.evaluation import Evaluated, Importance, WeakSpot
from automl.records import Outcome, RunFolder
from automl.reporting.verdict import PARTS, verdict
from automl.tasks import Metric, Task, metric, task
from automl.trial import Trial


@dataclass(frozen=True)
class ReportFacts:
    """What the sections of a report show; whatever a run has not recorded is empty.

    Attributes:
        path: of the run's folder.
        asked: what `run.json` keeps.
        rows: of each part, by name.
        verdict: a sentence; `answers` are those of the checks, `of_trials` those for each of the leading trials.
        evaluation: what the model says of rows whose truth is known, by part.
    """

    path: Path
    asked: Mapping[str, Any]
    profile: Profile
    rows: Mapping[str, int]
    trials: Sequence[Trial] = ()
    baselines: Sequence[Baseline] = ()
    best: Ensemble | None = None
    outcome: Outcome | None = None
    verdict: str = ""
    answers: Sequence[Answer] = ()
    of_trials: Mapping[int, Sequence[Answer]] = field(default_factory=dict)
    evaluation: Mapping[str, Evaluated] = field(default_factory=dict)
    importance: Sequence[Importance] = ()
    weak_spots: Sequence[WeakSpot] = ()

    @property
    def name(self) -> str:
        """The run's."""
        return self.path.resolve().name

    @property
    def data(self) -> str:
        """The name of the data."""
        return str(self.asked["data"]["name"])

    @cached_property
    def task(self) -> Task:
        """What is predicted."""
        return task(self.asked["task"])

    @cached_property
    def metric(self) -> Metric:
        """The metric that decided between trials."""
        return metric(self.asked["metric"], self.task)

    @property
    def unseen(self) -> str:
        """The part that tells how the model does on new rows: validation rows only where there are no test rows."""
        return "test" if self.rows.get("test") else "val"

    @property
    def says(self) -> str:
        """The verdict; of a run that was not checked, what its scores say."""
        if self.verdict:
            return self.verdict
        if self.best is None:
            return (
                "There is no model: no trial succeeded." if self.trials else "There is no model: no trial was started."
            )
        return verdict(self.best, self.metric, self.answers, unseen=self.unseen)

    @property
    def unseen_title(self) -> str:
        """What people call it."""
        return PARTS[self.unseen]


def from_folder(path: Path) -> ReportFacts:
    """The facts of a run.

    Raises:
        InputError: the folder holds no run, or its records are damaged.
    """
    try:
        return _read(RunFolder(path))
    except (KeyError, TypeError, AttributeError, ValueError, EOFError, BadZipFile) as error:
        raise InputError(
            f"The records in {path} are damaged, or of another version ({type(error).__name__}: {error}). "
            "Restore them from a copy, or use the version that run.json names."
        ) from error


def _read(folder: RunFolder) -> ReportFacts:
    asked = folder.asked()
    verdict, answers = folder.findings()
    facts = ReportFacts(
        folder.path,
        asked,
        folder.profile(),
        {part: asked["split"][part] for part in PARTS if asked["split"].get(part)},
        folder.trials(),
        folder.baselines(),
        folder.ensemble(),
        folder.outcome(),
        verdict,
        answers,
        folder.findings_of_trials(),
        folder.evaluation(),
        folder.importance(),
        folder.weak_spots(),
    )
    # An unknown task or metric is told at once, and not by every section.
    assert facts.metric
    return facts
