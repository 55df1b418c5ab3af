"""Going on with a run: what an earlier session has left, whether it is of the same run, and how much more is wanted."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from automl import files, model, untrusted
from automl import options as asking
from automl.baselines import BOOSTED, BOOSTING, Baseline
from automl.data.files import stem
from automl.data.split import Split
from automl.ensemble import candidates
from automl.errors import AutomlError, InputError
from automl.figures import clock, count
from automl.options import Options
from automl.records import RunFolder
from automl.tracking.store import VARIABLE, hides_secrets
from automl.trial import Trial, is_cut_off
from automl.weights import REFITTED, SCORED

if TYPE_CHECKING:
    import pandas as pd

PREDICTIONS = "predictions.npz"
LOCK = ".lock"
# What a session may have left behind that ended before it recorded what it was asked.
BARE = {LOCK, "log.txt"}
# What decides between settings, or what the model is, beside data, target, metric, split and spaces. How long the
# search lasts, on how many workers and in how much memory, and where it is recorded, may change.
DECIDING = (
    "search",
    "quality",
    "seed",
    "prune",
    "single",
    "max_latency",
    "balance",
    "refit",
    "kinds",
    "group",
    "time_column",
    "delimiter",
    "encoding",
    "no_header",
    "skip_bad_lines",
)
DIGITS = 12
# What reading a torn or altered file may raise.
_DAMAGED = (OSError, ValueError, TypeError, KeyError, AttributeError, AutomlError)


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


@contextmanager
def locked(folder: RunFolder) -> Iterator[None]:
    """Keeps all other processes from writing the run; the system frees it when this one ends, however it ends.

    Raises:
        InputError: there is no such folder, or another process writes the run.
    """
    if not folder.path.is_dir():
        raise InputError(f"There is no run {str(folder.path)!r}. 'ls runs' shows the runs of this folder.")
    untrusted.refuse_links(folder.path)
    with files.disk_faults_explained(folder.path / LOCK):
        file = (folder.path / LOCK).open("a+", encoding="ascii")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            process = file.read(20).strip()
            raise InputError(
                f"{folder.path} is being written by another process ({process}). Wait until it ends, or end it."
            ) from None
        with files.disk_faults_explained(folder.path / LOCK):
            os.truncate(file.fileno(), 0)
            os.write(file.fileno(), f"{os.getpid()}\n".encode())
        yield


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
    except _DAMAGED:
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
        except _DAMAGED as error:
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
        with contextlib.suppress(*_DAMAGED):
            setting = files.read_record(path / "setting.json")
            begun = Trial(number, setting["family"], setting["params"])
            trials.append(untrusted.checked(Trial, begun, path / "setting.json"))
    return trials


def _ended(folder: RunFolder, number: int, record: Path, damage: list[str]) -> Trial | None:
    """The trial of a record; None if there is no record, or none of this trial that can be read."""
    if not record.exists():
        return None
    with contextlib.suppress(*_DAMAGED):
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
    except _DAMAGED:
        return f"{path} is damaged."
    return ""


def _boosting(folder: RunFolder) -> Baseline | None:
    """The baseline's outcome, if it and its predictions are whole."""
    with contextlib.suppress(*_DAMAGED):
        known = next((each for each in folder.baselines() if each.name == BOOSTING and each.scores), None)
        return known if not _fault(folder.path / BOOSTED) else None
    return None


def recorded_at(folder: RunFolder) -> str | None:
    """Where the run was recorded, without passwords; None if that is not known."""
    with contextlib.suppress(*_DAMAGED):
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


def wanted(
    earlier: Earlier,
    *,
    time: str | float | None = None,
    trials: str | int | None = None,
    settings: Sequence[str] = (),
    workers: int | None = None,
    memory: int | None = None,
    tracking_uri: str | None = None,
) -> tuple[Earlier, Options]:
    """What `automl resume` asks for: what the run was asked for, and more.

    Args:
        time, trials: in all, or with a plus as many more.
        settings: further changes of the search spaces.
    """
    before = earlier.options
    options = dataclasses.replace(
        before,
        settings=(*before.settings, *settings),
        workers=workers or before.workers,
        memory=memory or before.memory,
        tracking_uri=tracking_uri or before.tracking_uri,
        out=None,
    )
    changed = dataclasses.replace(earlier, respaced=bool(settings))
    return changed, within(options, earlier, time=time, trials=trials)


