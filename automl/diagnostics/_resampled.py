"""How much the scores of a run's predictions vary with the rows of a part."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from automl import bootstrap
from automl.diagnostics import Evidence
from automl.tasks import FloatArray


def resampled(
    evidence: Evidence,
    part: str,
    predictions: Sequence[FloatArray],
    *,
    draws: int = 0,
    times: int = bootstrap.RESAMPLES,
    most_rows: int = bootstrap.MOST_ROWS,
) -> NDArray[np.float64]:
    """`bootstrap.resampled` by the run's metric, with whole groups of rows where the user has named groups.

    Args:
        draws: which draws; predictions are paired where they are the same.
    """
    data = evidence.data
    return bootstrap.resampled(
        data.of(part),
        predictions,
        evidence.metric,
        seed=data.seed + draws,
        groups=data.groups_of(part),
        times=times,
        most_rows=most_rows,
    )


def standard_errors(lead: float, spread: float) -> float:
    """How many standard errors a lead is; infinitely many where no draw changes it, and 0 where one is unknown."""
    if spread > 0:
        return lead / spread
    return math.copysign(math.inf, lead) if lead and spread == 0 and math.isfinite(lead) else 0.0
