"""Chooses the settings that a search begins with: trains candidates on development tables, and picks those that help.

    python tests/benchmarks/portfolio.py measure RESULTS TABLE.csv… [--target NAME] [--draws 4] [--seconds 60]
    python tests/benchmarks/portfolio.py choose RESULTS > search_spaces/portfolio.yaml

`measure` trains, on each table, the defaults of every family that a run would try, what CANDIDATES lists, and some
random settings, each to its end as a run with folds would, and keeps predictions and seconds; what RESULTS holds
already is not trained again.
`choose` picks settings greedily, for each size of tables: always the one that lowers the error most per second when
its predictions join those before it in an ensemble. The error is that on the test rows, on the mean over the tables: by
what share of itself it lies above the best error seen on the table (TabArena's improvability). A step has to gain two
per mille. How far each step came is told on the error stream. Beside these stands the setting that is nearest to the
best alone (median over the tables), for runs of few trials.

Never measure on tables that results are reported on.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from automl.execution.launcher import ENVIRONMENT

os.environ.update(ENVIRONMENT)

import numpy as np

from automl import files
from automl.ensemble import MOST_MEMBERS, blend, select
from automl.execution import workspace
from automl.options import Options
from automl.pipeline import write_workspace
from automl.preparation import prepare
from automl.space_files import read_space
from automl.tasks import metric, task
from automl.training.train import TrialFailed, train
from automl.training.workshop import Workshop

# What publications and other tools begin with, beside the families' own defaults.
CANDIDATES: Mapping[str, list[dict[str, Any]]] = {
    "mlp": [
        {"units": 128},
        {"units": 128, "layers": 2, "dropout": 0.4},
        {"activation": "selu", "learning_rate": 1.0e-3},
        {"normalization": "batch", "dropout": 0.1, "learning_rate": 5.0e-3},
        {"units": 512, "layers": 2, "dropout": 0.5},
    ],
    "realmlp": [
        {"epochs": 64},
        {"layers": 4, "activation": "mish", "dropout": 0.45, "learning_rate": 0.03, "weight_decay": 0.04},
        {"sigma": 1.0, "dropout": 0.3},
        {"units": 384, "layers": 2},
    ],
    "tabm": [{"units": 256}, {"variant": "mini", "members": 16}],
    "boosted_trees": [
        {"leaves": 96, "column_share": 0.5},
        {"leaves": 6, "learning_rate": 0.1},
        {"leaves": 48, "leaf_rows": 5, "learning_rate": 0.03},
    ],
    "forest": [
        {"splits": "best", "leaf_rows": 2, "column_share": 0.35},
        {"leaf_rows": 5},
        {"splits": "best", "leaf_rows": 5, "column_share": 0.7},
    ],
}
LEAST_GAIN = 0.002
# The most training rows of a class of tables. Hardly any development table has more than 50,000, so that the last class
# begins where three have more.
CLASSES = (2_000, 15_000, None)


def measure(
    table: Path, results: Path, *, target: str | None, families: tuple[str, ...], draws: int, seconds: float
) -> None:
    """Trains every candidate on a table, and adds one line for each to the table's file."""
    done = {line["setting"] for line in _lines(results / f"{table.parent.name}.jsonl")}
    prepared = prepare(table, Options(target=target, split="0.55/0.15/0.3", families=families))
    with tempfile.TemporaryDirectory() as folder:
        write_workspace(Path(folder) / "encoded", prepared)
        name, examples = workspace.read(Path(folder) / "encoded")
    workshop = Workshop(examples, task(name))
    objective = metric(None, workshop.task)
    for candidate in (each for each in prepared.candidates if each.taken):
        for own in _settings(candidate.name, candidate.space, draws):
            setting = json.dumps({"family": candidate.name, **own}, sort_keys=True)
            if setting in done:
                continue
            params = candidate.space.with_values(own)
            began = time.monotonic()
            line: dict[str, Any] = {"table": table.parent.name, "rows": len(prepared.split.train), "setting": setting}
            try:
                trained = train(
                    workshop, candidate.name, params, metric=objective, seed=0, until=began + seconds, report=_silent
                )
                number = len(done)
                files.write_arrays(results / table.parent.name / f"{number:04d}.npz", dict(trained.predictions))
                line |= {
                    "number": number,
                    "seconds": trained.seconds,
                    "stopped": trained.stopped,
                    "best_epoch": trained.best_epoch,
                    "scores": {part: own[objective.name] for part, own in trained.scores.items()},
                }
            except TrialFailed as failure:
                line["failed"] = str(failure)
            done.add(setting)
            with (results / f"{table.parent.name}.jsonl").open("a") as file:
                file.write(json.dumps(line) + "\n")
            print(json.dumps(line), flush=True)
    targets = {part: prepared.targets[rows] for part, rows in prepared.split.parts().items()}
    files.write_arrays(results / table.parent.name / "targets.npz", {**targets, "task": np.array(name)})


def choose(results: Path) -> None:
    """Prints the portfolio as YAML."""
    every = [_Table(results, path.stem) for path in sorted(results.glob("*.jsonl"))]
    print("# The settings that a search begins with, by the number of training rows, by what they gain per second.")
    print("# Made by tests/benchmarks/portfolio.py; what a setting does not say is as in its family's defaults.")
    least = 0
    for most in CLASSES:
        tables = [table for table in every if least < table.rows <= (most or table.rows)]
        least = most or 0
        print(f"# On {', '.join(table.name for table in tables)}.")
        print(f"- most_rows: {most}\n  alone: {_yaml(_alone(tables))}" if most else f"- alone: {_yaml(_alone(tables))}")
        print("  settings:")
        for setting in _chosen(tables):
            print(f"    - {_yaml(setting)}")


