"""Damaged and odd tables: does each end in an answer, or in an error that is written for people?

    python tests/benchmarks/fuzz.py --files 10000
    python tests/benchmarks/fuzz.py --files 300 --fit
    python tests/benchmarks/fuzz.py --first 4711 --files 1 --keep found

A file is made from its number alone: from a good one by damaging its bytes, or from a table with odd columns and names.
It is read, profiled and checked as `automl profile` does; with `--fit` a network is also trained for two epochs, saved,
loaded and asked to predict the same file. Anything but an answer or one of our errors, and whatever takes ten seconds,
is reported with its number, and the file is kept. What was found once is in `FOUND`, and the tests try it again.
"""

from __future__ import annotations

import argparse
import gzip
import io
import multiprocessing
import os
import signal
import sys
import tempfile
import time
import traceback
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pandas as pd

from automl.errors import AutomlError

SECONDS = 10
ROWS = 60
FILES_PER_PROCESS = 500
# TensorFlow never gives back all that it took for a network.
FITS_PER_PROCESS = 40

Make = Callable[[np.random.Generator], Any]


@dataclass(frozen=True)
class Case:
    """A file to try, and what is asked about it."""

    number: int
    name: str
    content: bytes
    task: str | None = None
    target: str | None = None


# --- good tables ----------------------------------------------------------------------------------------------------


def good(rng: np.random.Generator, rows: int = ROWS) -> pd.DataFrame:
    """A table with a column of every kind."""
    return pd.DataFrame(
        {
            "id": np.arange(rows),
            "width": rng.normal(size=rows).round(3),
            "count": rng.integers(0, 50, rows),
            "colour": rng.choice(np.array(["red", "green", "Blue, pale", None], dtype=object), rows),
            "day": pd.date_range("2023-12-25", periods=rows).astype(str),
            "agreed": rng.choice(["yes", "no"], rows),
            "remark": [
                f"the {word} fox jumps over {row} dogs" for row, word in enumerate(rng.choice(list("abc"), rows))
            ],
            "price": rng.normal(size=rows).round(2) * 100,
            "class": rng.choice(["café", "bar"], rows),
        }
    )


def zipped(content: bytes) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("data.csv", content)
    return archive.getvalue()


def _feather(frame: pd.DataFrame) -> bytes:
    target = io.BytesIO()
    frame.to_feather(target)
    return target.getvalue()


def _csv(frame: pd.DataFrame, **form: Any) -> bytes:
    return frame.to_csv(index=False, **form).encode("utf-8", "replace")


FORMATS: Mapping[str, Callable[[pd.DataFrame], bytes]] = {
    "data.csv": _csv,
    "semicolon.csv": lambda frame: _csv(frame, sep=";", decimal=","),
    "data.tsv": lambda frame: _csv(frame, sep="\t", lineterminator="\r\n"),
    "quoted.csv": lambda frame: _csv(frame, quoting=1, lineterminator="\r"),
    "wide.csv": lambda frame: _csv(frame).decode().encode("utf-16"),
    "latin.txt": lambda frame: _csv(frame, sep="|").decode().encode("latin-1", "replace"),
    "data.jsonl": lambda frame: frame.to_json(orient="records", lines=True, default_handler=str).encode(),
    "data.json": lambda frame: frame.to_json(orient="records", default_handler=str).encode(),
    "data.parquet": lambda frame: frame.to_parquet(index=False),
    "data.feather": _feather,
}


# --- odd columns ----------------------------------------------------------------------------------------------------

ODD_CELLS: tuple[Any, ...] = (
    "", " ", "NA", "nan", "inf", "-inf", "1e999", "1e308", "-1e308", "5e-324", "-0.0", "10" * 13, "9" * 400, "0x1F",
    "1_000", "1,234.50", "$ 5", "12%", "1,5", "TRUE", "no", "0000-00-00", "9999-12-31", "2024-02-30", "01/02/2024",
    "2024-01-01T10:00:00+14:00", "24:00", "=cmd|'/c calc'!A1", "<script>alert(1)</script>", "{{7*7}}", "[1, 2]",
    '{"a": 1}', '"', "'",
    "a\nb", "\x1b[2J", "\u202e", "\ufeff", "😀", "e\u0301", "x" * 5000, "\\N", "?", "None", "null",
    "-", "#", "##", "١٢٣", "½", "\x00", "a\tb", ";", "1;2", "2020", "1.2.3", "12:30:61", "P1D",
)  # fmt: skip

