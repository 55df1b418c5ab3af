"""What boosting can find thresholds in."""

from __future__ import annotations

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor

from automl.binning import MOST_ROWS, binnable


def test_a_column_of_which_nothing_is_known_says_nothing() -> None:
    features = np.array([[np.nan, 1.0, np.nan], [np.nan, 2.0, 4.0], [np.nan, np.nan, np.nan]], np.float32)
    before = features.copy()
    expected = np.where([True, False, False], np.float32(0), features)
    np.testing.assert_array_equal(binnable(features), expected)
    np.testing.assert_array_equal(features, before)
    assert np.shares_memory(binnable(features[:, 1:]), features)


def test_a_few_known_cells_among_many_rows_may_not_be_drawn() -> None:
    features = np.random.default_rng(0).normal(size=(5 * MOST_ROWS, 2)).astype(np.float32)
    features[5:, 1] = np.nan
    filled = binnable(features)
    assert not filled[:, 1].any()
    np.testing.assert_array_equal(filled[:, 0], features[:, 0])
    features[:1000, 1] = 1.0
    assert binnable(features) is features


def test_a_few_known_cells_may_all_be_put_aside() -> None:
    features = np.ones((10_001, 1))
    features[9:] = np.nan
    assert not binnable(features).any()
    assert np.shares_memory(binnable(features[:10_000]), features)


def test_boosting_learns_from_the_other_columns() -> None:
    rng = np.random.default_rng(0)
    features = np.stack([rng.normal(size=200), np.full(200, np.nan)], axis=1)
    targets = np.sign(features[:, 0])
    assert HistGradientBoostingRegressor().fit(binnable(features), targets).score(features, targets) > 0.9
