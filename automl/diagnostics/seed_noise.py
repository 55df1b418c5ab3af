"""How far the random numbers that the best trials started from decide their scores, and which trials are as good."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from automl.diagnostics import Answer, Evidence, Finding, NotApplicable
from automl.diagnostics._wording import NOT_MEASURED
from automl.figures import aligned, count, score
from automl.trial import Trial, finished

STAGE = "run"
TITLE = "Noise between seeds"

# A trial that is worse by less than so many standard errors is as good as the best.
SAME = 2.0
# Of the weights of the best trial: a network with fewer is worth naming.
SMALLER = 0.5


@dataclass(frozen=True)
class Repeated:
    """A trial's validation scores over the seeds that its setting has learned with."""

    trial: Trial
    mean: float
    runs: int


def check(evidence: Evidence) -> Answer:
    """The mean of the best settings' validation scores over seeds, and the standard deviation of one training.

    The deviation is that of all trainings from their own setting's mean, so that a few of each tell more together. Two
    settings are as good where the difference of their means is within two standard errors.
    """
    leader, metric = evidence.leader, evidence.metric
    if leader.number not in evidence.audit.other_seeds:
        return NotApplicable("seed_noise", NOT_MEASURED)
    targets = evidence.data.of("val")
    scores = {
        number: np.array(
            [metric.function(targets, own) for own in (evidence.predictions[number]["val"], *others)], dtype=np.float64
        )
        for number, others in evidence.audit.other_seeds.items()
    }
    spread = _spread(list(scores.values()))
    trials = {trial.number: trial for trial in evidence.trials}
    repeated = [Repeated(trials[number], float(own.mean()), len(own)) for number, own in scores.items()]
    best = next(one for one in repeated if one.trial.number == leader.number)
    figures = {"mean": best.mean, "spread": spread, "runs": float(best.runs)}
    equal = _as_good(evidence, best, repeated, spread)
    measured = (
        f"#{leader.number} {leader.family}, trained with {best.runs} seeds, has a validation {metric.title} of "
        f"{score(best.mean)} ± {aligned(spread, like=best.mean)}."
        + "".join(
            f" #{one.trial.number} {one.trial.family} has {aligned(one.mean, like=best.mean)} with {one.runs}."
            for one in repeated
            if one is not best
        )
        + f" Within that noise {'is' if len(equal) == 1 else 'are'} {count(len(equal), 'other trial')}."
    )
    smallest = min(equal, key=lambda trial: trial.parameters, default=leader)
    if len(evidence.best.members) == 1 and smallest.parameters < SMALLER * leader.parameters:
        how = (
            f"lower the upper ends of the ranges of {leader.family} with --set"
            if smallest.family == leader.family
            else f"--families {smallest.family}"
        )
        return Finding(
            "seed_noise",
            "note",
            f"#{smallest.number} {smallest.family} is as good with {smallest.parameters:,} weights",
            f"{measured} #{leader.number} has {leader.parameters:,} weights.",
            f"Where size or speed matters, take the smaller one: {how}",
            figures,
        )
    title = f"Another seed would change the best trial by {score(spread)} or so"
    return Finding("seed_noise", "fine", title, measured, "", figures)


def _spread(scores: list[NDArray[np.float64]]) -> float:
    """The standard deviation of one training, pooled over the settings."""
    squares = sum(float(((own - own.mean()) ** 2).sum()) for own in scores)
    return math.sqrt(squares / sum(len(own) - 1 for own in scores))


def _as_good(evidence: Evidence, best: Repeated, repeated: list[Repeated], spread: float) -> list[Trial]:
    """The other trials that are no worse than the leader by more than noise: by their mean, where it is known."""
    metric = evidence.metric
    means = {one.trial.number: (metric.objective(one.mean), one.runs) for one in repeated}

    def is_as_good(trial: Trial) -> bool:
        own, runs = means.get(trial.number, (trial.objective or 0.0, 1))
        return own - metric.objective(best.mean) <= SAME * spread * math.sqrt(1 / best.runs + 1 / runs)

    return [trial for trial in finished(evidence.trials) if trial.number != best.trial.number and is_as_good(trial)]