ODD_COLUMNS: tuple[Make, ...] = (
    lambda rng: [None] * ROWS,
    lambda rng: ["same"] * ROWS,
    lambda rng: [str(rng.choice(["a", "A", "a ", " A"])) for _ in range(ROWS)],
    lambda rng: [f"u{row}" for row in range(ROWS)],
    lambda rng: (10 ** rng.uniform(-320, 308, ROWS) * rng.choice([-1, 1], ROWS)).tolist(),
    lambda rng: rng.choice([1e308, -1e308, 0.0], ROWS).tolist(),
    lambda rng: rng.choice([5e-324, 0.0, -5e-324], ROWS).tolist(),
    lambda rng: [float(2**53 + row) for row in range(ROWS)],
    lambda rng: (rng.integers(-(2**63), 2**63 - 1, ROWS)).tolist(),
    lambda rng: [str(10**25 + row) for row in range(ROWS)],
    lambda rng: [None if rng.random() < 0.9 else 1.5 for _ in range(ROWS)],
    lambda rng: [ODD_CELLS[int(place)] for place in rng.integers(0, len(ODD_CELLS), ROWS)],
    lambda rng: [str(value) if rng.random() < 0.97 else "bad" for value in rng.normal(size=ROWS)],
    lambda rng: [str(rng.choice(["2024-01-02", "03/04/2024", "5 Jan 2024", "never"])) for _ in range(ROWS)],
    lambda rng: [f"{year:04}-01-01" for year in rng.integers(1, 9999, ROWS)],
    lambda rng: [f"2024-01-{day:02}T10:00:00{rng.choice(['Z', '+05:30', ''])}" for day in rng.integers(1, 28, ROWS)],
    lambda rng: [" ".join(["word"] * int(length)) for length in rng.integers(0, 200, ROWS)],
    lambda rng: [str(rng.choice(["yes", "no", "true", "0", "maybe"])) for _ in range(ROWS)],
    lambda rng: rng.choice([0, 1], ROWS).tolist(),
    lambda rng: ["rare"] + ["usual"] * (ROWS - 1),
    lambda rng: [rng.normal() if row else float("inf") for row in range(ROWS)],
    lambda rng: list(range(ROWS)),
    lambda rng: [1.0] * (ROWS - 1) + [2.0],
)

ODD_NAMES = (
    "", " ", "a", "a", "prediction", "target", "y ", "x" * 300, "line\nend", "\x1b[31mred", "<b>", "{x}", "[", '"',
    "1.5", "Unnamed: 0", "__index_level_0__", "\u202eevil", "😀", "a,b", "=1+1", "[bold]", "%s", "id", "../x", "#",
)  # fmt: skip


def _odd_table(rng: np.random.Generator) -> tuple[str, bytes, str | None]:
    """A good table some of whose columns and names are odd, in any format; and a column of it."""
    frame = good(rng)
    for _ in range(int(rng.integers(1, 4))):
        name = str(rng.choice(frame.columns))
        frame[name] = pd.Series(ODD_COLUMNS[int(rng.integers(len(ODD_COLUMNS)))](rng))
    for _ in range(int(rng.integers(0, 3))):
        place = int(rng.integers(frame.shape[1]))
        odd = ODD_NAMES[int(rng.integers(len(ODD_NAMES)))]
        frame.columns = pd.Index([odd if here == place else name for here, name in enumerate(frame.columns)])
    if rng.random() < 0.15:
        frame = frame.iloc[: int(rng.integers(0, 15))]
    if rng.random() < 0.1:
        frame = pd.concat([frame.iloc[:6]] * 10)
    name = str(rng.choice(list(FORMATS)))
    try:
        content = FORMATS[name](frame)
    except Exception:  # noqa: BLE001  Parquet, Feather and JSON take neither every name nor every mixture.
        name = "data.csv"
        content = _csv(frame)
    target = str(rng.choice(frame.columns)) if rng.random() < 0.6 else None
    return name, content, target


# --- damaged bytes --------------------------------------------------------------------------------------------------


def _somewhere(content: bytes, rng: np.random.Generator) -> int:
    return int(rng.integers(len(content) + 1))


def _slice(content: bytes, rng: np.random.Generator) -> tuple[int, int]:
    start = _somewhere(content, rng)
    return start, min(len(content), start + int(2 ** rng.uniform(0, 10)))


