"""Which columns the model relies on: how much worse it does on validation rows when one of them is shuffled."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import ndtri, stdtrit

from automl.diagnostics import Answer, Evidence, Finding, NotApplicable
from automl.diagnostics._wording import NOT_MEASURED
from automl.figures import count, score
from automl.plain import plain

STAGE = "run"
TITLE = "Which columns matter"

SHOWN = 3
# Of the sum of all increases: with more than this, the model stands or falls with one column.
ALONE = 0.9
# A column without meaning counts as useful in one table of twenty, however many columns there are.
CHANCE = 0.05
FEWEST_SHUFFLES = 3
# Columns that are better shuffled, from which on these show how far chance goes.
LEAST_WORSE = 3


def check(evidence: Evidence) -> Answer:
    """The mean increase of the error over a few shuffles (Breiman 2001), where it is beyond chance.

    It has to be by the spread of the shuffles (Student's t), and by the spread of the columns that do better when they
    are shuffled: as far as chance goes down, it goes up (Altmann et al. 2010 find the same by permuting the target).
    Columns that say the same stand in for each other: each of them seems to matter little.
    """
    increases = evidence.audit.increases
    if not increases:
        return NotApplicable("column_importance", NOT_MEASURED)
    means = {name: float(np.mean(values)) for name, values in increases.items()}
    ranked = sorted(means, key=lambda name: -means[name])
    common = _chance(list(means.values()))
    useful = [name for name in ranked if means[name] > max(_chance_of(increases[name], of=len(ranked)), common)]
    idle = len(ranked) - len(useful)
    gained = sum(max(0.0, mean) for mean in means.values())
    figures = {"idle_columns": float(idle), "first_share": means[ranked[0]] / gained if useful else 0.0}
    told = ", ".join(f"{plain(name, longest=40)} ({score(means[name])})" for name in useful[:SHOWN])
    explanation = (
        f"What shuffling a column costs in {evidence.metric.title} on validation rows: {told or 'no column anything'}. "
        f"{count(idle, 'column')} of {len(ranked)} can be shuffled without a loss beyond chance."
    )
    if len(ranked) > 1 and figures["first_share"] > ALONE:
        return Finding(
            "column_importance",
            "note",
            f"The model relies on {plain(ranked[0], longest=40)} alone",
            explanation,
            "Make sure that this column is known when you predict, and not made from the target.",
            figures,
            (ranked[0],),
        )
    names = ", ".join(plain(name, longest=40) for name in useful[:SHOWN])
    title = f"It relies most on {names}" if names else "It relies on no column in particular"
    return Finding("column_importance", "fine", title, explanation, "", figures, tuple(useful[:SHOWN]))


def _chance_of(values: Sequence[float], *, of: int) -> float:
    """What the mean of so many shuffles may reach by chance; 0 where they are too few to tell anything of it."""
    if len(values) < FEWEST_SHUFFLES:
        return 0.0
    spread = float(np.std(values, ddof=1) / np.sqrt(len(values)))
    return -float(stdtrit(len(values) - 1, CHANCE / of)) * spread


def _chance(means: Sequence[float]) -> float:
    """What a column without meaning may reach by chance, seen from those below zero; 0 where these are too few."""
    worse = [mean for mean in means if mean < 0]
    if len(worse) < LEAST_WORSE:
        return 0.0
    return -float(ndtri(CHANCE / len(means))) * float(np.sqrt(np.mean(np.square(worse))))
