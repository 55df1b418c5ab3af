"""How far the best trial's score is decided by the random numbers that it started from, and what is as good as it."""

from __future__ import annotations

import math

import numpy as np

from automl.diagnostics import Answer, Evidence, Finding, NotApplicable
from automl.figures import aligned, count, score
from automl.trial import Trial, finished

STAGE = "run"
TITLE = "Noise between seeds"

# Of a difference between two trainings: a trial within so many standard deviations is as good as the best.
SAME = 2.0
# Of the weights of the best trial: a network with fewer is worth naming.
SMALLER = 0.5


def check(evidence: Evidence) -> Answer:
    """The mean and the standard deviation of the leading setting's validation score over the seeds it learned with."""
    leader, metric = evidence.leader, evidence.metric
    if not evidence.audit.other_seeds:
        return NotApplicable("seed_noise", "There was no time to train the best setting with other seeds.")
    targets = evidence.data.of("val")
    own = [evidence.predictions[leader.number]["val"], *evidence.audit.other_seeds]
    scores = np.array([metric.function(targets, predictions) for predictions in own])
    mean, spread = float(scores.mean()), float(scores.std(ddof=1))
    figures = {"mean": mean, "spread": spread, "runs": float(len(own))}
    equal = _as_good(evidence, SAME * math.sqrt(2) * spread)
    measured = (
        f"#{leader.number} {leader.family}, trained with {len(own)} seeds, has a validation {metric.title} of "
        f"{score(mean)} ± {aligned(spread, like=mean)}. Within that noise "
        f"{'is' if len(equal) == 1 else 'are'} {count(len(equal), 'other trial')}."
    )
    smallest = min(equal, key=lambda trial: trial.parameters, default=leader)
    if len(evidence.best.members) == 1 and smallest.parameters < SMALLER * leader.parameters:
        return Finding(
            "seed_noise",
            "note",
            f"#{smallest.number} {smallest.family} is as good with {smallest.parameters:,} weights",
            f"{measured} #{leader.number} has {leader.parameters:,} weights.",
            f"Where size or speed matters, take the smaller one: --families {smallest.family}",
            figures,
        )
    title = f"Another seed would change the best trial by {score(spread)} or so"
    return Finding("seed_noise", "fine", title, measured, "", figures)


def _as_good(evidence: Evidence, noise: float) -> list[Trial]:
    """The other trials whose score is no worse than the leader's by more than noise."""
    best = evidence.leader.objective or 0.0
    others = [trial for trial in finished(evidence.trials) if trial.number != evidence.leader.number]
    return [trial for trial in others if trial.objective is not None and trial.objective - best <= noise]
