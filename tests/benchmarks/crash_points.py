"""Ends a run, or fills its disk, at every step that it takes to the disk; tears its files; kills it at random.

    python -m tests.benchmarks.crash_points              # everything: some forty minutes on two cores
    python -m tests.benchmarks.crash_points --few 12     # a dozen of each kind: what the tests run
    python -m tests.benchmarks.crash_points --only points random --kills 300

The runs have three trials. Their workers are made up (`tests/benchmarks/made_up.py`), so that a run takes a second; all
else, from the command line to the MLflow database, is the real thing. `--real` trains with Keras, for the random kills.

* points: the main process is killed before each of its writes (and in the middle of it), flushes, renames, new folders
  and deletions in the run's folder; or from there on the disk is full; or that step alone says that the disk is broken.
  For a new run, for a finished one that gets one more trial, and for the same in which a model is there to be replaced.
* strace: the same kills by the system itself, at the n-th rename or flush of any thread, MLflow's database included.
* torn: every file of a run that was broken off, and of one that is finished, is cut off or has a bit flipped.
* random: the main process, a worker, or all of them are killed at a random moment.

After each, the run is asked to go on. It must end well, without a traceback, with the three trials of a run that nobody
disturbed; the bytes of every record that was there must be untouched, and no model may ever be unreadable.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from automl import files, model
from automl.errors import AutomlError
from automl.records import RunFolder
from tests.benchmarks import warm
from tests.benchmarks.faults import KINDS, Faults
from tests.benchmarks.warm import RUN, Start, Started

TRIALS = 3
FIT = (*warm.FIT, "--trials", str(TRIALS))
MORE = ("resume", str(RUN), "--trials", str(TRIALS))
STRACED = ("rename", "renameat", "renameat2", "fsync", "fdatasync")


class Lost(Exception):
    """What must not happen."""


@dataclass(frozen=True)
class Scene:
    """What is disturbed: a command, in a folder in which something may have been before."""

    name: str
    command: Sequence[str]
    begin: Callable[[Path], None]


@dataclass(frozen=True)
class Bench:
    """What all cases share.

    Attributes:
        whole: the trials of a run that nobody disturbed, without what differs from run to run.
    """

    start: Start
    scratch: Path
    whole: Sequence[object]


def trials_of(run: Path) -> list[object]:
    """What must be the same in every run."""
    return [(t.number, t.family, dict(t.params), t.status, t.objective, t.curves) for t in RunFolder(run).trials()]


def acknowledged(run: Path) -> dict[Path, bytes]:
    """The records of ended trials that are whole."""
    found = {}
    for path in run.glob("trials/*/result.json"):
        with contextlib.suppress(ValueError):
            files.read_record(path)
            found[path] = path.read_bytes()
    return found


def check_model(run: Path) -> bool:
    """Whether there is a model. One that is there must be whole."""
    held = any((run / name / model.MANIFEST).is_file() for name in ("model", ".model.former"))
    if held:
        model.check(run)
    return held


def check_restart(bench: Bench, folder: Path, ended: Started, *, had_model: bool, healed: Sequence[Path] = ()) -> None:
    """Goes on with what is left and looks at all that must hold.

    Args:
        healed: records that were damaged on purpose, and may be made anew.
    """
    run = folder / RUN
    if ended.has_traceback:
        raise Lost(f"a traceback: {ended.said()[-600:]}")
    if had_model and not check_model(run):
        raise Lost("the model is gone")
    check_model(run)
    kept = {path: content for path, content in acknowledged(run).items() if path not in healed}
    command = [*FIT, "--resume"] if not (run / "run.json").exists() or len(kept) % 2 else list(MORE)
    again = bench.start(folder, command)
    code = again.wait()
    if code or again.has_traceback:
        raise Lost(f"resume ended with {code}: {again.said()[-600:]}")
    # What ended before it had begun is begun anew beside it.
    last = max((folder / "runs").iterdir(), key=lambda path: int(path.name.rpartition("-")[2]))
    if kept and last.name != RUN.name:
        raise Lost("recorded trials were left behind")
    changed = [path for path, content in kept.items() if not path.exists() or path.read_bytes() != content]
    if changed:
        raise Lost(f"records lost or trained again: {[str(path.relative_to(run)) for path in changed]}")
    if trials_of(last) != bench.whole:
        raise Lost("other trials than without the disturbance")
    if not check_model(last):
        raise Lost("no model in the end")
    left = [str(path.relative_to(last)) for path in last.rglob("*") if ".part" in path.name or "former" in path.name]
    if left or (last / "encoded").exists():
        raise Lost(f"left behind: {left}")
    if files.read_record(last / "state.json")["state"] != "finished":
        raise Lost("the run's state is not finished")


Case = Callable[[], str]


def verdict(name: str, case: Callable[[Path], str], bench: Bench) -> tuple[str, str, str]:
    """The case's name, "" or what went wrong, and where it struck."""
    folder = Path(tempfile.mkdtemp(dir=bench.scratch))
    struck = ""
    try:
        struck = case(folder)
    except (Lost, AutomlError, TimeoutError) as error:
        return name, f"{type(error).__name__}: {error}", struck
    except Exception:  # noqa: BLE001
        return name, traceback.format_exc(), struck
    else:
        return name, "", struck
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def scenes(bench: Bench) -> list[Scene]:
    """The runs that are disturbed."""
    finished, pristine = bench.scratch / "finished", bench.scratch / "pristine"
    if not pristine.exists():
        assert bench.start(finished, [*warm.FIT, "--trials", str(TRIALS - 1)]).wait() == 0
        # The copies' artifacts go to where the store was made: there are more with every case.
        shutil.copytree(finished, pristine)

    def two_trials(folder: Path) -> None:
        shutil.copytree(pristine, folder, dirs_exist_ok=True)

    return [Scene("new", FIT, lambda _: None), Scene("one more", MORE, two_trials)]


