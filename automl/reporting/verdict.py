"""What a model's scores say, in sentences: how far it overfits, and whether it beats the baselines.

How much a score varies by chance is not known from the score alone. The rule used here: an error in the target's unit
(RMSE, MAE) has a standard error of error / √rows, any other error (log loss, 1 - accuracy, 1 - R²) of √(error / rows).
Measured by the bootstrap, for gradient boosting on the test rows of 11 tables, it is 0.5 to 1.9 times that in 28 of 33
cases, and up to 6 times where a few rows decide: long-tailed targets, rare classes, confident mistakes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Protocol

from automl.baselines import CONSTANT, Baseline
from automl.figures import count, score
from automl.plain import plain
from automl.tasks import Metric

PARTS = {"train": "train", "val": "validation", "test": "test"}
# Greater-is-better metrics are shares; of the others, these have no unit either.
WITHOUT_UNIT = ("log_loss",)

LEAST_LEARNED = 0.01
MILD, STRONG = 0.05, 0.25
ALMOST_PERFECT = 0.001


class Scored(Protocol):
    """A trial, or an ensemble of some."""

    @property
    def scores(self) -> Mapping[str, Mapping[str, float]]:
        """By split and metric."""


def overfitting(
    best: Scored, metric: Metric, val_rows: int, test_rows: int, *, baselines: Sequence[Baseline] = ()
) -> str:
    """How the model's score on training rows compares with that on new ones, and what to call the difference.

    New rows are the test rows, or without any the validation rows (which chose the epoch and the trials, so their score
    is a little too good). The gap is the error on new rows less that on training rows. Up to two standard errors it
    may be chance, and is not called overfitting. Beyond that it is measured against what the network learned: the
    error of predicting without the features, less the error on training rows. Of this,

        a loss of less than 5 % on new rows is "hardly any" overfitting, up to 25 % "mild", from there on "strong".

    Less than 1 % better on training rows than predicting without the features is underfitting. An error below 0.1 %
    of the constant's on training and new rows is almost perfect, which is suspicious.

    Args:
        baselines: with the constant among them the gap gets a name; without it, only whether it may be chance.
    """
    known = _scores(best.scores, metric)
    if not test_rows:
        known.pop("test", None)
    part = "test" if "test" in known else "val"
    if not {"train", part} <= set(known):
        return f"Overfitting cannot be judged: {metric.title} is not known on training rows and on new ones."
    rows = test_rows if part == "test" else val_rows
    measured = f"{metric.title} " + ", ".join(
        f"{score(known[name])} on {PARTS[name]}" for name in PARTS if name in known
    )
    train, new = _error(known["train"], metric), _error(known[part], metric)
    constant = next((_scores(baseline.scores, metric) for baseline in baselines if baseline.name == CONSTANT), {})
    naive = _error(constant[part], metric) if part in constant else None
    naive_on_train = _error(constant["train"], metric) if "train" in constant else naive
    if naive_on_train is not None and train > (1 - LEAST_LEARNED) * naive_on_train:
        naive_score = constant.get("train", constant.get(part, math.nan))
        return (
            f"It has learned next to nothing from the training rows: {measured}; predicting without the features gives "
            f"{score(naive_score)}. That is underfitting: more epochs, a larger network or another learning rate may "
            "help, or the features say nothing about the target."
        )
    if max(train, new) <= ALMOST_PERFECT * (naive or 0.0):
        return (
            f"It makes next to no error, on new rows as on training rows: {measured}. "
            "If that is too good to be true, look for a column that gives the target away."
        )
    gap = _gap(train, new, naive, measured, chance=2 * _standard_error(new, rows, metric), on=_rows(rows, part))
    return f"{gap} {_drift(known, metric, val_rows, test_rows)}".rstrip()


def against_baselines(
    best: Scored, baselines: Sequence[Baseline], metric: Metric, *, part: str, rows: int
) -> list[str]:
    """One sentence per baseline: whether the model beats it on the rows of a part ("test" or "val").

    Less than one standard error apart counts as "about as good". One and not two, because both scores are of the same
    rows: what is hard for one is mostly hard for the other, so their difference varies less than either.
    """
    return [_against(best, baseline, metric, part, rows) for baseline in baselines]


def called(baseline: Baseline) -> str:
    """What a sentence calls the baseline."""
    return "predicting without the features" if baseline.name == CONSTANT else plain(baseline.name)


def _against(best: Scored, baseline: Baseline, metric: Metric, part: str, rows: int) -> str:
    name = called(baseline)
    if not baseline.scores:
        return f"No comparison with {name}: {plain(baseline.message).rstrip('.') or 'it has no scores'}."
    mine, other = (_scores(scores, metric).get(part) for scores in (best.scores, baseline.scores))
    if mine is None or other is None:
        return f"No comparison with {name}: {metric.title} is not known on {PARTS[part]}."
    advantage = metric.objective(other) - metric.objective(mine)
    chance = _standard_error(min(_error(mine, metric), _error(other, metric)), rows, metric)
    scores = f"{metric.title} {score(mine)} against {score(other)} on {PARTS[part]}"
    if abs(advantage) < chance:
        return f"The model is about as good as {name}: {scores}, and {rows:,} rows cannot tell them apart."
    return f"The model {'beats' if advantage > 0 else 'loses to'} {name}: {scores}."


def _gap(train: float, new: float, naive: float | None, measured: str, *, chance: float, on: str) -> str:
    """What to call the difference between the errors on training and on new rows; `naive` is the constant's."""
    gap = new - train
    if gap < -chance:
        return (
            f"It does better on new rows than on training rows: {measured}. That is no overfitting: "
            "the new rows are easier, by chance or by how the rows were split."
        )
    lost = gap / (naive - train) if naive is not None and naive > train else math.inf
    if gap <= 0 or (gap <= chance and lost < MILD):
        return f"It does as well on new rows as on training rows: {measured}. That is no overfitting."
    better_on_training = f"It fits training rows better than new ones: {measured}."
    if gap <= chance:
        return f"{better_on_training} That may be chance: {on} are too few to call it overfitting."
    if naive is None:
        return f"{better_on_training} The gap is wider than chance on {on} explains."
    if new >= naive:
        return (
            f"{better_on_training} That is strong overfitting: "
            "on new rows it is no better than predicting without the features."
        )
    degree = "strong" if lost >= STRONG else "mild" if lost >= MILD else "hardly any"
    return f"{better_on_training} That is {degree} overfitting: {lost:.0%} of what it learned does not carry over."


