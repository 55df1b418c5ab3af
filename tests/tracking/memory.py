"""Keeps what a tracker is told, in the order in which it was told: for tests."""

from __future__ import annotations

from dataclasses import dataclass, field

from automl.tracking import RunDescription, RunOutcome
from automl.trial import Trial


@dataclass
class MemoryTracker:
    """Every call, by the method's name and with its argument.

    Attributes:
        calls: for example [("start", description), ("trial_started", trial), …, ("finish", outcome)].
    """

    calls: list[tuple[str, RunDescription | Trial | RunOutcome | None]] = field(default_factory=list)

    def start(self, run: RunDescription) -> None:
        """Keeps the description."""
        self.calls.append(("start", run))

    def trial_started(self, trial: Trial) -> None:
        """Keeps the trial as it was when it started."""
        self.calls.append(("trial_started", trial))

    def epochs(self, trial: Trial) -> None:
        """Keeps the trial as it is now."""
        self.calls.append(("epochs", trial))

    def trial_ended(self, trial: Trial) -> None:
        """Keeps the trial as it ended."""
        self.calls.append(("trial_ended", trial))

    def finish(self, outcome: RunOutcome) -> None:
        """Keeps the outcome."""
        self.calls.append(("finish", outcome))

    def close(self) -> None:
        """Keeps that it was called."""
        self.calls.append(("close", None))

    @property
    def runs(self) -> list[RunDescription]:
        """The descriptions that runs were started with."""
        return [kept for _, kept in self.calls if isinstance(kept, RunDescription)]

    @property
    def outcomes(self) -> list[RunOutcome]:
        """The outcomes that runs were finished with."""
        return [kept for _, kept in self.calls if isinstance(kept, RunOutcome)]

    def trials(self, call: str) -> list[Trial]:
        """The trials that the method `call` was told of."""
        return [kept for name, kept in self.calls if name == call and isinstance(kept, Trial)]
