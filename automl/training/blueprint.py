"""What is kept of a network once it is built: which graph it runs on, and how its weights start."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from automl.layers.dropout import Dropout
from automl.layers.trees import Trees
from automl.training.forward import variables
from automl.training.topology import topology
from automl.trial import Params

# Weights that start from the data start from so many training rows; a layer's own `rows_of_start` may be more.
ROWS_OF_START = 2_000

Start = Callable[[Params, int], NDArray[Any]]


@dataclass(frozen=True)
class Blueprint:
    """A network without its weights.

    Attributes:
        topology: networks with equal ones run on one graph.
        starts: a function of the hyperparameters and a seed for each variable, as `variables` orders them.
        parameters: the number of trainable weights.
        rows_of_start: how many training rows its weights start from, if they do.
    """

    topology: str
    starts: tuple[Start, ...]
    parameters: int
    rows_of_start: int

    def draw(self, params: Params, *, seed: int) -> list[NDArray[Any]]:
        """Fresh weights, the dropout rates of `params`, and a new state for every random generator."""
        seeds = np.random.default_rng([seed, 11])
        return [start(params, int(seeds.integers(2**31))) for start in self.starts]


def blueprint(network: keras.Model) -> Blueprint:
    """The blueprint of a network.

    A weight starts by its layer's initializer of the same name (`kernel_initializer` for `kernel`), as Keras names
    them; a weight without one starts as the network was built.
    """
    starts: dict[int, Start] = {}
    for layer in network.layers:
        for variable in layer.weights:
            starts[id(variable)] = _start(layer, variable)
        if isinstance(layer, Dropout):
            starts[id(layer.seed_generator.state)] = _random_state(layer.seed_generator.state)
    ordered = variables(network)
    return Blueprint(
        topology(network),
        tuple(starts.get(id(variable)) or _as_built(variable) for variable in ordered),
        sum(int(np.prod(variable.shape)) for variable in network.trainable_variables),
        max(ROWS_OF_START, *(getattr(layer, "rows_of_start", 0) for layer in network.layers)),
    )


def _start(layer: keras.layers.Layer, variable: keras.Variable) -> Start:
    initializer = getattr(layer, f"{variable.name}_initializer", None)
    if isinstance(layer, Dropout):
        name, rate = layer.hyperparameter, layer.initial_rate
        return lambda params, _: np.asarray(params.get(name, rate), dtype=np.float32)
    if isinstance(layer, Trees):
        return lambda _params, _seed: np.zeros(0, np.float32)  # They are grown from nothing.
    if initializer is None:
        return _as_built(variable)
    shape, dtype = tuple(variable.shape), variable.dtype
    return lambda _, seed: np.asarray(_seeded(initializer, seed)(shape, dtype=dtype))


def _random_state(state: keras.Variable) -> Start:
    shape, dtype = tuple(state.shape), state.dtype
    return lambda _, seed: np.random.default_rng(seed).integers(2**31, size=shape).astype(dtype)


def _as_built(variable: keras.Variable) -> Start:
    value = variable.numpy()
    return lambda _params, _seed: value


def _seeded(initializer: Any, seed: int) -> Any:
    config = initializer.get_config()
    return type(initializer).from_config({**config, "seed": seed} if "seed" in config else config)
