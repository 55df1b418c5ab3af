"""The model of a run: the weighted mean of a few trials' predictions, chosen on validation rows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.tasks import FloatArray, Metric, Task, scores
from automl.temperature import best_temperature, tempered
from automl.trial import Params, Trial, finished

# Of these trials the predictions are kept: the best of all, and the best of each family, which err in their own ways.
BEST_KEPT = 12
BEST_KEPT_OF_FAMILY = 3
# Steps of the selection, and the most members in the end: each has to predict every new row.
STEPS = 30
MOST_MEMBERS = 8
# More validation rows than this make the selection slow and hardly better.
MOST_ROWS = 20_000
# Of many classes, fewer rows. The area under the curve takes as long for each class.
MOST_NUMBERS, MOST_RANKED = 500_000, 100_000
LEAST_OF_CLASS = 5


@dataclass(frozen=True)
class Member:
    """A trial of an ensemble.

    Attributes:
        weight: its share of the mean.
        networks: how many it has, one per fold; its prediction is their mean.
        rows_per_second: how many encoded rows one of them predicts.
        temperature: of the trial; see `Trial.temperature`.
    """

    trial: int
    family: str
    params: Params
    weight: float
    parameters: int
    networks: int
    rows_per_second: float = 0.0
    temperature: float = 1.0


@dataclass(frozen=True)
class Refit:
    """What became of training the members again on more rows, once they had been scored.

    Attributes:
        rows: how many these are.
        trials: of the members that were trained again.
        kept: why the others have the networks that were scored, by the number of their trial.
        seconds: what it took.
        with_test: whether the test rows are among them.
    """

    rows: int
    trials: tuple[int, ...]
    kept: Mapping[int, str] = field(default_factory=dict)
    seconds: float = 0.0
    with_test: bool = True


@dataclass(frozen=True)
class Ensemble:
    """What a run has come to; often a single trial.

    Attributes:
        members: the heaviest first; their weights sum to 1.
        temperature: of the mean; members have their own.
        scores: by split and metric, as in a trial.
        seconds: what the members' trials took together.
        refit: None if no member was to be trained again. Scores are always those of before.
    """

    members: tuple[Member, ...]
    temperature: float
    objective: float
    scores: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    seconds: float = 0.0
    refit: Refit | None = None

    @property
    def networks(self) -> int:
        """Of all members."""
        return sum(member.networks for member in self.members)

    @property
    def refitted(self) -> tuple[int, ...]:
        """The trials of the members that have learned from more rows since they were scored."""
        return () if self.refit is None else self.refit.trials

    @property
    def rows_per_second(self) -> float:
        """How many encoded rows the model predicts, on one core and many at a time; 0 where it was not measured."""
        if not all(member.rows_per_second for member in self.members):
            return 0.0
        return 1 / sum(member.networks / member.rows_per_second for member in self.members)

    @classmethod
    def of(cls, trial: Trial, *, networks: int = 1) -> Ensemble:
        """A trial that is a model by itself."""
        assert trial.objective is not None
        member = _member(trial, 1.0, networks)
        return cls((member,), 1.0, trial.objective, trial.scores, trial.seconds)

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Ensemble:
        """The ensemble that `dataclasses.asdict` described, as JSON keeps it: without NaN."""
        scored = {
            part: {name: float("nan") if value is None else value for name, value in own.items()}
            for part, own in record["scores"].items()
        }
        members = tuple(Member(**member) for member in record["members"])
        again = record.get("refit")
        refit = again and Refit(
            again["rows"],
            tuple(again["trials"]),
            {int(trial): why for trial, why in again["kept"].items()},
            again["seconds"],
            again.get("with_test", True),
        )
        return cls(**{**record, "members": members, "scores": scored, "refit": refit})

    @property
    def title(self) -> str:
        """What people call it."""
        if len(self.members) == 1:
            return f"#{self.members[0].trial} {self.members[0].family}"
        return f"ensemble of {len(self.members)}"

    @property
    def parameters(self) -> int:
        """The trainable weights of all networks."""
        return sum(member.parameters * member.networks for member in self.members)


def _member(trial: Trial, weight: float, networks: int) -> Member:
    return Member(
        trial.number,
        trial.family,
        trial.params,
        weight,
        trial.parameters,
        networks,
        trial.rows_per_second,
        trial.temperature,
    )


def candidates(trials: Sequence[Trial]) -> list[Trial]:
    """The trials that an ensemble may be made of, best first.

    Each family's first setting is always among them: its defaults, or what did well on other tables.
    """
    ranked = finished(trials)
    kept = {trial.number for trial in ranked[:BEST_KEPT]}
    for family in {trial.family for trial in ranked}:
        own = [trial.number for trial in ranked if trial.family == family]
        kept |= {*own[:BEST_KEPT_OF_FAMILY], min(own)}
    return [trial for trial in ranked if trial.number in kept]


def worth_keeping(new: Trial, trials: Sequence[Trial]) -> float:
    """A trial becomes a candidate if its objective is below this; one that was started again may be a first setting."""
    ranked = finished(trials)
    own = [trial for trial in ranked if trial.family == new.family]
    is_first = all(new.number <= trial.number for trial in own)
    if is_first or len(ranked) < BEST_KEPT or len(own) < BEST_KEPT_OF_FAMILY:
        return float("inf")
    last = (ranked[BEST_KEPT - 1].objective, own[BEST_KEPT_OF_FAMILY - 1].objective)
    # One that is as good as the last may take its place, since of equals the earlier counts.
    return math.nextafter(max(objective for objective in last if objective is not None), math.inf)


def choose(
    trials: Sequence[Trial],
    predictions: Mapping[int, Mapping[str, FloatArray]],
    targets: Mapping[str, NDArray[Any]],
    *,
    task: Task,
    metric: Metric,
    networks: int,
    most: int = MOST_MEMBERS,
    slowest: float = float("inf"),
    most_weights: Mapping[str, float] = MappingProxyType({}),
) -> Ensemble:
    """The ensemble of the candidates that predicts the validation rows best.

    Args:
        trials: the candidates, best first.
        predictions: of each trial by number, by split.
        targets: by split. Those of the test rows are only scored.
        networks: how many each trial has.
        most: members; 1 takes the best trial.
        slowest: seconds that the model may take to predict a row, one among many. Where no trial is as fast, the
            fastest is the model.
        most_weights: the most that a family's trials may weigh together, for families with such a limit.
    """
    seconds = [networks / trial.rows_per_second if trial.rows_per_second else 0.0 for trial in trials]
    fast_enough = [place for place, own in enumerate(seconds) if own <= slowest] or [int(np.argmin(seconds))]
    trials = [trials[place] for place in fast_enough]
    seconds = [seconds[place] for place in fast_enough]
    on_validation = [predictions[trial.number]["val"] for trial in trials]
    limits = limits_of([trial.family for trial in trials], most_weights)
    weights = select(on_validation, targets["val"], metric, most=most, costs=seconds, affordable=slowest, limits=limits)
    chosen = sorted((number for number in range(len(trials)) if weights[number] > 0), key=lambda n: -weights[n])
    shares = [float(weights[number]) for number in chosen]
    temperature = 1.0
    if task.PREDICTS == "probabilities":
        blended = blend([on_validation[n] for n in chosen], shares)
        temperature = calibration(blended, targets["val"], task.METRICS["log_loss"])
    by_part = {
        part: blend([predictions[trials[n].number][part] for n in chosen], shares, temperature=temperature)
        for part in targets
    }
    scored = {part: scores(task, targets[part], own) for part, own in by_part.items()}
    return Ensemble(
        tuple(
            _member(trial, share, networks) for trial, share in zip((trials[n] for n in chosen), shares, strict=True)
        ),
        temperature,
        metric.objective(scored["val"][metric.name]),
        scored,
        sum(trials[n].seconds for n in chosen),
    )


@dataclass(frozen=True)
class Limit:
    """Candidates, by number, and the most that they may weigh together."""

    candidates: tuple[int, ...]
    weight: float


def limits_of(families: Sequence[str], most_weights: Mapping[str, float]) -> list[Limit]:
    """The limits for candidates of these families. Families that are all there is are not limited."""
    limits = [
        Limit(tuple(number for number, own in enumerate(families) if own == family), weight)
        for family, weight in most_weights.items()
    ]
    everyone = sum(len(limit.candidates) for limit in limits) == len(families)
    return [] if everyone else limits


def select(
    predictions: Sequence[FloatArray],
    targets: NDArray[Any],
    metric: Metric,
    *,
    most: int,
    costs: Sequence[float] = (),
    affordable: float = float("inf"),
    limits: Sequence[Limit] = (),
) -> NDArray[np.float64]:
    """The weight of each candidate: greedy selection with replacement (Caruana et al. 2004).

    Repeating it on halves of the rows, and taking the mean of the weights, gave 1.056 of the error (se 0.049, seven
    small tables, 0.998 to 1.008 on six of them); repeating it on halves of the candidates 1.21.

    It begins with the best candidate that has no limit; each step adds the one with which the mean is best, whether it
    is in it already or not. What counts is the best mean on the way.

    Args:
        predictions: of the same rows by each candidate, the best first.
        most: candidates with a weight.
        costs: of each candidate with a weight, however large; together they are not to exceed what is affordable,
            unless the first does so alone.

    Returns:
        Shape (candidates,), with sum 1.
    """
    numbers_of_row = predictions[0].size // len(targets)
    most_numbers = MOST_RANKED if metric.name == "roc_auc" else MOST_NUMBERS
    number_of_rows = min(len(targets), MOST_ROWS, most_numbers // numbers_of_row)
    rows = with_rare_classes(np.linspace(0, len(targets) - 1, number_of_rows).astype(np.intp), targets)
    own = [prediction[rows] for prediction in predictions]
    targets = targets[rows]

    def objective(prediction: FloatArray) -> float:
        return metric.objective(metric.function(targets, prediction))

    def within_limits(number: int, size: int) -> bool:
        return all(
            counts[list(limit.candidates)].sum() + 1 <= limit.weight * size
            for limit in limits
            if number in limit.candidates
        )

    limited = {number for limit in limits for number in limit.candidates}
    first = min(set(range(len(own))) - limited)
    counts = np.zeros(len(own), dtype=np.int64)
    counts[first] = 1
    total = own[first].astype(np.float64)
    best, best_counts = objective(total), counts.copy()
    for size in range(2, STEPS + 1 if most > 1 else 0):
        taken = np.flatnonzero(counts)
        left = affordable - sum(costs[int(number)] for number in taken if costs)
        allowed = [
            number
            for number in range(len(own))
            if (counts[number] or (len(taken) < most and (not costs or costs[number] <= left)))
            and within_limits(number, size)
        ]
        reached = {number: objective((total + own[number]) / size) for number in allowed}
        added = min(reached, key=lambda number: (reached[number], number))
        counts[added] += 1
        total = total + own[added]
        if reached[added] < best:
            best, best_counts = reached[added], counts.copy()
    return np.asarray(best_counts / best_counts.sum())


def with_rare_classes(
    rows: NDArray[np.int64], targets: NDArray[Any], *, least: int = LEAST_OF_CLASS
) -> NDArray[np.int64]:
    """The rows, ascending, and more of classes of which they have fewer than `least`, as far as there are any.

    Metrics of ranks are not defined without a row of each class.

    Args:
        rows: ascending numbers of some rows.
        targets: of all rows; nothing is added for those of a regression.
    """
    if len(rows) == len(targets) or not np.issubdtype(targets.dtype, np.integer):
        return rows
    counts = np.bincount(targets[rows], minlength=int(targets.max()) + 1)
    of_rare = [np.flatnonzero(targets == label)[:least] for label in np.flatnonzero(counts < least)]
    return np.unique(np.concatenate([rows, *of_rare]))


def calibration(probabilities: FloatArray, targets: NDArray[Any], log_loss: Metric) -> float:
    """The temperature with the lowest log loss, if that of each half of the rows serves the other.

    Args:
        probabilities: shape (rows, classes), of rows that no network has learned from.
    """
    halves = [slice(half, None, 2) for half in (0, 1)]
    if len(targets) < len(halves):
        return 1.0

    def loss(half: slice, temperature: float) -> float:
        return log_loss.function(targets[half], tempered(probabilities[half], temperature))

    of_halves = [best_temperature(probabilities[half], targets[half], most_numbers=MOST_NUMBERS) for half in halves]
    served = sum(loss(half, of_other) for half, of_other in zip(halves, reversed(of_halves), strict=True))
    untouched = sum(loss(half, 1.0) for half in halves)
    return best_temperature(probabilities, targets, most_numbers=MOST_NUMBERS) if served < untouched else 1.0


def blend(predictions: Sequence[FloatArray], weights: Sequence[float], *, temperature: float = 1.0) -> FloatArray:
    """The weighted mean of predictions of the same rows."""
    mean = np.sum([weight * prediction for weight, prediction in zip(weights, predictions, strict=True)], axis=0)
    return tempered(mean, temperature)
