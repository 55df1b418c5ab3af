"""How lucky the epoch was whose weights were kept: it is the best of many on the rows that are to judge it."""

from __future__ import annotations

import math

from automl.diagnostics import Answer, Evidence, Finding, NotApplicable
from automl.diagnostics._curves import Curve, curves, typical
from automl.figures import count, percent

STAGE = "training"
TITLE = "Choice of the epoch"

# Epochs to either side of the best that are compared with it.
NEIGHBOURS = 2
# The luck, as a share of what the network has learned.
SOME, MUCH = 0.05, 0.15
# A training of so many epochs whose best is one of the first two, or of the first twentieth, has gone wrong from there.
LEAST_EPOCHS, AT_ONCE, AT_ONCE_SHARE = 10, 2, 0.05
# Of the model's weight, what must be like this for the model to be.
MOST = 0.5


def check(evidence: Evidence) -> Answer:
    """The luck is the mean error of the epochs beside the best one less the error of that.

    The mean is of two epochs on either side, and the lower of the two counts: where training is still falling or
    already rising, one side is high without any luck. So it is rather a little less than the luck there is. At the very
    end of the epochs there is no other side, and no luck is counted. Members whose learning rate goes up and down in
    cycles are left out.
    """
    known = [curve for curve in curves(evidence) if not curve.is_cyclic]
    if not known:
        return NotApplicable(
            "early_stopping", "No member of the model has epochs that can be compared with each other."
        )
    luck = typical(lucky, known)
    weight = sum(curve.weight for curve in known)
    at_once = sum(curve.weight for curve in known if _is_over_at_once(curve)) / weight
    at_end = sum(curve.weight for curve in known if curve.best == curve.epochs) / weight
    first = next((curve for curve in known if at_once > MOST and _is_over_at_once(curve)), known[0])
    figures = {
        "luck": luck,
        "best_epoch_share": first.best / first.epochs,
        "weight_at_once": at_once,
        "weight_at_end": at_end,
    }
    explained = (
        f"The weights are those of epoch {first.best} of {first.epochs} (#{first.trial.number} {first.trial.family}), "
        "the best on validation rows."
    )
    if at_end <= MOST:
        explained += (
            f" The epochs beside it are worse by {percent(luck)} of what was learned: by so much is the validation "
            "score too good."
        )
    if at_once > MOST:
        title = f"The best epoch comes at once: {count(first.best, 'epoch')} of {first.epochs}"
        explained += " What followed made it worse: the learning rate is too high, or there is little to learn."
        rate = float(first.trial.params.get("learning_rate", math.nan))
        narrower = f": --set {first.trial.family}.learning_rate={rate / 30:.1e}..{rate / 3:.1e}" if rate > 0 else ""
        advice = f"Try lower learning rates{narrower}."
        return Finding("early_stopping", "warning" if luck >= SOME else "note", title, explained, advice, figures)
    if luck >= SOME:
        title = f"The epoch that was kept is a lucky one: {percent(luck)} of what it learned is luck"
        trust = "Trust the test score, not the validation score. " if evidence.unseen == "test" else ""
        advice = f"{trust}Lower learning rates and more validation rows help."
        return Finding("early_stopping", "warning" if luck >= MUCH else "note", title, explained, advice, figures)
    title = "The epoch that was kept is hardly better than those beside it"
    if at_end > MOST:
        title = "The epoch that was kept is the last one, so it was not chosen for luck"
    return Finding("early_stopping", "fine", title, explained, "", figures)


def lucky(curve: Curve) -> float:
    """How far the best epoch is below the epochs beside it, as a share of what was learned."""
    before = curve.errors[max(1, curve.best - NEIGHBOURS) : curve.best]
    after = curve.errors[curve.best + 1 : curve.best + 1 + NEIGHBOURS]
    if not len(after):
        return 0.0
    # Before the first epoch it knew nothing: what follows tells alone.
    return float(min(after.mean(), before.mean()) if len(before) else after.mean())


def _is_over_at_once(curve: Curve) -> bool:
    return curve.epochs >= LEAST_EPOCHS and curve.best <= max(AT_ONCE, AT_ONCE_SHARE * curve.epochs)
