"""Whether the best settings lie at the edge of what was searched, so that better ones may lie beyond."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from automl.diagnostics import Answer, Evidence, Finding, NotApplicable
from automl.diagnostics._importance import importance
from automl.space import Choice, Float, Int, Parameter, SearchSpace, Value
from automl.trial import Trial, finished

STAGE = "training"
TITLE = "Settings at the edge of their range"

# Of a family, so many trials tell where the good settings are; and of these, the best that are looked at.
LEAST_TRIALS = 12
BEST_SHARE, LEAST_BEST, MOST_BEST = 0.125, 5, 10
# The outermost part of a range, along its scale.
EDGE = 0.15
# Trials away from an end, by which a search knows that it is worse there, and standard errors that make it clear.
LEAST_ELSEWHERE, CLEAR = 3, 1.645
# A chance gathering at an edge should be rarer than this, over all hyperparameters and both ends together.
RARE = 0.05

# What a forest has to explain of how the trials rank, and the share in it of a hyperparameter that matters.
LEAST_EXPLAINED, MATTERS = 0.1, 0.1

Side = Literal["low", "high"]


@dataclass(frozen=True)
class Edge:
    """A hyperparameter whose best values are at an end of its range.

    Attributes:
        at: how many of the best settings are there, of so many.
        chance: how likely that is if good settings are everywhere.
        wider: what to write behind `--set`.
    """

    family: str
    parameter: str
    side: Side
    at: int
    of: int
    chance: float
    wider: str


def check(evidence: Evidence) -> Answer:
    """Looks at the best eighth of the finished trials (5 to 10) of each family in the model.

    If good settings were anywhere, each would be in the outermost 15 % of a range by as much of a chance, so the number
    there is binomial. A hyperparameter counts whose search went elsewhere too, whose trials are the better the nearer
    they are to the end, and beyond whose end there is something.
    """
    families = dict.fromkeys(member.family for member in evidence.best.members)
    searched = {family: [t for t in finished(evidence.trials) if t.family == family] for family in families}
    enough = {family: trials for family, trials in searched.items() if len(trials) >= LEAST_TRIALS}
    if not enough:
        return NotApplicable(
            "edge_of_range", f"No family of the model has {LEAST_TRIALS} finished trials, which it takes to tell."
        )
    found = [
        edge
        for family, trials in enough.items()
        if family in evidence.spaces
        for edge in edges(evidence.spaces[family], trials, seed=evidence.data.seed, rare=RARE / len(enough))
    ]
    figures = {"at_edge": float(len(found))}
    if not found:
        title = "The best settings lie within the searched ranges"
        explained = "None of the hyperparameters that were varied has its best values gathered at an end of its range."
        return Finding("edge_of_range", "fine", title, explained, "", figures)
    found = sorted(found, key=lambda edge: edge.chance)
    named = ", ".join(f"{edge.family}.{edge.parameter}" for edge in found[:3]) + (", …" if len(found) > 3 else "")
    explained = " ".join(
        f"Of the {edge.of} best settings of {edge.family}, {edge.at} have {edge.parameter} at the "
        f"{'lower' if edge.side == 'low' else 'upper'} end of its range."
        for edge in found
    )
    return Finding(
        "edge_of_range",
        "warning",
        f"The best settings are at the edge of what was searched: {named}",
        f"{explained} Better ones may lie beyond.",
        "Search further out: " + " ".join(f"--set {edge.wider}" for edge in found),
        figures,
    )


def edges(space: SearchSpace, trials: Sequence[Trial], *, seed: int, rare: float = RARE) -> list[Edge]:
    """The hyperparameters of a family whose best values are at an end.

    Args:
        trials: finished ones of the family, best first.
        rare: the most that the chance of any of them may be, if good settings are everywhere.
    """
    mattering = _mattering(space, trials, seed=seed)
    found = [find(space.name, name, parameter, trials) for name, parameter in mattering.items()]
    return [edge for edge in found if edge and edge.chance * 2 * len(mattering) < rare]


def _mattering(space: SearchSpace, trials: Sequence[Trial], *, seed: int) -> dict[str, Parameter]:
    """The hyperparameters that made a difference. A search stays near what was good, also in those that did not."""
    found = importance(space, trials, seed=seed)
    if found.explained < LEAST_EXPLAINED:
        return {}
    return {name: space.parameters[name] for name, share in found.shares.items() if share >= MATTERS}


def find(family: str, name: str, parameter: Parameter, trials: Sequence[Trial]) -> Edge | None:
    """The end at which a family's best trials gather, if they do; `trials` are best first."""
    positioned = [(_position(parameter, trial.params[name]), trial) for trial in trials if name in trial.params]
    places = np.array([position for position, _ in positioned if position is not None])
    if len(places) < LEAST_TRIALS or len(places) < len(positioned):
        return None
    best = places[: min(MOST_BEST, max(LEAST_BEST, math.ceil(BEST_SHARE * len(places))))]
    side: Side = "low" if best.mean() < 0.5 else "high"
    from_end = places if side == "low" else 1 - places
    went_elsewhere = int((from_end > EDGE).sum()) >= LEAST_ELSEWHERE
    further = wider(parameter, side)
    if not (went_elsewhere and from_end[0] <= EDGE and _is_better_near(from_end)) or further is None:
        return None
    at = int(np.count_nonzero(from_end[: len(best)] <= EDGE))
    return Edge(
        family,
        name,
        side,
        at,
        len(best),
        _chance(at, len(best), _share_at_end(parameter)),
        f"{family}.{name}={further}",
    )


