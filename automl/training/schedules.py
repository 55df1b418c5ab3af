"""Schedules: the learning rate and the regularization of a step by its place in the training."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from automl.trial import HURRIED

WARM_UP = 0.05
# Boosting that lacks the time for all of its rounds learns faster if it has less than this share of them, and at most
# so many times as fast. With 100 rounds the error is 0.91 of that at the usual rate if the rate is four times as high
# (geometric mean over four tables of 18,000 to 56,000 rows; 0.77 to 0.98), with 200 rounds 0.97 if twice as high.
HURRY_SHARE = 0.75
MOST_HURRY = 4.0
FASTEST_IN_HURRY = 0.3


def learning_rates(
    schedule: str, peak: float, steps: NDArray[np.int_], *, of: int, asked: int | None = None
) -> NDArray[np.float32]:
    """The learning rates of these steps, counted from 0, in a training of so many; shape (steps,).

    "constant" stays at the peak; "cosine" falls to zero along half a cosine after a short linear warm-up
    (Loshchilov & Hutter 2017); "one_cycle" climbs for three tenths of the steps and then falls (Smith 2018);
    "coslog4" swings four times between zero and the peak, each time for twice as long, and ends at zero (RealMLP,
    Holzmüller et al. 2024, section 3). "hurried" is constant, and higher where `of` is much less than the steps that
    were `asked` for.
    """
    position = (steps + 0.5) / of
    if schedule == "constant":
        shape = np.ones(len(steps))
    elif schedule == HURRIED:
        hurry = np.clip(HURRY_SHARE * (asked or of) / of, 1.0, MOST_HURRY)
        shape = np.full(len(steps), min(hurry, max(1.0, FASTEST_IN_HURRY / peak)))
    elif schedule == "cosine":
        shape = _rise_and_fall(position, top=WARM_UP)
    elif schedule == "one_cycle":
        shape = _rise_and_fall(position, top=0.3)
    elif schedule == "coslog4":
        shape = 0.5 * (1 - np.cos(2 * np.pi * np.log2(1 + 15 * position)))
    else:
        raise ValueError(f"no schedule {schedule!r}")
    return (peak * shape).astype(np.float32)


def regularization(schedule: str, steps: NDArray[np.int_], *, of: int) -> NDArray[np.float32]:
    """The share of dropout and weight decay at these steps; shape (steps,).

    "constant" is 1; "flat_cos" is 1 for the first half of the training and falls to zero along half a cosine in the
    second (RealMLP).
    """
    position = (steps + 0.5) / of
    if schedule == "constant":
        return np.ones(len(steps), dtype=np.float32)
    if schedule == "flat_cos":
        return np.where(position < 0.5, 1, 0.5 * (1 + np.cos(np.pi * (2 * position - 1)))).astype(np.float32)
    raise ValueError(f"no schedule {schedule!r}")


def _rise_and_fall(position: NDArray[np.float64], *, top: float) -> NDArray[np.float64]:
    return np.where(position < top, position / top, 0.5 * (1 + np.cos(np.pi * (position - top) / (1 - top))))
