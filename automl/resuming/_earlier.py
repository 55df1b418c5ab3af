"""What earlier sessions of a run have left in its folder."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from automl import files, model, untrusted
from automl.baselines import BOOSTED, BOOSTING, Baseline
from automl.data.files import STANDARD_INPUT, stem
from automl.ensemble import candidates
from automl.errors import AutomlError, InputError
from automl.options import Options
from automl.records import RunFolder
from automl.resuming._identity import fingerprint, identity, is_limited_alike
from automl.resuming._lock import LOCK, locked
from automl.tracking.store import VARIABLE, hides_secrets
from automl.trial import Trial, is_cut_off
from automl.weights import REFITTED, SCORED

if TYPE_CHECKING:
    import pandas as pd

PREDICTIONS = "predictions.npz"
# What a session may have left behind that ended before it recorded what it was asked.
BARE = {LOCK, "log.txt", "state.json"}
# What reading a torn or altered file may raise.
DAMAGED = (OSError, ValueError, TypeError, KeyError, AttributeError, AutomlError)


@dataclass(frozen=True)
class Earlier:
    """What earlier sessions of a run have left; of a new run, nothing.

    Attributes:
        asked: the content of its `run.json`.
        state: what it had come to; "running" if it was broken off.
        seconds: of its time that are used.
        trials: those that have ended, and those that start again, which have their setting and nothing else.
        lost: why trials that were good enough for the model can be none of it, by their number.
        boosting: the outcome of the baseline, if there is one.
        tracking_uri: where it was recorded, without passwords; None if that is not known.
        damage: what is not as it was written, in a sentence each.
        respaced: whether the user has changed its search spaces on purpose.
    """

    folder: RunFolder
    asked: Mapping[str, Any] = field(default_factory=dict)
    state: str = ""
    seconds: float = 0.0
    trials: Sequence[Trial] = ()
    lost: Mapping[int, str] = field(default_factory=dict)
    boosting: Baseline | None = None
    tracking_uri: str | None = None
    damage: tuple[str, ...] = ()
    respaced: bool = False

    @property
    def options(self) -> Options:
        """What it was asked at last."""
        return _options(self.asked, self.folder)

    @property
    def ended(self) -> list[Trial]:
        """The trials that are not trained again."""
        return [trial for trial in self.trials if trial.status != "running"]


def find(data: str | Path | pd.DataFrame, out: Path | None) -> RunFolder | None:
    """The run that `fit --resume` goes on with: that of the folder, or the newest of the data's name; None if none."""
    if out is not None:
        return _in_folder(RunFolder(out))
    name = stem(Path(data)) if isinstance(data, (str, Path)) else "data"
    numbered = [
        (int(match[1]), run)
        for run in Path("runs").glob(f"{name}-*")
        if (match := re.fullmatch(rf"{re.escape(name)}-(\d+)", run.name)) and (run / "run.json").is_file()
    ]
    return RunFolder(max(numbered)[1]) if numbered else None


def _in_folder(folder: RunFolder) -> RunFolder | None:
    """The run, unless it ended before it had begun: what is left of that goes."""
    if not folder.path.is_dir() or (folder.path / "run.json").exists():
        return folder if folder.path.is_dir() else None
    left = {path.name for path in folder.path.iterdir()}
    if all(name in BARE or name.endswith(".part") for name in left):
        with locked(folder):
            shutil.rmtree(folder.path)
        return None
    raise InputError(f"The folder {folder.path} holds no run: run.json is missing. Choose another with --out.")


def read(folder: RunFolder) -> Earlier:
    """What the run's folder tells. Nothing is written.

    Raises:
        InputError: the folder holds no run, or what it was asked is damaged.
    """
    asked = folder.asked()
    try:
        identity(asked)
    except (KeyError, TypeError, ValueError):
        path = folder.path / "run.json"
        raise InputError(f"{path} is damaged: it does not say what the run is of. Restore it from a copy.") from None
    damage: list[str] = []
    trials = _trials(folder, damage)
    lost = _lost(folder, [trial for trial in trials if trial.status == "finished"])
    damage += [f"{why} The trial cannot be a part of the model." for why in lost.values() if why]
    state, seconds = _state(folder, asked, trials, damage)
    if state == "finished":
        damage += _outputs_damaged(folder)
    return Earlier(folder, asked, state, seconds, trials, lost, _boosting(folder), recorded_at(folder), tuple(damage))


