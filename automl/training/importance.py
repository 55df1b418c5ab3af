"""How much each column matters to a model: how much worse it does when the column is shuffled (Breiman 2001).

The rows are validation rows, each predicted by networks that have not learned from it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from automl.encoding.numbers import Scaling
from automl.encoding.table import Arrays, Encoding, places, together
from automl.ensemble import Ensemble, Member, blend, with_rare_classes
from automl.tasks import FloatArray, Metric, predicted
from automl.training.forward import on_device, predictors
from automl.training.train import TrialFailed
from automl.training.workshop import Workshop

REPEATS = 5
MOST_ROWS, LEAST_ROWS = 2_000, 100
# Of the time, what predictions may take by the pace that trials had; the rest is for compiling, and for surprises.
SHARE_FOR_PREDICTIONS = 0.4
# Numbers in the rows that are predicted at once.
CELLS = 4_000_000

Shuffle = tuple[str, NDArray[np.int64]]
Networks = Sequence[Sequence[NDArray[Any]]]


def increases(
    workshop: Workshop,
    model: Ensemble,
    weights: Mapping[int, Networks],
    encoding: Encoding,
    *,
    columns: Sequence[str],
    metric: Metric,
    seed: int,
    until: float,
    report: Callable[[], None] = lambda: None,
) -> dict[str, list[float]]:
    """By column, the increase of the metric's objective, once for each shuffle; as many shuffles as there is time for.

    Args:
        weights: of each member's networks, by trial.
        encoding: of the rows.
        until: when it should have ended, on the monotonic clock, in seconds.
        report: called after each shuffle by each member, as a sign of life.

    Raises:
        TrialFailed: the time is too short for a hundred rows.
    """
    targets = np.asarray(workshop.examples.parts["val"].targets)
    rng = np.random.default_rng([seed, 23])
    rows = np.sort(rng.permutation(len(targets))[: _affordable(model, len(columns), until)])
    rows = with_rare_classes(rows, targets, least=1)
    members = [_Judge(workshop, member, weights[member.trial], encoding, rows) for member in model.members]
    shares = [member.weight for member in model.members]

    def objective(predictions: Sequence[FloatArray]) -> float:
        blended = blend(predictions, shares, temperature=model.temperature)
        return metric.objective(metric.function(targets[rows], blended))

    untouched = objective([member.predict([None])[0] for member in members])
    if not np.isfinite(untouched):
        raise TrialFailed("build", f"The {metric.title} of the validation rows is not defined.")
    found: dict[str, list[float]] = {name: [] for name in columns}
    for _ in range(REPEATS):
        began = time.monotonic()
        # All columns are shuffled alike: what differs between them is then not the shuffle.
        order = rng.permutation(len(rows))
        shuffles = [(name, order) for name in columns]
        predictions = []
        for member in members:
            predictions.append(member.predict(shuffles))
            report()
        for position, name in enumerate(columns):
            found[name].append(objective([own[position] for own in predictions]) - untouched)
        if time.monotonic() + (time.monotonic() - began) > until:
            break
    return found


def _affordable(model: Ensemble, columns: int, until: float) -> int:
    """How many rows there is time for."""
    left = until - time.monotonic()
    if np.isinf(left):
        return MOST_ROWS
    per_row = sum(1 / member.rows_per_second for member in model.members if member.rows_per_second)
    rows = int(SHARE_FOR_PREDICTIONS * left / max(REPEATS * (columns + 1) * per_row, 1e-9))
    if rows < LEAST_ROWS:
        raise TrialFailed("timeout", "There was no time to measure which columns matter.")
    return min(rows, MOST_ROWS)


class _Judge:
    """A member of the model, and the rows that it predicts.

    Args:
        rows: numbers of validation rows, ascending.
    """

    def __init__(
        self, workshop: Workshop, member: Member, weights: Networks, encoding: Encoding, rows: NDArray[np.int64]
    ) -> None:
        self._workshop = workshop
        self._networks = predictors(workshop.trained_network(member.family, member.params, weights[0]), weights)
        scaling = cast("Scaling", member.params["scaling"])
        self._temperature = member.temperature
        self._columns = places(encoding, scaling=scaling)
        self._arrays = workshop.examples.parts["val"].arrays[scaling].take(rows)
        # By network: which of the rows it has not learned from.
        self._judged = [np.flatnonzero(np.isin(rows, cut.val)) for cut in workshop.examples.cuts]

    def predict(self, shuffles: Sequence[Shuffle | None]) -> list[FloatArray]:
        """What it predicts for the rows, once for each shuffle of a column; None for no shuffle."""
        answers: list[list[FloatArray]] = [[] for _ in shuffles]
        for network, own in zip(self._networks, self._judged, strict=True):
            if not len(own):
                continue
            at_once = max(1, CELLS // (len(own) * max(1, self._arrays.numbers.shape[1])))
            for first in range(0, len(shuffles), at_once):
                some = shuffles[first : first + at_once]
                raw = network(on_device(together([self._shuffled(shuffle, own) for shuffle in some])))
                predictions = predicted(
                    self._workshop.task, raw, self._workshop.examples.specification, temperature=self._temperature
                )
                for position, answer in enumerate(np.split(predictions, len(some))):
                    answers[first + position].append(answer)
        order = np.argsort(np.concatenate(self._judged), kind="stable")
        return [np.concatenate(own)[order] for own in answers]

    def _shuffled(self, shuffle: Shuffle | None, own: NDArray[np.int64]) -> Arrays:
        arrays = self._arrays.take(own)
        if shuffle is None:
            return arrays
        name, order = shuffle
        numbers, codes = self._columns[name]
        changed = Arrays(arrays.numbers.copy(), arrays.codes.copy())
        changed.numbers[:, numbers] = self._arrays.numbers[order[own]][:, numbers]
        changed.codes[:, codes] = self._arrays.codes[order[own]][:, codes]
        return changed