def step_case(bench: Bench, scene: Scene, kind: str, at: int) -> Callable[[Path], str]:
    """One step of the main process goes wrong."""

    def case(folder: Path) -> str:
        scene.begin(folder)
        had_model = check_model(folder / RUN)
        log = folder / "steps.txt"

        def before() -> None:
            Faults(folder / "runs", kind=kind, at=at, log=log).install()

        ended = bench.start(folder, scene.command, before)
        code = ended.wait()
        steps = log.read_text().splitlines()
        struck = steps[at - 1] if at <= len(steps) else "not reached"
        # A view that cannot be made, such as the report, costs no run.
        if struck != "not reached" and kind == "kill" and code != -signal.SIGKILL:
            raise Lost(f"not killed at {struck}")
        if kind != "kill" and code not in (0, 3):
            raise Lost(f"exit code {code} at {struck}: {ended.said()[-400:]}")
        check_restart(bench, folder, ended, had_model=had_model)
        return f"-> {code}"

    return case


def steps_of(bench: Bench, scene: Scene) -> list[str]:
    """All steps of a scene, undisturbed."""
    folder = Path(tempfile.mkdtemp(dir=bench.scratch))
    scene.begin(folder)
    log = folder / "steps.txt"
    ended = bench.start(folder, scene.command, lambda: Faults(folder / "runs", kind="kill", at=0, log=log).install())
    assert ended.wait() == 0, ended.said()
    return log.read_text().splitlines()


def points(bench: Bench, kinds: Sequence[str]) -> Iterator[tuple[str, Callable[[Path], str]]]:
    """Every step of every scene, in every way that it can go wrong."""
    for scene in scenes(bench):
        steps = steps_of(bench, scene)
        print(f"{scene.name}: {len(steps)} steps", dict(Counter(step.split()[1] for step in steps)), flush=True)
        for kind in kinds:
            for at, step in enumerate(steps, start=1):
                what, path = step.split()[1:]
                path = path.partition("runs/")[2]
                # All of it is thrown away when a run goes on.
                is_scratch = "/encoded" in path or "/audit" in path
                can_fail = kind == "kill" or what in ("write", "rename", "mkdir", "fsync")
                if can_fail and (not is_scratch or at % 10 == 0):
                    yield f"{scene.name}, {kind} at {at}: {what} {path}", step_case(bench, scene, kind, at)


