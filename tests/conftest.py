"""What several tests share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

if TYPE_CHECKING:
    from automl.training.workshop import Workshop

# Keras would otherwise ask each thread pool for both cores, and two tests at once for four.
os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", TF_NUM_INTRAOP_THREADS="1", TF_NUM_INTEROP_THREADS="1")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")


@pytest.fixture
def flowers() -> pd.DataFrame:
    """Three classes that two measurements and a colour tell apart, with gaps and an unlabelled row. 151 rows."""
    rng = np.random.default_rng(7)
    kinds = np.repeat(["rose", "tulip", "daisy"], 50)
    centres = {"rose": 0.0, "tulip": 3.0, "daisy": 6.0}
    length = np.array([centres[kind] for kind in kinds]) + rng.normal(size=150)
    width = rng.normal(size=150)
    width[::10] = np.nan
    colour = np.where(kinds == "rose", "red", np.where(rng.random(150) < 0.5, "yellow", "white"))
    frame = pd.DataFrame({"length": length, "width": width, "colour": colour, "kind": kinds})
    frame.loc[150] = [1.0, 1.0, "red", None]
    return frame.sample(frac=1, random_state=3).reset_index(drop=True)


@pytest.fixture
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _workshop_of(frame: pd.DataFrame, target: str) -> Workshop:
    """The table as a worker has it, split and encoded as a run does it."""
    from automl.data.profile import duplicate_groups, profile
    from automl.data.split import split_at_random
    from automl.encoding import table
    from automl.encoding.numbers import Scaling
    from automl.tasks import task
    from automl.training.examples import Examples, Part
    from automl.training.workshop import Workshop

    frame = frame[frame[target].notna()].reset_index(drop=True)
    facts = profile(frame, target=target)
    judge = task(facts.target.task)
    specification = judge.fit_target(frame[target])
    targets = judge.encode_target(frame[target], specification)
    split = split_at_random(duplicate_groups(frame))
    encoding = table.fit(frame.iloc[split.train], facts)
    scalings: tuple[Scaling, ...] = ("quantile", "robust", "none")
    encoded = {scaling: table.apply(encoding, frame, scaling=scaling) for scaling in scalings}
    parts = {
        name: Part({scaling: arrays.take(rows) for scaling, arrays in encoded.items()}, targets[rows])
        for name, rows in split.parts().items()
    }
    weights = np.ones(len(split.train), dtype=np.float32)
    return Workshop(Examples(parts, weights, specification, encoding.sizes), judge)


@pytest.fixture
def workshop(flowers: pd.DataFrame) -> Workshop:
    """Three kinds of flowers."""
    return _workshop_of(flowers, "kind")


@pytest.fixture
def regression() -> Workshop:
    """A curved surface of two numbers."""
    rng = np.random.default_rng(5)
    left, right = rng.uniform(-2, 2, size=(2, 400))
    price = 1000 + 50 * (np.sin(left) * right + 0.05 * rng.normal(size=400))
    return _workshop_of(pd.DataFrame({"left": left, "right": right, "price": price}), "price")
