"""Whether a model predicts the same wherever it runs, and what its search recorded of it.

    python -m tests.benchmarks.round_trips --data FOLDER [--models 100] [--first 1]     # an hour or two on two cores
    python -m tests.benchmarks.round_trips --data FOLDER --models 30 --gaps 0.3 --zeros 0.3

FOLDER is as for `planted_faults.py`. Every model is trained on one of its tables, by one family after the other and,
every sixth, by three at once, and predicts the test rows:

* after the fit, in the same process, where the recorded test score must come out again;
* in new processes of one and of two threads, together, 32 and 256 rows at a time, and (the first 40) one by one;
* in a new process, as MLflow loads it.

With `--gaps` a share of all cells is made missing, with `--zeros` a share of the numbers exactly 0, with others on both
sides of it: what comparisons do with either is easily lost.

All must be the same to the bit. The table has, by family, which differ, and the largest difference of a probability or,
in units of the target's standard deviation, of a value.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow import MlflowClient
from numpy.typing import NDArray

import automl
from automl import families
from automl.data.read import read
from automl.errors import InputError
from automl.model import Model
from automl.tracking.store import address
from tests.benchmarks.planted_faults import Table, tables

MOST_ROWS = 1_200
TEST_ROWS = 300
ALONE = 40
# How many test rows a model predicts at a time.
AT_ONCE = {"together": TEST_ROWS, "256 at a time": 256, "32 at a time": 32}
SEVERAL = ("mlp", "realmlp", "boosted_trees")
SAME_SCORE = 1e-6


@dataclass(frozen=True)
class Journey:
    """What became of one model: the trips that changed it, and by how much at most."""

    table: str
    family: str
    differ: tuple[str, ...] = ()
    largest: float = 0.0
    same_score: bool = True
    refused: str = ""


@dataclass(frozen=True)
class Shares:
    """Of cells that are made missing, and of numbers that are made 0."""

    gaps: float = 0.0
    zeros: float = 0.0


def main(folder: Path, models: int, first: int, shares: Shares) -> bool:
    """Whether everything was the same, from the model of this number on; prints a table."""
    every = [*tables(folder, half="tune"), *tables(folder, half="report")]
    journeys = []
    with tempfile.TemporaryDirectory() as where:
        for number, (kinds, table) in enumerate(islice(zip(_families(), cycle(every), strict=False), models), 1):
            if number < first:
                continue
            journeys.append(travel(Path(where) / str(number), table, kinds, shares))
            print(f"{number}: {journeys[-1]}", file=sys.stderr, flush=True)
    print(_summary(journeys).to_string())
    return not any(journey.differ or journey.refused or not journey.same_score for journey in journeys)


def _summary(journeys: Sequence[Journey]) -> pd.DataFrame:
    rows = pd.DataFrame([dataclasses.asdict(journey) for journey in journeys])
    return rows.groupby("family").agg(
        models=("table", "size"),
        differ=("differ", lambda lists: ", ".join(sorted({trip for trips in lists for trip in trips})) or "none"),
        largest=("largest", "max"),
        same_score=("same_score", "sum"),
        refused=("refused", lambda reasons: sum(bool(reason) for reason in reasons)),
    )


def _families() -> Iterator[tuple[str, ...]]:
    for number, name in enumerate(cycle(families.names()), 1):
        yield (name,)
        if number % 5 == 0:
            yield SEVERAL


def with_shares(table: Table, shares: Shares) -> pd.DataFrame:
    """The table's first rows with more gaps and zeros."""
    frame = table.shuffled().head(MOST_ROWS)
    rng = table.rng("round trips")
    features = frame.drop(columns=table.target)
    if shares.zeros:
        numbers = features.select_dtypes("number").astype(float)
        centred = numbers - numbers.median()
        features = features.assign(**centred.mask(rng.random(centred.shape) < shares.zeros, 0.0))
    if shares.gaps:
        features = features.mask(rng.random(features.shape) < shares.gaps)
    return features.assign(**{table.target: frame[table.target]})


