"""What is saved beside the networks."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from automl.ensemble import Ensemble, Member, Refit
from automl.options import Options
from automl.preparation import prepare
from automl.saving import _target

BEST = Ensemble((Member(0, "mlp", {}, 1.0, 10, 1),), 1.0, 0.5, {})


@pytest.mark.parametrize(
    ("refit", "parts"),
    [
        (None, ["train"]),
        (Refit(10, (), {0: "the time was too short"}), ["train"]),
        (Refit(10, (0,), with_test=False), ["train", "val"]),
        (Refit(10, (0,)), ["train", "val", "test"]),
    ],
)
def test_values_reach_as_far_as_in_the_rows_that_were_learned_from(refit: Refit | None, parts: list[str]) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=300), "y": rng.standard_cauchy(300)})
    prepared = prepare(frame, Options(target="y", task="regress", folds=1, families=("linear",)))
    known = frame["y"].to_numpy()[np.concatenate([getattr(prepared.split, part) for part in parts])]
    saved = _target(dataclasses.replace(BEST, refit=refit), prepared)
    assert (saved["minimum"], saved["maximum"]) == (known.min(), known.max())
    assert saved["mean"] == prepared.specification["mean"]
