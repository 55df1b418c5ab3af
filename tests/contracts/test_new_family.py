"""A family is added with one module and one YAML file, and nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import automl
from automl.resources import folder

MODULE = '''
"""Numbers and their squares."""

from __future__ import annotations

import keras

from automl.layers.dropout import Dropout
from automl.layers.inputs import Inputs, as_features


def build(inputs: Inputs, *, units: int, dropout: float, embedding_size: int) -> keras.KerasTensor:
    """Shape (rows, units)."""
    features = as_features(inputs, embedding_size=embedding_size)
    both = keras.layers.Concatenate()([features, keras.layers.Multiply()([features, features])])
    return Dropout(dropout)(keras.layers.Dense(units, activation="relu")(both))
'''

SPACE = """
summary: Numbers and their squares.
tasks: [classify, regress]
parameters:
  units:          {type: int, low: 8, high: 64, default: 32}
  dropout:        {type: float, low: 0.0, high: 0.5, default: 0.1}
  embedding_size: 4
  scaling:        {type: choice, values: [quantile, robust]}
  optimizer:      {type: choice, values: [adam, adamw]}
  weight_decay:   {type: float, low: 1.0e-4, high: 1.0, log: true, when: {optimizer: adamw}}
  learning_rate:  {type: float, low: 1.0e-3, high: 3.0e-2, log: true}
  schedule:       cosine
  batch_size:     64
  epochs:         40
  patience:       20
"""


@pytest.mark.slow
def test_a_module_and_a_yaml_file_make_a_family(tmp_path: Path) -> None:
    package = tmp_path / "automl"
    shutil.copytree(Path(automl.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("search_spaces", "datasets", "reports"):
        shutil.copytree(folder(name), tmp_path / name)
    (package / "families" / "squares.py").write_text(MODULE)
    (tmp_path / "search_spaces" / "squares.yaml").write_text(SPACE)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    tests = Path(__file__).parents[1]
    contracts = tests / "contracts" / "test_families.py"
    options = ["-p", "no:cacheprovider", "--rootdir", str(tests), "-k", "squares"]
    checked = subprocess.run(
        [sys.executable, "-m", "pytest", contracts, *options],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout
    assert " passed" in checked.stdout
    listed = subprocess.run(
        [sys.executable, "-m", "automl", "families"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "squares" in listed.stdout
