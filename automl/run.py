"""A run that has been made: its leaderboard, its verdict, its trials and its model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from automl.diagnostics import Answer, Finding, worst_first
from automl.errors import InputError
from automl.records import RunFolder
from automl.tasks import Metric, metric, task

if TYPE_CHECKING:
    import os

    import pandas as pd

    from automl.baselines import Baseline
    from automl.ensemble import Ensemble
    from automl.model import Model
    from automl.trial import Trial

Found = TypeVar("Found")


@dataclass(frozen=True, init=False)
class Run:
    """A run's folder, read when asked.

    Whatever is asked of it raises InputError where the folder holds no run, or its records are damaged.

    Attributes:
        path: the run's folder.
        interrupted: whether the user ended the search early.
    """

    path: Path
    interrupted: bool

    def __init__(self, path: str | os.PathLike[str], *, interrupted: bool = False) -> None:
        object.__setattr__(self, "path", Path(path))
        object.__setattr__(self, "interrupted", interrupted)

    @cached_property
    def metric(self) -> Metric:
        """The metric that decided between trials."""
        asked = self._folder.asked()
        return metric(asked["metric"], task(asked["task"]))

    @cached_property
    def trials(self) -> list[Trial]:
        """Every trial, in the order in which they were started."""
        return self._folder.trials()

    @cached_property
    def baselines(self) -> list[Baseline]:
        """The baselines."""
        return self._folder.baselines()

    @cached_property
    def ensemble(self) -> Ensemble | None:
        """What the model is made of; None if no trial succeeded."""
        return self._folder.ensemble()

    @cached_property
    def verdict(self) -> str:
        """Whether the model can be trusted, in a sentence; empty without a model, or where no checks were made."""
        return self._checked[0]

    @cached_property
    def findings(self) -> list[Finding]:
        """What the checks have found, the worst first; what is fine is none."""
        return worst_first(self._checked[1])

    @cached_property
    def _folder(self) -> RunFolder:
        folder = RunFolder(self.path)
        # A folder without a run would have no trials and no findings, as the best of runs.
        folder.asked()
        return folder

    @cached_property
    def _checked(self) -> tuple[str, list[Answer]]:
        return self._read(RunFolder.findings)

    def _read(self, findings: Callable[[RunFolder], Found]) -> Found:
        try:
            return findings(self._folder)
        except (KeyError, TypeError, AttributeError):
            raise InputError(
                f"{self.path / 'findings.json'} is damaged: it is no record of this version. "
                f"Restore it from a copy, or have the run make it anew: automl resume {self.path}"
            ) from None

    @property
    def leaderboard(self) -> pd.DataFrame:
        """Trials and baselines, best first; failed ones last, with the reason."""
        from automl.reporting.leaderboard import leaderboard

        answers = self._read(RunFolder.findings_of_trials)
        return leaderboard(self.trials, self.baselines, self.metric, ensemble=self.ensemble, answers=answers)

    def report(self, out: str | Path | None = None) -> Path:
        """Makes `report.html` anew, in the run's folder or at `out`, and returns where it is.

        Raises:
            InputError: the folder holds no run, or its records are damaged.
            EnvironmentFault: the report cannot be written.
        """
        from automl.reporting.report import write

        return write(self.path, None if out is None else Path(out))

    @cached_property
    def model(self) -> Model:
        """The best model; loads TensorFlow."""
        from automl.model import load

        return load(self.path)