def within(
    options: Options, earlier: Earlier, *, time: str | float | None = None, trials: str | int | None = None
) -> Options:
    """The options with the limits of the run: those that it had, in all or with a plus as many more.

    Who gives more of one wants to go on: the other limit, if that is what had ended the run, is none any more. The
    number of folds stays, which time and workers would otherwise decide.

    Raises:
        InputError: no time, or no number.
    """
    before = earlier.options
    seconds, most = before.seconds, before.trials
    if time is not None:
        seconds = _total(time, had=max(before.seconds or 0.0, earlier.seconds), parse=_seconds)
    if trials is not None:
        most = _total(trials, had=max(before.most_trials or 0, len(earlier.trials)), parse=_number)
    full = before.most_trials is not None and len(earlier.trials) >= before.most_trials
    if time is not None and trials is None and full:
        most = None
        if before.trade.trials is not None:
            raise InputError(f"--quality {before.quality} is {before.trade.says}: more need --trials, such as +10.")
    late = before.seconds is not None and earlier.seconds >= before.seconds
    if trials is not None and time is None and (late or (earlier.state == "finished" and not full)):
        seconds = None
    options = dataclasses.replace(options, seconds=seconds, trials=most)
    if options.folds is None and not options.single and not options.time_column:
        options = dataclasses.replace(options, folds=earlier.asked["folds"] or 1)
    return options


def _total(given: str | float, *, had: Any, parse: Callable[[str], Any]) -> Any:
    text = str(given).strip()
    return had + parse(text[1:]) if text.startswith("+") else parse(text)


def _seconds(text: str) -> float:
    return asking.seconds(text, trials=None) or 0.0


def _number(text: str) -> int:
    if not text.isdecimal():
        raise InputError(f"--trials {text} is no number of trials. Write 50, or +20 for as many more.")
    return int(text)


def is_over(earlier: Earlier, options: Options) -> bool:
    """Whether there is nothing left to do."""
    before = earlier.options
    more = _exceeds(options.seconds, before.seconds) or _exceeds(options.most_trials, before.most_trials)
    return earlier.state in ("finished", "failed") and not more and not earlier.damage


def _exceeds(limit: float | None, other: float | None) -> bool:
    return other is not None and (limit is None or limit > other)


def nothing_left(earlier: Earlier) -> str:
    """What a person is told then."""
    said = f"{earlier.folder.path} is {earlier.state}: {count(len(earlier.trials), 'trial')}, {clock(earlier.seconds)}."
    return f"{said} To go on, give it more: --time +10m or --trials +20."


def data_of(earlier: Earlier, given: str | Path | pd.DataFrame | None) -> str | Path | pd.DataFrame:
    """The table of the run.

    Raises:
        InputError: it was a data frame, or the file is gone.
    """
    if given is not None:
        return given
    path = earlier.asked["data"]["path"]
    run = str(earlier.folder.path)
    if path is None:
        raise InputError(
            f"{run} was made from a data frame, or from what was piped in, which is not kept. Give it again:"
            f" automl.resume({run!r}, frame)"
        )
    if not Path(path).is_file():
        raise InputError(
            f"The table {path} is gone, from which {run} was made. "
            f"Put it back, or say where it is now: automl.resume({run!r}, path)"
        )
    return Path(path)


def identity(asked: Mapping[str, Any]) -> dict[str, Any]:
    """What makes a run this one and no other, by names that people understand, as JSON keeps it."""
    data = asked["data"]
    # Of options that an older version did not know, the defaults.
    options = Options.from_json(asked["options"])
    known = {
        "data": data["digest"],
        "test data": data["test"],
        **{name: asked[name] for name in ("target", "task", "metric", "split", "spaces")},
        **{name: getattr(options, name) for name in DECIDING},
    }
    same: dict[str, Any] = json.loads(json.dumps(known))
    return same


def fingerprint(known: Mapping[str, Any]) -> str:
    """The first digits of the SHA-256 of an identity."""
    canonical = json.dumps(known, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:DIGITS]


def check(earlier: Earlier, asked: Mapping[str, Any], split: Split) -> list[str]:
    """What the user should know, a sentence each, of a run that is what is asked for now. Nothing is written.

    Raises:
        InputError: it would be another run.
    """
    return [*earlier.damage, *_checked(earlier, asked), *_checked_rows(earlier, split)]


def clear_up(earlier: Earlier) -> None:
    """Clears away what a run needs only while it goes on."""
    earlier.folder.clear_away()
    model.settle(earlier.folder.bundle)