def strace_case(bench: Bench, scene: Scene, call: str, at: int) -> Callable[[Path], str]:
    """The system kills the process at a call."""

    def case(folder: Path) -> str:
        scene.begin(folder)
        had_model = check_model(folder / RUN)
        ready, go = os.pipe(), os.pipe()

        def before() -> None:
            os.write(ready[1], b"r")
            os.read(go[0], 1)

        ended = bench.start(folder, scene.command, before)
        os.read(ready[0], 1)
        tracer = subprocess.Popen(
            ["strace", "-f", "-qq", "-p", str(ended.pid), "-e", f"inject={call}:signal=SIGKILL:when={at}"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while f"TracerPid:\t{tracer.pid}" not in Path(f"/proc/{ended.pid}/status").read_text():
            time.sleep(0.01)
        os.write(go[1], b"g")
        code = ended.wait()
        tracer.wait()
        for descriptor in (*ready, *go):
            os.close(descriptor)
        check_restart(bench, folder, ended, had_model=had_model)
        return f"{call} -> {code}"

    return case


def straced(bench: Bench) -> Iterator[tuple[str, Callable[[Path], str]]]:
    """Renames and flushes of all threads."""
    for scene in scenes(bench):
        for call, most in (("rename,renameat,renameat2", 60), ("fsync,fdatasync", 120)):
            for at in range(1, most + 1):
                yield f"{scene.name}, strace {call} at {at}", strace_case(bench, scene, call, at)


def torn_case(bench: Bench, origin: Path, name: str, how: str, seed: int) -> Callable[[Path], str]:
    """A file of a run is damaged."""

    def case(folder: Path) -> str:
        shutil.copytree(origin, folder, dirs_exist_ok=True)
        path = folder / RUN / name
        content = bytearray(path.read_bytes())
        rng = random.Random(seed)
        if how == "flip":
            content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        else:
            content = content[: rng.randrange(len(content))]
        path.write_bytes(content)
        again = bench.start(folder, [*MORE])
        code = again.wait()
        if again.has_traceback:
            raise Lost(f"a traceback: {again.said()[-600:]}")
        if code == 2 and name == "run.json" and "run.json is damaged" in " ".join(again.said().split()):
            return f"{name}: named"
        if code == 2 and name == "split.npz" and "has other rows" in again.said():
            return f"{name}: named"
        if code:
            raise Lost(f"ended with {code}: {again.said()[-600:]}")
        if trials_of(folder / RUN) != bench.whole:
            raise Lost("other trials than without the damage, and nobody said so")
        check_model(folder / RUN)
        return f"{name}: healed"

    return case


def torn(bench: Bench, *, each: int) -> Iterator[tuple[str, Callable[[Path], str]]]:
    """Each file of a finished run, and of one that was killed in its third trial."""
    finished = bench.scratch / "torn-finished"
    assert bench.start(finished, FIT).wait() == 0
    broken_off = bench.scratch / "torn-broken-off"
    killed = bench.start(broken_off, FIT)
    while not (broken_off / RUN / "trials" / "0002" / "setting.json").exists():
        time.sleep(0.001)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    for origin in (finished, broken_off):
        for path in sorted((origin / RUN).rglob("*")):
            name = str(path.relative_to(origin / RUN))
            is_state = path.is_file() and path.stat().st_size and path.suffix in (".json", ".npz", ".keras")
            if is_state and not name.startswith(("encoded/", ".")) and "/." not in name:
                for seed in range(each):
                    how = ("flip", "cut")[seed % 2]
                    yield f"{origin.name}, {name}, {how} {seed}", torn_case(bench, origin, name, how, seed)


def random_case(bench: Bench, seed: int, *, longest: float) -> Callable[[Path], str]:
    """The main process, a worker or everything is killed at a random moment, up to three times in a row."""

    def case(folder: Path) -> str:
        rng = random.Random(seed)
        struck = []
        command: Sequence[str] = FIT
        for _ in range(rng.choice((1, 1, 2, 3))):
            ended = bench.start(folder, command)
            time.sleep(rng.uniform(0.05, longest))
            whom = rng.choice(("main", "worker", "all"))
            kept = acknowledged(folder / RUN)
            processes = _family(ended.pid)
            if whom == "worker":
                # A worker's grandparent is the main process's launching process.
                workers = [pid for pid in processes if pid != ended.pid]
                for pid in workers[-1:]:
                    _kill(pid)
            else:
                for pid in processes if whom == "all" else [ended.pid]:
                    _kill(pid)
            code = ended.wait()
            struck.append(f"{whom}:{code}")
            if ended.has_traceback:
                raise Lost(f"seed {seed}: a traceback: {ended.said()[-600:]}")
            check_model(folder / RUN)
            lost = [path for path, content in kept.items() if path.read_bytes() != content]
            if lost:
                raise Lost(f"seed {seed}: {lost}")
            command = [*FIT, "--resume"]
        if any(each.startswith("worker") for each in struck):
            # A trial whose worker was killed has failed, and counts: the search goes another way.
            again = bench.start(folder, command)
            if again.wait() or again.has_traceback:
                raise Lost(f"seed {seed}: {again.said()[-600:]}")
            check_model(folder / RUN)
            trials = RunFolder(folder / RUN).trials()
            failed = {trial.reason for trial in trials if trial.status == "failed"}
            if len(trials) != TRIALS or failed - {"killed"}:
                raise Lost(f"seed {seed}: {[(trial.number, trial.reason) for trial in trials]}")
        else:
            check_restart(bench, folder, ended, had_model=False)
        return " ".join(sorted(struck))

    return case


def _family(pid: int) -> list[int]:
    """The main process, and the processes that its launching process has forked."""
    found = [pid]
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            if entry.name.isdecimal() and (entry / "cwd").readlink() == Path(f"/proc/{pid}/cwd").readlink():
                found.append(int(entry.name))
    ours = [each for each in sorted(set(found)) if each != pid]
    return [pid, *ours]


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def judged(cases: Sequence[tuple[str, Callable[[Path], str]]], bench: Bench, lanes: int) -> list[tuple[str, str, str]]:
    """All verdicts, from so many processes that share the cases."""
    readers = []
    for lane in range(lanes):
        read, write = os.pipe()
        sys.stdout.flush()
        if os.fork() == 0:
            os.close(read)
            with os.fdopen(write, "w") as told:
                for name, case in cases[lane::lanes]:
                    found = verdict(name, case, bench)
                    print(f"{name}: {found[1] or found[2]}", flush=True)
                    told.write(json.dumps(found) + "\n")
                    told.flush()
            os._exit(0)
        os.close(write)
        readers.append(os.fdopen(read))
    judgements = [tuple(json.loads(line)) for reader in readers for line in reader]
    for _ in readers:
        os.wait()
    return judgements


def main() -> None:
    """Prints a line per case, and one per kind with the number of those that went wrong; ends with 1 if any did."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=["points", "strace", "torn", "random"])
    parser.add_argument("--faults", nargs="+", default=KINDS, choices=KINDS, help="of the points")
    parser.add_argument("--few", type=int, default=0, help="so many of each kind, evenly spread; 0 for all")
    parser.add_argument("--part", default="1/1", help="2/3: the second third of all cases")
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--each", type=int, default=6, help="damages of each file")
    parser.add_argument("--lanes", type=int, default=2)
    parser.add_argument("--real", action="store_true", help="train with Keras")
    asked = parser.parse_args()
    os.environ["MADE_UP_SECONDS"] = "0.2" if asked.only == ["random"] else "0"
    wrong = 0
    with tempfile.TemporaryDirectory() as scratch, warm.up(real=asked.real) as start:
        undisturbed = Path(scratch) / "whole"
        began = time.monotonic()
        ended = start(undisturbed, FIT)
        assert ended.wait() == 0, ended.said()
        lasted = time.monotonic() - began
        bench = Bench(start, Path(scratch), trials_of(undisturbed / RUN))
        kinds: Mapping[str, Callable[[], Iterator[tuple[str, Callable[[Path], str]]]]] = {
            "points": lambda: points(bench, asked.faults),
            "strace": lambda: straced(bench),
            "torn": lambda: torn(bench, each=asked.each),
            "random": lambda: (
                (f"random kill {seed}", random_case(bench, seed, longest=1.1 * lasted)) for seed in range(asked.kills)
            ),
        }
        for kind in asked.only:
            cases = list(kinds[kind]())
            number, parts = map(int, asked.part.split("/"))
            cases = cases[number - 1 :: parts]
            print(f"{kind}: {len(cases)} cases", flush=True)
            if asked.few:
                cases = cases[:: max(1, len(cases) // asked.few)][: asked.few]
            began = time.monotonic()
            found = judged(cases, bench, asked.lanes)
            failed = [each for each in found if each[1]]
            wrong += len(failed) + len(cases) - len(found)
            seconds = time.monotonic() - began
            print(f"{kind}: {len(found)} cases, {len(failed)} wrong, {seconds:.0f} s", flush=True)
            print(dict(Counter(struck.rpartition("-> ")[2] for _, _, struck in found).most_common(12)), flush=True)
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
