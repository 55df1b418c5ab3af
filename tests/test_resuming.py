"""Going on with a run: what is taken up, what is refused. A made-up executor trains nothing."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import fcntl
import functools
import itertools
import json
import math
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import automl
from automl import files, resuming
from automl.baselines import BOOSTING, Baseline
from automl.data.profile import profile
from automl.data.split import Split
from automl.encoding import table
from automl.ensemble import BEST_KEPT
from automl.errors import EnvironmentFault, InputError, NothingTrained
from automl.execution import Event, Job
from automl.interruption import EarlyEnd
from automl.options import Options
from automl.records import RunFolder, State
from automl.reporting.silent import Silent
from automl.resuming import Earlier
from automl.searching import SearchOutcome, Settings, search
from automl.space import Choice, Float, Int, SearchSpace
from automl.tasks import metric, task
from automl.trial import Rung, Trial, finished
from tests.tracking.memory import MemoryTracker

SPACES = {
    name: SearchSpace(
        name,
        {
            "rate": Float(0.0, 1.0, 0.5),
            "layers": Int(1, 5, 3),
            "activation": Choice(("relu", "gelu"), "relu"),
            "batch_size": Choice((64,), 64),
            "epochs": Choice((90,), 90),
        },
    )
    for name in ("linear", "mlp", "resnet")
}
FIRST = [("mlp", SPACES["mlp"].with_values({"rate": 0.9})), ("linear", SPACES["linear"].with_values({"rate": 0.1}))]
ROWS = np.arange(10)
SPLIT = Split(ROWS[:6], ROWS[6:8], ROWS[8:], "at random")


class Crash(Exception):
    """The end of the process."""


class Worker:
    """An executor that ends its jobs, `workers` at a time, in the order in which they came."""

    def __init__(self, answer: Callable[[Job], Event], workers: int = 1) -> None:
        self.jobs: list[Job] = []
        self._answer, self._workers = answer, workers
        self._waiting: list[Job] = []

    @property
    def capacity(self) -> int:
        return self._workers - len(self._waiting)

    def submit(self, job: Job) -> None:
        self.jobs.append(job)
        self._waiting.append(job)

    def wait(self, seconds: float) -> list[Event]:
        if not self._waiting:
            return []
        event = self._answer(self._waiting[0])
        del self._waiting[0]
        return [event]

    def move(self, key: int, until: float) -> None: ...

    def cancel(self, key: int) -> None:
        self._waiting = [job for job in self._waiting if job.key != key]

    def close(self) -> None:
        self._waiting = []


def answer(job: Job) -> Event:
    """resnet cannot be built, and of the others the best have a rate of 0.3; three numbers run out of memory once."""
    if job.family == "resnet":
        return Event(job.key, "failed", reason="build", message="no")
    if job.key in (4, 9, 14) and job.params["batch_size"] == 64:
        return Event(job.key, "failed", reason="oom", message="too large")
    error = abs(float(job.params["rate"]) - 0.3) + int(job.params["layers"]) / 97
    rungs = tuple(Rung(bar.level, bar.epochs, error) for bar in job.bars)
    passed = all(rung.objective <= bar.objective for rung, bar in zip(rungs, job.bars, strict=True))
    if passed and error < job.keep_below:
        keep(job.folder)
    result: dict[str, Any] = {
        "status": "finished" if passed else "pruned",
        "objective": error if passed else None,
        "rungs": rungs,
        "scores": {part: {"rmse": error, "r2": math.nan} for part in ("train", "val", "test")} if passed else {},
        "curves": {"val_rmse": [error]},
    }
    return Event(job.key, "done", result)


def keep(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("weights.npz", "predictions.npz"):
        files.write_arrays(folder / name, {"val": ROWS})


def crashing(at: int, how: type[Exception] = Crash) -> Callable[[Job], Event]:
    """What ends the process while trial `at` is being trained."""

    def told(job: Job) -> Event:
        if job.key == at:
            raise how
        return answer(job)

    return told


def go(
    folder: Path,
    told: Callable[[Job], Event] = answer,
    *,
    algorithm: str = "random",
    trials: int = 24,
    workers: int = 1,
    before: Earlier | None = None,
    seconds: float = math.inf,
) -> tuple[SearchOutcome, Worker]:
    """A search in a run's folder, from the beginning or on from what is there."""
    if before is None:
        asked(folder)
    settings = Settings(
        algorithm,
        SPACES,
        metric("rmse", task("regress")),
        RunFolder(folder),
        seed=3,
        trials=trials,
        prune=True,
        workers=workers,
        deadline=time.monotonic() + seconds,
        ends=None,
        first=[] if algorithm == "grid" else FIRST,
        boosts=False,
    )
    executor = Worker(told, workers)
    outcome = search(
        settings,
        executor=executor,
        tracker=MemoryTracker(),
        reporter=Silent(),
        trials=before.trials if before else (),
        lost=before.lost if before else (),
    )
    return outcome, executor


