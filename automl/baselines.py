"""What a network must beat: predicting without the features, and gradient boosting with its defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

CONSTANT = "constant"
BOOSTING = "gradient boosting"
# Where in a run's folder the predictions of gradient boosting are.
BOOSTED = "boosting.npz"


@dataclass(frozen=True)
class Baseline:
    """A baseline's outcome.

    Attributes:
        scores: by split and metric, as in a trial; empty unless the baseline finished.
        message: why there are no scores, in one line; empty if there are.
    """

    name: str
    scores: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    seconds: float = 0.0
    message: str = ""
