"""Whether the search went on after it had stopped helping: better on validation rows, and worse on test rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from automl.bootstrap import deviation
from automl.diagnostics import Answer, Evidence, Finding, NotApplicable
from automl.diagnostics._resampled import resampled
from automl.diagnostics._wording import more_rows_to_choose_by
from automl.figures import count, percent, score
from automl.trial import Trial, finished

STAGE = "run"
TITLE = "Overtuning"

LEAST_INCUMBENTS = 3
RARE = 0.02
RESAMPLES = 200
MOST_ROWS = 2_000


def check(evidence: Evidence) -> Answer:
    """Follows the trial that was the best so far on validation rows, and looks at its score on test rows.

    Overtuning at the end is the last one's test error less the smallest of all that were the best for a while
    (Schneider, Bischl and Feurer 2025). The smallest of k is partly luck, so the difference has to be more than a
    paired one of k - 1 would reach by chance one time in fifty (Bonferroni). Where the model is more than the last
    trial alone, and is as good as the best one, no harm is done.
    """
    if evidence.unseen == "val":
        return NotApplicable("overtuning", "There are no test rows, on which alone it would show.")
    metric = evidence.metric
    passed = incumbents(evidence.trials)
    errors = [metric.objective(trial.scores["test"][metric.name]) for trial in passed]
    if len(passed) < LEAST_INCUMBENTS or not np.isfinite(errors).all():
        return NotApplicable(
            "overtuning",
            f"The best trial changed {count(max(0, len(passed) - 1), 'time')}; {LEAST_INCUMBENTS - 1} are needed.",
        )
    best = int(np.argmin(errors))
    lost = errors[-1] - errors[best]
    gained = errors[0] - errors[best]
    chance = NormalDist().inv_cdf(1 - RARE / (len(passed) - 1)) * _spread(evidence, passed[best], passed[-1])
    figures = {
        "lost": lost,
        "lost_share": lost / gained if gained > 0 else math.nan,
        "chance": chance,
        "incumbents": float(len(passed)),
    }
    figures = {name: number for name, number in figures.items() if math.isfinite(number)}
    last, better = passed[-1], passed[best]
    explained = (
        f"The best trial on validation rows changed {len(passed) - 1} times. On test rows {metric.title} went from "
        f"{score(metric.score(errors[0]))} (#{passed[0].number}) to {score(metric.score(errors[-1]))} (#{last.number})"
    )
    explained += (
        f"; the best on the way was {score(metric.score(errors[best]))} (#{better.number}), and {score(chance)} "
        "between the two may be chance."
        if lost > 0
        else ", the best on the way."
    )
    model = metric.objective(evidence.best.scores["test"][metric.name])
    if lost > chance and not model - errors[best] > chance:
        explained += f" The model as a whole has {score(metric.score(model))}."
    if not min(lost, model - errors[best]) > chance:
        title = "To search longer has done no harm on new rows"
        return Finding("overtuning", "fine", title, explained, "", figures)
    advice = f"Give it fewer trials (--trials). {more_rows_to_choose_by(evidence.data.split)}"
    if best == 0:
        title = "The search has made it worse: the first setting was better on new rows"
        return Finding("overtuning", "problem", title, explained, advice, figures)
    title = f"The search went on too long: #{better.number} was better on new rows than #{last.number}"
    if gained > 0:
        explained += f" The later trials have given back {percent(lost / gained)} of what the earlier had gained."
    return Finding("overtuning", "warning", title, explained, advice, figures)


def incumbents(trials: Sequence[Trial]) -> list[Trial]:
    """The trials that were the best on validation rows when they ended, in the order in which they were started."""
    best: list[Trial] = []
    for trial in sorted(finished(trials), key=lambda trial: trial.number):
        assert trial.objective is not None
        if not best or trial.objective < (best[-1].objective or 0.0):
            best.append(trial)
    return best


def _spread(evidence: Evidence, one: Trial, other: Trial) -> float:
    """The standard error of the difference of two trials' test scores; of trials like these, if theirs are not kept."""
    kept = [one.number, other.number]
    if not set(kept) <= set(evidence.predictions):
        kept = [trial.number for trial in finished(evidence.trials) if trial.number in evidence.predictions]
    if len(set(kept)) < 2:
        return 0.0 if one == other else math.inf
    samples = resampled(
        evidence,
        "test",
        [evidence.predictions[number]["test"] for number in kept],
        times=RESAMPLES,
        most_rows=MOST_ROWS,
    )
    pairs = [deviation(samples[:, a] - samples[:, b]) for a in range(len(kept)) for b in range(a)]
    return float(np.median(pairs))
