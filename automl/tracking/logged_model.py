"""Gives MLflow a saved model that it can show, load and serve: the bundle, the code for it, its inputs and outputs."""

from __future__ import annotations

import importlib.metadata
import json
import shutil
import warnings
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import mlflow.pyfunc
import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import LoggedModel, LoggedModelOutput, LoggedModelStatus
from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, DataType, Schema
from mlflow.types.schema import AnyType

from automl import files
from automl.model import MANIFEST, SCHEMA

NAME = "model"
# A tag of the model: the digest of the bundle that it was made from.
BUNDLE = "bundle"
_PACKAGE = Path(__file__).parents[1]
_NEEDED = ("tensorflow", "tensorflow-cpu", "keras", "numpy", "pandas", "pyarrow", "mlflow")


def log(
    client: MlflowClient,
    *,
    experiment_id: str,
    run_id: str,
    bundle: Path,
    example: pd.DataFrame,
) -> str:
    """The identifier of a new MLflow model made from a bundle, as an output of the run. Loads no TensorFlow.

    What an earlier attempt has left unfinished is deleted.

    `mlflow.pyfunc.log_model` would take the tracking URI and the active run of the whole process, and would load the
    model to try the example.
    """
    for begun in _of_run(client, experiment_id, run_id):
        if begun.status != LoggedModelStatus.READY:
            client.delete_logged_model(begun.model_id)
    tags = {BUNDLE: _digest(bundle)}
    model = client.create_logged_model(experiment_id, name=NAME, source_run_id=run_id, tags=tags)
    try:
        with TemporaryDirectory() as staging, warnings.catch_warnings(action="ignore"):
            path = Path(staging, NAME)
            mlflow.pyfunc.save_model(
                path=str(path),
                python_model=str(Path(__file__).with_name("served_model.py")),
                artifacts={"bundle": str(bundle.absolute())},
                # The code goes along: a package called automl need not be this one where the model is served.
                code_paths=[str(_code(Path(staging)))],
                pip_requirements=requirements(),
                signature=signature(list(example.columns), classes=_classes(bundle)),
                input_example=plain(example),
                mlflow_model=Model(artifact_path=model.artifact_location, run_id=run_id, model_id=model.model_id),
            )
            client.log_model_artifacts(model.model_id, str(path))
    except BaseException:
        client.finalize_logged_model(model.model_id, "FAILED")
        raise
    client.log_outputs(run_id, [LoggedModelOutput(model.model_id, step=0)])
    # Whoever finds it ready finds it complete.
    client.finalize_logged_model(model.model_id, "READY")
    return str(model.model_id)


def find(client: MlflowClient, *, experiment_id: str, run_id: str, bundle: Path) -> str:
    """The identifier of the run's model that was made from a bundle like this; empty if there is none."""
    wanted = _digest(bundle)
    for model in _of_run(client, experiment_id, run_id):
        if model.status == LoggedModelStatus.READY and model.tags.get(BUNDLE) == wanted:
            return str(model.model_id)
    return ""


def _of_run(client: MlflowClient, experiment_id: str, run_id: str) -> list[LoggedModel]:
    return list(client.search_logged_models([experiment_id], f"source_run_id = '{run_id}'"))


def _digest(bundle: Path) -> str:
    """Of the manifest, which has the digests of all other files."""
    return files.sha256(bundle / MANIFEST)


def _classes(bundle: Path) -> Sequence[Any]:
    """In the type that the training table had; empty if the model predicts values."""
    target = json.loads((bundle / SCHEMA).read_text(encoding="utf-8"))["target"]
    return list(target.get("classes", ()))


def signature(features: list[str], *, classes: Sequence[Any] = ()) -> ModelSignature:
    """What the model takes and gives.

    Features have the type "any", since the encoding reads whatever a table may hold. MLflow's typed columns refuse
    whole numbers where decimals were, and numbers with gaps where there were none, and make False of an empty boolean.
    In return, `mlflow models serve` takes rows as JSON alone: it reads CSV by the types of the columns.
    """
    inputs = [ColSpec(AnyType(), name, required=True) for name in features]
    return ModelSignature(Schema(inputs), Schema(_outputs(classes)))


def requirements() -> list[str]:
    """The installed versions of what a served model imports."""
    return [f"{name}=={version}" for name in _NEEDED if (version := installed(name))]


def installed(distribution: str) -> str | None:
    """The version of an installed distribution."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def plain(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows with NumPy types and None for empty cells, since MLflow writes them as JSON."""
    return pd.DataFrame({name: [_cell(value) for value in frame[name]] for name in frame.columns}, dtype=object)


def _cell(value: Any) -> Any:
    if pd.isna(value):
        return None
    if isinstance(value, (bool, int, float, str)):
        return value
    return value.item() if hasattr(value, "item") else str(value)


def _code(folder: Path) -> Path:
    """A copy of this package's modules, without the data files that only a search needs."""
    copy = folder / _PACKAGE.name
    for module in _PACKAGE.rglob("*.py"):
        place = copy / module.relative_to(_PACKAGE)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(module, place)
    return copy


def _outputs(classes: Sequence[Any]) -> list[ColSpec]:
    if not classes:
        return [ColSpec(DataType.double, "prediction")]
    kinds = {bool: DataType.boolean, int: DataType.long, float: DataType.double}
    return [
        ColSpec(kinds.get(type(classes[0]), DataType.string), "prediction"),
        *(ColSpec(DataType.double, f"probability_{label}") for label in classes),
    ]
