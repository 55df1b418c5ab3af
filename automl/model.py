"""The saved model: a folder of JSON and Keras files that takes raw rows and gives predictions."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automl import bundle_schema, files, untrusted
from automl.encoding import table
from automl.encoding.numbers import Scaling
from automl.encoding.table import Encoding
from automl.ensemble import blend
from automl.errors import EnvironmentFault, InputError
from automl.gathered import Gathered
from automl.greetings import load_tensorflow
from automl.tasks import FloatArray, Specification, Task, predicted, task
from automl.versions import installed
from automl.weights import by_network

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from automl.data.read import Writing

FORMAT = 2
SCHEMA, MANIFEST = "schema.json", "manifest.json"
# The process that models were loaded in, and those that it was forked from: TensorFlow's threads are not forked, and a
# process that waits for them waits for ever.
_LOADED_IN: set[int] = set()


@dataclass(frozen=True)
class Part:
    """What the ensemble takes of one trial.

    Attributes:
        scaling: the numbers that its networks take.
        weight: its share in the mean of all.
        temperature: of the probabilities of each of its networks.
        raw_outputs: of each of its networks, from encoded rows.
    """

    scaling: Scaling
    weight: float
    temperature: float
    raw_outputs: Sequence[Callable[[Any], FloatArray]]


@dataclass(frozen=True)
class Model:
    """Predicts from raw rows, as the table had them. Made by `load`.

    Attributes:
        facts: where the model comes from: the members of the ensemble with their hyperparameters, scores.
    """

    task: str
    target: Specification
    encoding: Encoding
    facts: Mapping[str, Any]
    _parts: Sequence[Part]
    _bundle: Path

    def __reduce__(self) -> tuple[Callable[[Path], Model], tuple[Path]]:
        """A copy, be it in another process, is loaded from the same folder: compiled graphs stay where they are."""
        return load, (self._bundle,)

    @property
    def target_name(self) -> str:
        """The column that it predicts."""
        return str(self.target["name"])

    @property
    def classes(self) -> list[Any] | None:
        """The labels that it tells apart, in the order of the probabilities; None of a regression."""
        return list(self.target["classes"]) if self._task.PREDICTS == "probabilities" else None

    @property
    def _labels(self) -> Sequence[str]:
        """The classes as texts; none of a regression."""
        labels: Sequence[str] = self.target.get("labels", ())
        return labels

    def predict(self, frame: pd.DataFrame) -> np.ndarray[Any, Any]:
        """Labels (in the type that the training table had) or values, shape (rows,).

        Raises:
            InputError: a column that the model needs is missing, or holds something else than in training.
        """
        return self._task.decode(self._predictions(frame), self.target)

    def predict_proba(self, frame: pd.DataFrame) -> pd.DataFrame:
        """A probability for every class, one column each; rows sum to 1 and keep the frame's index.

        Raises:
            InputError: the model predicts values, or a column that it needs is missing or holds something else.
        """
        import pandas as pd

        if self.classes is None:
            raise InputError(f"The model predicts values of {self.target_name!r}, which have no probabilities.")
        return pd.DataFrame(self._predictions(frame), columns=self.classes, index=frame.index)

    def answer(self, frame: pd.DataFrame, *, probabilities: bool = False) -> pd.DataFrame:
        """A table with the column `prediction`, and one for each class, called as it is, if asked and if there are any.

        Where a class is called "prediction", the column of that name has its probability.
        """
        import pandas as pd

        predictions = self._predictions(frame)
        answer = pd.DataFrame({"prediction": self._task.decode(predictions, self.target)}, index=frame.index)
        if probabilities:
            for position, label in enumerate(self.classes or ()):
                answer[str(label)] = predictions[:, position]
        return answer

    def score(self, frame: pd.DataFrame) -> dict[str, float]:
        """Every metric of the task on labelled rows; rows without a target are left out.

        Raises:
            InputError: the target column or a feature is missing, or a label is no class of the model.
        """
        from automl.data.target import is_known
        from automl.encoding.categories import EMPTY_TO_PANDAS
        from automl.tasks import scores

        frame = self._as_training(frame)
        name = self.target_name
        if name not in frame.columns:
            raise InputError(f"The table lacks the target {name!r}, so predictions cannot be scored. Add the column.")
        labels = frame[name].reset_index(drop=True)
        if EMPTY_TO_PANDAS in self._labels and labels.hasnans and not (labels == EMPTY_TO_PANDAS).any():
            raise InputError(
                f"The target {name!r} has empty cells and no {EMPTY_TO_PANDAS!r}, which is a class of the model. "
                "pandas.read_csv makes the one of the other: tell it keep_default_na=False, or leave such rows out."
            )
        rows = is_known(labels, self._labels)
        if not rows.any():
            raise InputError(f"The target {name!r} is empty in all rows, so predictions cannot be scored.")
        targets = self._task.encode_target(labels[rows], self.target)
        return scores(self._task, targets, self._predictions(frame[rows]))

    def completed(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The rows with an empty column for each that the model needs and the frame does not have.

        How much worse its predictions then are, no score of the model says.
        """
        frame = self._as_training(frame)
        return frame.reindex(columns=[*frame.columns, *table.lacking(self.encoding, frame)])

    def notes(self, frame: pd.DataFrame) -> tuple[str, ...]:
        """What the model does not know of such rows, a sentence each: new columns and values, cells it cannot read."""
        from automl.encoding import strange

        return strange.notes(self.encoding, self._as_training(frame), known=self.facts.get("columns", ()))

    @property
    def _task(self) -> Task:
        return task(self.task)

    def _as_training(self, frame: pd.DataFrame) -> pd.DataFrame:
        from automl.data.read import as_training

        needed = {self.target_name, *(column["name"] for column in self.encoding.columns)}
        has_commas = self.facts.get("decimal", ".") == ","
        return as_training(frame, needed, numbers=needed - {*self.facts.get("texts", ())} if has_commas else ())

    def _predictions(self, frame: pd.DataFrame) -> FloatArray:
        from automl.encoding import strange
        from automl.training.forward import on_device

        frame = self._as_training(frame)
        strange.check(self.encoding, frame)
        scalings = {part.scaling for part in self._parts}
        inputs = {scaling: on_device(table.apply(self.encoding, frame, scaling=scaling)) for scaling in scalings}
        by_part = []
        for part in self._parts:
            gathered = Gathered(len(frame))
            for raw_outputs in part.raw_outputs:
                raw = raw_outputs(inputs[part.scaling])
                gathered.add(slice(None), predicted(self._task, raw, self.target, temperature=part.temperature))
            by_part.append(gathered.mean)
        return blend(by_part, [part.weight for part in self._parts], temperature=self.facts["temperature"])