def asked(folder: Path, **changes: Any) -> dict[str, Any]:
    """What a run was asked, in its folder."""
    options: dict[str, Any] = {"seconds": None, "trials": 24, "workers": 1, **changes.pop("options", {})}
    content = {
        "command": "automl fit t.csv",
        "began": "2026-01-01T00:00:00+00:00",
        "data": {"digest": "a" * 64, "test": None, "path": str(folder / "t.csv")},
        "target": "price",
        "task": "regress",
        "metric": "rmse",
        "split": {"how": "at random", "train": 6},
        "folds": None,
        "spaces": {"mlp": {name: dataclasses.asdict(p) for name, p in SPACES["mlp"].parameters.items()}},
        "options": {**dataclasses.asdict(Options(**options)), "kinds": {}},
        **changes,
    }
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "run.json").exists():
        files.write_record(folder / "run.json", {**content, "fingerprint": "0" * 12})
        files.write_arrays(folder / "split.npz", SPLIT.arrays())
        files.write_record(folder / "state.json", {"state": "running", "seconds": 12.0})
    return json.loads(json.dumps(content))


def read(folder: Path) -> Earlier:
    return resuming.read(RunFolder(folder))


def told_of(trials: Sequence[Trial]) -> list[Any]:
    return [(t.number, t.family, t.params, t.status, t.objective, t.rungs, t.reason) for t in trials]


Whole = Callable[[str], tuple[Path, SearchOutcome, Worker]]


