"""What networks that differ only in their widths have in common: one compiled graph serves them all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import keras

from automl.layers.attention import Attended, AttentionWeights
from automl.layers.candidates import Fingerprint, WithCandidates
from automl.layers.categories import Categories
from automl.layers.dropout import Dropout
from automl.layers.gated import ReGLU
from automl.layers.members import MemberDense, MemberHead, MemberInputs
from automl.layers.neighbours import Distances, Neighbours
from automl.layers.normalization import LayerNorm
from automl.layers.ntk import NTKDense
from automl.layers.parametric import ParametricActivation
from automl.layers.periodic import PeriodicEmbedding
from automl.layers.piecewise_linear import PiecewiseLinear
from automl.layers.scale import Scale
from automl.layers.target_means import TargetMeans
from automl.layers.tokens import CategoryTokens, NumberTokens, RowToken, WithRowToken
from automl.layers.trees import Trees

# Layers that compute the same way however wide their inputs and weights are, and what in their configurations says
# no more than how wide. A network with any other layer is compiled for its own widths alone.
_WIDTHS_OF: Mapping[type[keras.layers.Layer], frozenset[str]] = {
    keras.layers.InputLayer: frozenset(),
    keras.layers.Dense: frozenset({"units"}),
    keras.layers.Activation: frozenset(),
    keras.layers.Add: frozenset(),
    keras.layers.BatchNormalization: frozenset(),
    keras.layers.Concatenate: frozenset(),
    TargetMeans: frozenset({"room"}),
    Trees: frozenset(),
    Attended: frozenset(),
    AttentionWeights: frozenset(),
    Categories: frozenset(),
    CategoryTokens: frozenset({"units"}),
    Distances: frozenset({"candidates"}),
    Dropout: frozenset(),
    Fingerprint: frozenset(),
    LayerNorm: frozenset(),
    MemberDense: frozenset({"units"}),
    MemberHead: frozenset({"outputs"}),
    MemberInputs: frozenset({"members"}),
    NTKDense: frozenset({"units"}),
    Neighbours: frozenset(),
    NumberTokens: frozenset({"units"}),
    ParametricActivation: frozenset(),
    PeriodicEmbedding: frozenset({"sigma"}),
    PiecewiseLinear: frozenset({"bins"}),
    ReGLU: frozenset(),
    RowToken: frozenset(),
    Scale: frozenset(),
    WithCandidates: frozenset({"candidates"}),
    WithRowToken: frozenset(),
}


def serves_every_width(network: keras.Model) -> bool:
    """Whether a graph of the network holds none of its widths."""
    return all(type(layer) in _WIDTHS_OF for layer in network.layers)


def topology(network: keras.Model) -> str:
    """Equal for networks of one graph: the same layers, wired alike, apart from widths, initial weights and names."""
    free = serves_every_width(network)
    config = network.get_config()
    numbers = {layer["config"]["name"]: number for number, layer in enumerate(config["layers"])}
    described = []
    for layer, written in zip(network.layers, config["layers"], strict=True):
        left_out = _WIDTHS_OF[type(layer)] if free else frozenset[str]()
        own = {
            name: value
            for name, value in written["config"].items()
            if name not in left_out and not name.endswith("_initializer")
        }
        if isinstance(layer, Dropout):
            own["rate"] = layer.initial_rate > 0
        described.append((type(layer).__name__, own, written["inbound_nodes"]))
    ends = (config["input_layers"], config["output_layers"])
    return json.dumps([free, _numbered([described, ends], numbers, shapes=not free)], sort_keys=True, default=str)


def _numbered(content: Any, numbers: Mapping[str, int], *, shapes: bool) -> Any:
    """A configuration with numbers instead of the layers' names, which Keras counts over all networks."""
    if isinstance(content, dict):
        if content.get("class_name") == "__keras_tensor__":
            tensor = content["config"]
            content = {"from": tensor["keras_history"], "shape": tensor["shape"] if shapes else None}
        return {name: _numbered(value, numbers, shapes=shapes) for name, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [_numbered(item, numbers, shapes=shapes) for item in content]
    return numbers.get(content, content) if isinstance(content, str) else content
