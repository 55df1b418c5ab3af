"""The networks of one setting, one for each cut of the rows, that learn together by taking turns on one engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.training.blueprint import Blueprint
from automl.training.engine import Engine, Sample, State
from automl.training.growing import Growing, without_room
from automl.trial import Params

# Trials that follow each other have seeds that follow each other.
SEEDS_APART = 1_000_003


class Siblings:
    """To Keras' callbacks they are one model, whose weights are those of all.

    Args:
        samples: for each network some of its training rows, for layers whose weights start from the data.
    """

    def __init__(
        self, engine: Engine | Growing, plan: Blueprint, params: Params, *, samples: Sequence[Sample], seed: int
    ) -> None:
        self.stop_training = False
        self._engine = engine
        self._states: list[State] = []
        for number, sample in enumerate(samples):
            own_seed = seed + number * SEEDS_APART
            engine.start(plan.draw(params, seed=own_seed), params, sample=sample, seed=own_seed)
            self._states.append(engine.state())
        self._turn = len(self._states) - 1

    def turn(self, number: int) -> Engine | Growing:
        """The engine, with this network on it."""
        if number != self._turn:
            self._states[self._turn] = self._engine.state()
            self._engine.resume(self._states[number])
            # While it is held here, too, every change of the engine's own would begin with a copy.
            self._states[number] = []
            self._turn = number
        return self._engine

    def get_weights(self) -> list[State]:
        """What each network has learned."""
        self._states[self._turn] = self._engine.state()
        return list(self._states)

    def set_weights(self, weights: Sequence[State]) -> None:
        """Puts back what `get_weights` gave."""
        self._states = list(weights)
        self._engine.resume(self._states[self._turn])

    def weights(self) -> list[list[NDArray[Any]]]:
        """For each network its weights, as `keras.Model.get_weights` orders them; see `Workshop.trained_network`."""
        own = [[np.asarray(weight) for weight in self.turn(number).weights] for number in range(len(self._states))]
        return without_room(own) if isinstance(self._engine, Growing) else own
