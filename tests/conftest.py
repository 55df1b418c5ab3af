"""What several tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

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
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    yield tmp_path