def flip(content: bytes, rng: np.random.Generator) -> bytes:
    changed = bytearray(content)
    for place in rng.integers(0, len(content), int(rng.integers(1, 8))) if content else ():
        changed[int(place)] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def cut(content: bytes, rng: np.random.Generator) -> bytes:
    return content[: _somewhere(content, rng)]


def leave_out(content: bytes, rng: np.random.Generator) -> bytes:
    start, end = _slice(content, rng)
    return content[:start] + content[end:]


def repeat(content: bytes, rng: np.random.Generator) -> bytes:
    start, end = _slice(content, rng)
    return content[:end] + content[start:end] * int(rng.integers(1, 4)) + content[end:]


def insert_noise(content: bytes, rng: np.random.Generator) -> bytes:
    place = _somewhere(content, rng)
    return content[:place] + rng.bytes(int(rng.integers(1, 30))) + content[place:]


def insert_cell(content: bytes, rng: np.random.Generator) -> bytes:
    place = _somewhere(content, rng)
    cell = str(ODD_CELLS[int(rng.integers(len(ODD_CELLS)))]).encode("utf-8")
    return content[:place] + cell + content[place:]


def replace_field(content: bytes, rng: np.random.Generator) -> bytes:
    parts = content.split(b",")
    parts[int(rng.integers(len(parts)))] = str(ODD_CELLS[int(rng.integers(len(ODD_CELLS)))]).encode("utf-8")
    return b",".join(parts)


def insert_mark(content: bytes, rng: np.random.Generator) -> bytes:
    for mark in rng.choice([b'"', b",", b"\n", b"\r", b";", b"\t", b"\0", b"|", b"#"], int(rng.integers(1, 6))):
        place = _somewhere(content, rng)
        content = content[:place] + bytes(mark) + content[place:]
    return content


def shuffle_lines(content: bytes, rng: np.random.Generator) -> bytes:
    lines = content.splitlines(keepends=True)
    return b"".join(lines[place] for place in rng.permutation(len(lines)))


def drop_lines(content: bytes, rng: np.random.Generator) -> bytes:
    lines = content.splitlines(keepends=True)
    return b"".join(line for line in lines if rng.random() < rng.uniform(0.2, 1))


def put_above(content: bytes, rng: np.random.Generator) -> bytes:
    above = [b"Title\n", b"# remark\n", b"\n\n", b"\xef\xbb\xbf", b"a,b\n", b"sep=;\n", b",,,\n", b"[", b"{", b"PAR1"]
    return above[int(rng.integers(len(above)))] + content


def change_case(content: bytes, rng: np.random.Generator) -> bytes:
    return content.upper() if rng.random() < 0.5 else content.title()


def swap_marks(content: bytes, rng: np.random.Generator) -> bytes:
    one, other = rng.choice([b",", b";", b"\t", b".", b'"', b" ", b"\n"], 2, replace=False)
    return content.replace(bytes(one), bytes(other))


MUTATORS = (
    flip, cut, leave_out, repeat, insert_noise, insert_cell, replace_field, insert_mark, shuffle_lines, drop_lines,
    put_above, change_case, swap_marks,
)  # fmt: skip


def _damaged(rng: np.random.Generator) -> tuple[str, bytes]:
    """A good file of any format, damaged once or a few times, before it was packed or afterwards."""
    name = str(rng.choice(list(FORMATS)))
    content = FORMATS[name](good(rng, int(rng.integers(12, ROWS + 1))))
    times = int(rng.choice([1, 1, 1, 2, 3, 6]))
    chosen = [MUTATORS[int(place)] for place in rng.integers(0, len(MUTATORS), times)]
    packing = str(rng.choice(["", "", "", "", ".gz", ".zip"])) if name.endswith((".csv", ".txt", ".jsonl")) else ""
    is_packed_first = bool(rng.random() < 0.2)
    for stage in ("pack", "damage") if is_packed_first else ("damage", "pack"):
        if stage == "damage":
            for mutate in chosen:
                content = mutate(content, rng)
        elif packing:
            content = gzip.compress(content) if packing == ".gz" else zipped(content)
    return name + packing, content


def _with(cells: list[Any]) -> bytes:
    return _csv(good(np.random.default_rng(0)).assign(count=cells))


