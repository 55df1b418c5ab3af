from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
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


@pytest.mark.slow
def test_mlflow_predicts_what_the_run_predicts(in_folder: Path, flowers: pd.DataFrame) -> None:
    import automl

    run = automl.fit(flowers, target="kind", quality="fast", quiet=True)
    client = MlflowClient(f"sqlite:///{in_folder}/mlflow.db")
    [model] = client.search_logged_models([experiment.experiment_id for experiment in client.search_experiments()])
    before = list(sys.path)
    try:
        served = mlflow.pyfunc.load_model(model.artifact_location)
        answers = served.predict(flowers.drop(columns="kind"))
    finally:
        sys.path[:] = before
    own = automl.load(run.path)
    assert answers["prediction"].tolist() == own.predict(flowers).tolist()
    assert answers["probability_rose"].tolist() == own.predict_proba(flowers)["rose"].tolist()
