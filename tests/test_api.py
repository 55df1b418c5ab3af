"""Arguments as Python programs give them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import automl
from automl.errors import InputError


@pytest.fixture
def numbered() -> pd.DataFrame:
    """Columns 0 to 3 are numbers, column 4 is a class."""
    frame = pd.DataFrame(np.random.default_rng(0).integers(9, size=(60, 4)))
    return frame.assign(**{"4": ["yes", "no"] * 30}).rename(columns={"4": 4})


def test_columns_may_be_called_by_numbers(numbered: pd.DataFrame) -> None:
    facts = automl.profile(numbered, target=4, kinds={3: "category"}, drop=0)
    assert facts.target.name == "4"
    kinds = {column.name: column.kind for column in facts.columns}
    assert kinds == {"0": "dropped", "1": "number", "2": "number", "3": "category"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"target": 4, "group": 2, "kinds": {3: "category"}, "families": "mpl"}, "no family 'mpl'. Did you mean 'mlp'"),
        ({"target": 4, "time_column": 7}, "no column '7'"),
        ({"target": 4, "drop": "12"}, "no column '12'"),
        ({"target": 4, "settings": "mlp.layrs=2"}, "no hyperparameter 'layrs'"),
        ({"target": 4, "spaces": "mine.yaml"}, "no file 'mine.yaml'"),
        ({"target": 4, "task": 1}, "no task 1"),
        ({"test": pd.DataFrame({"4": ["yes"]})}, "must be the path of a file, not 'DataFrame'. Save them as one"),
    ],
)
def test_says_what_is_wrong_with_an_argument(
    numbered: pd.DataFrame, in_folder: Path, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        automl.fit(numbered, **arguments, quiet=True)
    assert list(in_folder.iterdir()) == []