def _state(
    folder: RunFolder, asked: Mapping[str, Any], trials: Sequence[Trial], damage: list[str]
) -> tuple[str, float]:
    """What the run had come to, and the seconds that it had used."""
    path = folder.path / "state.json"
    try:
        known = files.read_record(path)
        return str(known["state"]), float(known["seconds"])
    except DAMAGED:
        damage.append(f"{path} cannot be read. The time that was used is estimated.")
        return "running", sum(trial.seconds for trial in trials) / _options(asked, folder).processes


def _options(asked: Mapping[str, Any], folder: RunFolder) -> Options:
    path = folder.path / "run.json"
    try:
        options = Options.from_json(asked["options"])
    except (TypeError, ValueError):
        raise InputError(f"{path} is damaged: its options are none. Restore it from a copy.") from None
    return cast("Options", untrusted.checked(Options, options, path))


def _outputs_damaged(folder: RunFolder) -> list[str]:
    """What is wrong with what a finished run has made of its trials."""
    looks: dict[str, Callable[[], object]] = {
        "ensemble.json": folder.ensemble,
        "baselines.json": folder.baselines,
        "findings.json": folder.findings,
        "leaderboard.csv": lambda: None,
        "model": lambda: model.check(folder.path),
    }
    damage = []
    for name, look in looks.items():
        path = folder.path / name
        try:
            look()
        except DAMAGED as error:
            # The first sentence; the others are for those who have no run to make it from.
            said = str(error).partition(". ")[0] if isinstance(error, InputError) else f"{path} is damaged"
            damage.append(f"{said}. It is made anew.")
        else:
            damage += [] if path.exists() else [f"{path} is missing. It is made anew."]
    return damage


def _trials(folder: RunFolder, damage: list[str]) -> list[Trial]:
    """The trials in their order; those that were not finished, or whose record is torn, as they were when they began.

    Trials that the end of the search cut off start again as well.
    """
    trials = []
    numbered = {int(path.name): path for path in folder.path.glob("trials/*") if path.name.isdecimal()}
    for number, path in sorted(numbered.items()):
        ended = _ended(folder, number, path / "result.json", damage)
        if ended is not None and ended.status != "running" and not is_cut_off(ended):
            trials.append(ended)
            continue
        with contextlib.suppress(*DAMAGED):
            setting = files.read_record(path / "setting.json")
            begun = Trial(number, setting["family"], setting["params"])
            trials.append(untrusted.checked(Trial, begun, path / "setting.json"))
    return trials


def _ended(folder: RunFolder, number: int, record: Path, damage: list[str]) -> Trial | None:
    """The trial of a record; None if there is no record, or none of this trial that can be read."""
    if not record.exists():
        return None
    with contextlib.suppress(*DAMAGED):
        trial = folder.trial(record)
        if trial.number == number:
            return trial
    damage.append(f"{record} is damaged. Trial {number} starts again.")
    return None


def _lost(folder: RunFolder, finished: Sequence[Trial]) -> dict[int, str]:
    """Why trials that were good enough for the model can be none of it; empty where nothing is wrong with that.

    Where a trial cannot be, the next best would be, whose files may have been deleted since it was not good enough.
    """
    lost: dict[int, str] = {}
    whole: set[int] = set()
    best = {trial.number for trial in candidates(finished)}
    while True:
        left = candidates([trial for trial in finished if trial.number not in lost])
        doubtful = [trial.number for trial in left if trial.number not in whole]
        if not doubtful:
            return lost
        for number in doubtful:
            fault = next(filter(None, (_fault(folder.of_trial(number) / name) for name in (SCORED, PREDICTIONS))), "")
            if fault:
                lost[number] = fault if number in best else ""
            else:
                whole.add(number)


