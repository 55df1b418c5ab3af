"""What `--quality` stands for: how much a fit does for a better model. What the user says in particular counts more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from automl.errors import unknown


@dataclass(frozen=True)
class Quality:
    """A trade between the time of a fit, the speed of its model, and how good that is.

    Attributes:
        trials: the most settings to try; None for as many as the time allows.
        most_rows_in_folds: larger tables keep a holdout; 0 for no folds.
        combines: whether the model may be an ensemble.
        boosts: whether there is gradient boosting to compare with.
        refits: on which rows the chosen networks are trained again: those that a holdout has kept from them, "all", or
            none.
        audits: whether the model is examined in the end, for a small share of the time.
        says: the same in words, for people; empty for what is usual.
    """

    trials: int | None
    most_rows_in_folds: int
    combines: bool
    boosts: bool
    refits: Literal["none", "known", "all"]
    audits: bool
    says: str = ""


# Folds cost as many trainings as there are. The time has to allow for a handful of settings in them in any case.
QUALITIES = {
    "fast": Quality(
        1, 0, combines=False, boosts=False, refits="none", audits=False, says="one setting, no folds, no ensemble"
    ),
    "balanced": Quality(None, 6_000, combines=True, boosts=True, refits="known", audits=True),
    "best": Quality(
        None, 50_000, combines=True, boosts=True, refits="all", audits=True, says="folds if the time allows"
    ),
}


def quality(name: str) -> Quality:
    """The quality of that name.

    Raises:
        InputError: there is none.
    """
    if name not in QUALITIES:
        raise unknown("quality", name, QUALITIES)
    return QUALITIES[name]