# What was found once: a name and a content by what it brought about.
FOUND: Mapping[str, tuple[str, bytes]] = {
    "a histogram without bars": ("t.csv", _with([float(2**53 + row) for row in range(ROWS)])),
    "bars too narrow to be named": ("t.csv", _with(["5e-324", "0.0"] * (ROWS // 2))),
    "too large for a forest": ("t.csv", _with([1e308, -1e308, 1.0] * (ROWS // 3))),
    "no rows left for validation": ("t.csv", b"a,b,y\n" + b"1,x,p\n2,x,q\n" * 20),
    "nothing left to compare": ("t.csv", b"a,y\n" + b"".join(b"%d,%d\n" % (row % 2, row % 2) for row in range(60))),
}


def case(number: int) -> Case:
    """The file of a number, always the same."""
    rng = np.random.default_rng([number, 6])
    task = str(rng.choice(["classify", "regress"])) if rng.random() < 0.3 else None
    if rng.random() < 0.5:
        name, content, target = _odd_table(rng)
        return Case(number, name, content, task, target)
    name, content = _damaged(rng)
    target = str(rng.choice(["class", "width", "price", "colour", "day"])) if rng.random() < 0.5 else None
    return Case(number, name, content, task, target)


# --- what is tried --------------------------------------------------------------------------------------------------


class TooSlow(BaseException):
    """What no handler for ordinary errors catches."""


@contextmanager
def _within(seconds: int) -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        raise TooSlow

    # Of the processor's time, since the machine may be busy; of the clock's, ten times as much.
    timers = ((signal.ITIMER_PROF, signal.SIGPROF, seconds), (signal.ITIMER_REAL, signal.SIGALRM, 10 * seconds))
    before = [signal.signal(name, stop) for _, name, _ in timers]
    for timer, _, most in timers:
        signal.setitimer(timer, most)
    try:
        yield
    finally:
        for (timer, name, _), handler in zip(timers, before, strict=True):
            signal.setitimer(timer, 0)
            signal.signal(name, handler)


def outcome(case: Case, folder: Path, *, fit: bool = False) -> str:
    """What becomes of the file: "an answer", the class of our error, or "FAULT: " and what is wrong."""
    path = folder / case.name
    path.write_bytes(case.content)
    try:
        with _within(6 * SECONDS if fit else SECONDS), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            (_fit if fit else _profile)(path, case)
    except AutomlError as error:
        fault = _unfit_for_people(str(error))
        return f"FAULT: {fault}: {error!r}" if fault else type(error).__name__
    except TooSlow:
        return f"FAULT: more than {SECONDS} seconds"
    except BaseException:  # noqa: BLE001  Arrow's errors and a panic of foreign code are not all exceptions.
        return f"FAULT: {traceback.format_exc(limit=-6)}"
    finally:
        path.unlink(missing_ok=True)
    return "an answer"


def _unfit_for_people(message: str) -> str:
    """What is wrong with the text of an error; nothing if it can be read."""
    if not message.replace("\n", " ").isprintable():
        return "characters that a terminal obeys"
    if len(message) > 2000:
        return "too long"
    if not message.rstrip().endswith((".", "?", "}", "]", ")")):
        return "no sentence"
    return ""


def _profile(path: Path, case: Case) -> None:
    """What `automl profile` does, for people and for programs."""
    from rich.console import Console

    from automl.data.profile import profile
    from automl.data.read import read
    from automl.diagnostics import NotApplicable, ask, to_json, worst_first
    from automl.evidence import of_table
    from automl.files import json_text
    from automl.reporting.findings import table as table_of_findings
    from automl.reporting.profile import show

    table = read(path)
    facts = profile(table.frame, target=_present(case.target, table.frame), task=case.task, repeated=table.repeated)
    answers = ask("data", of_table(table.frame, facts))
    failed = [answer for answer in answers if isinstance(answer, NotApplicable) and "check itself failed" in answer.why]
    assert not failed, failed
    told = {**facts.to_json(), "findings": [to_json(answer) for answer in answers]}
    json_text(told).encode("utf-8")
    shown = io.StringIO()
    console = Console(file=shown, width=100)
    console.print(show(facts, name=table.name, notes=table.notes))
    console.print(table_of_findings(worst_first(answers)))
    assert "\x1b" not in shown.getvalue(), "a terminal would obey"


def _present(target: str | None, frame: pd.DataFrame) -> str | None:
    """The target if it has survived; else whatever the tool chooses."""
    return target if target in frame.columns else None


def _fit(path: Path, case: Case) -> None:
    """What a fit does from the file to the saved model, and a prediction; two epochs of a linear network."""
    import keras

    from automl import files, model
    from automl.data.read import read
    from automl.ensemble import Member
    from automl.execution import workspace
    from automl.options import Options
    from automl.pipeline import write_workspace
    from automl.preparation import prepare
    from automl.space_files import read_space
    from automl.tasks import metric
    from automl.training.train import TrialFailed, train
    from automl.training.workshop import Workshop
    from automl.weights import named

    target = _present(case.target, read(path).frame)
    options = Options(task=case.task, target=target, families=("linear",), folds=1, trials=1)
    prepared = prepare(path, options)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_workspace(folder / "encoded", prepared)
        _, examples = workspace.read(folder / "encoded")
        workshop = Workshop(examples, prepared.task)
        params = {**read_space("linear").space.defaults(), "epochs": 2}
        try:
            trained = train(workshop, "linear", params, metric=metric(None, prepared.task), seed=0)
        except TrialFailed as error:
            raise AssertionError(error) from None
        workshop.network("linear", params).save(folder / "0.keras")
        files.write_arrays(folder / "0.npz", named(trained.weights))
        member = Member(0, "linear", params, 1.0, trained.parameters, networks=1, temperature=trained.temperature)
        model.save(
            folder / "model",
            networks={0: (folder / "0.keras", folder / "0.npz")},
            task=prepared.profile.target.task,
            target=prepared.specification,
            encoding=prepared.encoding,
            facts={"members": [vars(member)], "temperature": 1.0},
        )
        loaded = model.load(folder / "model")
        frame = read(path).frame
        answer = loaded.answer(frame, probabilities=True)
        assert len(answer) == len(frame)
        assert np.isfinite(answer.drop(columns="prediction").to_numpy(dtype=np.float64)).all()
        loaded.notes(frame)
    keras.backend.clear_session()


# --- all of them ----------------------------------------------------------------------------------------------------


def _outcomes(numbers: range, fit: bool, keep: Path) -> list[tuple[int, str, float]]:
    """Of a few files, in a process of their own."""
    told = []
    with tempfile.TemporaryDirectory() as temporary:
        for number in numbers:
            tried = case(number)
            # If foreign code ends the process, the file is there.
            last = keep / f"last-{os.getpid()}-{tried.name}"
            last.write_bytes(tried.content)
            began = time.monotonic()
            came = outcome(tried, Path(temporary), fit=fit)
            told.append((number, came, time.monotonic() - began))
            last.unlink()
            if came.startswith("FAULT"):
                (keep / f"{number}-{tried.name}").write_bytes(tried.content)
    return told


def _in_new_process(numbers: range, *, fit: bool, keep: Path) -> list[tuple[int, str, float]]:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        try:
            return pool.submit(_outcomes, numbers, fit, keep).result()
        except BrokenProcessPool:
            return [(numbers[0], f"FAULT: the process ended; the last of {len(numbers)} files is in {keep}", 0.0)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0, help="the number of the first file")
    parser.add_argument("--fit", action="store_true")
    parser.add_argument("--keep", type=Path, default=Path("found"), help="where files go that brought about a fault")
    asked = parser.parse_args()
    asked.keep.mkdir(parents=True, exist_ok=True)
    numbers = range(asked.first, asked.first + asked.files)
    size = FITS_PER_PROCESS if asked.fit else FILES_PER_PROCESS
    chunks = [numbers[start : start + size] for start in range(0, len(numbers), size)]
    counts: Counter[str] = Counter()
    slowest = (0.0, -1)
    began = time.monotonic()
    for chunk in chunks:
        for number, came, seconds in _in_new_process(chunk, fit=asked.fit, keep=asked.keep):
            counts[came.partition(":")[0]] += 1
            slowest = max(slowest, (seconds, number))
            if came.startswith("FAULT"):
                print(f"file {number}: {came}\n", flush=True)
    if not any(asked.keep.iterdir()):
        asked.keep.rmdir()
    figures = ", ".join(f"{came} {times:,}" for came, times in counts.most_common())
    print(
        f"{len(numbers):,} files in {time.monotonic() - began:.0f} s: {figures};"
        f" the slowest took {slowest[0]:.1f} s (file {slowest[1]})"
    )
    sys.exit(1 if counts["FAULT"] else 0)


if __name__ == "__main__":
    os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1")
    main()
