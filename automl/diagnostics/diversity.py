"""Whether the members of an ensemble err apart, which is what makes it better than the best of them."""

from __future__ import annotations

import numpy as np

from automl.bootstrap import deviation
from automl.diagnostics import Answer, Evidence, Finding, NotApplicable
from automl.diagnostics._constant import objective_without_features
from automl.diagnostics._losses import learned_losses
from automl.diagnostics._parts import PARTS
from automl.diagnostics._resampled import resampled
from automl.ensemble import Member
from automl.figures import count, percent, score

STAGE = "run"
TITLE = "Diversity of the ensemble"

# Standard errors beyond which a difference is not chance.
CLEAR = 2.0
# Of what the best member has learned, a gain that is not worth further networks.
NEGLIGIBLE = 0.01
MOST_ROWS = 20_000
RESAMPLES, MOST_ROWS_DRAWN = 200, 5_000


def check(evidence: Evidence) -> Answer:
    """What the ensemble gains over its best member on new rows, and what the members have in common.

    The gain's interval is two standard errors to either side, by resampling the rows. Ambiguity is the members' mean
    loss less the ensemble's (Krogh and Vedelsby 1995), the effective size is 1 / the sum of the squared weights.
    """
    members = evidence.best.members
    if len(members) == 1:
        return NotApplicable("diversity", "The model is a single trial.")
    metric, part = evidence.metric, evidence.unseen
    if part == "val":
        return NotApplicable("diversity", "There are no test rows, and its weights suit the validation rows best.")
    targets = evidence.data.of(part)
    best = _best_member(evidence)
    both = [evidence.blended[part], evidence.predictions[best.trial][part]]
    samples = resampled(evidence, part, both, times=RESAMPLES, most_rows=MOST_ROWS_DRAWN)
    spread = deviation(samples[:, 0] - samples[:, 1])
    whole = [metric.objective(metric.function(targets, own)) for own in both]
    gain = whole[1] - whole[0]
    low, high = gain - CLEAR * spread, gain + CLEAR * spread
    learned = objective_without_features(evidence, part) - whole[1]
    losses = _losses(evidence)
    weights = np.array([member.weight for member in members])
    alike = _likeness(losses)
    family, share = _heaviest_family(members)
    figures = {
        "gain": gain,
        "gain_low": low,
        "gain_high": high,
        "error_correlation": alike,
        "ambiguity": _ambiguity(evidence, losses),
        "effective_size": float(1 / (weights**2).sum()),
        "heaviest_family": share,
    }
    model, alone = (score(metric.score(own)) for own in whole)
    explained = (
        f"On {PARTS[part]} rows {metric.title} is {model}; its best member alone, #{best.trial} {best.family}, has "
        f"{alone}. With other rows the gain of {score(gain)} might be {score(low)} to {score(high)}. The members' "
        f"errors on a row correlate by {alike:.2f}; by their weights they count as "
        f"{figures['effective_size']:.1f} of {count(len(members), 'member')}, and {percent(share)} of the weight is on "
        f"{family}."
    )
    single = "Use --single: one network is smaller and quicker."
    if high < 0:
        title = f"The ensemble is worse on new rows than its best member, #{best.trial} {best.family}"
        return Finding("diversity", "warning", title, explained, single, figures)
    if high < NEGLIGIBLE * learned:
        title = "The ensemble gains next to nothing over its best member"
        # The member is the mean of its folds' networks.
        price = (
            "It would be as good." if evidence.data.split.folds is None else "Without folds it may do a little worse."
        )
        return Finding("diversity", "note", title, explained, f"{single} {price}", figures)
    if not low > 0:
        title = "What the ensemble gains over its best member is within chance on so few rows"
        return Finding("diversity", "fine", title, explained, "", figures)
    title = f"Its members complete each other: {score(gain)} better {metric.title} than the best of them alone"
    return Finding("diversity", "fine", title, explained, "", figures)


def _best_member(evidence: Evidence) -> Member:
    """By the validation rows, as --single would choose."""
    objectives = {trial.number: trial.objective for trial in evidence.trials if trial.objective is not None}
    return min(evidence.best.members, key=lambda member: (objectives[member.trial], member.trial))


def _losses(evidence: Evidence) -> np.ndarray:
    """Shape (members, rows): of new rows, or of a sample of many."""
    targets = evidence.data.of(evidence.unseen)
    step = -(-len(targets) // MOST_ROWS)
    return np.array(
        [
            learned_losses(
                evidence.data.task, targets[::step], evidence.predictions[member.trial][evidence.unseen][::step]
            )
            for member in evidence.best.members
        ]
    )


def _likeness(losses: np.ndarray) -> float:
    """The mean correlation between two members' losses."""
    varied = losses[losses.std(axis=1) > 0]
    if len(varied) < 2:
        return 1.0
    return float(np.corrcoef(varied)[np.triu_indices(len(varied), 1)].mean())


def _ambiguity(evidence: Evidence, losses: np.ndarray) -> float:
    targets = evidence.data.of(evidence.unseen)
    step = -(-len(targets) // MOST_ROWS)
    blended = learned_losses(evidence.data.task, targets[::step], evidence.blended[evidence.unseen][::step])
    weights = [member.weight for member in evidence.best.members]
    return float(np.average(losses.mean(axis=1), weights=weights) - blended.mean())


def _heaviest_family(members: tuple[Member, ...]) -> tuple[str, float]:
    shares: dict[str, float] = {}
    for member in members:
        shares[member.family] = shares.get(member.family, 0.0) + member.weight
    return max(shares.items(), key=lambda item: item[1])
