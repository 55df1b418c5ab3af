"""The registry: which version of a model is the champion."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from mlflow import MlflowClient

from automl import files
from automl.tasks import metric, task
from automl.tracking.registry import register

RMSE = metric("rmse", task("regress"))
TRUTH = np.linspace(0, 10, 200)
Register = Callable[..., str]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> MlflowClient:
    return MlflowClient(f"sqlite:///{tmp_path_factory.mktemp('store') / 'mlflow.db'}")


@pytest.fixture
def registered(client: MlflowClient, tmp_path: Path, request: pytest.FixtureRequest) -> Register:
    """Registers a model with a certain error on certain test rows, under the name of the test."""
    name = request.node.name
    experiment = client.create_experiment(name, artifact_location=str(tmp_path / "artifacts"))

    def add(error: float, *, first_row: int = 0, data: str = "a", keeps: bool = True) -> str:
        noise = np.random.default_rng(int(error * 100)).normal(size=len(TRUTH))
        arrays = {"rows": np.arange(200) + first_row, "targets": TRUTH, "predictions": TRUTH + error * noise}
        path = tmp_path / "evaluation.npz"
        files.write_arrays(path, {f"test_{key}": value for key, value in arrays.items()})
        tags = {"digest": data, "task": "regress", "target": "y", "objective": "rmse"}
        run = client.create_run(experiment, tags=tags).info.run_id
        if keeps:
            client.log_artifact(run, str(path))
        model = client.create_logged_model(experiment, name="model", source_run_id=run).model_id
        return register(client, name, run_id=run, model_id=model, verdict="It holds.", metric=RMSE, evaluated=path)

    return add


def aliases(client: MlflowClient, name: str) -> dict[str, int]:
    return {alias: int(version) for alias, version in client.get_registered_model(name).aliases.items()}


def test_the_first_version_is_the_champion_and_bears_the_verdict(
    client: MlflowClient, registered: Register, request: pytest.FixtureRequest
) -> None:
    assert "first champion" in registered(1.0)
    assert aliases(client, request.node.name) == {"champion": 1}
    assert client.get_model_version(request.node.name, "1").description == "It holds."


def test_a_better_one_takes_the_champions_place(
    client: MlflowClient, registered: Register, request: pytest.FixtureRequest
) -> None:
    registered(1.0)
    assert "the new champion: its RMSE is better by" in registered(0.5)
    assert aliases(client, request.node.name) == {"champion": 2, "challenger": 1}


@pytest.mark.parametrize("error", [0.99, 2.0])
def test_one_that_is_not_better_beyond_chance_is_a_challenger(
    client: MlflowClient, registered: Register, request: pytest.FixtureRequest, error: float
) -> None:
    registered(1.0)
    assert "a challenger of version 1" in registered(error)
    assert aliases(client, request.node.name) == {"champion": 1, "challenger": 2}


def test_models_of_other_data_or_rows_are_not_compared(registered: Register) -> None:
    registered(1.0)
    assert "since their digest differ" in registered(0.1, data="b")
    assert "split differently" in registered(0.1, first_row=500)


def test_a_champion_without_predictions_keeps_its_place(registered: Register) -> None:
    registered(1.0, keeps=False)
    assert "predictions are not kept" in registered(0.1)
