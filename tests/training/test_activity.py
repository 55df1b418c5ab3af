"""What the hidden units of a network do."""

from __future__ import annotations

import numpy as np
import pytest

from automl.space_files import read_space
from automl.training.activity import activity
from automl.training.workshop import Workshop
from automl.trial import Params

MLP: Params = {**read_space("mlp").space.defaults(), "layers": 2, "units": 32, "activation": "relu"}


def test_a_single_hidden_layer_is_one(workshop: Workshop) -> None:
    params: Params = {**MLP, "layers": 1}
    [layer] = activity(workshop, workshop.network("mlp", params), params)
    assert (layer.layer, layer.units) == (1, 32)


def test_counts_units_that_say_the_same_of_every_row(workshop: Workshop) -> None:
    network = workshop.network("mlp", MLP)
    before = activity(workshop, network, MLP)
    assert [(layer.layer, layer.units) for layer in before] == [(1, 32), (2, 32)]
    second = [layer for layer in network.layers if hasattr(layer, "kernel")][1]
    kernel, bias = second.get_weights()
    # ReLUs whose input is never positive, and others that are always above zero.
    bias[:20], bias[20:] = -1e3, 1e3
    second.set_weights([kernel, bias])
    after = activity(workshop, network, MLP)
    assert after[0] == before[0]
    assert before[1].silent < 10
    assert after[1].silent == 20


def test_saturated_units_are_silent_and_loud_ones_are_heard(workshop: Workshop) -> None:
    params: Params = {**MLP, "activation": "selu"}
    network = workshop.network("mlp", params)
    first = next(layer for layer in network.layers if hasattr(layer, "kernel"))
    kernel, bias = first.get_weights()
    bias[:5] = -50.0
    kernel[:, 5] = 1e4
    first.set_weights([kernel, bias])
    layer = activity(workshop, network, params)[0]
    assert layer.silent == 5
    assert layer.loudest > 1e3 > 10 > layer.usual


@pytest.mark.parametrize("family", ["realmlp", "tabm", "resnet", "wide_deep", "ft_transformer", "modern_nca"])
def test_every_family_with_hidden_units_is_measured(workshop: Workshop, family: str) -> None:
    params = read_space(family).space.defaults()
    layers = activity(workshop, workshop.network(family, params), params)
    assert layers
    assert all(0 <= layer.silent < layer.units and np.isfinite(layer.loudest) for layer in layers)


def test_a_linear_model_has_none(workshop: Workshop) -> None:
    params = read_space("linear").space.defaults()
    assert activity(workshop, workshop.network("linear", params), params) == []
