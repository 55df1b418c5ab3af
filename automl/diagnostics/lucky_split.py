"""Whether the test rows happen to be easier than the others, so that the test score promises too much."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automl.bootstrap import deviation
from automl.diagnostics import Answer, Evidence, Finding, NotApplicable
from automl.diagnostics._constant import objective_without_features
from automl.diagnostics._losses import learned_losses, plain_errors
from automl.diagnostics._resampled import resampled
from automl.figures import percent, score

STAGE = "run"
TITLE = "Lucky test rows"

# Standard errors beyond which the difference is not chance: of splits at random, 3 in 10,000 are as easy. Rows of a
# file of their own were chosen by somebody, and may well be easier: there 5 in 1,000 will do.
CLEAR, CLEAR_OF_CHOSEN = 3.4, 2.6
# Of the error on validation rows, what is missing on test rows.
LEAST_SHARE = 0.1
# In folds, more than the mean of the folds' networks takes away by itself: 0.10 to 0.53 of it on four tables.
LEAST_SHARE_IN_FOLDS = 0.6


def check(evidence: Evidence) -> Answer:
    """Compares the error on test rows with that on validation rows, which is rather too small: they chose the model.

    The standard error of the difference comes from resampling the rows of both. Where a few rows make most of the
    error it tells little; so the ranks of the rows' errors count as well (Mann and Whitney 1947), which such rows do
    not sway.

    In folds, test rows seem easier without being so, since more networks judge them. There only rows that somebody
    chose are found to be easier, if they are by far.
    """
    if evidence.unseen != "test":
        return NotApplicable("lucky_split", "There are no test rows.")
    if evidence.data.times is not None:
        return NotApplicable("lucky_split", "The test rows are the latest, and were not drawn at random.")
    metric, data = evidence.metric, evidence.data
    scored = {part: evidence.best.scores[part][metric.name] for part in ("val", "test")}
    if not all(map(math.isfinite, scored.values())):
        return NotApplicable("lucky_split", f"{metric.title} is not defined on both validation and test rows.")
    error = {part: metric.objective(value) for part, value in scored.items()}
    spread = math.hypot(*(_spread(evidence, part) for part in ("val", "test")))
    # Where the metric is none of errors, the constant's score says how far there is to go.
    room = max(objective_without_features(evidence, "val") - error["test"], 1e-12)
    base = room if metric.greater_is_better else min(room, error["val"])
    easier = error["val"] - error["test"]
    mistakes = {part: plain_errors(data.task, data.of(part), evidence.blended[part]).mean() for part in scored}
    figures = {
        "easier": easier,
        "deviations": easier / spread if spread > 0 else 0.0,
        "deviations_of_ranks": _by_ranks(evidence),
    }
    measured = (
        f"{metric.title} is {score(scored['test'])} on test rows and {score(scored['val'])} on validation rows; chance "
        f"makes that differ by {score(spread)}."
    )
    in_folds = data.split.folds is not None
    if in_folds:
        measured += (
            " A validation row is judged by one network of each member, and a test row by the mean of those of all "
            "folds, which errs less."
        )
    sure = max(figures["deviations"], figures["deviations_of_ranks"])
    if not easier > LEAST_SHARE * base:
        return Finding("lucky_split", "fine", "Test rows are not easier than others", measured, "", figures)
    if in_folds and not (data.has_own_test and easier > LEAST_SHARE_IN_FOLDS * base):
        return NotApplicable("lucky_split", f"{measured} So whether test rows are easier cannot be told.")
    if not sure > (CLEAR_OF_CHOSEN if data.has_own_test else CLEAR):
        return NotApplicable("lucky_split", f"{measured} Whether test rows are easier cannot be told from so few.")
    times = mistakes["test"] / mistakes["val"] if mistakes["val"] > 0 else 1.0
    title = "The test rows are easier than the others: the test score promises too much"
    explained = (
        f"{measured} So easy would hardly ever be rows that were drawn at random: the model's plain errors are "
        f"{percent(times)} of those on validation rows."
    )
    advice = "Trust the score on validation rows, or fit again with another --seed."
    if data.has_own_test:
        advice = (
            "Find out how the test rows were chosen. Let them be drawn at random (without --test), or trust the score "
            "on validation rows."
        )
    return Finding("lucky_split", "warning", title, explained, advice, figures)


def _spread(evidence: Evidence, part: str) -> float:
    """The standard error of the model's score on a part."""
    return deviation(resampled(evidence, part, [evidence.blended[part]])[:, 0])


def _by_ranks(evidence: Evidence) -> float:
    """Standard errors by which errors on test rows rank below those on validation rows; 0 where rows come in groups."""
    data = evidence.data
    if data.groups is not None:
        return 0.0
    known, unseen = (learned_losses(data.task, data.of(part), evidence.blended[part]) for part in ("val", "test"))
    return above(known, unseen)


def above(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """By how many standard errors the numbers of one sample rank above those of another, by Mann and Whitney's U.

    With their normal approximation, and equal numbers sharing their ranks.
    """
    # SciPy's own takes a second to import.
    ranks = pd.Series(np.concatenate([one, other])).rank()
    rows, pairs = len(ranks), len(one) * len(other)
    equal = ranks.value_counts().to_numpy(dtype=np.float64)
    variance = pairs / 12 * (rows + 1 - float((equal**3 - equal).sum()) / (rows * (rows - 1)))
    higher = float(ranks.iloc[: len(one)].sum()) - len(one) * (len(one) + 1) / 2
    return (higher - pairs / 2) / math.sqrt(variance) if variance > 0 else 0.0
