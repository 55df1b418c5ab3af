"""Whether the model has learned anything that holds on new rows, and all that could be learned."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from automl.baselines import BOOSTING
from automl.bootstrap import deviation
from automl.diagnostics import Answer, Evidence, Finding, NotApplicable
from automl.diagnostics._constant import objective_without_features, without_features
from automl.diagnostics._luck import luck
from automl.diagnostics._parts import PARTS
from automl.diagnostics._resampled import resampled, standard_errors
from automl.figures import percent, score
from automl.tasks import FloatArray
from automl.trial import finished

STAGE = "training"
TITLE = "Underfitting"

# Standard errors by which the model must beat predicting without the features: less than the first is nothing, less
# than the second not certain.
AT_ALL, BEYOND_DOUBT = 1.0, 3.5
# Few test rows cannot be so sure by themselves: so much is enough together with the validation rows. Of 40 trainings on
# shuffled targets, none had more than 0.5.
BOTH = 3.0
# A skill that is not certain and below this even if all goes well is none.
LEAST_WORTH = 0.02
# A spread that is less than this share of the way to a perfect prediction is none but for rounding.
NO_SPREAD = 1e-9
# Standard errors to either side in an interval that holds in 95 % of cases.
WITHIN = 1.96
RESAMPLES, MOST_ROWS = 400, 5_000
# Of the error of predicting without the features, the share that training should take away even on training rows.
LEAST_LEARNED = 0.05
# How much less of the same share may be learned than simpler models have, and standard errors that make it clear.
CLEARLY_LESS, CLEAR = 0.1, 2.6
ADVICE = (
    "Give it more --time, more epochs (--set FAMILY.epochs=100..300) or higher learning rates "
    "(--set FAMILY.learning_rate=1e-3..1e-1)."
)


@dataclass(frozen=True)
class _Skill:
    """By how much the model's error is below that of predicting without the features.

    Attributes:
        share: of the error that the latter makes.
        sure: standard errors that this is away from nothing.
    """

    share: float
    low: float
    high: float
    sure: float


def check(evidence: Evidence) -> Answer:
    """Skill on new rows is 1 - error / error of predicting without the features (Murphy 1988).

    Its interval comes from resampling the rows, both predictions on the same draws. Skill is believed from 3.5
    standard errors on, or from 3 on test and validation rows together (Stouffer 1949) if the test rows say so too. The
    validation rows have also chosen the model among the trials: the best of n that know nothing is √(2 ln n) standard
    errors above their mean, and so much is taken off theirs.

    Where no draw changes a score, as the ROC AUC of a perfect model, the standard error is what predictions that know
    nothing would have, so that a few rows which are all right prove little.
    """
    metric, part = evidence.metric, evidence.unseen
    skill = _skill(evidence, part)
    if not math.isfinite(skill.share):
        return NotApplicable("underfitting", f"{metric.title} is not defined on these {PARTS[part]} rows.")
    is_certain = _is_certain(evidence, skill)
    on_training = _share_learned(evidence, "train", evidence.best.scores["train"][metric.name])
    figures = {
        "skill": skill.share,
        "skill_low": skill.low,
        "skill_high": skill.high,
        "skill_on_training": on_training,
        "standard_errors": skill.sure,
        "is_certain": float(is_certain),
    }
    known = score(evidence.best.scores[part][metric.name])
    naive = score(metric.score(objective_without_features(evidence, part)))
    measured = (
        f"On {PARTS[part]} rows {metric.title} is {known}; predicting without the features gives {naive}. That is "
        f"{_less(skill.share)} error; with other rows it might be {_range(skill.low, skill.high)}."
    )
    if not is_certain and _is_nothing(evidence, skill):
        title = "It has learned nothing that holds on new rows: no better than predicting without the features"
        advice = (
            "Don't use it. Either the columns say nothing about the target, or too little was learned: check that the "
            f"target belongs to these rows and add columns that could tell it. If that is certain: {ADVICE}"
        )
        return Finding("underfitting", "problem", title, measured, advice, figures)
    if not is_certain:
        title = "Whether it has learned anything is not certain: it may beat predicting without the features by chance"
        advice = "Don't rely on it. More rows would tell."
        return Finding("underfitting", "warning", title, measured, advice, figures)
    if on_training < LEAST_LEARNED:
        title = (
            f"It has learned next to nothing: {percent(on_training)} less error than without features, on training rows"
        )
        explained = (
            f"{measured} Even on the rows that it learned from it makes nearly as many errors as without the features."
        )
        return Finding("underfitting", "warning", title, explained, ADVICE, figures)
    return _beside_simpler_models(evidence, skill, on_training, measured, figures)


def _beside_simpler_models(
    evidence: Evidence, skill: _Skill, on_training: float, measured: str, figures: dict[str, float]
) -> Finding:
    """Against linear regression, and against what gradient boosting does on rows that it has not seen."""
    behind = _behind_linear(evidence)
    if behind is not None:
        figures = {**figures, "behind_linear": behind}
        title = "A linear model does better: the networks have learned less than there is"
        explained = (
            f"{measured} The best trial of the linear family has {percent(behind)} less error on the same rows, by "
            "more than chance."
        )
        return Finding("underfitting", "warning", title, explained, ADVICE, figures)
    boosting = next((one for one in evidence.baselines if one.name == BOOSTING and one.scores), None)
    if boosting is not None:
        known = boosting.scores.get(evidence.unseen, {}).get(evidence.metric.name, math.nan)
        reached = _share_learned(evidence, evidence.unseen, known)
        figures = {**figures, "skill_of_boosting": reached}
        if on_training < reached - CLEARLY_LESS:
            title = "It has not even learned its training rows as well as gradient boosting predicts new ones"
            explained = (
                f"{measured} On its own training rows it takes away {percent(on_training)} of the error of predicting "
                f"without the features; gradient boosting takes away {percent(reached)} on rows that it has not seen. "
                "So there is more to be learned."
            )
            return Finding("underfitting", "warning", title, explained, ADVICE, figures)
    title = f"It has learned something: {_less(skill.share)} error than predicting without the features"
    return Finding("underfitting", "fine", title, measured, "", figures)


def _is_certain(evidence: Evidence, on_new_rows: _Skill) -> bool:
    part = evidence.unseen
    if on_new_rows.sure > BEYOND_DOUBT + luck(evidence, part):
        return True
    if part == "val" or not on_new_rows.sure > AT_ALL:
        return False
    on_validation = _skill(evidence, "val").sure - luck(evidence, "val")
    return (on_new_rows.sure + on_validation) / math.sqrt(2) > BOTH


def _is_nothing(evidence: Evidence, on_new_rows: _Skill) -> bool:
    """Few test rows may be too few to show what the validation rows are sure of."""
    if on_new_rows.high < LEAST_WORTH:
        return True
    if on_new_rows.sure > AT_ALL + luck(evidence, evidence.unseen):
        return False
    return evidence.unseen == "val" or not _skill(evidence, "val").sure > BEYOND_DOUBT + luck(evidence, "val")


def _skill(evidence: Evidence, part: str) -> _Skill:
    metric = evidence.metric
    naive = objective_without_features(evidence, part)
    taken = naive - metric.objective(metric.function(evidence.data.of(part), evidence.blended[part]))
    room = _room(evidence, naive)
    spread = _spread(evidence, part, without_features(evidence, part))
    if spread < NO_SPREAD * room < abs(taken):
        # That of the share of right answers where a coin gives them, √(¼ / rows): the room is then a half.
        spread = room / math.sqrt(_independent(evidence, part))
    sure = standard_errors(taken, spread)
    return _Skill(taken / room, (taken - WITHIN * spread) / room, (taken + WITHIN * spread) / room, sure)


def _independent(evidence: Evidence, part: str) -> int:
    """The rows of a part, or the groups that they come in."""
    groups = evidence.data.groups_of(part)
    return len(evidence.data.of(part)) if groups is None else len(np.unique(groups))


def _spread(evidence: Evidence, part: str, prediction: FloatArray) -> float:
    """The standard error of the difference between the model's score and that of another prediction."""
    both = [evidence.blended[part], prediction]
    samples = resampled(evidence, part, both, times=RESAMPLES, most_rows=MOST_ROWS)
    return deviation(samples[:, 0] - samples[:, 1])


