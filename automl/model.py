"""The saved model: a folder of JSON and Keras files that takes raw rows and gives predictions."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automl import files
from automl.encoding import table
from automl.encoding.table import Encoding
from automl.errors import InputError
from automl.tasks import FloatArray, Specification, Task, predicted, task
from automl.versions import installed

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

FORMAT = 1
SCHEMA, NETWORK, MANIFEST = "schema.json", "network.keras", "manifest.json"


@dataclass(frozen=True)
class Model:
    """Predicts from raw rows, as the table had them. Made by `load`.

    Attributes:
        facts: where the model comes from: family, hyperparameters, scores.
    """

    task: str
    target: Specification
    encoding: Encoding
    facts: Mapping[str, Any]
    _raw_outputs: Callable[[Any], FloatArray]

    def predict(self, frame: pd.DataFrame) -> np.ndarray[Any, Any]:
        """Labels (in the type that the training table had) or values, shape (rows,).

        Raises:
            InputError: a column that the model needs is missing.
        """
        return self._task.decode(self._predictions(frame), self.target)

    def predict_proba(self, frame: pd.DataFrame) -> pd.DataFrame:
        """A probability for every class, one column each; rows sum to 1 and keep the frame's index.

        Raises:
            InputError: the model predicts values, or a column that it needs is missing.
        """
        import pandas as pd

        if self._task.PREDICTS != "probabilities":
            raise InputError(f"The model predicts values of {self.target['name']!r}, which have no probabilities.")
        return pd.DataFrame(self._predictions(frame), columns=list(self.target["classes"]), index=frame.index)

    def answer(self, frame: pd.DataFrame, *, probabilities: bool = False) -> pd.DataFrame:
        """A table with the column `prediction`, and one `probability_CLASS` per class if asked and if there are any."""
        import pandas as pd

        predictions = self._predictions(frame)
        answer = pd.DataFrame({"prediction": self._task.decode(predictions, self.target)}, index=frame.index)
        if probabilities and self._task.PREDICTS == "probabilities":
            for position, label in enumerate(self.target["labels"]):
                answer[f"probability_{label}"] = predictions[:, position]
        return answer

    def score(self, frame: pd.DataFrame) -> dict[str, float]:
        """Every metric of the task on labelled rows; rows without a target are left out.

        Raises:
            InputError: the target column or a feature is missing, or a label is no class of the model.
        """
        from automl.data.target import is_known
        from automl.tasks import scores

        name = str(self.target["name"])
        if name not in frame.columns:
            raise InputError(f"The table lacks the target {name!r}, so predictions cannot be scored. Add the column.")
        labels = frame[name]
        rows = is_known(labels)
        if not rows.any():
            raise InputError(f"The target {name!r} is empty in all rows, so predictions cannot be scored.")
        targets = self._task.encode_target(labels[rows], self.target)
        return scores(self._task, targets, self._predictions(frame[rows]))

    @property
    def _task(self) -> Task:
        return task(self.task)

    def _predictions(self, frame: pd.DataFrame) -> FloatArray:
        from automl.training.forward import on_device

        arrays = table.apply(self.encoding, frame, scaling=self.facts["params"]["scaling"])
        return predicted(self._task, self._raw_outputs(on_device(arrays)), self.target)


def save(
    bundle: Path,
    *,
    network: Path,
    task: str,
    target: Specification,
    encoding: Encoding,
    facts: Mapping[str, Any],
) -> None:
    """Writes the folder `bundle`, whole or not at all; one that is there is replaced.

    Args:
        network: a `.keras` file from encoded arrays to raw outputs.
    """
    aside = bundle.with_name(f".{bundle.name}.{os.getpid()}.part")
    shutil.rmtree(aside, ignore_errors=True)
    with files.disk_faults_explained(aside):
        aside.mkdir(parents=True)
    files.write_bytes(aside / NETWORK, network.read_bytes())
    files.write_json(aside / SCHEMA, {"task": task, "target": target, "columns": encoding.columns, "facts": facts})
    files.write_json(
        aside / MANIFEST,
        {
            "format": FORMAT,
            "versions": installed(),
            "sha256": {name: files.sha256(aside / name) for name in (NETWORK, SCHEMA)},
        },
    )
    shutil.rmtree(bundle, ignore_errors=True)
    aside.rename(bundle)


def load(path: str | os.PathLike[str]) -> Model:
    """The model of a run's folder, or of a bundle's own folder. Loads TensorFlow.

    Raises:
        InputError: there is no model, or it is damaged, altered or of a newer format.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    bundle = _bundle(Path(path))
    _check(bundle)
    schema = json.loads((bundle / SCHEMA).read_text(encoding="utf-8"))
    from automl import keras_files
    from automl.training.forward import predictor

    network = keras_files.load(bundle / NETWORK)
    return Model(
        schema["task"], schema["target"], Encoding(tuple(schema["columns"])), schema["facts"], predictor(network)
    )


def _bundle(path: Path) -> Path:
    for candidate in (path, path / "model"):
        if (candidate / MANIFEST).is_file():
            return candidate
    if not path.exists():
        near = sorted(str(run) for run in path.parent.glob("*") if (run / "model" / MANIFEST).is_file())[:10]
        raise InputError(
            f"There is no run {str(path)!r}." + (f" Runs with a model: {', '.join(near)}." if near else "")
        )
    raise InputError(f"{path} holds no model: its manifest.json is missing. Was the run ended before a trial finished?")


def _check(bundle: Path) -> None:
    """The files are those that were written, and this version can read them."""
    try:
        manifest = json.loads((bundle / MANIFEST).read_text(encoding="utf-8"))
        written, digests = int(manifest["format"]), dict(manifest["sha256"])
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{bundle / MANIFEST} is damaged. Restore the model from a copy, or train again.") from None
    if written > FORMAT:
        raise InputError(
            f"{bundle} has format {written}; this automl reads up to {FORMAT}. Upgrade: pip install -U automl"
        )
    for name in (NETWORK, SCHEMA):
        if not (bundle / name).is_file():
            raise InputError(f"{bundle / name} is missing. Restore the model from a copy, or train again.")
        if files.sha256(bundle / name) != digests.get(name):
            raise InputError(f"{bundle / name} was altered or damaged after it was saved (its SHA-256 differs).")
