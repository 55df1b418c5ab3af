"""The registry: which version of a model is the champion."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlflow import MlflowClient, MlflowException
from numpy.typing import NDArray

from automl import files
from automl.tasks import metric, task
from automl.tracking.registry import keep, register

RMSE = metric("rmse", task("regress"))
TRUTH = np.linspace(0, 10, 200)
Register = Callable[..., str]
Made = Callable[..., Callable[[], str]]


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('store') / 'mlflow.db'}"


@pytest.fixture(scope="module")
def client(uri: str) -> MlflowClient:
    return MlflowClient(uri)


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """What the model is called: as the test is."""
    return str(request.node.name)


@pytest.fixture
def made(client: MlflowClient, name: str, tmp_path: Path) -> Made:
    """Makes a model with a certain error on certain rows, of a new run or of `run`; what it returns registers it."""
    experiment = client.create_experiment(name, artifact_location=str(tmp_path / "artifacts"))

    def make(
        error: float,
        *,
        part: str = "test",
        first_row: int = 0,
        truth: NDArray[np.float64] = TRUTH,
        keeps: bool = True,
        is_old: bool = False,
        run: str = "",
        **tags: str,
    ) -> Callable[[], str]:
        noise = np.random.default_rng(int(error * 100)).normal(size=len(truth))
        arrays = {"rows": np.arange(200) + first_row, "targets": truth, "predictions": truth + error * noise}
        known = {"digest": "a", "task": "regress", "target": "y", "objective": "rmse", **tags}
        run = run or client.create_run(experiment, tags=known).info.run_id
        path = tmp_path / f"{run} {error}" / "evaluation.npz"
        path.parent.mkdir()
        files.write_arrays(path, {f"{part}_{key}": value for key, value in arrays.items()})
        model = client.create_logged_model(experiment, name="model", source_run_id=run).model_id
        if is_old:
            client.log_artifact(run, str(path))
        elif keeps:
            keep(client, path, run_id=run, model_id=model)
        return partial(
            register, client, name, run_id=run, model_id=model, verdict="It holds.", metric=RMSE, evaluated=path
        )

    return make


@pytest.fixture
def registered(made: Made) -> Register:
    """Makes a model and registers it."""

    def add(error: float, **choices: Any) -> str:
        return made(error, **choices)()

    return add


def aliases(client: MlflowClient, name: str) -> dict[str, int]:
    return {alias: int(version) for alias, version in client.get_registered_model(name).aliases.items()}


def versions(client: MlflowClient, name: str) -> int:
    return len(client.search_model_versions(f"name = '{name}'"))


def test_the_first_version_is_the_champion_and_bears_the_verdict(
    client: MlflowClient, name: str, registered: Register
) -> None:
    assert "first champion" in registered(1.0)
    assert aliases(client, name) == {"champion": 1}
    version = client.get_model_version(name, "1")
    assert (version.description, version.tags) == ("It holds.", {})


def test_a_better_one_takes_the_champions_place(client: MlflowClient, name: str, registered: Register) -> None:
    registered(1.0)
    assert "the new champion: its RMSE is better by 0." in registered(0.5)
    assert aliases(client, name) == {"champion": 2, "challenger": 1}


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (0.99, r"its RMSE may be 0\.\d+ worse to 0\.\d+ better on the same test rows, which is not beyond chance\."),
        (1.0, r"both have the same RMSE on the same test rows\."),
        (2.0, r"its RMSE is worse by 0\.\d+ to 1\.\d+ on the same test rows\."),
    ],
)
def test_one_that_is_not_better_beyond_chance_is_a_challenger(
    client: MlflowClient, name: str, registered: Register, error: float, why: str
) -> None:
    registered(1.0)
    assert re.search(f"a challenger of version 1: {why}$", registered(error))
    assert aliases(client, name) == {"champion": 1, "challenger": 2}


def test_it_is_said_where_rows_decide_that_chose_both_models(registered: Register) -> None:
    registered(1.0, part="val")
    said = registered(0.5, part="val")
    assert "the new champion: its RMSE is better by" in said
    assert said.endswith("on the same validation rows. These rows chose both models, which flatters them.")


@pytest.mark.parametrize(
    ("choices", "why"),
    [
        ({"digest": "b"}, "since their digest differ"),
        ({"test_digest": "b"}, "since their test_digest differ"),
        ({"first_row": 500}, "since their rows are split differently"),
        # Two rows of two hundred are no test.
        ({"first_row": 198}, "since their rows are split differently"),
        ({"truth": TRUTH[::-1].copy()}, "since their rows are split differently"),
        ({"part": "val"}, "since their rows are split differently"),
    ],
)
def test_models_of_other_data_or_rows_are_not_compared(
    client: MlflowClient, name: str, registered: Register, choices: dict[str, Any], why: str
) -> None:
    registered(1.0)
    assert f"a challenger of version 1: they cannot be compared, {why}" in registered(0.1, **choices)
    assert aliases(client, name) == {"champion": 1, "challenger": 2}


def test_a_champion_without_predictions_keeps_its_place(registered: Register) -> None:
    registered(1.0, keeps=False)
    assert "predictions are not kept" in registered(0.1)


@pytest.mark.parametrize("is_old", [False, True])
def test_a_run_that_goes_on_is_compared_with_what_its_model_said_before(
    client: MlflowClient, name: str, registered: Register, is_old: bool
) -> None:
    registered(1.0, is_old=is_old)
    run = client.get_model_version(name, "1").run_id
    assert "a challenger of version 1: its RMSE is worse by" in registered(2.0, run=run)
    # By as much as the champion is worse, and not the challenger.
    assert "the new champion: its RMSE is better by 0." in registered(0.5, run=run)
    assert "a challenger of version 3: both have the same RMSE" in registered(0.5)


def test_a_champion_of_no_run_keeps_its_place(
    client: MlflowClient, name: str, registered: Register, tmp_path: Path
) -> None:
    client.create_registered_model(name)
    client.create_model_version(name, source=str(tmp_path))
    client.set_registered_model_alias(name, "champion", "1")
    assert "they cannot be compared, since the champion's run is gone" in registered(0.1)
    assert aliases(client, name) == {"champion": 1, "challenger": 2}


def test_a_champion_whose_run_is_gone_keeps_its_place(
    client: MlflowClient, uri: str, name: str, registered: Register
) -> None:
    registered(1.0)
    run = client.get_model_version(name, "1").run_id
    # As `mlflow gc` does, which takes seconds.
    with closing(sqlite3.connect(uri.removeprefix("sqlite:///"))) as database, database:
        database.execute("DELETE FROM runs WHERE run_uuid = ?", [run])
    assert "they cannot be compared, since the champion's run is gone" in registered(0.1)


def test_a_model_is_registered_once(client: MlflowClient, name: str, made: Made, registered: Register) -> None:
    first, second = made(1.0), made(0.99)
    first()
    second()
    registered(0.98)
    assert first() == f"It is version 1 of {name!r} already."
    assert second() == f"It is version 2 of {name!r} already."
    assert versions(client, name) == 3
    # What became of it is not decided again.
    assert aliases(client, name) == {"champion": 1, "challenger": 3}


def test_a_store_that_does_not_answer_dethrones_no_champion(
    client: MlflowClient, name: str, made: Made, registered: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered(1.0)
    again = made(2.0)
    with monkeypatch.context() as broken:
        broken.setattr(client, "get_model_version_by_alias", failing)
        with pytest.raises(MlflowException, match="Read timed out"):
            again()
    assert aliases(client, name) == {"champion": 1}


@pytest.mark.parametrize("error", [0.5, 2.0])
@pytest.mark.parametrize("fault", ["list_artifacts", "set_registered_model_alias", "delete_model_version_tag"])
def test_a_registration_that_broke_off_is_completed(
    client: MlflowClient,
    name: str,
    made: Made,
    registered: Register,
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
    error: float,
) -> None:
    registered(1.0)
    again = made(error)
    with monkeypatch.context() as broken:
        broken.setattr(client, fault, failing)
        with pytest.raises(MlflowException, match="Read timed out"):
            again()
    assert again().startswith(f"Registered as version 2 of {name!r}, ")
    assert aliases(client, name) == (
        {"champion": 2, "challenger": 1} if error < 1 else {"champion": 1, "challenger": 2}
    )
    assert again() == f"It is version 2 of {name!r} already."
    assert versions(client, name) == 2


def test_a_champion_whose_challenger_could_not_be_named_is_one_after_the_next_attempt(
    client: MlflowClient, name: str, made: Made, registered: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    registered(1.0)
    again = made(0.5)

    def set_one(*arguments: str) -> None:
        broken.undo()
        client.set_registered_model_alias(*arguments)
        broken.setattr(client, "set_registered_model_alias", failing)

    with monkeypatch.context() as broken:
        broken.setattr(client, "set_registered_model_alias", set_one)
        with pytest.raises(MlflowException, match="Read timed out"):
            again()
    again()
    assert aliases(client, name) == {"champion": 2, "challenger": 1}


def failing(*_: object, **__: object) -> None:
    raise MlflowException("Read timed out")
