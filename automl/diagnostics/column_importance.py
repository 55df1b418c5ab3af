"""Which columns the model relies on: how much worse it does on validation rows when one of them is shuffled."""

from __future__ import annotations

import numpy as np

from automl.diagnostics import Answer, Evidence, Finding, NotApplicable
from automl.figures import count, score
from automl.plain import plain

STAGE = "run"
TITLE = "What the columns mean"

SHOWN = 3
# Of the sum of all increases: with more than this, the model stands or falls with one column.
ALONE = 0.9
# Standard errors beyond which an increase is not chance.
SURE = 2.0


def check(evidence: Evidence) -> Answer:
    """The mean increase of the error over a few shuffles, and its standard error (Breiman 2001).

    Columns that say the same stand in for each other: each of them seems to mean little.
    """
    increases = evidence.audit.increases
    if not increases:
        return NotApplicable("column_importance", "There was no time to shuffle the columns.")
    means = {name: float(np.mean(values)) for name, values in increases.items()}
    errors = {name: float(np.std(values) / np.sqrt(max(1, len(values) - 1))) for name, values in increases.items()}
    ranked = sorted(means, key=lambda name: -means[name])
    useful = [name for name in ranked if means[name] > SURE * errors[name]]
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
