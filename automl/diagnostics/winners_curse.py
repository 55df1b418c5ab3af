"""How much of the best validation score is luck: whoever takes the best of many takes the luckiest, too."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from automl.bootstrap import interval
from automl.diagnostics import Answer, Evidence, Finding, NotApplicable
from automl.diagnostics._constant import objective_without_features
from automl.diagnostics._resampled import resampled
from automl.diagnostics._wording import more_rows_to_choose_by
from automl.figures import count, percent, score
from automl.trial import Trial, finished

STAGE = "run"
TITLE = "Selection luck"

RESAMPLES = 200
MOST_ROWS = 2_000
# Of the gain over the first setting, the share of luck that leaves little of it.
MOSTLY_LUCK = 0.5
# Of what the best trial learned, the share of luck from which its validation score misleads.
MISLEADING = 0.1


@dataclass(frozen=True)
class Luck:
    """What selection did to the best trial's validation score.

    Attributes:
        bias: by how much the score is too good, as a difference of objectives (lower is better).
        winner: the best objective.
        typical: how much the objectives of two trials differ by chance alone.
    """

    bias: float
    winner: float
    typical: float


def check(evidence: Evidence) -> Answer:
    """The bootstrap bias correction of BBC-CV (Tsamardinos et al. 2018), over the trials of the search.

    Again and again rows are drawn with replacement, the trial that is best on them is taken, and its score on them is
    held against what it would have on other rows. It needs no further training. What early stopping and the weights of
    an ensemble add to it is not in it; the test rows, which chose nothing, have it all.
    """
    trials = finished(evidence.trials)
    known = [trial for trial in trials if trial.number in evidence.predictions]
    if len(trials) < 2 or len(known) < 2:
        return NotApplicable("winners_curse", "Only one trial has finished, so nothing was selected.")
    metric = evidence.metric
    luck = selection_luck(evidence, trials, known)
    if not math.isfinite(luck.bias):
        return NotApplicable("winners_curse", f"{metric.title} is not defined on most samples of the validation rows.")
    first = min(trials, key=lambda trial: trial.number)
    assert first.objective is not None
    gain = first.objective - luck.winner
    learned = objective_without_features(evidence, "val") - luck.winner
    of_gain = min(1.0, luck.bias / gain) if gain > 0 else math.nan
    if not learned > 0:
        return NotApplicable("winners_curse", "No trial beats predicting without the features, so no luck is seen.")
    of_learned = luck.bias / learned
    honest = metric.score(luck.winner + luck.bias)
    figures = {"luck": luck.bias, "corrected": honest, "share_of_learned": of_learned}
    figures |= {"gain": gain, "share_of_gain": of_gain} if gain > 0 else {}
    explained = (
        f"The best of {count(len(trials), 'trial')} has {metric.title} {score(metric.score(luck.winner))} on "
        f"validation rows. Part of that is luck on these very rows: {score(luck.bias)}, so that {score(honest)} is to "
        f"be expected on others. {_of_the_gain(first, gain, of_gain)}"
    )
    explained, figures = _with_test(evidence, trials[0], explained, figures)
    if of_learned >= MISLEADING and _is_as_good_on_test(evidence, luck, figures):
        title = f"The validation score may mislead by {_share(of_learned)}, of which test rows show nothing"
        advice = f"Trust the scores on test rows. {more_rows_to_choose_by(evidence.data.split)}"
        return Finding("winners_curse", "note", title, explained, advice, figures)
    if of_learned >= MISLEADING:
        title = f"The validation score misleads: {_share(of_learned)} of what the best trial has learned is luck"
        trust = (
            "Trust the scores on test rows alone"
            if evidence.unseen == "test"
            else f"Expect {score(honest)} on new rows"
        )
        advice = f"{trust}. {more_rows_to_choose_by(evidence.data.split)}"
        return Finding("winners_curse", "warning", title, explained, advice, figures)
    if of_gain >= MOSTLY_LUCK:
        title = f"The search has gained little: {percent(of_gain)} of the gain over the first setting is luck"
        advice = "Take the simplest of the best trials; a longer search on the same rows would add luck, not skill."
        return Finding("winners_curse", "note", title, explained, advice, figures)
    title = "The validation score can be trusted: little of it is luck in choosing"
    return Finding("winners_curse", "fine", title, explained, "", figures)


def _is_as_good_on_test(evidence: Evidence, luck: Luck, figures: Mapping[str, float]) -> bool:
    """Whether the best trial does no worse on test rows, which chose nothing, than on those that chose it."""
    return "on_test" in figures and evidence.metric.objective(figures["on_test"]) <= luck.winner


def _of_the_gain(first: Trial, gain: float, of_gain: float) -> str:
    if not gain > 0:
        return f"The first setting, #{first.number} {first.family}, is the best."
    over = f"the first setting, #{first.number} {first.family}"
    return f"That is {percent(of_gain)} of the gain of {score(gain)} over {over}."


def _share(of_learned: float) -> str:
    return percent(of_learned) if of_learned < 1 else "all"


def selection_luck(evidence: Evidence, trials: list[Trial], known: list[Trial]) -> Luck:
    """How much better the best trial looks on validation rows than it is.

    Of a bootstrap's choice, the deviation of its score on the rows drawn from that on all rows is luck; on rows not
    drawn it has the same size and the opposite sign, which saves scoring these. The deviation of the actual winner,
    zero on average, is taken off to steady the estimate.

    Args:
        trials: all that were chosen among, best first. Of those whose predictions are not kept, the deviations are
            drawn: what the others have in common, and as much of their own.
        known: those with predictions, two or more.
    """
    metric = evidence.metric
    predictions = [evidence.predictions[trial.number]["val"] for trial in known]
    samples = resampled(evidence, "val", predictions, times=RESAMPLES, most_rows=MOST_ROWS)
    sign = -1 if metric.greater_is_better else 1
    own = np.array([trial.objective for trial in known], dtype=np.float64)
    deviations = sign * samples - own
    deviations = deviations[np.isfinite(deviations).all(axis=1)]
    if not len(deviations):
        return Luck(math.nan, float(own.min()), math.nan)
    common = deviations.mean(axis=1, keepdims=True)
    typical = float((deviations - common).std() * math.sqrt(len(known) / (len(known) - 1)))
    rest = np.array([trial.objective for trial in trials if trial not in known], dtype=np.float64)
    rng = np.random.default_rng([evidence.data.seed, 31])
    drawn = common + typical * rng.standard_normal((len(deviations), len(rest)))
    return _luck(np.concatenate([own, rest]), np.concatenate([deviations, drawn], axis=1), typical)


def _luck(own: NDArray[np.float64], deviations: NDArray[np.float64], typical: float) -> Luck:
    """From objectives of shape (trials,) and how they deviate, shape (times, trials)."""
    winner = int(own.argmin())
    chosen = (own + deviations).argmin(axis=1)
    luck = deviations[np.arange(len(deviations)), chosen] - deviations[:, winner]
    bias = float((own[chosen] - own[winner] - luck).mean())
    return Luck(max(0.0, bias), float(own[winner]), math.sqrt(2) * typical)


def _with_test(
    evidence: Evidence, best: Trial, explained: str, figures: dict[str, float]
) -> tuple[str, dict[str, float]]:
    """What the test rows say of the same trial."""
    if evidence.unseen == "val" or best.number not in evidence.predictions:
        return f"{explained} Without test rows this is all that is known of it.", figures
    metric, prediction = evidence.metric, evidence.predictions[best.number]["test"]
    seen = float(metric.function(evidence.data.of("test"), prediction))
    low, high = interval(resampled(evidence, "test", [prediction], times=RESAMPLES)[:, 0])
    return (
        f"{explained} On the test rows, which chose nothing, it is {score(seen)} ({score(low)} to {score(high)}).",
        {**figures, "on_test": seen},
    )
