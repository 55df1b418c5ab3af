"""What became of training the chosen networks again on all rows, in words."""

from __future__ import annotations

from automl.ensemble import Ensemble
from automl.reporting._figures import count
from automl.reporting._plain import plain


def again(best: Ensemble) -> str:
    """Which members were trained again, whose the scores are, and why others were not; empty if none was to be."""
    if best.refit is None:
        return ""
    rows = f"all {count(best.refit.rows, 'row')}"
    reasons = "; ".join(dict.fromkeys(plain(why, longest=200) for why in best.refit.kept.values()))
    if not best.refit.trials:
        return f"It was not trained again on {rows}: {reasons}."
    of = len(best.members)
    learned = "It was" if of == 1 else f"{len(best.refit.trials)} of its {of} members were"
    if len(best.refit.trials) == of > 1:
        learned = f"Its {of} members were"
    said = f"{learned} then trained again on {rows}; the scores are those of the models before."
    kept = [f"#{member.trial} {member.family}" for member in best.members if member.trial in best.refit.kept]
    return f"{said} Not so {', '.join(kept)}: {reasons}." if kept else said
