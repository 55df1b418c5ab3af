"""What every family must do; a new one is found by its module and needs no test of its own here."""

from __future__ import annotations

import inspect
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pytest

from automl import keras_files, plugins
from automl.layers.dropout import Dropout
from automl.layers.inputs import Inputs
from automl.resources import folder
from automl.space_files import read_space
from automl.tasks import metric, task
from automl.training.agreement import TOLERANCE
from automl.training.blueprint import blueprint
from automl.training.forward import predictors, variables
from automl.training.network import TRAINING, build_network, is_rate, structure
from automl.training.topology import serves_every_width
from automl.training.train import train
from automl.training.workshop import Workshop
from automl.trial import grows_trees
from tests.training.altered import distance

FAMILIES = plugins.names("families")
LOG_LOSS = metric(None, task("classify"))
SHAPES = [(5, (4, 30)), (5, ()), (0, (4, 30))]

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("family", FAMILIES)]


def network_of(family: str, **changes: object) -> keras.Model:
    defaults = read_space(family).space.defaults()
    return build_network(family, {**defaults, **changes}, width=5, sizes=(4, 30), outputs=3)  # type: ignore[dict-item]


def batch(rows: int = 64) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(rows, 5)).astype(np.float32)
    return {"numbers": numbers, "codes": rng.integers(0, [4, 30], size=(rows, 2)).astype(np.int32)}


def test_has_a_search_space_with_a_summary(family: str) -> None:
    assert (folder("search_spaces") / f"{family}.yaml").is_file()
    file = read_space(family)
    assert file.family == family
    assert file.summary
    assert file.space.defaults() in file.space


def test_its_arguments_are_its_hyperparameters(family: str) -> None:
    arguments = inspect.signature(plugins.load("families", family, noun="family").build).parameters
    names = {name for name, argument in arguments.items() if argument.kind is argument.KEYWORD_ONLY}
    space = read_space(family).space
    assert names == {name for name in space.parameters if name not in TRAINING}
    needed = {"optimizer", "learning_rate", "schedule", "batch_size", "epochs", "patience", "scaling"}
    assert needed <= set(space.parameters)


@pytest.mark.parametrize(("width", "sizes"), SHAPES)
def test_builds_for_every_kind_of_table(family: str, width: int, sizes: tuple[int, ...]) -> None:
    defaults = read_space(family).space.defaults()
    network = build_network(family, defaults, width=width, sizes=sizes, outputs=3)
    # Of each row, or of each member for each row.
    rows, *members, outputs = network.output_shape
    assert (rows, outputs) == (None, 3)
    assert len(members) <= 1
    assert set(network.input) == set(Inputs.of(width, sizes).tensors)


def test_builds_from_random_settings(family: str) -> None:
    rng = np.random.default_rng(1)
    space = read_space(family).space
    for _ in range(5):
        network = build_network(family, space.sample(rng), width=5, sizes=(4, 30), outputs=3)
        assert np.isfinite(np.asarray(network(batch()))).all()


def test_drawn_weights_are_like_those_of_a_new_network(family: str) -> None:
    params = read_space(family).space.defaults()
    if grows_trees(params):
        pytest.skip("trees are grown, not drawn")
    plan, other = blueprint(network_of(family)), blueprint(network_of(family))
    built = [variable.numpy() for variable in variables(network_of(family))]
    drawn = plan.draw(params, seed=5)
    assert [(value.shape, value.dtype) for value in drawn] == [(value.shape, value.dtype) for value in built]
    for ours, theirs in zip(drawn, other.draw(params, seed=5), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    spreads = [(ours.std(), theirs.std()) for ours, theirs in zip(drawn, built, strict=True) if ours.size > 200]
    assert spreads
    for ours_spread, theirs_spread in spreads:
        assert ours_spread == pytest.approx(theirs_spread, rel=0.3)
    differently = plan.draw(params, seed=6)
    assert any(not np.array_equal(ours, theirs) for ours, theirs in zip(drawn, differently, strict=True))


def test_drawn_dropout_rates_are_those_of_the_setting(family: str) -> None:
    rates = [name for name in read_space(family).space.parameters if is_rate(name)]
    one = {**read_space(family).space.defaults(), **dict.fromkeys(rates, 0.125)}
    other = {**one, **dict.fromkeys(rates, 0.375)}
    assert structure(family, one) == structure(family, other)
    network = network_of(family, **dict.fromkeys(rates, 0.125))
    drawn = blueprint(network).draw(other, seed=0)
    layers = [layer for layer in network.layers if isinstance(layer, Dropout)]
    positions = {id(variable): position for position, variable in enumerate(variables(network))}
    assert [float(drawn[positions[id(layer.rate)]]) for layer in layers] == [0.375] * len(layers)
    assert bool(layers) == bool(rates)


def test_one_graph_serves_every_width(family: str, workshop: Workshop) -> None:
    rng = np.random.default_rng(2)
    space = read_space(family).space
    widths = [name for name in ("units", "widening") if name in space.parameters]
    # Deeper networks only take longer. Without a width a round trains the same setting again, and one tells.
    for _ in range(2 if widths else 1):
        sample = space.sample(rng)
        shallow = {"layers": min(int(sample["layers"]), 2)} if "layers" in sample else {}
        setting = {**sample, **shallow, "epochs": 2, "batch_size": 32}
        others = [{**setting, **{name: space.parameters[name].sample(rng) for name in widths}} for _ in range(2)]
        shared = Workshop(workshop.examples, workshop.task)
        train(shared, family, others[0], metric=LOG_LOSS, seed=1)
        alone = Workshop(workshop.examples, workshop.task)
        expected, trained = (train(w, family, others[1], metric=LOG_LOSS, seed=1) for w in (alone, shared))
        assert trained.curves == expected.curves
        assert trained.parameters == expected.parameters
        for ours, theirs in zip(trained.weights[0], expected.weights[0], strict=True):
            np.testing.assert_array_equal(ours, theirs)
        if serves_every_width(network_of(family)):
            assert len(shared.engines) == 1


def test_survives_saving_bit_for_bit_at_any_batch_size(family: str, tmp_path: Path) -> None:
    import tensorflow as tf

    network = network_of(family)
    network.save(tmp_path / "network.keras")
    loaded = keras_files.load(tmp_path / "network.keras", network.get_weights())
    rows = {role: tf.constant(array) for role, array in batch(700).items()}
    expected = predictors(network, [network.get_weights()])[0](rows)
    predict = predictors(loaded, [loaded.get_weights()])[0]
    for size in (1, 2, 7, 64, 130, 699):
        some = {role: array[700 - size :] for role, array in rows.items()}
        np.testing.assert_array_equal(predict(some), expected[700 - size :])


def test_learns_and_agrees_with_its_scores_as_other_weights_do_not(family: str, workshop: Workshop) -> None:
    params = {**read_space(family).space.defaults(), "epochs": 20, "batch_size": 32}
    trained = train(workshop, family, params, metric=LOG_LOSS, seed=0)
    assert trained.scores["test"]["log_loss"] < 0.7 < np.log(3)
    after = partial(distance, workshop, family, params, trained)
    assert after(lambda weight: weight) < TOLERANCE / 10
    assert after(lambda weight: 1.5 * weight) > TOLERANCE
    assert after(lambda weight: np.full_like(weight, np.nan)) > TOLERANCE
