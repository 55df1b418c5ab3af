"""What a trial tells a search: its objective, or nothing."""

from __future__ import annotations

import math

from automl.trial import Trial


def outcome(trial: Trial) -> float | None:
    """The objective of a finished trial, lower is better; None if it runs, has failed or is not a finite number."""
    if trial.status != "finished" or trial.objective is None or not math.isfinite(trial.objective):
        return None
    return trial.objective
