"""What became of training the chosen networks again on more rows, in words."""

from __future__ import annotations

from automl.ensemble import Ensemble
from automl.figures import count
from automl.plain import plain


def again(best: Ensemble) -> str:
    """Which members were trained again, whose the scores are, and why others were not; empty if none was to be."""
    if best.refit is None:
        return ""
    rows = learned_rows(best.refit.rows, with_test=best.refit.with_test)
    reasons = "; ".join(dict.fromkeys(plain(why, longest=200) for why in best.refit.kept.values()))
    if not best.refit.trials:
        return f"It was not trained again on {rows}: {reasons}."
    learned = _learned(len(best.refit.trials), len(best.members))
    said = f"{learned} then trained again on {rows}; the scores are those of the model before."
    kept = [f"#{member.trial} {member.family}" for member in best.members if member.trial in best.refit.kept]
    if not kept:
        return said
    listed = " and ".join(part for part in (", ".join(kept[:-1]), kept[-1]) if part)
    return f"{said} {listed} {'is' if len(kept) == 1 else 'are'} as before: {reasons}."


def learned_rows(rows: int, *, with_test: bool) -> str:
    """What the rows are called."""
    return f"all {count(rows, 'row')}" if with_test else f"the {count(rows, 'row')} for training and validation"


def _learned(some: int, of: int) -> str:
    if some == of:
        return "It was" if of == 1 else f"Its {of} members were"
    return f"{some} of its {of} members {'was' if some == 1 else 'were'}"