def _fault(path: Path) -> str:
    """What is wrong with a file of arrays; empty if nothing is."""
    try:
        files.read_arrays(path)
    except FileNotFoundError:
        return f"{path} is missing."
    except DAMAGED:
        return f"{path} is damaged."
    return ""


def _boosting(folder: RunFolder) -> Baseline | None:
    """The baseline's outcome, if it and its predictions are whole."""
    with contextlib.suppress(*DAMAGED):
        known = next((each for each in folder.baselines() if each.name == BOOSTING and each.scores), None)
        return known if not _fault(folder.path / BOOSTED) else None
    return None


def recorded_at(folder: RunFolder) -> str | None:
    """Where the run was recorded, without passwords; None if that is not known."""
    with contextlib.suppress(*DAMAGED):
        return str(files.read_record(folder.tracking)["tracking_uri"])
    return None


def tracking_uri(given: str | None, recorded: str | None) -> str | None:
    """The address of the tracker: as it is asked for, or else where the run was recorded; None for the default.

    Raises:
        InputError: it had a password, which is not kept, and which nothing else tells.
    """
    uri = given or recorded
    if uri is None or not hides_secrets(uri):
        return uri
    if VARIABLE in os.environ:
        return None
    raise InputError(
        f"The run is recorded at {uri}, and passwords are not kept. "
        f"Give the whole address again: --tracking-uri, or the variable {VARIABLE}."
    )


def data_of(earlier: Earlier, given: str | Path | pd.DataFrame | None) -> str | Path | pd.DataFrame:
    """The table of the run.

    Raises:
        InputError: it was a data frame or was piped in, or the file is gone.
    """
    if given is not None:
        return given
    path = earlier.asked["data"]["path"]
    run = str(earlier.folder.path)
    if earlier.asked["data"].get("source") == STANDARD_INPUT:
        raise InputError(
            f"{run} was made from what was piped in, which is not kept. Pipe the same in again, with the options of"
            f" before: automl fit - --resume --out {shlex.quote(run)}\n"
            f"Or name a file with the same bytes: automl.resume({run!r}, path)"
        )
    if path is None:
        raise InputError(
            f"{run} was made from a data frame, which is not kept. Give it again: automl.resume({run!r}, frame)"
        )
    if not Path(path).is_file():
        raise InputError(
            f"The table {path} is gone, from which {run} was made. "
            f"Put it back, or say where it is now: automl.resume({run!r}, path)"
        )
    return Path(path)


def clear_up(earlier: Earlier) -> None:
    """Clears away what a run needs only while it goes on."""
    earlier.folder.clear_away()
    model.settle(earlier.folder.bundle)


def tidy(earlier: Earlier) -> None:
    """Clears away what the last session left unfinished."""
    folder = earlier.folder
    clear_up(earlier)
    (folder.path / "outcome.json").unlink(missing_ok=True)
    ended = {folder.of_trial(trial.number) for trial in earlier.ended}
    for path in folder.path.glob("trials/*"):
        # What starts again may come to other networks, and a number without a setting gets another trial.
        left = () if path in ended else (SCORED, PREDICTIONS, REFITTED)
        for name in ("network.keras", *left):
            (path / name).unlink(missing_ok=True)


def recorded(asked: Mapping[str, Any], earlier: Earlier, *, command: str) -> dict[str, Any]:
    """The content of `run.json`: what is asked now, with how it began and each time that it went on."""
    content = {**asked, "fingerprint": fingerprint(identity(asked))}
    if earlier.asked:
        content |= {name: earlier.asked[name] for name in ("command", "began")}
        # Once limits have changed, what failed before that says nothing of any later session.
        afresh = is_afresh(earlier.asked) or not is_limited_alike(earlier.asked, asked)
        session = {"command": command, "after_seconds": earlier.seconds, "afresh": afresh}
        content["resumed"] = [*earlier.asked.get("resumed", ()), session]
    return content


def is_afresh(asked: Mapping[str, Any]) -> bool:
    """Whether what failed in earlier sessions says nothing of the last one, by the content of `run.json`."""
    sessions = asked.get("resumed", ())
    return bool(sessions and sessions[-1].get("afresh"))
