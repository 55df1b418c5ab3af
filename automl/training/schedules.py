"""Learning-rate schedules: the rate of a step by its place in the training."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

WARM_UP = 0.05


def learning_rates(schedule: str, peak: float, steps: NDArray[np.int_], *, of: int) -> NDArray[np.float32]:
    """The learning rates of these steps, counted from 0, in a training of so many; shape (steps,).

    "constant" stays at the peak; "cosine" falls to zero along half a cosine after a short linear warm-up
    (Loshchilov & Hutter 2017); "one_cycle" climbs for three tenths of the steps and then falls (Smith 2018).
    """
    position = (steps + 0.5) / of
    if schedule == "constant":
        shape = np.ones(len(steps))
    elif schedule == "cosine":
        shape = _rise_and_fall(position, top=WARM_UP)
    elif schedule == "one_cycle":
        shape = _rise_and_fall(position, top=0.3)
    else:
        raise ValueError(f"no schedule {schedule!r}")
    return (peak * shape).astype(np.float32)


def _rise_and_fall(position: NDArray[np.float64], *, top: float) -> NDArray[np.float64]:
    return np.where(position < top, position / top, 0.5 * (1 + np.cos(np.pi * (position - top) / (1 - top))))
