"""Whether more rows would help: what the best setting loses if it learns from half of its training rows."""

from __future__ import annotations

from automl.bootstrap import interval
from automl.diagnostics import Answer, Evidence, Finding, NotApplicable
from automl.diagnostics._resampled import resampled
from automl.figures import score

STAGE = "run"
TITLE = "Whether more data would help"

HALF = 0.5
# Of the error: what halving the rows must cost to be worth a word, and how little it must be for sure to be little.
WORTHWHILE, LITTLE = 0.02, 0.06


def check(evidence: Evidence) -> Answer:
    """The paired difference on validation rows between learning from half of the training rows and from all of them.

    The error falls about as a power of the number of rows, so doubling them gains less than halving them costs.
    """
    leader, metric = evidence.leader, evidence.metric
    fewer = evidence.audit.fewer_rows
    if HALF not in fewer:
        return NotApplicable("more_data", "There was no time to train the best setting on half of the rows.")
    targets, whole = evidence.data.of("val"), evidence.predictions[leader.number]["val"]
    half_score, score_of_all = metric.function(targets, fewer[HALF]), metric.function(targets, whole)
    samples = resampled(evidence, "val", [fewer[HALF], whole])
    sign = -1.0 if metric.greater_is_better else 1.0
    cost = sign * (half_score - score_of_all)
    low, high = interval(sign * (samples[:, 0] - samples[:, 1]))
    figures = {"halving_costs": cost, "halving_costs_low": low, "halving_costs_high": high}
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
            f"{measured} Doubling the rows would gain something like that, or somewhat less.",
            "Collect more rows before you tune any further.",
            figures,
        )
    if not high < LITTLE * error:
        title = "Whether more rows would help cannot be told from so few validation rows"
        return Finding("more_data", "fine", title, measured, "", figures)
    return Finding("more_data", "fine", "More rows of the same kind would bring little", measured, "", figures)
