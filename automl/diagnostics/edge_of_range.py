"""Whether the best settings lie at the edge of what was searched, so that better ones may lie beyond."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from automl.diagnostics import Answer, Evidence, Finding, NotApplicable
from automl.space import Choice, Float, Int, Parameter, SearchSpace, Value
from automl.trial import Trial, finished

STAGE = "training"
TITLE = "Settings at the edge of their range"

# Of a family, so many trials tell where the good settings are; and of these, the best that are named.
LEAST_TRIALS, BEST = 12, 5
# The outermost part of a range, along its scale.
OUTERMOST = 1 / 3
# A trend towards an edge should be rarer than this by chance, over all hyperparameters and both ends together.
RARE = 0.05
# Places inside a range, counted from its middle to the end that is looked at, where the best settings may be instead.
INSIDE = (0.5, 0.6, 0.7, 0.8)
# The last values that mean something: 255 thresholds of a column are all.
LAST = {"thresholds": 255}

Side = Literal["low", "high"]


@dataclass(frozen=True)
class Edge:
    """A hyperparameter whose settings are the better the nearer they are to an end of its range.

    Attributes:
        at: how many of the best settings are in the outermost third, of so many.
        chance: how likely such a trend is where the hyperparameter does not matter.
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
    """Looks at how the finished trials of each family in the model rank along the range of each hyperparameter.

    The trend is the correlation of the places with the trials' Savage scores, in which the best trials count for most
    (Iman and Conover 1987). It has to be beyond chance, no place inside the range may tell the ranks better than its
    end, and beyond that there must be something.
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
        for edge in edges(evidence.spaces[family], trials, rare=RARE / len(enough))
    ]
    figures = {"at_edge": float(len(found))}
    if not found:
        title = "The best settings lie within the searched ranges"
        explained = "No family's trials are the better the nearer a hyperparameter is to an end of its range."
        return Finding("edge_of_range", "fine", title, explained, "", figures)
    found = sorted(found, key=lambda edge: edge.chance)
    named = ", ".join(f"{edge.family}.{edge.parameter}" for edge in found[:3]) + (", …" if len(found) > 3 else "")
    explained = " ".join(
        f"Settings of {edge.family} are the better the {'lower' if edge.side == 'low' else 'higher'} {edge.parameter} "
        f"is: {edge.at} of the {edge.of} best are in the {'lower' if edge.side == 'low' else 'upper'} third of its "
        "range."
        for edge in found
    )
    return Finding(
        "edge_of_range",
        "note",
        f"The best settings are at the edge of what was searched: {named}",
        f"{explained} Better ones may lie beyond.",
        "Search further out: " + " ".join(f"--set {edge.wider}" for edge in found),
        figures,
    )


def edges(space: SearchSpace, trials: Sequence[Trial], *, rare: float = RARE) -> list[Edge]:
    """The hyperparameters of a family whose best values lie at an end, or beyond it.

    Args:
        trials: finished ones of the family, best first.
        rare: the most that the chance may be, over all that are looked at.
    """
    placed = {
        name: places
        for name, parameter in space.reachable().items()
        if (places := _places(parameter, [trial.params.get(name) for trial in trials])) is not None
    }
    found = (find(space, name, places) for name, places in placed.items())
    return [edge for edge in found if edge and edge.chance * 2 * len(placed) < rare]


def find(space: SearchSpace, name: str, places: NDArray[np.float64]) -> Edge | None:
    """The end of a range towards which the trials become better, however slightly.

    Args:
        places: where each trial is between the ends, from 0 to 1, the best trial first.
    """
    scores = _savage(len(places))
    side: Side = "low" if np.corrcoef(scores, places)[0, 1] < 0 else "high"
    from_middle = 1 - places if side == "low" else places
    trend = float(np.corrcoef(scores, from_middle)[0, 1])
    elsewhere = max(float(_correlation(scores, -np.abs(from_middle - place))) for place in INSIDE)
    parameter = space.parameters[name]
    is_last = side == "high" and name in LAST and LAST[name] in parameter
    further = None if is_last else wider(parameter, side)
    if trend < elsewhere or further is None:
        return None
    best = from_middle[:BEST]
    at = int(np.count_nonzero(best >= 1 - OUTERMOST))
    chance = 1 - NormalDist().cdf(trend * math.sqrt(len(places) - 1))
    return Edge(space.name, name, side, at, len(best), chance, f"{space.name}.{name}={further}")


def _savage(trials: int) -> NDArray[np.float64]:
    """Savage's score of each rank: what is expected of the largest, the second largest, … of so many exponentials."""
    return np.asarray(np.cumsum(1 / np.arange(trials, 0, -1))[::-1])


def _correlation(left: NDArray[np.float64], right: NDArray[np.float64]) -> float:
    return float(np.corrcoef(left, right)[0, 1]) if right.std() > 0 else 0.0


def _places(parameter: Parameter, chosen: Sequence[Value | None]) -> NDArray[np.float64] | None:
    """Where the trials are between the ends of a range; None where they are all at one place, or some at none."""
    places = [None if value is None else _position(parameter, value) for value in chosen]
    known = np.array([place for place in places if place is not None])
    return known if len(known) == len(places) and np.ptp(known) > 0 else None


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
    if side == "low":
        return f"{_rounded(end, beyond=parameter.low):.15g}..{parameter.high:.15g}"
    return f"{parameter.low:.15g}..{_rounded(end, beyond=parameter.high):.15g}"


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


def _rounded(end: float, *, beyond: float) -> float:
    """The end with two digits, where these leave most of what it adds."""
    rounded = float(f"{end:.2g}")
    return rounded if abs(rounded - end) < abs(end - beyond) / 2 else end