def _chance(at: int, of: int, share: float) -> float:
    """How likely so many or more of them are at an end."""
    return float(sum(math.comb(of, n) * share**n * (1 - share) ** (of - n) for n in range(at, of + 1)))


def _position(parameter: Parameter, chosen: Value) -> float | None:
    """Where between the ends a value is, from 0 to 1 along the parameter's scale; None where there is no between."""
    if isinstance(parameter, Choice):
        values = _ordered(parameter)
        return values.index(int(chosen)) / (len(values) - 1) if chosen in values else None
    if parameter.low == parameter.high or chosen not in parameter:
        return None
    low, high, own = float(parameter.low), float(parameter.high), float(chosen)
    if parameter.log:
        low, high, own = math.log(low), math.log(high), math.log(own)
    return (own - low) / (high - low)


def _ordered(parameter: Choice) -> list[int]:
    """The values of a choice of whole numbers in their order; empty for any other choice, or of fewer than three."""
    values = [value for value in parameter.values if isinstance(value, int) and not isinstance(value, bool)]
    return sorted(values) if 3 <= len(values) == len(parameter.values) else []


def _share_at_end(parameter: Parameter) -> float:
    """How likely a value drawn at random is at a certain end."""
    if isinstance(parameter, Choice):
        return 1 / len(parameter.values)
    if isinstance(parameter, Float):
        return EDGE
    drawn = [parameter.nearest(parameter.reals().at(place)) for place in (np.arange(1000) + 0.5) / 1000]
    ends = [_position(parameter, value) or 0.0 for value in drawn]
    return float(max(np.mean(np.array(ends) <= EDGE), np.mean(np.array(ends) >= 1 - EDGE)))


def _is_better_near(from_end: np.ndarray) -> bool:
    """Whether trials are the better the nearer they are to an end, by Spearman's rank correlation.

    Args:
        from_end: of each trial, the best first.
    """
    ranks = np.array([(from_end < place).sum() + ((from_end == place).sum() - 1) / 2 for place in from_end])
    if ranks.std() == 0:
        return False
    correlation = np.corrcoef(ranks, np.arange(len(ranks)))[0, 1]
    return bool(correlation * math.sqrt(len(ranks) - 1) > CLEAR)


def wider(parameter: Parameter, side: Side) -> str | None:
    """The range with more beyond an end, as `--set` takes it; None where there is nothing beyond."""
    if isinstance(parameter, Choice):
        values = _ordered(parameter)
        outer, inner = (values[0], values[1]) if side == "low" else (values[-1], values[-2])
        further = round(outer * outer / inner) if inner > 0 else outer + (outer - inner)
        if further <= 0 or further == outer:
            return None
        return ",".join(str(value) for value in sorted({*values, further}))
    end = _beyond(parameter, side)
    if end is None:
        return None
    low, high = (end, parameter.high) if side == "low" else (parameter.low, end)
    return f"{_written(low)}..{_written(high)}"


def _beyond(parameter: Float | Int, side: Side) -> float | None:
    """A new end: ten times as far on a logarithmic scale, or the root of the range; else half the range more."""
    low, high = parameter.low, parameter.high
    if parameter.log:
        factor = min(10.0, max(2.0, math.sqrt(high / low)))
        end = low / factor if side == "low" else high * factor
    elif side == "high":
        # What lies between 0 and 1 is a share, such as dropout.
        end = (1 + high) / 2 if isinstance(parameter, Float) and low >= 0 and high <= 1 else high + (high - low) / 2
    else:
        end = low - (high - low) / 2
        end = max(end, 0.0) if low >= 0 else end
    if isinstance(parameter, Int):
        end = math.ceil(end) if side == "high" else max(math.floor(end), 1 if low >= 1 else 0)
    return None if end == (low if side == "low" else high) else end


def _written(number: float) -> str:
    rounded = float(f"{number:.2g}")
    return str(round(rounded)) if isinstance(number, int) else f"{rounded:g}"