@pytest.fixture(scope="module")
def whole_search(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """A search by an algorithm that nothing interrupted: its folder, what it came to, and its worker."""

    @functools.cache
    def whole(algorithm: str) -> tuple[Path, SearchOutcome, Worker]:
        folder = tmp_path_factory.mktemp(algorithm)
        return folder, *go(folder, algorithm=algorithm)

    return whole


@pytest.mark.parametrize(
    ("algorithm", "at"),
    [
        *itertools.product(["bayesian", "random", "grid"], [0, 1, 9, 17, 23]),
        *(pytest.param("gp", at, marks=pytest.mark.slow) for at in (9, 17)),
    ],
)
def test_a_search_goes_on_as_if_nothing_had_happened(
    tmp_path: Path, whole_search: Whole, algorithm: str, at: int
) -> None:
    folder, whole, whole_worker = whole_search(algorithm)
    with pytest.raises(Crash):
        go(tmp_path / "broken", crashing(at), algorithm=algorithm)
    before = read(tmp_path / "broken")
    assert [trial.number for trial in before.ended] == list(range(at))
    resumed, worker = go(tmp_path / "broken", algorithm=algorithm, before=before)
    assert told_of(resumed.trials) == told_of(whole.trials)
    assert resumed.left_out == whole.left_out == {"resnet": "no"}
    # Nothing that was recorded is trained twice, and seeds, bars and what is kept are those of the whole search.
    later = [job for job in whole_worker.jobs if job.key >= at]
    assert [(job.key, job.seed, job.bars, job.keep_below) for job in worker.jobs] == [
        (job.key, job.seed, job.bars, job.keep_below) for job in later
    ]
    kept, kept_of_broken = (
        sorted(path.parent.name for path in of.glob("*/*/weights.npz")) for of in (folder, tmp_path / "broken")
    )
    assert kept == kept_of_broken


def test_more_trials_are_those_that_a_longer_search_would_have_had(tmp_path: Path) -> None:
    whole, _ = go(tmp_path / "whole", algorithm="bayesian", trials=24)
    go(tmp_path / "short", algorithm="bayesian", trials=10)
    resumed, worker = go(tmp_path / "short", algorithm="bayesian", trials=24, before=read(tmp_path / "short"))
    assert told_of(resumed.trials) == told_of(whole.trials)
    assert {job.key for job in worker.jobs} == set(range(10, 24))


def test_all_that_were_running_start_again_with_their_settings(tmp_path: Path) -> None:
    with pytest.raises(Crash):
        go(tmp_path, crashing(6), workers=3)
    started = {
        path.name: json.loads((path / "setting.json").read_text())["params"] for path in (tmp_path / "trials").iterdir()
    }
    before = read(tmp_path)
    running = [trial for trial in before.trials if trial.status == "running"]
    # Number 4 waited for its second chance, with half the batch.
    assert [trial.number for trial in running] == [4, 6, 7]
    # On fewer workers than before.
    resumed, worker = go(tmp_path, before=before, workers=1, trials=12)
    again = [job for job in worker.jobs if job.params["batch_size"] == 64][:3]
    assert [job.key for job in again] == [4, 6, 7]
    assert all(dict(job.params) == started[f"{job.key:04d}"] for job in again)
    assert [trial.number for trial in resumed.trials] == list(range(12))


def test_trials_that_the_user_or_the_end_cut_off_start_again(tmp_path: Path) -> None:
    first, _ = go(tmp_path, crashing(5, EarlyEnd))
    assert first.interrupted
    assert (first.trials[5].status, first.trials[5].reason) == ("failed", "interrupted")
    before = read(tmp_path)
    assert [trial.number for trial in before.trials if trial.status == "running"] == [5]
    whole, _ = go(tmp_path / "whole")
    assert told_of(go(tmp_path, before=before)[0].trials) == told_of(whole.trials)


def test_what_starts_again_and_finds_no_time_is_recorded_as_cut_off(tmp_path: Path) -> None:
    with pytest.raises(Crash):
        go(tmp_path, crashing(6), workers=3)
    outcome, worker = go(tmp_path, before=read(tmp_path), seconds=0.0)
    assert worker.jobs == []
    cut_off = [(trial.number, trial.reason, trial.stopped) for trial in outcome.trials if trial.reason == "timeout"]
    assert cut_off == [(number, "timeout", "time") for number in (4, 6, 7)]
    assert [trial.number for trial in read(tmp_path).trials if trial.status == "running"] == [4, 6, 7]


@pytest.mark.parametrize("content", [b"", b'{"number": 3, "fam', b"[]", b'{"scores": 1, "curves": 2}'])
def test_a_torn_record_is_named_and_its_trial_starts_again(tmp_path: Path, content: bytes) -> None:
    whole, _ = go(tmp_path, trials=6)
    record = tmp_path / "trials" / "0003" / "result.json"
    record.write_bytes(content)
    before = read(tmp_path)
    assert before.damage == (f"{record} is damaged. Trial 3 starts again.",)
    resumed, worker = go(tmp_path, trials=6, before=before)
    assert [job.key for job in worker.jobs] == [3]
    assert told_of(resumed.trials) == told_of(whole.trials)


def test_a_record_in_the_folder_of_another_trial_is_none(tmp_path: Path) -> None:
    go(tmp_path, trials=4)
    shutil.copy(tmp_path / "trials" / "0001" / "result.json", tmp_path / "trials" / "0002" / "result.json")
    assert [trial.number for trial in read(tmp_path).ended] == [0, 1, 3]


def test_a_number_of_which_nothing_is_left_gets_what_it_had(tmp_path: Path) -> None:
    whole, _ = go(tmp_path, trials=8)
    shutil.rmtree(tmp_path / "trials" / "0005")
    resumed, worker = go(tmp_path, trials=8, before=read(tmp_path))
    assert [job.key for job in worker.jobs] == [5]
    assert told_of(resumed.trials) == told_of(whole.trials)


@pytest.mark.parametrize("name", ["weights.npz", "predictions.npz"])
@pytest.mark.parametrize("fault", ["is missing", "is damaged"])
def test_a_trial_without_its_files_is_no_candidate(tmp_path: Path, name: str, fault: str) -> None:
    outcome, _ = go(tmp_path)
    best = finished(outcome.trials)[0].number
    file = tmp_path / "trials" / f"{best:04d}" / name
    content = file.read_bytes()
    file.unlink()
    if fault == "is damaged":
        file.write_bytes(content[: len(content) // 2])
    before = read(tmp_path)
    assert before.damage == (f"{file} {fault}. The trial cannot be a part of the model.",)
    resumed, _ = go(tmp_path, before=before)
    assert best not in {trial.number for trial in resumed.usable}
    assert told_of(resumed.trials) == told_of(outcome.trials)
    whole = {trial.number for trial in finished(resumed.usable)[: BEST_KEPT - 1]}
    assert all((tmp_path / "trials" / f"{number:04d}" / name).exists() for number in whole)


def test_one_altered_bit_is_found(tmp_path: Path) -> None:
    outcome, _ = go(tmp_path)
    file = tmp_path / "trials" / f"{finished(outcome.trials)[0].number:04d}" / "predictions.npz"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    assert read(tmp_path).damage[0].startswith(f"{file} is damaged")


def test_columns_that_another_version_takes_for_something_else_are_refused(tmp_path: Path) -> None:
    asked(tmp_path)
    earlier = read(tmp_path)
    frame = pd.DataFrame({"x": np.arange(40) * 0.7 % 1, "n": np.arange(40) * 0.3 % 1, "y": np.arange(40) % 2})
    facts = profile(frame, target="y")
    files.write_record(tmp_path / "profile.json", facts.to_json())
    encoding = table.fit(frame, facts)
    resuming.check_columns(earlier, facts, encoding)
    changed = dataclasses.replace(facts.columns[0], kind="category")
    other = dataclasses.replace(facts, columns=(changed, *facts.columns[1:]))
    with pytest.raises(InputError, match="'x': number then, category now"):
        resuming.check_columns(earlier, other, encoding)
    (tmp_path / "profile.json").write_text("torn")
    resuming.check_columns(earlier, other, encoding)


def test_columns_that_another_version_encodes_in_another_way_are_refused(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": np.arange(40) * 0.7 % 1, "y": np.arange(40) % 2})
    facts = profile(frame, target="y")
    asked(tmp_path, encoding=table.fit(frame, facts).digest)
    earlier = read(tmp_path)
    resuming.check_columns(earlier, facts, table.fit(frame, facts))
    with pytest.raises(InputError, match="encoded in another way"):
        resuming.check_columns(earlier, facts, table.fit(frame.assign(x=frame["x"] / 3), facts))


def test_categories_that_an_older_version_encoded_are_refused(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": np.arange(40) * 0.7 % 1, "shop": ["a", "b", "c", "d"] * 10, "y": np.arange(40) % 2})
    asked(tmp_path)
    for columns, is_refused in ((["x", "y"], False), (["x", "shop", "y"], True)):
        facts = profile(frame[columns], target="y")
        files.write_record(tmp_path / "profile.json", facts.to_json())
        encoding = table.fit(frame[columns], facts)
        with pytest.raises(InputError, match="encoded in another way") if is_refused else contextlib.nullcontext():
            resuming.check_columns(read(tmp_path), facts, encoding)


def test_says_what_differs_and_shows_both_fingerprints(tmp_path: Path) -> None:
    before = asked(tmp_path)
    data = {"digest": "b" * 64, "test": None, "path": "t.csv"}
    now = asked(tmp_path, data=data, target="size", options={"seed": 5, "balance": True})
    with pytest.raises(InputError) as caught:
        resuming.check(read(tmp_path), now, SPLIT)
    said = str(caught.value)
    for known in (before, now):
        assert resuming.fingerprint(resuming.identity(known)) in said
    for different in (
        "data: aaaaaaaaaaaa then, bbbbbbbbbbbb now",
        'target: "price" then, "size" now',
        "seed: 0 then, 5 now",
        "balance: false then, true now",
    ):
        assert different in said
    assert "metric" not in said


@pytest.mark.parametrize(
    "options",
    [{"seconds": 90.0}, {"trials": 99}, {"workers": 7}, {"memory": 2**30}, {"tracking_uri": "x"}, {"out": Path("b")}],
)
def test_limits_workers_and_tracking_may_differ(tmp_path: Path, options: dict[str, Any]) -> None:
    before = asked(tmp_path)
    options = {name: str(value) if isinstance(value, Path) else value for name, value in options.items()}
    assert resuming.check(read(tmp_path), {**before, "options": {**before["options"], **options}}, SPLIT) == []


def respaced(folder: Path, **changed: Any) -> dict[str, Any]:
    before = asked(folder)
    mlp = before["spaces"]["mlp"]
    layers = {**mlp["layers"], **changed}
    return {**before, "spaces": {"mlp": {**mlp, "layers": layers}}}


def test_a_range_may_become_wider(tmp_path: Path) -> None:
    notes = resuming.check(read_with_run(tmp_path), respaced(tmp_path, high=8), SPLIT)
    assert notes == ["The search spaces have changed: mlp.layers: 1..5 then, 1..8 now."]


def read_with_run(folder: Path) -> Earlier:
    asked(folder)
    return read(folder)


def test_a_range_becomes_narrower_only_on_purpose(tmp_path: Path) -> None:
    before, now = read_with_run(tmp_path), respaced(tmp_path, high=4)
    with pytest.raises(InputError, match=r"mlp.layers: 1..5 then, 1..4 now"):
        resuming.check(before, now, SPLIT)
    assert resuming.check(dataclasses.replace(before, respaced=True), now, SPLIT)


def test_trials_beside_a_narrowed_space_stay_and_are_not_proposed_again(tmp_path: Path) -> None:
    outcome, _ = go(tmp_path, algorithm="bayesian", trials=12)
    narrow = {name: SearchSpace(name, {**s.parameters, "rate": Float(0.0, 0.2, 0.1)}) for name, s in SPACES.items()}
    beside = [trial for trial in outcome.trials if float(trial.params["rate"]) > 0.2]
    before = read(tmp_path)
    settings = Settings(
        "bayesian",
        narrow,
        metric("rmse", task("regress")),
        RunFolder(tmp_path),
        3,
        30,
        False,
        1,
        math.inf,
        None,
        boosts=False,
    )
    resumed = search(
        settings, executor=Worker(answer), tracker=MemoryTracker(), reporter=Silent(), trials=before.trials
    )
    assert len(beside) > 3
    assert told_of(resumed.trials[:12]) == told_of(outcome.trials)
    assert all(float(trial.params["rate"]) <= 0.2 for trial in resumed.trials[12:])


def test_other_rows_are_refused_and_torn_ones_made_anew(tmp_path: Path) -> None:
    now = asked(tmp_path)
    other = Split(ROWS[:5], ROWS[5:8], ROWS[8:], "at random")
    with pytest.raises(InputError, match="has other rows than the same seed gives now"):
        resuming.check(read(tmp_path), now, other)
    path = tmp_path / "split.npz"
    path.write_bytes(path.read_bytes()[:100])
    assert resuming.check(read(tmp_path), now, SPLIT) == [f"{path} cannot be read. It is made anew."]


def test_what_a_crash_left_unfinished_goes(tmp_path: Path) -> None:
    go(tmp_path, trials=4)
    (tmp_path / "trials" / "0002" / "result.json").unlink()
    left = [".run.json.77.part", "trials/0001/.result.json.77.part", "trials/0001/network.keras", "encoded/x.npy"]
    left += [
        "trials/0001/.network.77.part.keras",
        ".model.77.part/schema.json",
        ".model.77.part/.schema.json.77.part",
    ]
    left += [f"trials/0002/{name}" for name in ("weights.npz", "refitted.npz")]
    # Of a number of which nothing is known.
    left += [f"trials/0007/{name}" for name in ("weights.npz", "refitted.npz")]
    stays = "trials/0001/refitted.npz"
    for name in (*left, stays):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    resuming.tidy(read(tmp_path))
    assert [name for name in left if (tmp_path / name).exists()] == []
    assert (tmp_path / "trials" / "0000" / "weights.npz").exists()
    assert (tmp_path / stays).exists()


def state(folder: Path, known: State, used: float, **options: Any) -> Earlier:
    """A run of four trials."""
    asked(folder, options=options)
    for number in range(4):
        RunFolder(folder).write_trial(Trial(number, "mlp", SPACES["mlp"].defaults(), "failed", reason="nan"))
    RunFolder(folder).write_state(known, used)
    return read(folder)


@pytest.mark.parametrize(
    ("before", "more", "limits"),
    [
        # As it was.
        (("running", 20.0, 60.0, None), {}, (60.0, None)),
        (("running", 20.0, None, 9), {}, (None, 9)),
        # In all, or as much more.
        (("running", 20.0, 60.0, None), {"time": "5m"}, (300.0, None)),
        (("running", 20.0, 60.0, None), {"time": "+5m"}, (360.0, None)),
        (("finished", 70.0, 60.0, None), {"time": "+5m"}, (370.0, None)),
        (("finished", 70.0, None, 4), {"trials": "+3"}, (None, 7)),
        (("finished", 70.0, None, 4), {"trials": 9}, (None, 9)),
        (("running", 70.0, None, 9), {"trials": "+3"}, (None, 12)),
        # The limit that has ended it is none any more; the other stays.
        (("finished", 58.0, 60.0, None), {"trials": "+3"}, (None, 7)),
        (("finished", 58.0, 60.0, 9), {"trials": "+3"}, (None, 12)),
        (("finished", 20.0, 60.0, 4), {"trials": "+3"}, (60.0, 7)),
        (("finished", 20.0, None, 4), {"time": "+5m"}, (320.0, None)),
        (("finished", 58.0, 60.0, 9), {"time": "+5m"}, (360.0, 9)),
        (("finished", 58.0, 60.0, 4), {"time": "+5m", "trials": "+3"}, (360.0, 7)),
    ],
)
def test_limits(tmp_path: Path, before: tuple[State, float, Any, Any], more: dict[str, Any], limits: Any) -> None:
    earlier = state(tmp_path, before[0], before[1], seconds=before[2], trials=before[3])
    _, options = resuming.wanted(earlier, **more)
    assert (options.seconds, options.most_trials) == limits
    assert options.folds == 1


@pytest.mark.parametrize(
    ("more", "said"), [({"trials": "+x"}, "Write 50, or"), ({"time": "+soon"}, "Write for example")]
)
def test_limits_that_are_none(tmp_path: Path, more: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        resuming.wanted(state(tmp_path, "running", 5.0), **more)


@pytest.mark.parametrize(
    ("known", "more", "over"),
    [
        ("failed", {}, True),
        ("failed", {"trials": 4}, True),
        ("failed", {"trials": "+1"}, False),
        ("interrupted", {}, False),
        ("running", {}, False),
    ],
)
def test_a_finished_run_without_more_has_nothing_to_do(
    tmp_path: Path, known: State, more: dict[str, Any], over: bool
) -> None:
    earlier, options = resuming.wanted(state(tmp_path, known, 70.0, trials=4), **more)
    assert resuming.is_over(earlier, options) is over


@pytest.mark.parametrize(
    ("quality", "more"),
    [
        ("balanced", "To go on (or with --trials +20): automl resume {} --time +10m"),
        ("best", "To go on (or with --trials +20): automl resume {} --time +10m"),
        ("fast", "To go on: automl resume {} --trials +10"),
    ],
)
def test_what_it_says_then_can_be_typed(tmp_path: Path, quality: str, more: str) -> None:
    folder = tmp_path / "my run-1"
    earlier = dataclasses.replace(state(folder, "finished", 58.0, seconds=60.0, quality=quality), damage=())
    more = more.format(f"'{folder}'")
    assert resuming.nothing_left(earlier) == f"{folder} is finished: 4 trials, 0:58. {more}"
    option, limit = shlex.split(more)[-2:]
    typed: dict[str, Any] = {option.removeprefix("--"): limit}
    assert not resuming.is_over(*resuming.wanted(earlier, **typed))


def test_one_setting_takes_no_more_time_and_says_what_it_takes(tmp_path: Path) -> None:
    known = state(tmp_path, "finished", 58.0, seconds=60.0, trials=4, quality="fast")
    earlier = dataclasses.replace(known, damage=())
    with pytest.raises(InputError, match=r"no ensemble\. For more: automl resume \S+ --trials \+10$"):
        resuming.wanted(earlier, time="+10m")
    # Whoever asks for the same once more asks for no more.
    assert resuming.is_over(earlier, resuming.within(earlier.options, earlier, time="60s"))


def test_other_spaces_of_a_finished_run_are_not_passed_over(tmp_path: Path) -> None:
    earlier = state(tmp_path, "finished", 58.0, seconds=60.0, trials=4)
    now = respaced(tmp_path, high=8)
    # They may have become wider with the version.
    resuming.check_spaces_stay(earlier, now)
    own = {**now["options"], "settings": ["mlp.layers=1..8"]}
    with pytest.raises(InputError, match=r"\(--set, --space\) alone would change nothing: .* such as --trials 24\."):
        resuming.check_spaces_stay(earlier, {**now, "options": own})
    resuming.check_spaces_stay(earlier, {**asked(tmp_path), "options": own})


CHANGES: list[dict[str, Any]] = [{"settings": ("mlp.layers=1..8",)}, {"workers": 2}, {"memory": 2**33}]


@pytest.mark.parametrize("changes", CHANGES)
def test_what_is_changed_of_a_finished_run_needs_further_trials(tmp_path: Path, changes: dict[str, Any]) -> None:
    earlier = dataclasses.replace(state(tmp_path, "finished", 58.0, seconds=60.0), damage=())
    for time_in_all in (None, "30s"):
        with pytest.raises(InputError, match=r"is finished: 4 trials, 0:58\. --\w+ alone would change nothing"):
            resuming.wanted(earlier, time=time_in_all, **changes)
    changed, options = resuming.wanted(earlier, trials="+3", **changes)
    assert not resuming.is_over(changed, options)


@pytest.mark.parametrize("changes", CHANGES)
@pytest.mark.parametrize(
    ("used", "limits", "over"),
    [
        (20.0, {"seconds": 60.0, "trials": 9}, False),
        (20.0, {"seconds": 60.0, "trials": None}, False),
        (20.0, {"seconds": None, "trials": 9}, False),
        (20.0, {"seconds": 60.0, "trials": 4}, True),
        (60.0, {"seconds": 60.0, "trials": 9}, True),
    ],
)
def test_a_run_that_failed_with_time_and_trials_left_goes_on_with_other_limits(
    tmp_path: Path, used: float, limits: dict[str, Any], over: bool, changes: dict[str, Any]
) -> None:
    earlier = state(tmp_path, "failed", used, **limits)
    assert resuming.is_over(*resuming.wanted(earlier))
    with pytest.raises(InputError, match="is failed: 4 trials") if over else nullcontext():
        changed, options = resuming.wanted(earlier, **changes)
        assert not resuming.is_over(changed, options)
        assert (options.seconds, options.trials) == (limits["seconds"], limits["trials"])


def test_a_run_that_the_time_cut_off_needs_more_time(tmp_path: Path) -> None:
    cut_off = Trial(4, "mlp", SPACES["mlp"].defaults(), "failed", reason="timeout", stopped="time")
    RunFolder(tmp_path).write_trial(cut_off)
    RunFolder(tmp_path).write_setting(cut_off)
    with pytest.raises(InputError, match="is failed: 5 trials, 0:58. --memory alone would change nothing"):
        resuming.wanted(state(tmp_path, "failed", 58.0, seconds=60.0), memory=2**33)


@pytest.mark.parametrize(
    ("options", "afresh"),
    [
        ({}, False),
        ({"trials": 40, "tracking_uri": "x"}, False),
        ({"seconds": 90.0}, True),
        ({"workers": 2}, True),
        ({"memory": 2**33}, True),
    ],
)
def test_what_has_failed_is_tried_afresh_once_limits_have_changed(
    tmp_path: Path, options: dict[str, Any], afresh: bool
) -> None:
    before = asked(tmp_path)
    assert not resuming.is_afresh(before)
    now = {**before, "options": {**before["options"], **options}}
    for _ in ("the session that changes them", "one after that"):
        files.write_record(tmp_path / "run.json", resuming.recorded(now, read(tmp_path), command="automl resume t-1"))
        assert resuming.is_afresh(RunFolder(tmp_path).asked()) is afresh


def test_what_has_failed_is_tried_afresh_in_other_spaces(tmp_path: Path) -> None:
    before = read_with_run(tmp_path)
    assert resuming.is_afresh(resuming.recorded(respaced(tmp_path, high=8), before, command="automl resume t-1"))


def test_a_run_that_came_to_nothing_ends_as_it_did_before(tmp_path: Path) -> None:
    state(tmp_path, "failed", 70.0, trials=4)
    with pytest.raises(NothingTrained, match="is failed: 4 trials"):
        automl.resume(tmp_path)
    ended = subprocess.run(
        [sys.executable, "-m", "automl", "resume", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (4, "")
    assert ended.stderr.startswith("automl: ") and ended.stderr.count("\n") == 1


def test_a_finished_run_whose_model_is_gone_is_not_over(tmp_path: Path) -> None:
    earlier = state(tmp_path, "finished", 70.0, trials=4)
    assert any("model" in sentence for sentence in earlier.damage)
    assert not resuming.is_over(earlier, earlier.options)


def test_the_baseline_is_kept_with_its_predictions_only(tmp_path: Path) -> None:
    asked(tmp_path)
    known = Baseline(BOOSTING, {"val": {"rmse": 0.5, "r2": math.nan}}, 1.0)
    RunFolder(tmp_path).write_baselines([Baseline("constant"), known])
    assert read(tmp_path).boosting is None
    files.write_arrays(tmp_path / "boosting.npz", {"val": ROWS})
    kept = read(tmp_path).boosting
    assert kept is not None
    assert (kept.seconds, kept.scores["val"]["rmse"]) == (1.0, 0.5)
    assert math.isnan(kept.scores["val"]["r2"])


def test_a_table_that_is_gone_is_named(tmp_path: Path) -> None:
    asked(tmp_path)
    with pytest.raises(InputError, match=r"The table .*t.csv is gone"):
        resuming.data_of(read(tmp_path), None)
    (tmp_path / "t.csv").touch()
    assert resuming.data_of(read(tmp_path), None) == tmp_path / "t.csv"


def test_a_data_frame_has_to_be_given_again(tmp_path: Path) -> None:
    asked(tmp_path, data={"digest": "a" * 64, "test": None, "path": None})
    with pytest.raises(InputError, match="made from a data frame"):
        resuming.data_of(read(tmp_path), None)


def test_what_was_piped_in_has_to_be_piped_in_again(tmp_path: Path) -> None:
    run = tmp_path / "input 1"
    asked(run, data={"digest": "a" * 64, "test": None, "path": None, "source": "-"})
    with pytest.raises(InputError, match="from what was piped in") as refused:
        resuming.data_of(read(run), None)
    assert f"automl fit - --resume --out '{run}'\n" in str(refused.value)
    assert f"automl.resume({str(run)!r}, path)" in str(refused.value)


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    program = f"""
from pathlib import Path
from automl import resuming
from automl.errors import InputError
from automl.records import RunFolder
try:
    with resuming.locked(RunFolder(Path({str(tmp_path)!r}))):
        print("free")
except InputError as error:
    print(error)
"""

    def other() -> str:
        return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout

    with resuming.locked(RunFolder(tmp_path)):
        assert f"is being written by another process ({os.getpid()})" in other()
    assert other() == "free\n"


def test_goes_on_with_the_newest_run_of_the_name(in_folder: Path) -> None:
    for name in ("t-2", "t-10", "t-x-11", "u-12"):
        asked(Path("runs") / name)
    Path("runs/t-13").mkdir()
    assert resuming.find("elsewhere/t.csv", None) == RunFolder(Path("runs/t-10"))
    assert resuming.find("v.csv", None) is None
    assert resuming.find("-", None) is None
    (Path("runs") / "input-1").mkdir()
    (Path("runs") / "input-1" / "run.json").touch()
    assert resuming.find("-", None) == RunFolder(Path("runs/input-1"))


def test_a_folder_in_which_nothing_had_begun_is_begun_anew(tmp_path: Path) -> None:
    bare, other, absent = tmp_path / "bare", tmp_path / "other", tmp_path / "absent"
    for folder in (bare, other):
        folder.mkdir()
        for name in (".lock", "log.txt", "state.json"):
            (folder / name).touch()
    (other / "thesis.tex").touch()
    assert resuming.find("t.csv", bare) is None
    assert not bare.exists()
    assert resuming.find("t.csv", absent) is None
    with pytest.raises(InputError, match="holds no run"):
        resuming.find("t.csv", other)
    assert (other / "thesis.tex").exists()


SECRET = "http://me:pass@host:5000"
HIDDEN = "http://***@host:5000"


@pytest.mark.parametrize(
    ("given", "recorded", "expected"),
    [
        (None, None, None),
        (None, "sqlite:////m.db", "sqlite:////m.db"),
        ("http://b", "http://a", "http://b"),
        (SECRET, HIDDEN, SECRET),
    ],
)
def test_goes_on_where_the_run_was_recorded(given: Any, recorded: Any, expected: Any) -> None:
    assert resuming.tracking_uri(given, recorded) == expected


def test_goes_on_at_the_whole_address_where_a_relative_one_was_typed(tmp_path: Path) -> None:
    asked(tmp_path, options={"tracking_uri": "sqlite:///my.db"})
    files.write_record(tmp_path / "mlflow.json", {"tracking_uri": "sqlite:////p/my.db", "stores": {}})
    assert resuming.wanted(read(tmp_path))[1].tracking_uri == "sqlite:////p/my.db"
    assert resuming.wanted(read(tmp_path), tracking_uri="http://b")[1].tracking_uri == "http://b"


def test_a_password_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    for given in (None, HIDDEN):
        with pytest.raises(InputError, match=r"recorded at http://\*\*\*@host:5000.*not kept.*--tracking-uri"):
            resuming.tracking_uri(given, HIDDEN)
    # MLflow reads it.
    monkeypatch.setenv("MLFLOW_TRACKING_URI", SECRET)
    assert resuming.tracking_uri(None, HIDDEN) is None


def test_a_trial_that_the_disk_did_not_take_starts_again(tmp_path: Path) -> None:
    asked(tmp_path)
    full = Trial(0, "mlp", SPACES["mlp"].defaults(), "failed", reason="disk", message="The disk is full.")
    RunFolder(tmp_path).write_trial(full)
    RunFolder(tmp_path).write_setting(full)
    assert [trial.status for trial in read(tmp_path).trials] == ["running"]


def test_a_file_system_without_locks_is_not_taken_for_another_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(*arguments: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", flock)
    with (
        pytest.raises(EnvironmentFault, match=r"Cannot lock .*\.lock: No locks available\..*fit takes --out"),
        resuming.locked(RunFolder(tmp_path)),
    ):
        pass