def _less(share: float) -> str:
    return f"{percent(share)} less" if share >= 0 else f"{percent(-share)} more"


def _range(low: float, high: float) -> str:
    if low >= 0:
        return f"{percent(low)} to {percent(high)} less"
    return f"{percent(-low)} more to {percent(high)} less" if high >= 0 else f"{percent(-low)} to {percent(-high)} more"


def _share_learned(evidence: Evidence, part: str, known: float) -> float:
    """The share of the error of predicting without the features that a score of the part takes away."""
    naive = objective_without_features(evidence, part)
    return (naive - evidence.metric.objective(known)) / _room(evidence, naive)


def _room(evidence: Evidence, naive: float) -> float:
    """How far an objective is from that of a perfect prediction."""
    return max(naive + 1 if evidence.metric.greater_is_better else naive, 1e-12)


def _behind_linear(evidence: Evidence) -> float | None:
    """By which share of its error the model is behind the best linear trial, if that is clear."""
    metric, part = evidence.metric, evidence.unseen
    linear = [
        trial
        for trial in finished(evidence.trials)
        if trial.family == "linear" and trial.number in evidence.predictions
    ]
    if not linear or all(member.family == "linear" for member in evidence.best.members):
        return None
    prediction = evidence.predictions[linear[0].number][part]
    both = [evidence.blended[part], prediction]
    model, other = (metric.objective(metric.function(evidence.data.of(part), own)) for own in both)
    if not model - other > CLEAR * _spread(evidence, part, prediction):
        return None
    return (model - other) / max(model + 1 if metric.greater_is_better else model, 1e-12)
