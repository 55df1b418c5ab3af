"""A long run, many runs at once, and many first starts of a store: what piles up, and what gets in each other's way.

    python -m tests.benchmarks.soak                         # everything: some ten minutes on two cores
    python -m tests.benchmarks.soak --only trials --trials 1000 --search random

* trials: so many trials in one run, of made-up workers, with the real main process: search, records, MLflow database
  and leaderboard. Its memory, open files, threads and zombies are read from outside, and the time between records.
* fits: eight runs at once into one MLflow store, which none of them finds there. All must be complete.
* race: eight processes at once open a store that is not there, twenty times. None may fail.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import statistics
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from automl.data.profile import profile
from automl.records import RunFolder
from automl.tracking import RunDescription, store
from automl.tracking.mlflow import MlflowTracker
from tests.benchmarks import warm
from tests.benchmarks.warm import RUN, Start

TOGETHER = 8
MOST_GROWTH = 50 * 2**20
# The search has warmed up, and what it begins with is over.
SETTLED = 50


def facts_of(pid: int) -> tuple[int, int, int]:
    """The resident bytes, open files and threads of a process."""
    resident = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")
    return resident, _count(Path(f"/proc/{pid}/fd")), _count(Path(f"/proc/{pid}/task"))


def _count(folder: Path) -> int:
    return sum(1 for _ in folder.iterdir())


def zombies(folder: Path) -> int:
    """Processes that have ended and that nobody has waited for, whose parent works in the folder."""
    found = 0
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdecimal():
                state, parent, *_ = (entry / "stat").read_text().rpartition(")")[2].split()
                found += state == "Z" and Path(f"/proc/{parent}/cwd").readlink() == folder
    return found


def soak(start: Start, folder: Path, *, trials: int, search: str) -> list[str]:
    """What is wrong with a run of so many trials; prints what it has taken."""
    command = ["fit", warm.TABLE, "--target", "kind", "--folds", "1", "--families", "linear,mlp", "--workers", "2"]
    started = start(folder, [*command, "--trials", str(trials), "--search", search, "--no-prune"])
    records = folder / RUN / "trials"
    seen: dict[int, tuple[int, int, int]] = {}
    most_zombies = 0
    while started.poll() is None:
        number = _count(records) if records.exists() else 0
        if number // 10 not in {each // 10 for each in seen}:
            try:
                seen[number] = facts_of(started.pid)
            except OSError:
                break
            most_zombies = max(most_zombies, zombies(folder))
        time.sleep(0.05)
    if started.wait():
        return [started.said()[-800:]]
    settled = {number: facts for number, facts in seen.items() if number >= SETTLED}
    first, last = min(settled), max(settled)
    growth = settled[last][0] - settled[first][0]
    stamps = [(records / f"{number:04d}" / "result.json").stat().st_mtime for number in range(trials)]
    steps = [later - earlier for earlier, later in itertools.pairwise(stamps)]
    early, late = statistics.median(steps[SETTLED - 25 : SETTLED + 25]), statistics.median(steps[-50:])
    files = [facts[1] for facts in settled.values()]
    threads = [facts[2] for facts in settled.values()]
    print(
        f"{search}: {trials} trials; memory {settled[first][0] / 2**20:.0f} MB at trial {first}, "
        f"{settled[last][0] / 2**20:.0f} MB at trial {last}; open files {min(files)} to {max(files)}, "
        f"threads {min(threads)} to {max(threads)}, zombies {most_zombies}; "
        f"{1000 * early:.0f} ms a trial at {SETTLED}, {1000 * late:.0f} ms at {trials}"
    )
    wrong = [f"{len(RunFolder(folder / RUN).trials())} records"] if len(stamps) != trials else []
    wrong += [f"memory has grown by {growth / 2**20:.0f} MB"] if growth > MOST_GROWTH else []
    wrong += [f"open files: {files}"] if max(files) - min(files) > 5 else []
    wrong += [f"{most_zombies} zombies"] if most_zombies > 1 else []
    return wrong


def fits(start: Start, folder: Path) -> list[str]:
    """What is wrong after eight runs at once."""
    from mlflow import MlflowClient

    uri = f"sqlite:///{folder}/mlflow.db"
    command = [*warm.FIT, "--trials", "3", "--tracking-uri", uri]
    began = time.monotonic()
    started = [start(folder / str(number), command, tables=False) for number in range(TOGETHER)]
    codes = [each.wait(300) for each in started]
    wrong = [each.said()[-500:] for each in started if each.code or "MLflow at" in each.said()]
    client = MlflowClient(uri)
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    runs = client.search_runs(experiments, max_results=1000)
    states = Counter((run.info.status, "mlflow.parentRunId" in run.data.tags) for run in runs)
    print(f"{TOGETHER} fits at once: exit codes {codes}, {dict(states)}, {time.monotonic() - began:.0f} s")
    if states != {("FINISHED", False): TOGETHER, ("FINISHED", True): 3 * TOGETHER}:
        wrong.append(f"the store has {states}")
    scored = ("val_log_loss", "best_val_log_loss")
    incomplete = [run.info.run_name for run in runs if not set(scored) & set(run.data.metrics)]
    return wrong + ([f"without scores: {incomplete}"] if incomplete else [])


def race(folder: Path) -> list[str]:
    """What is wrong after eight processes have opened a store at once that is not there."""
    warm.write_table(folder)
    frame = pd.read_csv(folder / warm.TABLE)
    facts = profile(frame, target="kind")
    uri = f"sqlite:///{folder}/mlflow.db"
    sys.stdout.flush()
    children = []
    for number in range(TOGETHER):
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                warnings: list[str] = []
                tracker = MlflowTracker(tracking_uri=uri, warn=warnings.append)
                description = RunDescription(
                    str(number), "flowers", "0", "t.csv", facts, {"train": 120}, "log_loss", {}, "race", 0
                )
                tracker.start(description)
                code = 0 if tracker.run_id and not warnings else 1
                print(*warnings, tracker._fault or "", end="", flush=True)
            except BaseException:  # noqa: BLE001
                traceback.print_exc()
            os._exit(code)
        children.append(pid)
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
    if not (folder / "mlflow.db").exists() or not store.database(uri):
        return ["there is no store"]
    return [f"exit codes {codes}"] if any(codes) else []


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the figures; ends with 1 if anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=["trials", "fits", "race"])
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--search", default="bayesian")
    parser.add_argument("--races", type=int, default=20)
    asked = parser.parse_args(arguments)
    wrong: list[str] = []
    os.environ["MADE_UP_SECONDS"] = "0"
    with tempfile.TemporaryDirectory() as scratch, warm.up(real=False) as start:
        if "trials" in asked.only:
            wrong += soak(start, Path(scratch) / "soak", trials=asked.trials, search=asked.search)
        if "fits" in asked.only:
            (Path(scratch) / "fits").mkdir()
            wrong += fits(start, Path(scratch) / "fits")
        if "race" in asked.only:
            began = time.monotonic()
            faults = []
            for number in range(asked.races):
                (folder := Path(scratch) / f"race-{number}").mkdir()
                faults += race(folder)
            print(f"{asked.races} x {TOGETHER} first starts: {len(faults)} wrong, {time.monotonic() - began:.0f} s")
            wrong += faults
    for each in wrong:
        print(f"wrong: {each}")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
