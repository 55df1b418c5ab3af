"""Workers that are killed, crash, hang, run out of memory, learn nothing, or cannot read or write: what it costs a run.

    python -m tests.benchmarks.bad_workers          # some five minutes on two cores

Every fault is a real one, in a run with Keras. What is asked is that it costs its trials and nothing else, and that the
leaderboard and MLflow give the reason. `oom` is tried thirty times, with the memory of all processes watched. A worker
that cannot write ends the run, and costs no trial of it once there is room again.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from mlflow import MlflowClient

from automl.records import RunFolder
from tests.benchmarks import warm
from tests.benchmarks.warm import RUN, Start, Started

SMALL = ("fit", warm.TABLE, "--target", "kind", "--folds", "1", "--workers", "1", "--seed", "3")
LINEAR = (*SMALL, "--families", "linear", "--set", "linear.epochs=4")
# Trials that last until somebody ends them.
LONG = (*SMALL, "--families", "linear", "--set", "linear.epochs=400000", "--set", "linear.patience=400000")
MEMORY = 2**30


@dataclass(frozen=True)
class Fault:
    """One kind of misfortune.

    Attributes:
        during: what is done while the run goes on, to its folder and its process.
        reasons: of the trials that have failed, at least one for each.
        code: how the run should end.
    """

    name: str
    command: Sequence[str]
    during: Callable[[Started], None]
    reasons: frozenset[str]
    code: int = 0


def nothing(started: Started) -> None:
    """The command itself is the fault."""


def to_worker(number: int, *, of: Sequence[int]) -> Callable[[Started], None]:
    """A signal to whoever has these trials."""

    def during(started: Started) -> None:
        for trial in of:
            _wait_for(started, f"trials/{trial:04d}/setting.json")
            # So that it has the job and trains.
            time.sleep(1.5)
            for worker in workers(started):
                os.kill(worker, number)

    return during


def no_data(started: Started) -> None:
    """The data that workers read are gone, and so is the worker that had read them."""
    _wait_for(started, "trials/0000/setting.json")
    (started.folder / RUN / "encoded" / "facts.json").write_text("{")
    for worker in workers(started):
        os.kill(worker, signal.SIGKILL)


def workers(started: Started, *, wanted: int = 1) -> list[int]:
    """The processes that train; the launching process is the first of its session."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        found = []
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError, ValueError):
                is_here = entry.name.isdecimal() and (entry / "cwd").readlink() == started.folder
                if is_here and os.getsid(int(entry.name)) != int(entry.name):
                    found.append(int(entry.name))
        if len(found) >= wanted:
            return found
        time.sleep(0.05)
    raise TimeoutError("no worker has come")


def _wait_for(started: Started, name: str) -> None:
    while not (started.folder / RUN / name).exists() and started.poll() is None:
        time.sleep(0.01)


FAULTS = (
    Fault("killed", (*LONG, "--time", "25s"), to_worker(signal.SIGKILL, of=(0, 1)), frozenset({"killed"})),
    Fault("segfault", (*LONG, "--time", "25s"), to_worker(signal.SIGSEGV, of=(0,)), frozenset({"killed"})),
    Fault("hangs", (*LONG, "--time", "40s"), to_worker(signal.SIGSTOP, of=(0,)), frozenset({"timeout"})),
    Fault("all killed", (*LONG, "--time", "40s"), to_worker(signal.SIGKILL, of=(0, 1, 2)), frozenset({"killed"}), 4),
    Fault(
        "nan from the start",
        (*SMALL, "--families", "mlp", "--trials", "30", "--set", "mlp.learning_rate=1.0e+30"),
        nothing,
        frozenset({"nan"}),
        4,
    ),
    Fault("data", (*LONG, "--trials", "12", "--time", "60s"), no_data, frozenset({"killed", "data"}), 4),
)


