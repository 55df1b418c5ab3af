"""How often the checks of a search find that its ranges are too narrow, and name what mattered, on real tables.

    python -m tests.benchmarks.planted_searches --data FOLDER --trials FILE [--half report] [--names]

FOLDER is as for `planted_faults.py`. Real networks are trained in this process, forty settings a search; FILE keeps
their scores, so that whoever changes a check trains nothing again.

A range counts as too narrow where eight settings from beyond its end, which are one of the best each in everything
else, have lower validation errors than those (paired, 1.645 standard errors). A plant that is not is harmless, and an
edge that is named and is not is wrong. Too few epochs make higher learning rates and smaller batches better too: a
plant counts as found where any edge is named that is one.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from automl.diagnostics._importance import importance
from automl.diagnostics.edge_of_range import Side, edges, wider
from automl.diagnostics.tuned_parameters import LEAST_EXPLAINED, mattering
from automl.execution import workspace
from automl.options import Options
from automl.pipeline import write_workspace
from automl.preparation import Prepared, prepare
from automl.search import propose
from automl.space import Choice, SearchSpace, Value
from automl.space_files import change, read_space
from automl.tasks import metric
from automl.training.train import TrialFailed, train
from automl.training.workshop import Workshop
from automl.trial import Trial, finished
from tests.benchmarks.planted_faults import Table
from tests.benchmarks.planted_trainings import SURE, usable

FAMILY = "mlp"
TRIALS, BEYOND = 40, 8
ALGORITHMS = ("random", "bayesian")
# The usual spaces have up to 150 epochs, which takes long and says the same.
USUAL = ("epochs=10..30",)


@dataclass(frozen=True)
class Plant:
    """An end of a range that is far from good settings, and the ranges to search."""

    parameter: str
    side: Side
    ranges: tuple[str, ...]


PLANTS: Mapping[str, Plant] = {
    "small_steps": Plant("learning_rate", "high", (*USUAL, "learning_rate=1e-5..2e-4", "optimizer=adam,adamw")),
    "few_epochs": Plant("epochs", "high", ("epochs=1..6", "learning_rate=1e-4..1e-3")),
    "much_dropout": Plant("dropout", "low", (*USUAL, "dropout=0.6..0.95")),
    "few_units": Plant("units", "high", (*USUAL, "units=2,4,8", "layers=2")),
}
CLEAN = "clean"


@dataclass(frozen=True)
class Search:
    """One search on one table. What it is known by in the file are its name, its table and its algorithm."""

    name: str
    table: Table
    algorithm: str

    @property
    def seed(self) -> int:
        """Another one for each search, or one lucky draw of settings would count for all tables."""
        return int(self.table.rng(f"{self.name} {self.algorithm}").integers(1_000_000))

    @property
    def ranges(self) -> tuple[str, ...]:
        return PLANTS[self.name].ranges if self.name in PLANTS else USUAL

    @cached_property
    def space(self) -> SearchSpace:
        return change(read_space(FAMILY), self.ranges).for_table(task=self.table.task, rows=len(self.table.frame))

    def beyond(self, parameter: str, side: Side, further: str) -> list[Value]:
        """Values between the end of a range and that of a wider one."""
        inside, outside = (
            space.parameters[parameter] for space in (self.space, change(read_space(FAMILY), [further]).space)
        )
        if isinstance(outside, Choice):
            assert isinstance(inside, Choice)
            return [next(value for value in outside.values if value not in inside.values)] * BEYOND
        assert not isinstance(inside, Choice)
        places = [outside.at(place) for place in (np.arange(1000) + 0.5) / 1000]
        beyond = [value for value in places if (value < inside.low if side == "low" else value > inside.high)]
        return [beyond[int(place)] for place in np.linspace(0, len(beyond) - 1, BEYOND)]


class Kept:
    """The trials that were trained, in a file of JSON lines."""

    def __init__(self, path: Path) -> None:
        self._path = path
        lines = path.read_text().splitlines() if path.exists() else []
        self._known: dict[str, list[dict[str, Any]]] = {}
        for line in lines:
            row = json.loads(line)
            self._known[row["search"]] = row["trials"]

    def trials(self, key: str) -> list[Trial] | None:
        known = self._known.get(key)
        return None if known is None else [Trial(number, FAMILY, **row) for number, row in enumerate(known)]

    def add(self, key: str, trials: Sequence[Trial]) -> None:
        rows = [{"params": t.params, "status": t.status, "objective": t.objective} for t in trials]
        self._known[key] = rows
        with self._path.open("a") as file:
            file.write(json.dumps({"search": key, "trials": rows}) + "\n")


class Trainer:
    """Trains settings on a table."""

    def __init__(self, table: Table, folder: Path) -> None:
        self._folder = folder
        options = Options(
            target=table.target, task=table.task, families=(FAMILY,), folds=1, seconds=None, trials=TRIALS
        )
        self.prepared: Prepared = prepare(table.frame, options)
        write_workspace(folder / "encoded", self.prepared)
        self._workshop = Workshop(workspace.read(folder / "encoded")[1], self.prepared.task)
        self._metric = metric(None, self.prepared.task)

    def trial(self, number: int, params: Mapping[str, Value]) -> Trial:
        try:
            made = train(self._workshop, FAMILY, dict(params), metric=self._metric, seed=number)
        except TrialFailed:
            return Trial(number, FAMILY, dict(params), "failed")
        return Trial(number, FAMILY, dict(params), "finished", objective=made.objective)


def trials_of(search: Search, kept: Kept) -> list[Trial]:
    """The search's trials, trained now if need be."""
    key = f"{search.name} {search.table.name} {search.algorithm}"
    known = kept.trials(key)
    if known is not None:
        return known
    trials: list[Trial] = []
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(search.table, Path(folder))
        while len(trials) < TRIALS:
            proposed = propose(search.algorithm, {FAMILY: search.space}, trials, seed=search.seed)
            if proposed is None:
                break
            trials.append(trainer.trial(len(trials), proposed[1]))
    kept.add(key, trials)
    return trials