def travel(folder: Path, table: Table, kinds: tuple[str, ...], shares: Shares) -> Journey:
    """Trains one model in the folder, and says which of its trips it came back from as another."""
    folder.mkdir()
    frame = with_shares(table, shares)
    test = frame.tail(min(TEST_ROWS, len(frame) // 3))
    test.to_csv(folder / "test.csv", index=False)
    frame.drop(index=test.index).to_csv(folder / "train.csv", index=False)
    tracking = address(f"sqlite:///{folder}/mlflow.db")
    try:
        run = automl.fit(
            folder / "train.csv",
            target=table.target,
            test=folder / "test.csv",
            trials=len(kinds),
            # Long, so that the clock ends no training.
            time="15m",
            folds=1 if len(kinds) == 1 else None,
            # The recorded scores are those of the networks before that.
            refit=False,
            families=kinds,
            out=folder / "run",
            tracking_uri=tracking,
            quiet=True,
        )
    except InputError as refusal:
        return Journey(table.name, "+".join(kinds), refused=str(refusal))
    rows = read(folder / "test.csv").frame
    here = predictions(run.model, rows)
    unit = float(np.std(here)) if run.model.task == "regress" else 1.0
    differ, largest = [], 0.0
    for threads in ("1", "2"):
        for trip, away in _elsewhere(folder, tracking, threads=threads).items():
            if not np.array_equal(away, here[: len(away)]):
                differ.append(f"{trip}, threads {threads}")
            largest = max(largest, float(np.max(np.abs(away - here[: len(away)]))) / unit)
    again, recorded = run.model.score(rows)[run.metric.name], run.model.facts["scores"]["test"][run.metric.name]
    same_score = bool(np.isclose(again, recorded, rtol=SAME_SCORE))
    return Journey(table.name, "+".join(kinds), tuple(differ), largest, same_score)


def predictions(model: Model, rows: pd.DataFrame) -> NDArray[Any]:
    """Probabilities, shape (rows, classes), or values, shape (rows, 1)."""
    values = model.predict(rows) if model.task == "regress" else model.predict_proba(rows).to_numpy()
    return values.reshape(len(rows), -1)


def _elsewhere(folder: Path, tracking: str, *, threads: str) -> dict[str, NDArray[Any]]:
    limits = {"TF_NUM_INTRAOP_THREADS": threads, "TF_NUM_INTEROP_THREADS": threads, "OMP_NUM_THREADS": threads}
    subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.round_trips", "--there", str(folder), tracking],
        env={**os.environ, **limits},
        check=True,
        capture_output=True,
    )
    with np.load(folder / "answers.npz") as answers:
        return dict(answers)


def there(folder: Path, tracking: str) -> None:
    """What a new process predicts, left in the folder."""
    rows = read(folder / "test.csv").frame
    model = automl.load(folder / "run")
    answers: dict[str, Any] = {}
    for trip, size in AT_ONCE.items():
        parts = [rows.iloc[first : first + size] for first in range(0, len(rows), size)]
        answers[trip] = np.concatenate([predictions(model, part) for part in parts])
    answers["one at a time"] = np.concatenate([predictions(model, rows.iloc[[row]]) for row in range(ALONE)])
    client = MlflowClient(tracking)
    [logged] = client.search_logged_models([each.experiment_id for each in client.search_experiments()])
    served = mlflow.pyfunc.load_model(logged.artifact_location).predict(rows)
    names = [name for name in served if name.startswith("probability_")] or ["prediction"]
    answers["MLflow"] = served[names].to_numpy(float)
    np.savez(folder / "answers.npz", **answers)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--models", type=int, default=100)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--gaps", type=float, default=0.0)
    parser.add_argument("--zeros", type=float, default=0.0)
    parser.add_argument("--there", nargs=2, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.there:
        there(Path(chosen.there[0]), chosen.there[1])
    else:
        began = time.monotonic()
        as_wanted = main(chosen.data, chosen.models, chosen.first, Shares(chosen.gaps, chosen.zeros))
        print(f"{time.monotonic() - began:.0f} s")
        sys.exit(not as_wanted)
