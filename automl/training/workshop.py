"""What a worker keeps from trial to trial: data on the device, blueprints of networks, and compiled engines."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from automl.encoding.table import together
from automl.tasks import Task
from automl.training.averaging import Averaging
from automl.training.blueprint import ROWS_OF_START, Blueprint, blueprint
from automl.training.boosting import Boosting
from automl.training.engine import Engine, Sample
from automl.training.examples import Examples
from automl.training.forward import Inputs, on_device
from automl.training.growing import Growing, room_of
from automl.training.network import build_network, structure
from automl.trial import Params, grows_trees

ROWS_OF_TRAINING_CURVE = 1_000
LEAST_ROWS_OF_CURVE = 200
ENGINES_KEPT = 64
GROWING: Mapping[str, type[Growing]] = {"boosting": Boosting, "averaging": Averaging}


@dataclass
class Workshop:
    """The engines are in the order of their last use.

    Attributes:
        built: how many engines there have been; TensorFlow never gives back 5 to 9 MB of each.
    """

    examples: Examples
    task: Task
    blueprints: dict[Hashable, Blueprint] = field(default_factory=dict)
    engines: dict[Hashable, Engine | Growing] = field(default_factory=dict)
    tensors: dict[Hashable, Inputs] = field(default_factory=dict)
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

    def inputs(self, part: str, scaling: str) -> Inputs:
        """The rows of a part on the device."""
        if (part, scaling) not in self.tensors:
            self.tensors[part, scaling] = on_device(self.examples.parts[part].arrays[scaling])
        return self.tensors[part, scaling]

    def judged(self, cut: int, scaling: str) -> Inputs:
        """The validation rows of a cut on the device."""
        return self._some("val", cut, self.examples.cuts[cut].val, scaling)

    def measured(self, cut: int, scaling: str) -> Sequence[Inputs]:
        """What is predicted after each epoch: the rows that `sampled` names, and then the cut's validation rows.

        Folds are small, so theirs are one batch; a holdout's validation rows may be more than the memory holds twice.
        """
        key = ("measured", cut, scaling)
        if key not in self.tensors:
            sample = self.examples.parts["train"].arrays[scaling].take(self.sampled(cut))
            if self.examples.folds is not None:
                judged = self.examples.parts["val"].arrays[scaling].take(self.examples.cuts[cut].val)
                sample = together((sample, judged))
            self.tensors[key] = on_device(sample)
        return [self.tensors[key], *([self.inputs("val", scaling)] if self.examples.folds is None else [])]

    def start(self, cut: int, scaling: str, *, rows: int = ROWS_OF_START) -> Sample:
        """Training rows of a cut that weights start from."""
        own = spread(self.examples.cuts[cut].train, rows)
        return Sample(self._some("start", cut, own, scaling), self.learned.numpy()[own])

    def sampled(self, cut: int) -> NDArray[np.int32]:
        """The training rows that are measured for the curves: half as many as of validation, within limits."""
        rows = self.examples.cuts[cut]
        return spread(rows.train, min(max(LEAST_ROWS_OF_CURVE, len(rows.val) // 2), ROWS_OF_TRAINING_CURVE))

    def _some(self, name: str, cut: int, rows: NDArray[np.int32], scaling: str) -> Inputs:
        part = "val" if name == "val" else "train"
        arrays = self.examples.parts[part].arrays[scaling]
        if len(rows) == len(arrays):
            return self.inputs(part, scaling)
        key = (name, len(rows), cut, scaling)
        if key not in self.tensors:
            self.tensors[key] = on_device(arrays.take(rows))
        return self.tensors[key]

    def engine(self, family: str, params: Params) -> tuple[Engine | Growing, Blueprint]:
        """What trains the setting, compiled for an earlier one of the same topology if there was any."""
        network = None
        described = structure(family, params)
        if described not in self.blueprints:
            network = self.network(family, params)
            self.blueprints[described] = blueprint(network)
        # Each of them keeps twice the table.
        for other in self.engines.values():
            if isinstance(other, Growing):
                other.forget()
        plan = self.blueprints[described]
        key = (plan.topology, params["optimizer"] == "sgd")
        engine = self.engines.pop(key, None) or self._new_engine(network or self.network(family, params), params)
        self.engines[key] = engine
        while len(self.engines) > ENGINES_KEPT:
            self.engines.pop(next(iter(self.engines)))
        return engine, plan

    def _new_engine(self, network: keras.Model, params: Params) -> Engine | Growing:
        if grows_trees(params):
            return GROWING[str(params["optimizer"])](network, self.task)
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

    def trained_network(self, family: str, params: Params, weights: Sequence[NDArray[Any]]) -> keras.Model:
        """A network of the setting with these weights. One of trees has no room for others."""
        network = self.network(family, {**params, **room_of(weights)} if grows_trees(params) else params)
        network.set_weights(list(weights))
        return network


def spread(rows: NDArray[np.int32], most: int) -> NDArray[np.int32]:
    """So many of the rows at most, from all over them, since the table may be sorted."""
    return rows[np.linspace(0, len(rows) - 1, min(len(rows), most)).astype(np.int64)]
