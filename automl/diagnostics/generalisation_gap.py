"""Whether the model does worse on new rows than on those that it learned from, by more than chance explains."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from automl.bootstrap import deviation, interval
from automl.diagnostics import Answer, Evidence, Finding, NotApplicable
from automl.diagnostics._constant import objective_without_features
from automl.diagnostics._parts import PARTS
from automl.diagnostics._resampled import resampled
from automl.ensemble import blend
from automl.figures import score
from automl.tasks import FloatArray
from automl.trial import learns_by_heart

STAGE = "training"
TITLE = "Overfitting"

# Of what the model learned from training rows, the share that is lost on new ones.
MILD, STRONG = 0.25, 0.5
# Members with less weight than this do not stand for the model.
LEAST_SHARE = 0.5
ADVICE = (
    "More rows help most. Else prefer smaller networks and more dropout or weight decay: lower the upper ends of the "
    "search space with --set, or take fewer columns."
)


def check(evidence: Evidence) -> Answer:
    """The gap is the error on new rows less that on training rows: test rows, or validation rows if there are none.

    Its interval comes from resampling the rows of both parts. A gap wider than chance is measured against what the
    model learned: the error of predicting without the features, less the error on training rows. Flexible models fit
    their own training rows closely and may still be the best on new ones; so a lost share of less than a quarter is
    fine, of less than a half worth a note, and it is a problem where nothing of it carries over to test and validation
    rows: to a few test rows alone, it may fail to by chance.

    A forest's trees are grown until they know their training rows, and generalise by their mean (Breiman 2001); where
    neighbours are looked up, a training row finds itself. So a gap says nothing of them, and they are left out.
    """
    metric, new = evidence.metric, evidence.unseen
    spread = deviation(_objectives(evidence, new, evidence.blended[new]))
    by_heart = dict.fromkeys(member.family for member in evidence.best.members if learns_by_heart(member.params))
    families = " and ".join(by_heart)
    judged = _without_who_learns_by_heart(evidence)
    if judged is None:
        title = f"It is for the most part {families}, which knows its training rows by heart"
        explained = "It may be good on new ones all the same: a gap between them says nothing."
        return Finding("generalisation_gap", "fine", title, explained, "", {"spread": spread})
    known = {part: metric.function(evidence.data.of(part), prediction) for part, prediction in judged.items()}
    errors = {part: metric.objective(value) for part, value in known.items()}
    if not all(math.isfinite(errors[part]) for part in ("train", new)):
        return NotApplicable("generalisation_gap", f"{metric.title} is not defined on these {PARTS[new]} rows.")
    gap = errors[new] - errors["train"]
    on_new = _objectives(evidence, new, judged[new])
    low, high = interval(on_new - _objectives(evidence, "train", judged["train"]))
    naive = objective_without_features(evidence, new)
    learned = naive - errors["train"]
    lost = gap / learned if learned > 0 else math.nan
    figures = {"gap": gap, "gap_low": low, "gap_high": high, "lost_share": lost, "spread": spread}
    is_whole = judged is evidence.blended
    measured = (
        f"{metric.title}{'' if is_whole else f' without {families}, which knows its training rows by heart,'} is "
        + ", ".join(f"{score(value)} on {PARTS[part]} rows" for part, value in known.items())
        + "."
    )
    if not low > 0:
        how = "better on new rows than" if high < 0 else "as well on new rows as"
        return Finding("generalisation_gap", "fine", f"It does {how} on training rows", measured, "", figures)
    explained = (
        f"{measured} With other rows the gap of {score(gap)} might be {score(low)} to {score(high)}: more than chance."
    )
    if errors[new] >= naive:
        explained += f" Nothing of what it learned from training rows carries over to these {PARTS[new]} rows."
        whole = metric.objective(metric.function(evidence.data.of(new), evidence.blended[new]))
        if whole < naive:
            title = f"Without {families} it has learned the training rows by heart, and knows nothing of new ones"
            return Finding("generalisation_gap", "warning", title, explained, ADVICE, figures)
        if errors["val"] < objective_without_features(evidence, "val"):
            title = "It overfits: on validation rows it is better than without the features, on test rows it is not"
            return Finding("generalisation_gap", "warning", title, explained, ADVICE, figures)
        title = "It has learned the training rows by heart: on new rows it is no better than without the features"
        return Finding("generalisation_gap", "problem", title, explained, ADVICE, figures)
    explained += f" Of what the model learned from training rows, {lost:.0%} does not carry over to new ones."
    if lost >= STRONG:
        title = f"It overfits: {lost:.0%} of what it learned does not carry over to new rows"
        return Finding("generalisation_gap", "warning", title, explained, ADVICE, figures)
    if lost >= MILD:
        title = f"It overfits mildly: {lost:.0%} of what it learned does not carry over to new rows"
        return Finding("generalisation_gap", "note", title, explained, ADVICE, figures)
    title = "It fits training rows a little better than new ones, as any flexible model does"
    return Finding("generalisation_gap", "fine", title, explained, "", figures)


def _without_who_learns_by_heart(evidence: Evidence) -> Mapping[str, FloatArray] | None:
    """What the model's other members predict together, by part; None if they are not even half of it."""
    members = [member for member in evidence.best.members if not learns_by_heart(member.params)]
    if len(members) == len(evidence.best.members):
        return evidence.blended
    whole = sum(member.weight for member in members)
    if whole < LEAST_SHARE:
        return None
    return {
        part: blend(
            [evidence.predictions[member.trial][part] for member in members],
            [member.weight / whole for member in members],
            temperature=evidence.best.temperature,
        )
        for part in evidence.data.split.parts()
    }


def _objectives(evidence: Evidence, part: str, prediction: FloatArray) -> NDArray[np.float64]:
    """The error on resampled rows of a part."""
    # Parts of different rows vary apart from each other: each has its own draws. In folds two parts are the same rows.
    same = part == "val" and evidence.data.split.folds is not None
    samples = resampled(evidence, part, [prediction], draws=list(PARTS).index("train" if same else part))[:, 0]
    return np.array([evidence.metric.objective(value) for value in samples])
