"""A family's hyperparameters become a Keras model, new or used again with fresh weights."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import keras
import numpy as np

from automl import plugins
from automl.layers.dropout import Dropout, Rate
from automl.layers.inputs import Inputs
from automl.space import Value
from automl.trial import Params

# Hyperparameters of the training, which every family has; the others are arguments of its `build`.
TRAINING = (
    "optimizer",
    "momentum",
    "weight_decay",
    "learning_rate",
    "schedule",
    "batch_size",
    "epochs",
    "patience",
    "scaling",
)


def build_network(family: str, params: Params, *, width: int, sizes: Sequence[int], outputs: int) -> keras.Model:
    """The family's network for encoded rows, ending in `outputs` raw outputs.

    Args:
        width: the number of columns of the numbers.
        sizes: the number of codes of each category.
    """
    module = plugins.load("families", family, noun="family")
    inputs = Inputs.of(width, sizes)
    arguments = {
        name: Rate.named(name, float(value)) if is_rate(name) else value for name, value in architecture(params).items()
    }
    features = module.build(inputs, **arguments)
    raw = keras.layers.Dense(outputs, name="head")(features)
    return keras.Model(inputs.tensors, raw, name=family)


def architecture(params: Params) -> dict[str, Value]:
    """The hyperparameters that the family's `build` takes."""
    return {name: value for name, value in params.items() if name not in TRAINING}


def is_rate(name: str) -> bool:
    """Whether a hyperparameter is a dropout rate, which a built network can be given anew."""
    return name.endswith("dropout")


def structure(family: str, params: Params) -> Hashable:
    """Equal for settings that one built network can serve, one after the other."""
    shape = {name: float(value) > 0 if is_rate(name) else value for name, value in architecture(params).items()}
    return (family, tuple(sorted(shape.items())), params["optimizer"] == "sgd")


def renew(network: keras.Model, params: Params, *, seed: int) -> None:
    """Gives the network fresh weights and the dropout rates of `params`.

    A weight is drawn again by its layer's initializer of the same name (`kernel_initializer` for `kernel`), as
    Keras names them; a weight without one, such as a moving mean, starts as when the network was built.
    """
    seeds = np.random.default_rng([seed, 11])
    for layer in network.layers:
        for variable in layer.weights:
            draw = int(seeds.integers(2**31))
            initializer = getattr(layer, f"{variable.name}_initializer", None)
            if isinstance(layer, Dropout):
                variable.assign(float(params.get(layer.hyperparameter, layer.initial_rate)))
            elif initializer is not None:
                variable.assign(_seeded(initializer, draw)(variable.shape, dtype=variable.dtype))
        if isinstance(layer, Dropout):
            state = layer.seed_generator.state
            state.assign(seeds.integers(2**31, size=state.shape).astype(state.dtype))


def _seeded(initializer: Any, seed: int) -> Any:
    config = initializer.get_config()
    return type(initializer).from_config({**config, "seed": seed} if "seed" in config else config)
