"""What a trial tells a search: its objective, or nothing."""

from __future__ import annotations

import math

from automl.trial import Trial


def outcome(trial: Trial) -> float | None:
    """The objective of a finished trial, lower is better; None if it runs, has failed or is not a finite number.

    Of a pruned trial it is that of its last rung: more epochs would have made it better, and others better still.
    """
    objective = trial.rungs[-1].objective if trial.status == "pruned" else trial.objective
    if trial.status not in ("finished", "pruned") or objective is None or not math.isfinite(objective):
        return None
    return objective
