"""How far the best of many trials is ahead on the rows that chose it, without being better."""

from __future__ import annotations

import math

from automl.diagnostics import Evidence
from automl.trial import finished


def luck(evidence: Evidence, part: str) -> float:
    """In standard errors; 0 on test rows, which chose nothing.

    The best of n that are alike is √(2 ln n) standard errors above their mean, or less.
    """
    return 0.0 if part == "test" else math.sqrt(2 * math.log(max(2, len(finished(evidence.trials)))))
