"""Presses Ctrl-C at random moments of real runs, once or twice, or sends SIGTERM or SIGHUP.

    python -m tests.benchmarks.interruptions --times 50          # some ten minutes on two cores
    python -m tests.benchmarks.interruptions --times 10 --signal SIGTERM

The whole process group gets the signal, as from a terminal. After the first, a run must end within ten seconds, with
130 and, if a network had been trained, with a whole model; after a second Ctrl-C at once, and be resumable. A second
SIGTERM or SIGHUP changes nothing. Every fifth run begins with the interpreter, and the others in a warm process.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from automl import model
from automl.data.cards import card
from automl.errors import AutomlError
from automl.records import RunFolder
from automl.trial import Trial
from tests.benchmarks import warm
from tests.benchmarks.warm import Start, Started

MOST_SECONDS = 10.0
AT_ONCE = 1.0
# The second press comes so much after the first.
PAUSE = 0.3
RUN = Path("runs") / "data-1"


def command(seconds: float) -> list[str]:
    """A usual run, of so many seconds."""
    families = "linear,mlp,resnet,realmlp,boosted_trees"
    return [
        "fit",
        str(card("penguins").path),
        "--target",
        "species",
        "--time",
        f"{seconds:.0f}s",
        "--families",
        families,
    ]


def cold(folder: Path, arguments: list[str]) -> Started:
    """The command line as a shell starts it."""
    folder.mkdir()
    with (folder / "said.txt").open("w") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "automl", *arguments], cwd=folder, stdout=said, stderr=said, start_new_session=True
        )
    # `Started` waits for it.
    process.returncode = 0
    return Started(process.pid, folder)


def press(start: Start, folder: Path, *, seed: int, number: int, twice: bool, budget: float) -> tuple[str, list[str]]:
    """One run: what was seen, and what is wrong with it."""
    rng = random.Random(seed)
    arguments = command(budget)
    is_cold = seed % 5 == 0
    moment = rng.uniform(0.05, 1.1 * budget)
    started = cold(folder, arguments) if is_cold else start(folder, arguments)
    time.sleep(moment)
    if started.poll() is not None:
        return f"over with {started.code}", [] if started.code == 0 else [started.said()[-500:]]
    # The records of the moment before: what comes at the same time may or may not count.
    trained = any(trial.status == "finished" for trial in _trials(folder))
    os.killpg(started.pid, number)
    pressed = time.monotonic()
    if twice:
        time.sleep(PAUSE)
        if started.poll() is None:
            os.killpg(started.pid, number)
            pressed = time.monotonic()
    code = started.wait(60)
    lasted = time.monotonic() - pressed
    at_once = twice and number == signal.SIGINT
    # Other signals than Ctrl-C reach the program when the run has ended in good order.
    expected = {130} if number == signal.SIGINT else {130, -number}
    wrong = [] if code in expected or (code == 0 and lasted < AT_ONCE) else [f"exit code {code}"]
    wrong += [f"a traceback: {started.said()[-800:]}"] if started.has_traceback else []
    wrong += [f"{lasted:.1f} s"] if lasted > (AT_ONCE if at_once else MOST_SECONDS) else []
    has_model = (folder / RUN / "model").exists()
    if trained and not at_once and not has_model:
        wrong.append("no model")
    if has_model:
        try:
            model.check(folder / RUN)
        except AutomlError as error:
            wrong.append(str(error))
    if at_once and (folder / RUN / "run.json").exists():
        again = start(folder, ["resume", str(RUN), "--trials", "3", "--quiet"])
        wrong += [] if again.wait(90) in (0, 4) else [f"resume: {again.said()[-500:]}"]
    kind = "cold" if is_cold else "warm"
    return f"{kind}, at {moment:.1f} s, model: {has_model}: {lasted:.2f} s", [f"seed {seed}: {each}" for each in wrong]


def _trials(folder: Path) -> list[Trial]:
    try:
        return RunFolder(folder / RUN).trials()
    except AutomlError:
        return []


def main() -> None:
    """Prints the distribution of the seconds from the signal to the end; ends with 1 if anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--signal", default="SIGINT")
    parser.add_argument("--twice", action="store_true")
    parser.add_argument("--time", type=float, default=15.0, help="the runs' budget, in seconds")
    parser.add_argument("--lanes", type=int, default=2)
    asked = parser.parse_args()
    number = signal.Signals[asked.signal]
    # A shell starts what runs in the background without Ctrl-C, and programs leave it so.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with tempfile.TemporaryDirectory() as scratch, warm.up(real=True) as start:
        readers = []
        for lane in range(asked.lanes):
            read, write = os.pipe()
            sys.stdout.flush()
            if os.fork() == 0:
                told = os.fdopen(write, "w")
                for seed in range(asked.first_seed + lane, asked.first_seed + asked.times, asked.lanes):
                    saw, wrong = press(
                        start, Path(scratch) / str(seed), seed=seed, number=number, twice=asked.twice, budget=asked.time
                    )
                    told.write(f"{saw}\t{'; '.join(wrong)!r}\n")
                    told.flush()
                os._exit(0)
            os.close(write)
            readers.append(os.fdopen(read))
        lines = [line.rstrip("\n").split("\t") for reader in readers for line in reader]
    for saw, fault in lines:
        print(saw, fault if fault != "''" else "")
    lasted = sorted(float(saw.split(": ")[-1][:-2]) for saw, _ in lines if not saw.startswith("over"))
    failed = sum(fault != "''" for _, fault in lines)
    print(
        f"{asked.signal}{' twice' if asked.twice else ''}: {len(lines)} runs, {len(lasted)} interrupted, "
        f"{sum('model: True' in saw for saw, _ in lines)} with a model, {failed} wrong; "
        f"seconds to the end: median {statistics.median(lasted):.2f}, "
        f"9 of 10 below {lasted[int(0.9 * (len(lasted) - 1))]:.2f}, longest {lasted[-1]:.2f}"
    )
    sys.exit(failed > 0 or len(lines) < asked.times)


if __name__ == "__main__":
    main()