def save(
    bundle: Path,
    *,
    networks: Mapping[int, tuple[Path, Path]],
    task: str,
    target: Specification,
    encoding: Encoding,
    facts: Mapping[str, Any],
) -> None:
    """Writes the folder `bundle`, whole or not at all; one that is there is replaced.

    Args:
        networks: by the number of its trial, a `.keras` file from encoded arrays to raw outputs, and a file with the
            weights of each network of this architecture.

    Raises:
        InputError: what is to be written would be refused by `load`.
    """
    settle(bundle)
    aside = bundle.with_name(f".{bundle.name}.{os.getpid()}.part")
    shutil.rmtree(aside, ignore_errors=True)
    files.make_folder(aside)
    for trial, (network, weights) in networks.items():
        files.write_bytes(aside / f"{_name(trial)}.keras", network.read_bytes())
        files.write_bytes(aside / f"{_name(trial)}.npz", weights.read_bytes())
    files.write_json(aside / SCHEMA, {"task": task, "target": target, "columns": encoding.columns, "facts": facts})
    # What could not be loaded must not replace what can.
    bundle_schema.read(aside / SCHEMA)
    written = sorted(path.name for path in aside.iterdir())
    files.write_json(
        aside / MANIFEST,
        {
            "format": FORMAT,
            "versions": installed(),
            "sha256": {name: files.sha256(aside / name) for name in written},
        },
    )
    with files.disk_faults_explained(bundle):
        if bundle.exists():
            bundle.rename(_former(bundle))
        aside.rename(bundle)
        files.flush_folder(bundle.parent)
    settle(bundle)


def settle(bundle: Path) -> None:
    """Ends what a save that was broken off has left: the former model goes if there is a new one, and else comes back.

    No system call puts a folder in the place of another everywhere, so for a moment there is the former one alone.
    """
    former = _former(bundle)
    if (bundle / MANIFEST).is_file():
        shutil.rmtree(former, ignore_errors=True)
    elif (former / MANIFEST).is_file():
        shutil.rmtree(bundle, ignore_errors=True)
        with files.disk_faults_explained(bundle):
            former.rename(bundle)


def _former(bundle: Path) -> Path:
    """Where the model is that a new one is about to replace."""
    # "." has no name that could be replaced.
    return bundle.parent / f".{bundle.name}.former"