def _drift(known: Mapping[str, float], metric: Metric, val_rows: int, test_rows: int) -> str:
    """What to think of test rows that come out worse than validation rows."""
    if not {"val", "test"} <= set(known):
        return ""
    val, test = (_error(known[part], metric) for part in ("val", "test"))
    chance = 2 * math.hypot(_standard_error(val, val_rows, metric), _standard_error(test, test_rows, metric))
    if test - val <= chance:
        return ""
    return (
        "Test rows come out worse than validation rows by more than chance explains: "
        "the search has fitted the validation rows, or the test rows are of another kind."
    )


def _scores(scores: Mapping[str, Mapping[str, float]], metric: Metric) -> dict[str, float]:
    """The metric's score by part, where it is a number."""
    found = {part: by_metric.get(metric.name, math.nan) for part, by_metric in scores.items() if part in PARTS}
    return {part: value for part, value in found.items() if math.isfinite(value)}


def _error(value: float, metric: Metric) -> float:
    """How far the score is from a perfect one: from 1 if greater is better, else from 0."""
    return 1 - value if metric.greater_is_better else value


def _standard_error(error: float, rows: int, metric: Metric) -> float:
    if metric.greater_is_better or metric.name in WITHOUT_UNIT:
        # No mistake in n rows does not mean that there are none: one more row with a mistake.
        return math.sqrt((error + 1 / rows) / rows)
    return error / math.sqrt(rows)


def _rows(rows: int, part: str) -> str:
    return count(rows, f"{PARTS[part]} row")
