"""What a worker keeps from trial to trial: data on the device, blueprints of networks, and compiled engines."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from functools import cached_property

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from automl.tasks import Task
from automl.training.blueprint import Blueprint, blueprint
from automl.training.engine import Engine
from automl.training.examples import Examples
from automl.training.forward import Inputs, on_device
from automl.training.network import build_network, structure
from automl.trial import Params

ROWS_OF_TRAINING_CURVE = 1_000
LEAST_ROWS_OF_CURVE = 200
# Weights that start from the data start from so many rows.
ROWS_OF_START = 2_000
ENGINES_KEPT = 64


@dataclass
class Workshop:
    """The engines are in the order of their last use.

    Attributes:
        built: how many engines there have been; TensorFlow never gives back 5 to 9 MB of each.
    """

    examples: Examples
    task: Task
    blueprints: dict[Hashable, Blueprint] = field(default_factory=dict)
    engines: dict[Hashable, Engine] = field(default_factory=dict)
    tensors: dict[tuple[str, str], Inputs] = field(default_factory=dict)
    built: int = 0

    @cached_property
    def learned(self) -> tf.Tensor:
        """What the network should give for each training row."""
        specification = self.examples.specification
        return tf.convert_to_tensor(self.task.learned(self.examples.parts["train"].targets, specification))

    @cached_property
    def weights(self) -> tf.Tensor:
        """How much each training row counts."""
        return tf.convert_to_tensor(np.asarray(self.examples.weights))

    @property
    def sampled(self) -> int:
        """How many training rows are measured for the curves: half as many as of validation, within limits."""
        rows = max(LEAST_ROWS_OF_CURVE, len(self.examples.parts["val"].targets) // 2)
        return min(rows, len(self.examples.weights), ROWS_OF_TRAINING_CURVE)

    def inputs(self, part: str, scaling: str) -> Inputs:
        """The rows of a part on the device.

        "sample" are the first training rows, "start" as many from all over them as weights need to start from.
        """
        if (part, scaling) not in self.tensors:
            arrays = self.examples.parts["train" if part in ("sample", "start") else part].arrays[scaling]
            rows: slice | NDArray[np.int64] = slice(self.sampled if part == "sample" else None)
            if part == "start":
                # Rows keep the order of the table, which may be sorted.
                rows = np.linspace(0, len(arrays) - 1, min(len(arrays), ROWS_OF_START)).astype(np.int64)
            self.tensors[part, scaling] = on_device(arrays.take(rows))
        return self.tensors[part, scaling]

    def engine(self, family: str, params: Params) -> tuple[Engine, Blueprint]:
        """What trains the setting, compiled for an earlier one of the same topology if there was any."""
        network = None
        described = structure(family, params)
        if described not in self.blueprints:
            network = self.network(family, params)
            self.blueprints[described] = blueprint(network)
        plan = self.blueprints[described]
        key = (plan.topology, params["optimizer"] == "sgd")
        engine = self.engines.pop(key, None) or self._new_engine(network or self.network(family, params), params)
        self.engines[key] = engine
        while len(self.engines) > ENGINES_KEPT:
            self.engines.pop(next(iter(self.engines)))
        return engine, plan

    def _new_engine(self, network: keras.Model, params: Params) -> Engine:
        self.built += 1
        return Engine(network, self.task, optimizer_name=str(params["optimizer"]), learned_type=self.learned.dtype)

    def network(self, family: str, params: Params) -> keras.Model:
        """A new network for the setting."""
        return build_network(
            family,
            params,
            width=self.examples.parts["train"].arrays[str(params["scaling"])].numbers.shape[1],
            sizes=self.examples.sizes,
            outputs=self.task.outputs(self.examples.specification),
        )
