"""How much a score varies with the rows."""

from __future__ import annotations

import numpy as np
import pytest

from automl.bootstrap import deviation, resampled
from automl.tasks import metric, task

RMSE = metric("rmse", task("regress"))
PATIENTS, VISITS = 40, 20


@pytest.mark.parametrize("most_rows", [PATIENTS * VISITS, 200])
def test_rows_of_a_group_are_drawn_together(most_rows: int) -> None:
    groups = np.repeat(np.arange(PATIENTS), VISITS)
    shuffled = np.random.default_rng(1).permutation(len(groups))
    truth = np.zeros(len(groups))

    def score(seed: int) -> tuple[float, float, float]:
        errors = np.random.default_rng(seed).normal(size=PATIENTS)[groups][shuffled]
        by_row = resampled(truth, [errors], RMSE, seed=0, most_rows=most_rows)
        by_group = resampled(truth, [errors], RMSE, seed=0, groups=groups[shuffled], most_rows=most_rows)
        return float(RMSE.function(truth, errors)), deviation(by_row), deviation(by_group)

    scores, rows, grouped = np.array([score(seed) for seed in range(30)]).T
    assert np.mean(grouped) == pytest.approx(np.std(scores), rel=0.35)
    assert np.mean(rows) < np.std(scores) / 2


def test_groups_of_one_row_change_nothing() -> None:
    rng = np.random.default_rng(2)
    truth, errors = rng.normal(size=(2, 100))
    alone = resampled(truth, [errors], RMSE, seed=0)
    np.testing.assert_array_equal(resampled(truth, [errors], RMSE, seed=0, groups=np.arange(100)), alone)
