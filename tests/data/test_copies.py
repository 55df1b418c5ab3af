"""Copies of rows, and rows that meet by chance."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from automl.data.copies import copies

RNG = np.random.default_rng(0)


def test_copies_are_equal_in_what_models_see_and_in_the_target() -> None:
    frame = pd.DataFrame({"x": [1.5, 1.5, 1.5, 2.5], "id": range(4), "y": ["a", "a", "a", "a"]})
    assert copies(frame, ["x"], "y").duplicated().tolist() == [False, True, True, False]
    assert not copies(frame, ["x", "id"], "y").duplicated().any()


@pytest.mark.parametrize(("contrary", "apart"), [(0.0, False), (0.05, False), (0.4, True)])
def test_rows_of_a_coarse_table_that_often_contradict_each_other_are_no_copies(contrary: float, apart: bool) -> None:
    cells = np.repeat(np.arange(100), 5)
    labels = np.where(RNG.random(500) < contrary / 5, "b", "a")
    frame = pd.DataFrame({"x": cells, "y": labels})
    assert copies(frame, ["x"], "y").is_unique is apart


def test_equal_numbers_that_seldom_occur_twice_are_no_coincidence() -> None:
    frame = pd.DataFrame({"x": np.repeat(np.arange(200) % 20, 2), "y": np.repeat(RNG.normal(size=200), 2)})
    assert copies(frame, ["x"], "y").nunique() == 200
    assert copies(frame.assign(y=frame["y"] > 0), ["x"], "y").nunique() == 400
