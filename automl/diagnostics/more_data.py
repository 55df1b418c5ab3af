"""Whether more rows would help: what the best setting loses if it learns from half or a quarter of them."""

from __future__ import annotations

from typing import cast

import numpy as np
from numpy.typing import NDArray

from automl.bootstrap import interval
from automl.diagnostics import Answer, Evidence, Finding, NotApplicable
from automl.diagnostics._resampled import resampled
from automl.diagnostics._wording import NOT_MEASURED
from automl.figures import score

STAGE = "run"
TITLE = "Whether more data would help"

# Of 55 real tables with at least 1,500 rows, boosted trees on an eighth, a quarter and half of the rows said that all
# of them would take away 12 % of the error, on average, and they took 9 %; the last doubling had taken 15 %.
HALF, QUARTER = 0.5, 0.25
# Of the error: what halving the rows must cost to be worth a word, and how little it must be for sure to be little.
WORTHWHILE, LITTLE = 0.02, 0.06


def check(evidence: Evidence) -> Answer:
    """The paired difference on validation rows between learning from half of the training rows and from all of them.

    The error falls as a power of the number of rows towards a least one (Cortes et al. 1993): each doubling gains the
    same share of what the one before it has gained. So a quarter, half and all of the rows tell what twice as many
    would bring; without the quarter, only that it is less than halving them costs.
    """
    leader, metric = evidence.leader, evidence.metric
    if evidence.data.groups is not None:
        return NotApplicable(
            "more_data", "Half of the rows have nearly all groups: what more groups bring is not known."
        )
    fewer = evidence.audit.fewer_rows
    if HALF not in fewer:
        return NotApplicable("more_data", NOT_MEASURED)
    # With other random numbers where that is known: the leader's were chosen, among others for their luck.
    repeats = evidence.audit.other_seeds.get(leader.number) or [evidence.predictions[leader.number]["val"]]
    targets, whole = evidence.data.of("val"), repeats[0]
    learned = [fewer[HALF], whole, *([fewer[QUARTER]] if QUARTER in fewer else [])]
    half_score, score_of_all, *quarter_score = (metric.function(targets, own) for own in learned)
    samples = resampled(evidence, "val", learned)
    sign = -1.0 if metric.greater_is_better else 1.0
    cost = sign * (half_score - score_of_all)
    low, high = interval(sign * (samples[:, 0] - samples[:, 1]))
    figures = {"halving_costs": cost, "halving_costs_low": low, "halving_costs_high": high}
    doubling = "Doubling the rows would gain something like that, or somewhat less."
    if quarter_score:
        scores = sign * np.array([quarter_score[0], half_score, score_of_all])
        gain = float(_gain_of_doubling(*scores))
        least, most = interval(_gain_of_doubling(*(sign * samples[:, place] for place in (2, 0, 1))))
        figures |= {"doubling_gains": gain, "doubling_gains_low": least, "doubling_gains_high": most}
        doubling = (
            f"On a quarter of them it is {score(quarter_score[0])}: going on like that, twice the rows would gain "
            f"about {score(gain)} ({score(least)} to {score(most)})."
        )
    measured = (
        f"Trained on half of its rows, #{leader.number} {leader.family} has a validation {metric.title} of "
        f"{score(half_score)} instead of {score(score_of_all)}; with other rows the difference might be {score(low)} "
        f"to {score(high)}."
    )
    error = 1 - score_of_all if metric.greater_is_better else score_of_all
    if low > 0 and cost > WORTHWHILE * error:
        return Finding(
            "more_data",
            "note",
            "More rows would make the model better",
            f"{measured} {doubling}",
            "Collect more rows before you tune any further.",
            figures,
        )
    if not high < LITTLE * error:
        title = "Whether more rows would help cannot be told from so few validation rows"
        return Finding("more_data", "fine", title, measured, "", figures)
    return Finding("more_data", "fine", "More rows of the same kind would bring little", measured, "", figures)


def _gain_of_doubling(
    quarter: NDArray[np.float64], half: NDArray[np.float64], whole: NDArray[np.float64]
) -> NDArray[np.float64]:
    """How much lower the error would be with twice the rows, by those with fewer; never more than the last doubling."""
    before, last = quarter - half, np.maximum(half - whole, 0.0)
    ratio = np.divide(last, before, out=np.ones_like(last), where=before > 0)
    return cast("NDArray[np.float64]", last * np.minimum(ratio, 1.0))
