"""Which hyperparameters made the difference between good and bad trials."""

from __future__ import annotations

from automl.diagnostics import Answer, Evidence, Finding, NotApplicable
from automl.diagnostics._importance import Importance, importance
from automl.figures import percent
from automl.trial import Trial, finished

STAGE = "run"
TITLE = "Which hyperparameters mattered"

LEAST_TRIALS = 20
# Of the spread of the ranks, what the forest has to explain of trials that a tree has not seen. Of 600 searches whose
# scores were shuffled, 1 in 24 has as much.
LEAST_EXPLAINED = 0.1
# A hyperparameter matters that has this share of the influence of all; so many are named.
MATTERS, MOST_NAMED = 0.1, 3


def check(evidence: Evidence) -> Answer:
    """A random forest predicts the trials' ranks; what it explains of trials that it has not seen has to be real.

    Trials that were pruned are left out: their scores are of fewer epochs.
    """
    counts: dict[str, list[Trial]] = {}
    for trial in finished(evidence.trials):
        counts.setdefault(trial.family, []).append(trial)
    enough = {
        family: trials for family, trials in counts.items() if len(trials) >= LEAST_TRIALS and family in evidence.spaces
    }
    if not enough:
        return NotApplicable("tuned_parameters", f"No family has the {LEAST_TRIALS} finished trials that it takes.")
    found = [importance(evidence.spaces[family], trials, seed=evidence.data.seed) for family, trials in enough.items()]
    telling = sorted((one for one in found if one.explained >= LEAST_EXPLAINED), key=lambda one: -one.trials)
    if not telling:
        return NotApplicable(
            "tuned_parameters", "The trials' scores do not follow from their hyperparameters: chance decided more."
        )
    figures = {f"{one.family}.explained": one.explained for one in telling}
    figures |= {f"{one.family}.{name}": share for one in telling for name, share in one.shares.items()}
    leading = telling[0]
    title = f"What mattered most in {leading.family}: {', '.join(mattering(leading))}"
    return Finding("tuned_parameters", "fine", title, " ".join(map(_sentence, telling)), "", figures)


def mattering(found: Importance) -> list[str]:
    """The hyperparameters that made a difference, the one with the most influence first."""
    names = [name for name, share in found.shares.items() if share >= MATTERS]
    return (names or list(found.shares))[:MOST_NAMED]


def _sentence(found: Importance) -> str:
    named = ", ".join(f"{percent(found.shares[name])} {name}" for name in mattering(found))
    return (
        f"In {found.family}, the hyperparameters explain {percent(found.explained)} of how its {found.trials} "
        f"trials rank; of their influence, {named}."
    )