def tidy(earlier: Earlier) -> None:
    """Clears away what the last session left unfinished."""
    folder = earlier.folder
    clear_up(earlier)
    (folder.path / "outcome.json").unlink(missing_ok=True)
    for path in folder.path.glob("trials/*"):
        for left in (path / "network.keras", path / REFITTED):
            left.unlink(missing_ok=True)
    for trial in earlier.trials:
        if trial.status == "running":
            for name in (SCORED, PREDICTIONS):
                (folder.of_trial(trial.number) / name).unlink(missing_ok=True)


def _checked(earlier: Earlier, asked: Mapping[str, Any]) -> list[str]:
    before, now = identity(earlier.asked), identity(asked)
    changes = _changes_of_spaces(before["spaces"], now["spaces"])
    may_change = earlier.respaced or _is_wider(before["spaces"], now["spaces"])
    different = [
        f"{name}: {_shown(before[name])} then, {_shown(now[name])} now"
        for name in before
        if before[name] != now[name] and name != "spaces"
    ]
    different += [] if may_change else changes
    if different:
        raise InputError(
            f"{earlier.folder.path} was made from something else: its fingerprint is {fingerprint(before)}, "
            f"and that of what is asked for now {fingerprint(now)}.\n{'; '.join(different)}.\n"
            "Ask for the same, or begin a new run: automl fit without --resume."
        )
    return [f"The search spaces have changed: {'; '.join(changes)}."] if changes else []


def _checked_rows(earlier: Earlier, split: Split) -> list[str]:
    path = earlier.folder.path / "split.npz"
    try:
        held = files.read_arrays(path)
    except _DAMAGED:
        return [f"{path} cannot be read. It is made anew."]
    now = split.arrays()
    if held.keys() != now.keys() or any(not np.array_equal(held[name], now[name]) for name in now):
        raise InputError(
            f"{path} has other rows than the same seed gives now, by other versions or since somebody changed it.\n"
            "Begin a new run: automl fit without --resume."
        )
    return []


def _shown(value: Any) -> str:
    """A value in a message; of a digest, its first digits."""
    if isinstance(value, str) and re.fullmatch(r"[0-9a-f]{64}", value):
        return value[:DIGITS]
    text = json.dumps(value, ensure_ascii=False) if value is not None else "not given"
    return text if len(text) <= 100 else f"{text[:99]}…"


def _changes_of_spaces(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Each hyperparameter that differs, as people write it."""
    changes = []
    for family in {**before, **now}:
        if family not in before or family not in now:
            changes.append(f"{family}: {'a family then' if family in before else 'a family only now'}")
            continue
        old, new = before[family], now[family]
        for name in {**old, **new}:
            if old.get(name) != new.get(name):
                then, current = _range(old.get(name)), _range(new.get(name))
                if then == current:
                    then, current = _shown(old[name]), _shown(new[name])
                changes.append(f"{family}.{name}: {then} then, {current} now")
    return changes


def _range(parameter: Mapping[str, Any] | None) -> str:
    if parameter is None:
        return "not there"
    if "values" in parameter:
        return ",".join(map(str, parameter["values"]))
    return f"{parameter['low']:g}..{parameter['high']:g}"


def _is_wider(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether every setting of the spaces before is one of those now."""
    return all(
        family in now
        and old.keys() == now[family].keys()
        and all(_holds(now[family][name], parameter) for name, parameter in old.items())
        for family, old in before.items()
    )


def _holds(now: Mapping[str, Any], before: Mapping[str, Any]) -> bool:
    if now["when"] != before["when"] or ("values" in now and "values" not in before):
        return False
    if "values" in now:
        return all(value in now["values"] for value in before["values"])
    held = before["values"] if "values" in before else (before["low"], before["high"])
    return now.get("log") == before.get("log", now.get("log")) and all(
        isinstance(value, (int, float)) and now["low"] <= value <= now["high"] for value in held
    )


def recorded(asked: Mapping[str, Any], earlier: Earlier, *, command: str) -> dict[str, Any]:
    """The content of `run.json`: what is asked now, with how it began and each time that it went on."""
    content = {**asked, "fingerprint": fingerprint(identity(asked))}
    if earlier.asked:
        content |= {name: earlier.asked[name] for name in ("command", "began")}
        session = {"command": command, "after_seconds": earlier.seconds}
        content["resumed"] = [*earlier.asked.get("resumed", ()), session]
    return content
