"""A reporter that shows nothing."""

from __future__ import annotations

from collections.abc import Sequence

from automl.data.profile import Profile
from automl.data.split import Split
from automl.diagnostics import Finding
from automl.families import Candidate
from automl.reporting import Plan, Progress, Result


class Silent:
    """Takes every message and drops it."""

    def note(self, text: str) -> None: ...

    def data(self, profile: Profile, *, name: str, notes: Sequence[str], split: Split) -> None: ...

    def findings(self, findings: Sequence[Finding]) -> None: ...

    def families(self, candidates: Sequence[Candidate]) -> None: ...

    def search(self, plan: Plan) -> None: ...

    def progress(self, progress: Progress) -> None: ...

    def result(self, result: Result) -> None: ...

    def close(self) -> None: ...