def is_too_narrow(
    search: Search, trials: Sequence[Trial], parameter: str, side: Side, further: str, kept: Kept
) -> bool:
    """Whether settings from beyond the end are better than the best of the search."""
    best = finished(trials)[:BEYOND]
    key = f"{search.name} {search.table.name} {search.algorithm} beyond {parameter} {side}"
    outside = kept.trials(key)
    if outside is None:
        values = search.beyond(parameter, side, further)
        with tempfile.TemporaryDirectory() as folder:
            trainer = Trainer(search.table, Path(folder))
            outside = [
                trainer.trial(trial.number, {**trial.params, parameter: value})
                for trial, value in zip(best, values, strict=True)
            ]
        kept.add(key, outside)
    errors = np.array([[trial.objective for trial in trials] for trials in (best, outside)], dtype=float)
    gains = errors[0] - errors[1]
    gains = gains[np.isfinite(gains)]
    return bool(len(gains) > 1 and gains.mean() > SURE * gains.std(ddof=1) / np.sqrt(len(gains)))


def every_search(
    data: Path, *, half: str, tables: int, names: Sequence[str], algorithms: Sequence[str]
) -> Iterator[Search]:
    every = list(islice(usable(data, half=half), tables))
    for algorithm in algorithms:
        for name in names:
            for table, _ in every:
                yield Search(name, table, algorithm)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--trials", type=Path, required=True)
    parser.add_argument("--half", choices=["tune", "report"], default="report")
    parser.add_argument("--tables", type=int, default=20)
    parser.add_argument("--searches", default=",".join([*PLANTS, CLEAN]))
    parser.add_argument("--algorithms", default=",".join(ALGORITHMS))
    parser.add_argument("--names", action="store_true", help="name the tables that were missed or accused")
    arguments = parser.parse_args()
    kept = Kept(arguments.trials)
    counts: dict[tuple[str, str], Counter[str]] = {}
    remarks = []
    for search in every_search(
        arguments.data,
        half=arguments.half,
        tables=arguments.tables,
        names=arguments.searches.split(","),
        algorithms=arguments.algorithms.split(","),
    ):
        trials = trials_of(search, kept)
        count = counts.setdefault((search.name, search.algorithm), Counter())
        told = judged(search, trials, kept)
        count.update(told)
        remarks += [f"{search.name}, {search.algorithm}: {search.table.name}: {one}" for one in told]
    print("| search | by | found / too narrow | wrong / named edges | searches | named / known to matter |")
    print("|---|---|---|---|---|---|")
    for (name, algorithm), count in counts.items():
        plants, edges_named = count["found"] + count["missed"], count["wrong"] + count["right"]
        print(
            f"| {name} | {algorithm} | {count['found']} / {plants} | {count['wrong']} / {edges_named} "
            f"| {count['searches']} | {count['named']} / {count['named'] + count['not named']} |"
        )
    if arguments.names:
        print("", *remarks, sep="\n")


def judged(search: Search, trials: Sequence[Trial], kept: Kept) -> list[str]:
    """What the checks made of a search, in the words that are counted."""
    best_first = finished(trials)
    named = [(edge.parameter, edge.side, edge.wider.split(".", 1)[1]) for edge in edges(search.space, best_first)]
    verdicts = ["right" if is_too_narrow(search, trials, *edge, kept) else "wrong" for edge in named]
    planted = PLANTS.get(search.name)
    if planted and is_too_narrow(search, trials, planted.parameter, planted.side, widened(search, planted), kept):
        verdicts.append("found" if "right" in verdicts else "missed")
        matters = importance(search.space, best_first, seed=search.seed)
        is_named = matters.explained >= LEAST_EXPLAINED and planted.parameter in mattering(matters)
        verdicts.append("named" if is_named else "not named")
    return ["searches", *verdicts]


def widened(search: Search, planted: Plant) -> str:
    """The planted range with more beyond its end, as the check would advise it."""
    said = wider(search.space.parameters[planted.parameter], planted.side)
    assert said is not None
    return f"{planted.parameter}={said}"


if __name__ == "__main__":
    main()
