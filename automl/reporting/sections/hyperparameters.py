"""What was tried of the leading family, and how well each setting did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from automl.figures import score
from automl.reporting.facts import ReportFacts
from automl.reporting.plots.panel import Axis, axis, without_outliers
from automl.reporting.plots.parallel import Coordinate, Setting, parallel
from automl.trial import Trial, finished

TITLE = "Hyperparameters"
LEAST_TRIALS = 3
MOST_TRIALS = 300
MOST_COORDINATES = 7


def show(facts: ReportFacts) -> dict[str, Any] | None:
    """Parallel coordinates of the family with the greatest weight, or of the most tried where that has few trials."""
    family = _family(facts)
    trials = [trial for trial in finished(facts.trials) if trial.family == family][:MOST_TRIALS]
    if len(trials) < LEAST_TRIALS:
        return None
    space = facts.asked["spaces"].get(family, {})
    varied = [name for name in space if len({trial.params.get(name) for trial in trials}) > 1]
    if not varied:
        return None
    telling = sorted(varied, key=lambda name: -_told(name, space[name], trials))[:MOST_COORDINATES]
    coordinates = [_coordinate(name, space[name], trials) for name in varied if name in telling]
    scores = [_score(trial, facts) for trial in trials]
    coordinates.append(Coordinate(facts.metric.title, _of_scores(scores, facts)))
    members = {member.trial for member in facts.best.members} if facts.best else set()
    settings = [
        Setting(
            {**trial.params, facts.metric.title: value},
            place / max(1, len(trials) - 1),
            f"#{trial.number}: {facts.metric.title} {score(value)}",
            trial.number in members,
        )
        for place, (trial, value) in enumerate(zip(trials, scores, strict=True))
    ]
    return {
        "family": family,
        "figure_of": parallel(coordinates, settings, title=f"{family}: {len(trials)} settings"),
        "fixed": [name for name in space if name not in varied],
        "more": max(0, len(varied) - MOST_COORDINATES),
        "best": [(name, trials[0].params[name]) for name in varied if name in trials[0].params],
        "best_trial": trials[0].number,
    }


def _family(facts: ReportFacts) -> str:
    tried = Counter(trial.family for trial in finished(facts.trials))
    members = facts.best.members if facts.best else ()
    weights = {family: sum(member.weight for member in members if member.family == family) for family in tried}
    leading = max(weights, key=lambda family: weights[family], default="")
    return leading if tried[leading] >= LEAST_TRIALS else max(tried, key=lambda family: tried[family], default="")


def _told(name: str, parameter: Mapping[str, Any], trials: Sequence[Trial]) -> float:
    """How much of a trial's rank the hyperparameter tells: the adjusted R² of groups, or of a parabola.

    Args:
        trials: the best first.
    """
    chosen = [trial.params.get(name) for trial in trials]
    if "values" in parameter or None in chosen:
        values = list(dict.fromkeys(chosen))
        features = np.array([[value == other for other in values[1:]] for value in chosen], dtype=np.float64)
    else:
        places = np.unique(np.array(chosen, dtype=np.float64), return_inverse=True)[1]
        features = np.stack([places, places**2], axis=1).astype(np.float64)
    ranks = np.arange(len(trials), dtype=np.float64)
    with_constant = np.column_stack([np.ones(len(trials)), features])
    fitted = with_constant @ np.linalg.lstsq(with_constant, ranks, rcond=None)[0]
    unexplained = ((ranks - fitted) ** 2).sum() / ((ranks - ranks.mean()) ** 2).sum()
    return float(1 - unexplained * (len(trials) - 1) / max(1, len(trials) - features.shape[1] - 1))


def _coordinate(name: str, parameter: Mapping[str, Any], trials: Sequence[Trial]) -> Coordinate:
    if "values" in parameter:
        return Coordinate(name, Axis(name, 0, 1), [str(value) for value in _values(name, parameter, trials)])
    low, high = parameter["low"], parameter["high"]
    tried = [float(trial.params[name]) for trial in trials if name in trial.params]
    is_whole = isinstance(low, int) and isinstance(high, int)
    limits = (min(low, *tried), max(high, *tried))
    return Coordinate(name, Axis(name, *limits, log=bool(parameter.get("log")), whole=is_whole))


def _values(name: str, parameter: Mapping[str, Any], trials: Sequence[Trial]) -> list[Any]:
    """The values of a choice, and those that trials had beside them."""
    tried = [trial.params[name] for trial in trials if name in trial.params]
    values = list(dict.fromkeys([*parameter["values"], *tried]))
    numbers = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)
    return sorted(values) if numbers else values


def _of_scores(scores: Sequence[float], facts: ReportFacts) -> Axis:
    """Hopeless settings are drawn at its end, lest all others lie in one place."""
    usual = without_outliers([facts.metric.objective(value) for value in scores])
    return axis(facts.metric.title, [facts.metric.score(value) for value in usual])


def _score(trial: Trial, facts: ReportFacts) -> float:
    assert trial.objective is not None
    return facts.metric.score(trial.objective)
