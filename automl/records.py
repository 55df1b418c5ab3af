"""A run's folder: what was asked, each trial's record, and what came out. The records are the truth of a run."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

from automl import files, untrusted
from automl.baselines import BOOSTED, BOOSTING, Baseline
from automl.diagnostics import Answer, from_json, to_json
from automl.ensemble import Ensemble
from automl.errors import InputError
from automl.evaluation import Evaluated, Importance, WeakSpot, read
from automl.trial import Trial
from automl.weights import REFITTED, SCORED

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from automl.data.profile import Profile
    from automl.data.split import Split


Kind = TypeVar("Kind")


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        status: "finished", "interrupted" (by the user) or "failed" (there is no model).
        seconds: from the start of the process to the model.
        left_out: families that the search gave up, and why.
    """

    status: str
    seconds: float
    left_out: Mapping[str, str] = field(default_factory=dict)


# What a run has come to; "running" is also what one says that was broken off.
State = Literal["running", "interrupted", "finished", "failed"]


@dataclass(frozen=True)
class RunFolder:
    """Where one run keeps its files."""

    path: Path

    @property
    def log(self) -> Path:
        """What workers print."""
        return self.path / "log.txt"

    @property
    def encoded(self) -> Path:
        """The encoded data; it goes when the run ends."""
        return self.path / "encoded"

    @property
    def audit(self) -> Path:
        """What is trained to examine the model; it goes when that is done."""
        return self.path / "audit"

    @property
    def tracking(self) -> Path:
        """What the tracker needs to go on with the run."""
        return self.path / "mlflow.json"

    @property
    def plots(self) -> Path:
        """Pictures of the run."""
        return self.path / "plots"

    @property
    def bundle(self) -> Path:
        """The saved model."""
        return self.path / "model"

    def of_trial(self, number: int) -> Path:
        """A trial's folder."""
        return self.path / "trials" / f"{number:04d}"

    def write_start(self, asked: Mapping[str, Any], profile: Profile, split: Split) -> None:
        """Records what the run is about, before the first trial."""
        files.write_record(self.path / "run.json", asked)
        files.write_record(self.path / "profile.json", profile.to_json())
        files.write_arrays(self.path / "split.npz", split.arrays())

    def write_state(self, state: State, seconds: float) -> None:
        """Records what the run has come to, and how much of its time is used."""
        files.write_record(self.path / "state.json", {"state": state, "seconds": seconds})

    def write_setting(self, trial: Trial) -> None:
        """Records a trial that is about to start."""
        folder = self.of_trial(trial.number)
        files.make_folder(folder)
        files.write_record(folder / "setting.json", {"family": trial.family, "params": trial.params})

    def write_trial(self, trial: Trial) -> None:
        """Records a trial that has ended; from here on it counts."""
        folder = self.of_trial(trial.number)
        files.make_folder(folder)
        files.write_record(folder / "result.json", trial.to_json())

    def write_baselines(self, baselines: Sequence[Baseline]) -> None:
        """Records the baselines."""
        files.write_record(self.path / "baselines.json", [asdict(baseline) for baseline in baselines])

    def write_ensemble(self, ensemble: Ensemble) -> None:
        """Records what the model is made of."""
        files.write_record(self.path / "ensemble.json", asdict(ensemble))

    def write_evaluation(self, evaluation: Mapping[str, Evaluated]) -> None:
        """Records what the model says of rows whose truth is known, by part."""
        arrays = {f"{part}_{name}": value for part, own in evaluation.items() for name, value in vars(own).items()}
        files.write_arrays(self.path / "evaluation.npz", arrays)

    def write_findings(
        self, verdict: str, answers: Sequence[Answer], of_trials: Mapping[int, Sequence[Answer]] | None = None
    ) -> None:
        """Records what the checks say of the model, the sentence that it comes to, and what they say of trials."""
        content = {
            "verdict": verdict,
            "answers": [to_json(answer) for answer in answers],
            "trials": {str(number): [to_json(own) for own in every] for number, every in (of_trials or {}).items()},
        }
        files.write_record(self.path / "findings.json", content)

    def write_importance(self, importance: Sequence[Importance]) -> None:
        """Records which columns matter, the most important first."""
        files.write_record(self.path / "importance.json", [asdict(column) for column in importance])

    def write_weak_spots(self, spots: Sequence[WeakSpot]) -> None:
        """Records where the model is weak, the worst first."""
        files.write_record(self.path / "weak_spots.json", [asdict(spot) for spot in spots])

    def write_example(self, rows: pd.DataFrame) -> None:
        """Records a few rows as the model takes them."""
        # Pandas knows how to write what tables hold.
        content = json.loads(rows.to_json(orient="split", index=False, date_format="iso"))
        files.write_record(self.path / "example.json", content)

    def write_summary(self, text: str) -> None:
        """Records what a person should read first, in Markdown."""
        files.write_text(self.path / "summary.md", text)

    def write_outcome(self, outcome: Outcome) -> None:
        """Records how the run ended."""
        files.write_record(self.path / "outcome.json", asdict(outcome))

    def write_leaderboard(self, leaderboard: pd.DataFrame) -> None:
        """Writes `leaderboard.csv`."""
        files.write_text(self.path / "leaderboard.csv", leaderboard.to_csv(index=False))

    def asked(self) -> dict[str, Any]:
        """What `write_start` recorded.

        Raises:
            InputError: the folder holds no run, or a link to somewhere else.
        """
        path = self.path / "run.json"
        if not path.is_file():
            raise InputError(f"{self.path} holds no run: run.json is missing. 'ls runs' shows the runs of this folder.")
        untrusted.refuse_links(self.path)
        from automl.run_schema import Asked

        return dict(untrusted.checked(Asked, files.read_record(path), path))

    def trials(self) -> list[Trial]:
        """All recorded trials, in the order in which they were started."""
        paths = sorted(self.path.glob("trials/*/result.json"))
        return sorted((self.trial(path) for path in paths), key=lambda trial: trial.number)

    def trial(self, path: Path) -> Trial:
        """The trial of a record."""
        return self._made(path, Trial, Trial.from_json)

    def baselines(self) -> list[Baseline]:
        """The recorded baselines."""
        return self._each(self.path / "baselines.json", Baseline, Baseline.from_json)

    def baseline_predictions(self) -> dict[str, dict[str, NDArray[Any]]]:
        """What baselines that learn predict, by name and split."""
        path = self.path / BOOSTED
        return {BOOSTING: files.read_arrays(path)} if path.is_file() else {}

    def ensemble(self) -> Ensemble | None:
        """What the model is made of; None if the run has none."""
        path = self.path / "ensemble.json"
        return self._made(path, Ensemble, Ensemble.from_json) if path.is_file() else None

    def profile(self) -> Profile:
        """What the table holds."""
        from automl.data.profile import Profile

        return Profile.from_json(self._read(self.path / "profile.json"))

    def split(self) -> dict[str, NDArray[Any]]:
        """The numbers of each part's rows."""
        arrays = files.read_arrays(self.path / "split.npz")
        return {part: arrays[part] for part in ("train", "val", "test") if len(arrays[part])}

    def evaluation(self) -> dict[str, Evaluated]:
        """What the model says of rows whose truth is known, by part; empty if the run has none."""
        path = self.path / "evaluation.npz"
        return read(path) if path.is_file() else {}

    def findings(self) -> tuple[str, list[Answer]]:
        """The verdict and the checks' answers; both empty if nothing was checked."""
        path = self.path / "findings.json"
        if not path.is_file():
            return "", []
        content = self._read(path)
        return content["verdict"], [from_json(record) for record in content["answers"]]

    def findings_of_trials(self) -> dict[int, list[Answer]]:
        """What checks say of each of the leading trials, by number; empty where nobody asked."""
        path = self.path / "findings.json"
        recorded = self._read(path).get("trials", {}) if path.is_file() else {}
        return {int(number): [from_json(record) for record in every] for number, every in recorded.items()}

    def importance(self) -> list[Importance]:
        """Which columns matter, the most important first; empty if that is not known."""
        return self._each(self.path / "importance.json", Importance, lambda record: Importance(**record))

    def weak_spots(self) -> list[WeakSpot]:
        """Where the model is weak, the worst first; empty if that is not known."""
        return self._each(self.path / "weak_spots.json", WeakSpot, lambda record: WeakSpot(**record))

    def outcome(self) -> Outcome | None:
        """How the run ended; None if it did not."""
        path = self.path / "outcome.json"
        return self._made(path, Outcome, lambda record: Outcome(**record)) if path.is_file() else None

    def example(self) -> pd.DataFrame:
        """A few rows as the model takes them; none if none were recorded."""
        import pandas as pd

        path = self.path / "example.json"
        if not path.is_file():
            return pd.DataFrame()
        record = self._read(path)
        return pd.DataFrame(record["data"], columns=record["columns"], dtype=object)

    def summary(self) -> str:
        """What a person should read first, in Markdown; empty if the run did not end."""
        path = self.path / "summary.md"
        return path.read_text(encoding="utf-8") if path.is_file() else ""

    def predictions(self, trial: Trial) -> dict[str, NDArray[Any]]:
        """What a candidate for the ensemble predicts, by split."""
        return files.read_arrays(self.of_trial(trial.number) / "predictions.npz")

    def forget_weights(self, keep: Sequence[Trial]) -> None:
        """Deletes the weights and predictions of all trials but these."""
        kept = {self.of_trial(trial.number) for trial in keep}
        for folder in self.path.glob("trials/*"):
            if folder not in kept:
                for name in (SCORED, REFITTED, "predictions.npz"):
                    (folder / name).unlink(missing_ok=True)

    def forget_refitted(self, keep: Collection[int]) -> None:
        """Deletes what networks have learned from more rows, but of the trials of these numbers."""
        kept = {self.of_trial(number) for number in keep}
        for folder in self.path.glob("trials/*"):
            if folder not in kept:
                (folder / REFITTED).unlink(missing_ok=True)

    def clear_away(self) -> None:
        """Deletes what only a running search needs, and what workers that were ended have left unfinished."""
        for folder in (self.encoded, self.audit):
            shutil.rmtree(folder, ignore_errors=True)
        files.sweep(self.path)

    def _read(self, path: Path) -> Any:
        try:
            return files.read_record(path)
        except InputError as error:
            raise InputError(f"{error} 'automl resume {self.path}' makes all but run.json anew.") from None

    def _made(self, path: Path, kind: type[Kind], make: Callable[[Any], Kind]) -> Kind:
        """What a record describes, if it has the types that it should have."""
        return _of_kind(self._read(path), path, kind, make)

    def _each(self, path: Path, kind: type[Kind], make: Callable[[Any], Kind]) -> list[Kind]:
        """`_made` for a list of records; empty if there is no file."""
        if not path.is_file():
            return []
        records = self._read(path)
        if not isinstance(records, list):
            raise InputError(f"{path} is damaged: it holds no list. Restore it from a copy, or make it anew.")
        return [_of_kind(record, path, kind, make) for record in records]


