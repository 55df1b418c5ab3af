"""How sure probabilities are made."""

from __future__ import annotations

import numpy as np
import pytest

from automl.tasks import predicted, task
from automl.tasks.classify import log_loss
from automl.temperature import HIGHEST, LOWEST, MOST_NUMBERS, best_temperature, tempered


def drawn(rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Honest probabilities of three classes, and classes drawn from them."""
    rng = np.random.default_rng(seed)
    honest = rng.dirichlet([2, 2, 2], size=rows)
    return honest, np.array([rng.choice(3, p=row) for row in honest], dtype=np.int32)


def test_tempered_probabilities_sum_to_one_and_keep_their_order() -> None:
    honest, _ = drawn(50)
    flatter = tempered(honest, 3.0)
    np.testing.assert_allclose(flatter.sum(axis=1), 1)
    np.testing.assert_array_equal(flatter.argsort(axis=1), honest.argsort(axis=1))
    assert (flatter.max(axis=1) < honest.max(axis=1)).all()
    np.testing.assert_allclose(tempered(flatter, 1 / 3), honest)


@pytest.mark.parametrize("wanted", [0.5, 0.9, 1.0, 1.3, 4.0])
def test_the_temperature_undoes_what_was_done_to_honest_probabilities(wanted: float) -> None:
    honest, targets = drawn(20_000)
    assert best_temperature(tempered(honest, 1 / wanted), targets) == pytest.approx(wanted, rel=0.05)


@pytest.mark.parametrize("done", [0.4, 1.0, 2.0])
def test_no_other_temperature_has_a_lower_log_loss(done: float) -> None:
    honest, targets = drawn(400, seed=1)
    given = tempered(honest, done)
    found = best_temperature(given, targets)
    others = [log_loss(targets, tempered(given, other)) for other in np.linspace(LOWEST, HIGHEST, 300)]
    # The row that stands for doubt counts as one of four hundred.
    assert log_loss(targets, tempered(given, found)) <= min(others) + 1e-4


def test_it_stays_within_limits() -> None:
    targets = np.tile([0, 1], 5_000).astype(np.int32)
    right = np.where(np.eye(2, dtype=bool)[targets], 0.6, 0.4)
    wrong = np.where(np.eye(2, dtype=bool)[targets], 0.01, 0.99)
    assert best_temperature(right, targets) == pytest.approx(LOWEST)
    assert best_temperature(wrong, targets) == pytest.approx(HIGHEST)


def test_rows_that_are_surely_wrong_do_not_make_the_others_worse() -> None:
    honest, targets = drawn(1_000, seed=2)
    for rows in (5, 20):
        with_outliers = honest.copy()
        with_outliers[:rows] = 1e-26
        with_outliers[np.arange(rows), (targets[:rows] + 1) % 3] = 1.0
        found = tempered(with_outliers, best_temperature(with_outliers, targets))
        assert log_loss(targets, found) <= log_loss(targets, with_outliers)


def test_as_many_numbers_are_looked_at_as_asked() -> None:
    """Of every other row the temperature is 1, of the others it is not."""
    honest, targets = drawn(4_000, seed=2)
    mixed = np.where(np.arange(4_000)[:, None] % 2 == 0, honest, tempered(honest, 0.5))
    half = honest.size // 2
    assert best_temperature(mixed, targets, most_numbers=half) == pytest.approx(1.0, abs=0.1)
    assert best_temperature(mixed, targets, most_numbers=honest.size) > 1.2


def test_where_none_is_better_it_is_one() -> None:
    targets = np.tile([0, 1], MOST_NUMBERS).astype(np.int32)
    certain = np.eye(2)[targets]
    certain[::10] = certain[::10, ::-1]
    # No power makes anything else of 0.
    for given in (certain, np.full((len(targets), 2), 0.5), np.empty((0, 2))):
        assert best_temperature(given, targets[: len(given)]) == 1.0


def test_a_prediction_of_a_network_with_members_is_their_mean_with_the_temperature() -> None:
    classify = task("classify")
    raw = np.random.default_rng(0).normal(size=(5, 4, 3))
    specification = {"labels": ["a", "b", "c"]}
    mean = np.mean([classify.predictions(raw[:, member], specification) for member in range(4)], axis=0)
    np.testing.assert_allclose(predicted(classify, raw, specification), mean)
    np.testing.assert_allclose(predicted(classify, raw, specification, temperature=2.0), tempered(mean, 2.0))
