"""A family's hyperparameters become a Keras model."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import keras

from automl import plugins
from automl.layers.dropout import Rate
from automl.layers.inputs import Inputs
from automl.space import Value
from automl.trial import Params

# Hyperparameters of the training, which every family has; the others are arguments of its `build`.
TRAINING = (
    "optimizer",
    "momentum",
    "weight_decay",
    "label_smoothing",
    "learning_rate",
    "schedule",
    "regularization",
    "batch_size",
    "epochs",
    "patience",
    "scaling",
    "splits",
    "thresholds",
    "leaf_rows",
    "column_share",
)


def build_network(family: str, params: Params, *, width: int, sizes: Sequence[int], outputs: int) -> keras.Model:
    """The family's network for encoded rows, ending in `outputs` raw outputs.

    Args:
        width: the number of columns of the numbers.
        sizes: the number of codes of each category.
    """
    module = plugins.load("families", family, noun="family")
    inputs = Inputs.of(width, sizes, outputs=outputs)
    arguments = {
        name: Rate.named(name, float(value)) if is_rate(name) else value for name, value in architecture(params).items()
    }
    features = module.build(inputs, **arguments)
    head = getattr(module, "HEAD", keras.layers.Dense)
    raw = features if head is None else head(outputs, name="head")(features)
    return keras.Model(inputs.tensors, raw, name=family)


def architecture(params: Params) -> dict[str, Value]:
    """The hyperparameters that the family's `build` takes."""
    return {name: value for name, value in params.items() if name not in TRAINING}


def is_rate(name: str) -> bool:
    """Whether a hyperparameter is a dropout rate, which a built network can be given anew."""
    return name.endswith("dropout")


def structure(family: str, params: Params) -> Hashable:
    """Equal for settings that build the same network, but for its dropout rates."""
    shape = {name: float(value) > 0 if is_rate(name) else value for name, value in architecture(params).items()}
    return (family, tuple(sorted(shape.items())), params["scaling"])