def _of_kind(record: Any, path: Path, kind: type[Kind], make: Callable[[Any], Kind]) -> Kind:
    try:
        made = make(record)
    except (KeyError, TypeError, AttributeError, ValueError):
        raise InputError(
            f"{path} is damaged: it is no record of this version. Restore it from a copy, or make it anew."
        ) from None
    return cast("Kind", untrusted.checked(kind, made, path))


def new_run(parent: Path, name: str, *, exact: bool = False) -> RunFolder:
    """A new, empty folder: `parent/name-1`, or the next free number; `parent/name` itself if `exact`.

    Raises:
        InputError: the exact folder exists.
        EnvironmentFault: the folder cannot be made.
    """
    with files.disk_faults_explained(parent):
        parent.mkdir(parents=True, exist_ok=True)
        while True:
            taken = [
                int(match[1])
                for run in parent.iterdir()
                if (match := re.fullmatch(rf"{re.escape(name)}-(\d+)", run.name))
            ]
            path = parent / (name if exact else f"{name}-{max(taken, default=0) + 1}")
            try:
                path.mkdir()
                files.flush_folder(parent)
            except FileExistsError:
                if exact:
                    raise InputError(
                        f"The run folder {path} exists already. Choose another with --out, or go on with it: --resume."
                    ) from None
                continue
            (path / "log.txt").touch()
            return RunFolder(path)
