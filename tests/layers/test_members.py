"""The parts of TabM against their published description (Gorishniy et al. 2025), member by member."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from automl.layers.categories import Categories, widths
from automl.layers.members import MemberDense, MemberHead, MemberInputs, SharedUniform, Signs

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(9, 5)).astype(np.float32)
OF_MEMBERS = RNG.normal(size=(3, 9, 5)).astype(np.float32)  # (members, rows, features)


def shaken(layer: keras.layers.Layer) -> list[np.ndarray]:
    """New random values for all weights of the layer, in their order."""
    values = [RNG.normal(size=weight.shape).astype(np.float32) for weight in layer.weights]
    layer.set_weights(values)
    return values


def test_every_member_sees_a_column_by_its_own_factor() -> None:
    layer = MemberInputs(3, widths=[2, 1, 2], signs=False)
    seen = np.asarray(layer(ROWS))
    factor = layer.factor.numpy()
    assert factor.shape == (3, 3)
    for member in range(3):
        np.testing.assert_array_equal(seen[member], ROWS * factor[member][[0, 0, 1, 2, 2]])


def test_factors_start_as_signs_or_normally_distributed() -> None:
    signs, normal = (MemberInputs(40, widths=[1] * 50, signs=signs) for signs in (True, False))
    for layer in (signs, normal):
        layer.build((None, 50))
    assert set(np.unique(signs.factor)) == {-1, 1}
    assert np.mean(signs.factor) == pytest.approx(0, abs=0.1)
    assert np.std(normal.factor) == pytest.approx(1, abs=0.1)
    # Two of 2,000 numbers of four bytes may be the same.
    assert len(np.unique(normal.factor)) > 0.99 * 40 * 50


def test_batch_ensemble_is_a_linear_map_between_two_factors_for_each_member() -> None:
    layer = MemberDense(4, own_inputs=True, own_outputs=True)
    layer.build(OF_MEMBERS.shape)
    kernel, r, s, b = shaken(layer)
    outputs = np.asarray(layer(OF_MEMBERS))
    assert (r.shape, s.shape, b.shape) == ((3, 1, 5), (3, 1, 4), (3, 1, 4))
    for member in range(3):
        for row in range(9):
            expected = s[member, 0] * ((r[member, 0] * OF_MEMBERS[member, row]) @ kernel) + b[member, 0]
            np.testing.assert_allclose(outputs[member, row], expected, rtol=1e-4, atol=1e-5)


def test_the_first_of_them_has_no_factors_for_its_inputs() -> None:
    layer = MemberDense(4, own_inputs=False, own_outputs=True)
    layer.build(OF_MEMBERS.shape)
    kernel, s, b = shaken(layer)
    outputs = np.asarray(layer(OF_MEMBERS))
    for member in range(3):
        expected = s[member] * (OF_MEMBERS[member] @ kernel) + b[member]
        np.testing.assert_allclose(outputs[member], expected, rtol=1e-4, atol=1e-5)


def test_members_of_the_mini_variant_share_the_whole_map() -> None:
    layer = MemberDense(4, own_inputs=False, own_outputs=False)
    layer.build(OF_MEMBERS.shape)
    kernel, b = shaken(layer)
    assert b.shape == (4,)
    outputs = np.asarray(layer(OF_MEMBERS))
    for member in range(3):
        np.testing.assert_allclose(outputs[member], OF_MEMBERS[member] @ kernel + b, rtol=1e-4, atol=1e-5)


def test_factors_inside_start_at_one_and_biases_equal_for_all_members() -> None:
    layer = MemberDense(400, own_inputs=True, own_outputs=True)
    layer.build((3, None, 25))
    kernel, r, s, b = (weight.numpy() for weight in layer.weights)
    assert (r == 1).all()
    assert (s == 1).all()
    assert np.abs(kernel).max() == pytest.approx(1 / 5, rel=0.01)
    assert np.abs(b).max() == pytest.approx(1 / 5, rel=0.02)
    np.testing.assert_array_equal(b[1:], b[:-1])
    assert len(np.unique(b[0])) > 390


def test_every_member_has_a_head_of_its_own() -> None:
    layer = MemberHead(2)
    layer.build(OF_MEMBERS.shape)
    kernel, b = shaken(layer)
    raw = np.asarray(layer(OF_MEMBERS))
    assert raw.shape == (9, 3, 2)
    for member in range(3):
        expected = OF_MEMBERS[member] @ kernel[member] + b[member]
        np.testing.assert_allclose(raw[:, member], expected, rtol=1e-4, atol=1e-5)
    # What one member sees and knows is nothing to the others.
    layer.set_weights([kernel * [[[1]], [[7]], [[1]]], b])
    np.testing.assert_array_equal(np.asarray(layer(OF_MEMBERS))[:, [0, 2]], raw[:, [0, 2]])


def test_a_row_has_the_same_outputs_in_any_company() -> None:
    many = RNG.normal(size=(8, 100, 128)).astype(np.float32)
    for layer in (MemberHead(3), MemberDense(64, own_inputs=True, own_outputs=True)):
        together = np.asarray(layer(many))
        for few in (1, 2, 32):
            alone = np.asarray(layer(many[:, :few]))
            expected = together[:few] if isinstance(layer, MemberHead) else together[:, :few]
            np.testing.assert_array_equal(alone, expected)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (MemberInputs(3, widths=[2, 1, 2], signs=True), ROWS.shape),
        (MemberDense(4, own_inputs=True, own_outputs=True), OF_MEMBERS.shape),
        (MemberHead(2), OF_MEMBERS.shape),
    ],
)
def test_says_its_shape_and_configuration(layer: keras.layers.Layer, shape: tuple[int, ...]) -> None:
    copy = type(layer).from_config(layer.get_config())
    assert copy.get_config() == layer.get_config()
    assert copy.compute_output_shape(shape) == np.asarray(layer(np.zeros(shape, dtype=np.float32))).shape


def test_initializers_draw_the_same_from_the_same_seed() -> None:
    for initializer in (Signs(seed=3), SharedUniform(0.5, seed=3)):
        again = type(initializer).from_config(initializer.get_config())
        np.testing.assert_array_equal(np.asarray(initializer((4, 6))), np.asarray(again((4, 6))))


def test_widths_are_those_of_the_features_of_each_category() -> None:
    sizes = (30, 4, 100, 2)
    assert widths(sizes, embedding_size=8) == (4, 2, 8, 8)
    layer = Categories(sizes, embedding_size=8)
    one, other = (np.asarray(layer(np.array([codes], dtype=np.int32)))[0] for codes in ([3, 1, 5, 0], [3, 2, 5, 1]))
    # The second category begins first, and the fourth follows it.
    assert set(np.flatnonzero(one != other)) == {1, 2, 4, 5}
    assert len(one) == sum(widths(sizes, embedding_size=8))
