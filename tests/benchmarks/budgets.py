"""By how much runs of the command line overrun the time that they were given, the start of Python included.

    python -m tests.benchmarks.budgets [--budgets 10 30 120] [--shapes tall wide]    # half an hour, on a quiet machine

Eight shapes: of the table (few rows, many rows, many columns, many categories, many classes), of the search (all that
`--quality best` does, networks that take long to compile and to train), and a worker that stops to answer halfway.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from automl.data.cards import card

SEED = 5
# What may be asked of the median and of the longest: a share of the budget, or seconds, whichever is more.
MEDIAN, LONGEST = (0.03, 2.0), (0.05, 5.0)


@dataclass(frozen=True)
class Shape:
    """What makes a table with the column `target`, what else the command is given, and whether workers stop halfway."""

    table: Callable[[], pd.DataFrame]
    options: tuple[str, ...] = ()
    stops: bool = False


def made(rows: int, columns: int, *, classes: int = 2, levels: int = 0) -> pd.DataFrame:
    """Numbers or, with `levels`, categories; the target depends on two of the columns."""
    rng = np.random.default_rng(SEED)
    cells = rng.integers(0, levels, (rows, columns)) if levels else rng.normal(size=(rows, columns))
    frame = pd.DataFrame(cells, columns=[f"x{column}" for column in range(columns)])
    merit = frame["x0"].rank(pct=True) + frame["x1"].rank(pct=True) + rng.uniform(0, 0.5, rows)
    frame["target"] = pd.qcut(merit, classes, labels=[f"class {each}" for each in range(classes)])
    # A number would be read as one.
    return frame.map(lambda cell: f"v{cell}") if levels else frame


def flowers() -> pd.DataFrame:
    """The shipped penguins, with their species as the target."""
    return pd.read_csv(card("penguins").path).rename(columns={"species": "target"})


SHAPES = {
    "few rows": Shape(flowers),
    "tall": Shape(lambda: made(200_000, 20)),
    "wide": Shape(lambda: made(800, 1_500)),
    "categories": Shape(lambda: made(20_000, 8, levels=5_000)),
    "classes": Shape(lambda: made(10_000, 20, classes=100)),
    "best": Shape(lambda: made(4_000, 15), ("--quality", "best")),
    "large networks": Shape(
        lambda: made(4_000, 20),
        ("--families", "mlp", "--set", "mlp.layers=8", "--set", "mlp.units=1024", "--set", "mlp.epochs=1000"),
    ),
    "stopped worker": Shape(lambda: made(4_000, 15), ("--families", "mlp,realmlp"), stops=True),
}


def overrun(folder: Path, shape: Shape, budget: float) -> tuple[float, int]:
    """Seconds by which a run was late, negative if it was early, and its exit code."""
    shape.table().to_csv(folder / "t.csv", index=False)
    command = ["fit", "t.csv", "--target", "target", "--time", f"{budget:g}s", "--quiet", *shape.options]
    began = time.monotonic()
    with (folder / "said.txt").open("w") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "automl", *command], cwd=folder, stdout=said, stderr=said, start_new_session=True
        )
    if shape.stops:
        time.sleep(budget / 2)
        for pid in _trainers(process.pid):
            os.kill(pid, signal.SIGSTOP)
    code = process.wait()
    return time.monotonic() - began - budget, code


def _trainers(main: int) -> list[int]:
    """The processes that the launching process, a child of the main one, has started."""

    def children(pid: int) -> list[int]:
        lists = Path(f"/proc/{pid}/task").glob("*/children")
        return [int(child) for each in lists for child in each.read_text().split()]

    return [worker for launcher in children(main) for worker in children(launcher)]


def main() -> None:
    """Prints a line for every run and a table; ends with 1 if a run fails or the overruns are more than they may be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--budgets", type=float, nargs="+", default=[10.0, 30.0, 120.0])
    parser.add_argument("--shapes", nargs="+", default=list(SHAPES), choices=list(SHAPES))
    asked = parser.parse_args()
    late = pd.DataFrame(index=asked.shapes, columns=asked.budgets, dtype=float)
    failed = 0
    for budget in asked.budgets:
        for name in asked.shapes:
            with tempfile.TemporaryDirectory() as folder:
                late.loc[name, budget], code = overrun(Path(folder), SHAPES[name], budget)
                said = (Path(folder) / "said.txt").read_text().strip().splitlines()
            failed += code not in (0, 4)
            print(f"{budget:g} s, {name}: {late.loc[name, budget]:+.1f} s, exit {code} {said[-1:] or ''}", flush=True)
    print(late.round(1).to_string())
    allowed = [
        max(share * budget, seconds) >= measure(late[budget])
        for budget in asked.budgets
        for (share, seconds), measure in ((MEDIAN, statistics.median), (LONGEST, max))
    ]
    sys.exit(failed > 0 or not all(allowed))


if __name__ == "__main__":
    main()