def look(start: Start, folder: Path, fault: Fault) -> tuple[str, list[str]]:
    """What a run with the fault has come to, and what is wrong with that."""
    began = time.monotonic()
    started = start(folder, fault.command)
    fault.during(started)
    code = started.wait(180)
    board = pd.read_csv(folder / RUN / "leaderboard.csv", keep_default_na=False)
    trials = board[board["trial"] != ""]
    failed = trials[trials["status"] == "failed"]
    reasons = Counter(failed["reason"])
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    runs = client.search_runs([experiment.experiment_id for experiment in client.search_experiments()])
    told = Counter(run.data.tags["reason"] for run in runs if "reason" in run.data.tags)
    last = " ".join(started.said().split("automl:")[-1].split())[:160] if code else ""
    saw = f"exit {code} after {time.monotonic() - began:.0f} s, {len(trials)} trials, {dict(reasons)} {last}"
    wrong = [] if code == fault.code else [f"exit code {code}: {started.said()[-600:]}"]
    wrong += [] if fault.reasons <= set(reasons) else [f"reasons {dict(reasons)}"]
    wrong += [] if told == reasons else [f"MLflow has the reasons {dict(told)}"]
    wrong += ["a traceback"] if started.has_traceback else []
    wrong += ["no seconds"] if (failed["seconds"].astype(float) <= 0).any() else []
    return saw, wrong


def hungry(start: Start, folder: Path, *, trials: int = 3) -> tuple[str, list[str]]:
    """Networks that need more than there is, with the memory of all workers watched."""
    # Half a gigabyte of weights, and as much for each of what training needs beside them.
    command = [*SMALL, "--trials", str(trials), "--families", "mlp", "--memory", f"{MEMORY >> 20}M"]
    command += ["--set", "mlp.units=8000", "--set", "mlp.layers=3", "--no-prune"]
    peaks = [0]

    def watch() -> None:
        while started.poll() is None:
            total = 0
            with contextlib.suppress(TimeoutError):
                for worker in workers(started):
                    with contextlib.suppress(OSError):
                        total += _private(worker)
            peaks.append(total)
            time.sleep(0.2)

    started = start(folder, command)
    watching = threading.Thread(target=watch)
    watching.start()
    watching.join()
    board = pd.read_csv(folder / RUN / "leaderboard.csv", keep_default_na=False)
    networks = board[board["family"] == "mlp"]
    reasons = Counter(networks["reason"])
    share = max(peaks) / MEMORY
    saw = f"exit {started.code}, mlp {len(networks)} {dict(reasons)}, peak {share:.2f} of the memory allowed"
    wrong = [] if set(reasons) == {"oom"} else [f"reasons {dict(reasons)}"]
    # A family that comes to nothing is given up, and here it is the only one.
    wrong += [] if (started.code, len(networks)) == (4, trials) else [started.said()[-600:]]
    return saw, wrong + ([f"peak {share:.2f}"] if share > 1.1 else [])


def full(start: Start, folder: Path) -> tuple[str, list[str]]:
    """A worker that can write no file of more than a few bytes, as with a used up quota; then the run goes on."""
    started = start(folder, (*LINEAR, "--trials", "3"))
    _wait_for(started, "trials/0000/setting.json")
    for worker in workers(started):
        resource.prlimit(worker, resource.RLIMIT_FSIZE, (100, 100))
    code, said = started.wait(180), " ".join(started.said().split())
    again = start(folder, ("resume", str(RUN)))
    resumed = again.wait(180)
    came_to = Counter(trial.status for trial in RunFolder(folder / RUN).trials())
    saw = f"exit {code}, then {resumed} with the trials {dict(came_to)}"
    wrong = [] if code == 3 and "No recorded trial is lost" in said else [f"exit code {code}: {said[-600:]}"]
    wrong += [] if (resumed, came_to) == (0, {"finished": 3}) else [again.said()[-600:]]
    return saw, wrong + ["a traceback"] * (started.has_traceback or again.has_traceback)


def _private(pid: int) -> int:
    """The bytes that a process does not share."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith(("Private_Clean", "Private_Dirty")))


def main() -> None:
    """Prints a line per fault; ends with 1 if one of them costs more, or is told as something else."""
    wanted = sys.argv[1:]
    failures = 0
    with tempfile.TemporaryDirectory() as scratch, warm.up(real=True) as start:
        for fault in FAULTS:
            if not wanted or fault.name in wanted:
                saw, wrong = look(start, Path(scratch) / fault.name.replace(" ", "-"), fault)
                print(f"{fault.name}: {saw} {'; '.join(wrong)}", flush=True)
                failures += bool(wrong)
        if not wanted or "disk" in wanted:
            saw, wrong = full(start, Path(scratch) / "disk")
            print(f"disk: {saw} {'; '.join(wrong)}", flush=True)
            failures += bool(wrong)
        for number in range(10 if not wanted or "oom" in wanted else 0):
            saw, wrong = hungry(start, Path(scratch) / f"hungry-{number}")
            print(f"oom {number}: {saw} {'; '.join(wrong)}", flush=True)
            failures += bool(wrong)
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
