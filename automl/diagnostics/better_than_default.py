"""Whether the model is really better than its family's first setting, and than gradient boosting."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from automl.baselines import CONSTANT, Baseline
from automl.bootstrap import deviation
from automl.diagnostics import Answer, Evidence, Finding, NotApplicable
from automl.diagnostics._luck import luck
from automl.diagnostics._parts import PARTS
from automl.diagnostics._resampled import resampled, standard_errors
from automl.diagnostics._wording import more_rows_to_choose_by
from automl.figures import count, score
from automl.plain import plain
from automl.trial import Trial, finished

STAGE = "run"
TITLE = "Against the default and the baselines"

# Standard errors of a difference beyond which it is not chance.
CLEAR = 2.4
RESAMPLES, MOST_ROWS = 200, 5_000
# Greater-is-better metrics are shares; of the others, these have no unit either.
WITHOUT_UNIT = ("log_loss",)


@dataclass(frozen=True)
class Rival:
    """Something that the model should beat.

    Attributes:
        name: in figures.
        title: in sentences.
        lead: the rival's error less the model's.
        low, high: `CLEAR` standard errors to either side of the lead; NaN for both where only the score is known.
        sure: standard errors that the lead is away from 0.
        luck: standard errors by which it may be ahead without being better, as the best of many on these rows.
    """

    name: str
    title: str
    score: float
    lead: float
    low: float
    high: float
    sure: float
    luck: float

    @property
    def is_beaten(self) -> bool:
        return self.sure > CLEAR + self.luck

    @property
    def is_ahead(self) -> bool:
        return self.sure < -CLEAR


def check(evidence: Evidence) -> Answer:
    """Compares errors on new rows by the bootstrap, on the same draws, so that rows which are hard for both cancel out.

    Of a baseline whose predictions are not kept only the score is known. Its difference then counts from one standard
    error of a score on: error / √rows in the target's unit, or √(error / rows). One and not two, since what is hard for
    one is mostly hard for the other. On validation rows, which chose the model, the luck of the best of trials comes
    on top. Whether it beats predicting without the features is asked by `underfitting`.
    """
    metric, part = evidence.metric, evidence.unseen
    if not math.isfinite(_own(evidence)):
        return NotApplicable("better_than_default", f"{metric.title} is not defined on these {PARTS[part]} rows.")
    rivals = list(_rivals(evidence))
    if not rivals:
        return NotApplicable("better_than_default", "The model is the first setting, and there is no baseline.")
    figures = {f"lead_over_{rival.name}": rival.lead for rival in rivals}
    own = metric.score(_own(evidence))
    rows = count(len(evidence.data.of(part)), f"{PARTS[part]} row")
    explained = f"On {rows} its {metric.title} is {score(own)}. " + " ".join(map(_sentence, rivals))
    behind = [rival for rival in rivals if rival.is_ahead]
    on_a_par = [rival for rival in rivals if not rival.is_ahead and not rival.is_beaten]
    if any(rival.name == "first_setting" for rival in behind):
        title = f"It is worse on new rows than {behind[0].title}"
        advice = "The search has overfitted its validation rows: give it fewer --trials. "
        advice += more_rows_to_choose_by(evidence.data.split)
        return Finding("better_than_default", "warning", title, explained, advice, figures)
    if behind:
        names = " and ".join(rival.title for rival in behind)
        title = f"It loses to {names}"
        advice = "Use what is better, or give the search more --time."
        return Finding("better_than_default", "warning", title, explained, advice, figures)
    if on_a_par:
        title = f"It is about as good as {' and '.join(rival.title for rival in on_a_par)}: that may be chance"
        advice = "Where a simpler model will do, take it. More rows or more --time may bring out a difference."
        return Finding("better_than_default", "note", title, explained, advice, figures)
    title = f"It beats {', '.join(rival.title for rival in rivals)}"
    return Finding("better_than_default", "fine", title, explained, "", figures)


def _rivals(evidence: Evidence) -> Iterator[Rival]:
    part, metric, targets = evidence.unseen, evidence.metric, evidence.data.of(evidence.unseen)
    named = {}
    first = _first_setting(evidence)
    if first is not None:
        title = f"#{first.number} {first.family} (the first setting)"
        named["first_setting"] = (title, evidence.predictions[first.number][part])
    for name, kept in evidence.baseline_predictions.items():
        if name != CONSTANT and part in kept:
            named[name.replace(" ", "_")] = (plain(name, longest=40), kept[part])
    predictions = [evidence.blended[part], *(prediction for _, prediction in named.values())]
    samples = resampled(evidence, part, predictions, times=RESAMPLES, most_rows=MOST_ROWS)
    for place, (name, (title, prediction)) in enumerate(named.items(), start=1):
        known = float(metric.function(targets, prediction))
        lead, spread = metric.objective(known) - _own(evidence), deviation(samples[:, place] - samples[:, 0])
        margin = CLEAR * spread
        sure = standard_errors(lead, spread)
        yield Rival(name, title, known, lead, lead - margin, lead + margin, sure, luck(evidence, part))
    for baseline in evidence.baselines:
        name = baseline.name.replace(" ", "_")
        if name not in named and baseline.name != CONSTANT and baseline.scores:
            yield _by_score(evidence, name, baseline)


def _first_setting(evidence: Evidence) -> Trial | None:
    """What the search began with, in the leader's family; or in all, if the leader is that."""
    leader = evidence.leader
    own = [trial for trial in finished(evidence.trials) if trial.number in evidence.predictions]
    of_family = min((trial for trial in own if trial.family == leader.family), key=lambda trial: trial.number)
    first = min(own, key=lambda trial: trial.number) if of_family == leader else of_family
    return None if first == leader else first


def _own(evidence: Evidence) -> float:
    metric, part = evidence.metric, evidence.unseen
    return metric.objective(metric.function(evidence.data.of(part), evidence.blended[part]))


def _by_score(evidence: Evidence, name: str, baseline: Baseline) -> Rival:
    metric, part = evidence.metric, evidence.unseen
    known = baseline.scores[part][metric.name]
    lead = metric.objective(known) - _own(evidence)
    errors = [1 - own if metric.greater_is_better else own for own in (known, metric.score(_own(evidence)))]
    rows = len(evidence.data.of(part))
    # No mistake in n rows does not mean that there are none: one more row with a mistake.
    shares = metric.greater_is_better or metric.name in WITHOUT_UNIT
    spread = math.sqrt((min(errors) + 1 / rows) / rows) if shares else min(errors) / math.sqrt(rows)
    title = plain(baseline.name, longest=40)
    sure = CLEAR * standard_errors(lead, spread)
    return Rival(name, title, known, lead, math.nan, math.nan, sure, luck(evidence, part))


def _sentence(rival: Rival) -> str:
    margin = "" if math.isnan(rival.low) else f", a lead of {score(rival.low)} to {score(rival.high)} with other rows"
    what = "ahead of" if rival.is_beaten else "behind" if rival.is_ahead else "about as good as"
    return f"It is {what} {rival.title} ({score(rival.score)}{margin})."
