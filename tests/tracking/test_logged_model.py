from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mlflow.models.utils import _enforce_schema

from automl.data.read import from_frame
from automl.tracking import logged_model
from automl.tracking.served_model import ServedModel


def test_a_classifier_gives_a_label_and_a_probability_per_class() -> None:
    signature = logged_model.signature(["length"], classes=[1, 2])
    assert [(column.name, str(column.type)) for column in signature.outputs] == [
        ("prediction", "DataType.long"),
        ("probability_1", "DataType.double"),
        ("probability_2", "DataType.double"),
    ]


def test_a_regression_gives_a_number() -> None:
    signature = logged_model.signature(["length"])
    assert [(column.name, str(column.type)) for column in signature.outputs] == [("prediction", "DataType.double")]


@pytest.mark.parametrize(
    "values", [[1, 2], [0.5, None], ["4,500", None], [True, None], pd.array([1, None], dtype="int64[pyarrow]")]
)
def test_the_signature_lets_any_cell_through(values: list[object]) -> None:
    signature = logged_model.signature(["a"])
    given = pd.DataFrame({"a": values})
    passed = _enforce_schema(given, signature.inputs)["a"]
    assert passed.isna().tolist() == given["a"].isna().tolist()
    assert passed.dropna().tolist() == given["a"].dropna().tolist()


def test_examples_are_written_as_plain_values() -> None:
    frame = from_frame(pd.DataFrame({"n": [1, None], "day": [pd.Timestamp("2026-01-02"), None]})).frame
    plain = logged_model.plain(frame)
    assert plain["n"].tolist() == [1, None]
    assert plain["day"].tolist() == ["2026-01-02 00:00:00", None]


@dataclass
class Constant:
    """A model that always says the same."""

    task: str

    def predict(self, frame: pd.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        return np.full(len(frame), 7)

    def predict_proba(self, frame: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({7: 1.0, 8: 0.0}, index=frame.index)


@pytest.mark.parametrize(
    ("task", "columns"),
    [("classify", ["prediction", "probability_7", "probability_8"]), ("regress", ["prediction"])],
)
def test_served_predictions_keep_the_rows(task: str, columns: list[str]) -> None:
    served = ServedModel()
    served.model = Constant(task)  # type: ignore[assignment]
    answers = served.predict(None, pd.DataFrame({"x": [1, 2, 3]}, index=[5, 5, 9]))
    assert answers.columns.tolist() == columns
    assert answers.index.tolist() == [5, 5, 9]
    assert answers["prediction"].tolist() == [7, 7, 7]


SERVED = """
import sys

import mlflow
import pandas as pd

served = mlflow.pyfunc.load_model("models:/flowers@champion")
import automl
assert automl.__file__ != sys.argv[1]
served.predict(pd.read_parquet("rows.parquet")).to_parquet("answers.parquet")
"""


@pytest.mark.slow
def test_mlflow_predicts_what_the_run_predicts_by_the_code_that_it_keeps(
    in_folder: Path, flowers: pd.DataFrame
) -> None:
    import automl

    run = automl.fit(flowers, target="kind", quality="fast", register="flowers", quiet=True)
    flowers.drop(columns="kind").to_parquet("rows.parquet")
    store = {"MLFLOW_TRACKING_URI": f"sqlite:///{in_folder}/mlflow.db"}
    done = subprocess.run(
        [sys.executable, "-c", SERVED, automl.__file__],
        env={**os.environ, **store},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answers = pd.read_parquet("answers.parquet")
    assert answers["prediction"].tolist() == run.model.predict(flowers).tolist()
    assert answers["probability_rose"].tolist() == run.model.predict_proba(flowers)["rose"].tolist()