def load(path: str | os.PathLike[str]) -> Model:
    """The model of a run's folder, or of a bundle's own folder. Loads TensorFlow.

    Raises:
        InputError: there is no model, or it is damaged, altered or of a newer format.
        EnvironmentFault: this process was forked from one that has loaded a model.
    """
    if _LOADED_IN - {os.getpid()}:
        raise EnvironmentFault(
            "This process was forked from one that has loaded a model, and TensorFlow would hang in it. "
            'Start it with multiprocessing.get_context("spawn").'
        )
    bundle = _bundle(Path(path))
    _check(bundle)
    schema = bundle_schema.read(bundle / SCHEMA)
    encoding = Encoding(tuple(schema["columns"]))
    outputs = task(schema["task"]).outputs(schema["target"])
    load_tensorflow()
    _LOADED_IN.add(os.getpid())
    parts = [_part(bundle, member, encoding, outputs) for member in schema["facts"]["members"]]
    return Model(schema["task"], schema["target"], encoding, schema["facts"], parts, bundle.absolute())


def writing(path: str | os.PathLike[str]) -> Writing:
    """How the tables that the saved model is given are to be read. Does not load TensorFlow.

    Raises:
        InputError: as `load` does.
    """
    from automl.data.read import Writing

    bundle = _bundle(Path(path))
    _check(bundle)
    schema = bundle_schema.read(bundle / SCHEMA)
    facts = schema["facts"]
    return Writing(
        facts.get("decimal", "."),
        frozenset(facts.get("texts", ())),
        facts.get("words", {}),
        needed=frozenset({schema["target"]["name"], *(column["name"] for column in schema["columns"])}),
    )


def check(path: str | os.PathLike[str]) -> None:
    """Does nothing if the files of a saved model are those that were written.

    Raises:
        InputError: as `load` does.
    """
    _check(_bundle(Path(path)))


def _part(bundle: Path, member: Mapping[str, Any], encoding: Encoding, outputs: int) -> Part:
    from automl import keras_files
    from automl.training.forward import predictors

    name, scaling = _name(member["trial"]), member["params"]["scaling"]
    try:
        weights = by_network(files.read_arrays(bundle / f"{name}.npz"))
    except FileNotFoundError:
        raise _missing(bundle / f"{name}.npz") from None
    except ValueError:
        raise InputError(
            f"{bundle / name}.npz holds no weights. Restore the model from a copy, or train again."
        ) from None
    if not weights:
        raise InputError(f"{bundle / name}.npz holds no weights. Restore the model from a copy, or train again.")
    wide = {"numbers": table.width(encoding, scaling=scaling), "codes": len(encoding.sizes)}
    network = keras_files.load(bundle / f"{name}.keras", weights[0], width=max(wide.values()))
    wanted = {role: (None, width) for role, width in wide.items() if width}
    if {role: tensor.shape for role, tensor in network.input.items()} != wanted or network.output.shape[-1] != outputs:
        raise InputError(f"{bundle / name}.keras does not fit {SCHEMA}: it takes or gives something else.")
    if any([one.shape for one in own] != [one.shape for one in weights[0]] for own in weights):
        raise InputError(f"{bundle / name}.npz holds weights of different networks.")
    return Part(scaling, member["weight"], member.get("temperature", 1.0), predictors(network, weights))


def _missing(path: Path) -> InputError:
    return InputError(f"{path} is missing. Restore the model from a copy, or train again.")


def _name(trial: int) -> str:
    """Of a trial's files in a bundle."""
    return f"network-{trial:04d}"


def _bundle(path: Path) -> Path:
    for candidate in (path, path / "model", _former(path), _former(path / "model")):
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
    manifest = bundle_schema.read_manifest(bundle / MANIFEST, newest=FORMAT)
    if manifest["format"] > FORMAT:
        raise InputError(
            f"{bundle} has format {manifest['format']}; this automl reads up to {FORMAT}. "
            "Install a newer automl from where you got this one."
        )
    digests = manifest["sha256"]
    for name in {SCHEMA, *digests}:
        try:
            content = untrusted.content(bundle / name)
        except FileNotFoundError:
            raise _missing(bundle / name) from None
        if hashlib.sha256(content).hexdigest() != digests.get(name):
            raise InputError(
                f"{bundle / name} was altered or damaged after it was saved (its SHA-256 differs). "
                "Restore it from a copy, or have the run make it anew: automl resume RUN"
            )
