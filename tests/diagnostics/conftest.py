"""Tables as the checks of the data see them: profiled and split as a fit does it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from automl import resources
from automl.diagnostics import Data
from automl.options import Options
from automl.preparation import prepare

SHIPPED = {
    "auto_mpg": "mpg",
    "concrete": "strength",
    "german_credit": "class",
    "heart_cleveland": "num",
    "penguins": "species",
}


def _data(frame: pd.DataFrame, target: str, **options: Any) -> Data:
    prepared = prepare(frame, Options(target=target, families=("linear",), **options))
    return Data(
        prepared.frame,
        prepared.profile,
        prepared.split,
        prepared.task,
        prepared.specification,
        prepared.targets,
        groups=options.get("group"),
        times=options.get("time_column"),
        has_own_test="test" in options,
    )


@pytest.fixture
def data_of(tmp_path: Path) -> Callable[..., Data]:
    """The data of a fit of a frame whose target is "y"; `test` may be a frame of its own, others are options."""

    def of(frame: pd.DataFrame, *, test: pd.DataFrame | None = None, **options: Any) -> Data:
        if test is None:
            return _data(frame, "y", **options)
        test.to_csv(tmp_path / "test.csv", index=False)
        return _data(frame, "y", test=tmp_path / "test.csv", **options)

    return of


@pytest.fixture(scope="session")
def shipped() -> dict[str, Data]:
    """The tables that are shipped with the program, by name."""
    folder = resources.folder("datasets")
    return {name: _data(pd.read_csv(folder / name / "data.csv"), target) for name, target in SHIPPED.items()}