def _alone(tables: list[_Table]) -> dict[str, Any]:
    """Of the settings that were trained on every table, the one that is nearest to the best on most of them.

    Not the one with the lowest mean: where the best error is next to nothing, all but one setting are wholly behind.
    """
    settings = set.intersection(*(set(table.numbers) for table in tables))
    behind = {setting: [table.regret([setting]) for table in tables] for setting in settings}
    best = min(behind, key=lambda setting: (float(np.median(behind[setting])), float(np.mean(behind[setting]))))
    print(f"{np.median(behind[best]):.1%} (median) above the best with {best} alone", file=sys.stderr)
    return _of(best)


def _chosen(tables: list[_Table]) -> Iterator[dict[str, Any]]:
    """The settings in the order in which they help."""
    settings = set().union(*(table.numbers for table in tables))
    seconds = {
        setting: float(np.median([table.seconds(setting) for table in tables if setting in table.numbers]))
        for setting in settings
    }
    chosen: list[str] = []
    reached = 1.0
    while True:
        worth = {
            setting: float(np.mean([table.regret([*chosen, setting]) for table in tables]))
            for setting in settings - set(chosen)
        }
        useful = [setting for setting in worth if reached - worth[setting] >= LEAST_GAIN]
        if not useful:
            return
        best = max(useful, key=lambda setting: (reached - worth[setting]) / seconds[setting])
        chosen.append(best)
        reached = worth[best]
        each = " ".join(f"{table.name} {table.regret(chosen):.1%}" for table in tables)
        print(f"{reached:.1%} above the best after {best} ({seconds[best]:.1f} s): {each}", file=sys.stderr)
        yield _of(best)


def _of(setting: str) -> dict[str, Any]:
    own = json.loads(setting)
    return {"family": own.pop("family"), **own}


def _yaml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_yaml(own)}" for name, own in value.items()) + "}"
    return f"{value:.3g}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else str(value)


class _Table:
    """What was measured on one table."""

    def __init__(self, results: Path, name: str) -> None:
        self.name = name
        self.rows = int(_lines(results / f"{name}.jsonl")[0]["rows"])
        # Nobody is to begin with a family that has to be asked for.
        self.lines = {
            line["number"]: line
            for line in _lines(results / f"{name}.jsonl")
            if "number" in line and not read_space(json.loads(line["setting"])["family"]).on_request
        }
        self.numbers = {line["setting"]: number for number, line in self.lines.items()}
        self._predictions = {n: files.read_arrays(results / name / f"{n:04d}.npz") for n in self.lines}
        self._targets = files.read_arrays(results / name / "targets.npz")
        self._task = task(str(self._targets["task"]))
        self._metric = metric(None, self._task)
        self._known: dict[frozenset[str], float] = {}
        self._best = self._error(list(self.numbers))
        self._best = min([self._best, *(self._error([setting]) for setting in self.numbers)])

    def seconds(self, setting: str) -> float:
        """What it took to train."""
        return float(self.lines[self.numbers[setting]]["seconds"])

    def regret(self, settings: list[str]) -> float:
        """By what share of itself the error of the settings' ensemble lies above the best seen.

        A setting whose family does not suit the table, or whose training failed, adds nothing to the others.
        """
        known = [setting for setting in settings if setting in self.numbers]
        return 1 - self._best / self._error(known) if known else 1.0

    def _error(self, settings: list[str]) -> float:
        key = frozenset(settings)
        if key not in self._known:
            numbers = sorted((self.numbers[s] for s in settings), key=lambda n: self.lines[n]["scores"]["val"])
            predictions = [self._predictions[number]["val"] for number in numbers]
            weights = select(predictions, self._targets["val"], self._metric, most=MOST_MEMBERS)
            test = blend([self._predictions[number]["test"] for number in numbers], list(weights))
            self._known[key] = self._metric.function(self._targets["test"], test)
        return self._known[key]


def _settings(family: str, space: Any, draws: int) -> Iterator[dict[str, Any]]:
    yield {}
    yield from (own for own in CANDIDATES.get(family, ()) if space.with_values(own) in space)
    rng = np.random.default_rng(1)
    defaults = space.defaults()
    for _ in range(draws):
        drawn = space.sample(rng)
        yield {name: value for name, value in drawn.items() if defaults.get(name) != value}


def _silent(curves: Mapping[str, list[float]]) -> None:
    """Nobody waits for the curves."""


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["measure", "choose"])
    parser.add_argument("results", type=Path)
    parser.add_argument("tables", type=Path, nargs="*")
    parser.add_argument("--target")
    parser.add_argument("--families", default="", help="others than a run would try, with commas between them")
    parser.add_argument("--draws", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=60.0)
    arguments = parser.parse_args()
    if arguments.what == "choose":
        choose(arguments.results)
    for path in arguments.tables:
        (arguments.results / path.parent.name).mkdir(parents=True, exist_ok=True)
        measure(
            path,
            arguments.results,
            target=arguments.target,
            families=tuple(filter(None, arguments.families.split(","))),
            draws=arguments.draws,
            seconds=arguments.seconds,
        )
