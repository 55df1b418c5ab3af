"""Changes of a file that mean nothing: does the same model come of it, and does it say the same of every row?

    python -m tests.benchmarks.harmless --data FOLDER [--tables 10]      # an hour or more on two cores

FOLDER is as for `planted_faults.py`. A table is written plainly and in each of the changed forms that can hold it
exactly, and networks of three families are trained on each file, with one seed and one worker. Their encoding and
their validation scores must be the same, and what both models say of either file, to the bit.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

import automl
from automl.data.read import read
from automl.model import SCHEMA, Model
from automl.tracking.store import address
from tests.benchmarks.fuzz import zipped
from tests.benchmarks.planted_faults import Table, tables
from tests.benchmarks.round_trips import predictions

FAMILIES = ("linear", "mlp", "boosted_trees")
MOST_ROWS = 1_000
SAME, NOT_FOR_IT = "same", "not for it"

# The path of the changed file in the folder.
Change = Callable[[pd.DataFrame, Path], Path]


def _write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def _csv(frame: pd.DataFrame) -> bytes:
    return frame.to_csv(index=False).encode()


def _spaced(content: bytes) -> bytes:
    """Behind every cell; in the tables that it is for, no quoted cell holds a comma."""
    return content.replace(b",", b" , ").replace(b"\n", b" \n")


def _json_lines(frame: pd.DataFrame) -> bytes:
    # Not by `to_json`, which writes at most 15 digits.
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


CHANGES: Mapping[str, Change] = {
    "mark": lambda frame, folder: _write(folder / "t.csv", b"\xef\xbb\xbf" + _csv(frame)),
    "crlf": lambda frame, folder: _write(folder / "t.csv", _csv(frame).replace(b"\n", b"\r\n")),
    "gzip": lambda frame, folder: _write(folder / "t.csv.gz", gzip.compress(_csv(frame))),
    "zip": lambda frame, folder: _write(folder / "t.zip", zipped(_csv(frame))),
    "semicolons": lambda frame, folder: _write(folder / "t.csv", frame.to_csv(index=False, sep=";").encode()),
    "tabs": lambda frame, folder: _write(folder / "t.tsv", frame.to_csv(index=False, sep="\t").encode()),
    "column order": lambda frame, folder: _write(folder / "t.csv", _csv(frame[frame.columns[::-1]])),
    "constant column": lambda frame, folder: _write(folder / "t.csv", _csv(frame.assign(source="survey"))),
    "row index": lambda frame, folder: _write(folder / "t.csv", frame.to_csv().encode()),
    "named row index": lambda frame, folder: _write(folder / "t.csv", frame.to_csv(index_label="row").encode()),
    "quoted cells": lambda frame, folder: _write(folder / "t.csv", frame.to_csv(index=False, quoting=1).encode()),
    "spaces": lambda frame, folder: _write(folder / "t.csv", _spaced(_csv(frame))),
    "utf-16": lambda frame, folder: _write(folder / "t.csv", _csv(frame).decode().encode("utf-16")),
    "parquet": lambda frame, folder: _write(folder / "t.parquet", frame.to_parquet()),
    "json lines": lambda frame, folder: _write(folder / "t.jsonl", _json_lines(frame)),
    "remarks above": lambda frame, folder: _write(folder / "t.csv", b"# made by hand\n" + _csv(frame)),
}


def can_hold(change: str, frame: pd.DataFrame) -> bool:
    """Whether the changed form has a place for every cell of the table."""
    known = [frame[name].dropna() for name in frame.columns]
    if change == "spaces":
        texts = [str(cell) for column in known if column.dtype.kind == "O" for cell in column]
        return not any(text != text.strip() or set(text) & set(',"\n') for text in texts)
    if change == "parquet":
        return all(column.map(type).nunique() <= 1 for column in known)
    return True


@dataclass(frozen=True)
class Fitted:
    """What came of a file: the encoding, the validation scores of the trials, the model, and the file's rows."""

    encoding: object
    objectives: list[float | None]
    model: Model
    rows: pd.DataFrame

    def differences(self, other: Fitted) -> list[str]:
        """What is not the same."""
        said = predictions(self.model, self.rows)
        compared = {
            "encoding": self.encoding == other.encoding,
            "scores": self.objectives == other.objectives,
            "its own rows": np.array_equal(said, predictions(other.model, other.rows)),
            "the plain rows": np.array_equal(said, predictions(other.model, self.rows)),
            "rows of the plain model": np.array_equal(said, predictions(self.model, other.rows)),
        }
        return [what for what, is_same in compared.items() if not is_same]


def fitted(path: Path, table: Table) -> Fitted:
    """Trains one network of each family, always in the same order."""
    run = automl.fit(
        path,
        target=table.target,
        task=table.task,
        families=FAMILIES,
        trials=len(FAMILIES),
        # Long, so that the clock decides nothing.
        time="10m",
        folds=1,
        refit=False,
        workers=1,
        seed=1,
        out=path.parent / "run",
        tracking_uri=address(f"sqlite:///{path.parent}/mlflow.db"),
        quiet=True,
    )
    schema = json.loads((run.path / "model" / SCHEMA).read_text(encoding="utf-8"))
    encoding = {part: schema[part] for part in ("task", "target", "columns")}
    return Fitted(encoding, [trial.objective for trial in run.trials], run.model, read(path).frame)


def tried(table: Table, folder: Path) -> dict[str, str]:
    """By change: "same", what differed, or "not for it" where the form cannot hold the table."""
    frame = table.shuffled().head(MOST_ROWS).reset_index(drop=True)
    (folder / "plain").mkdir()
    plain = fitted(_write(folder / "plain" / "t.csv", _csv(frame)), table)
    answers = {}
    for name, change in CHANGES.items():
        if can_hold(name, frame):
            (folder / name).mkdir()
            answers[name] = ", ".join(plain.differences(fitted(change(frame, folder / name), table))) or SAME
        else:
            answers[name] = NOT_FOR_IT
    return answers


def main(folder: Path, count: int) -> bool:
    """Whether everything was the same; prints a table, and what was not."""
    every = sorted((*tables(folder, half="tune"), *tables(folder, half="report")), key=lambda table: table.name)
    # From the whole alphabet.
    chosen = every[:: max(1, len(every) // count)][:count]
    rows = {}
    for table in chosen:
        with tempfile.TemporaryDirectory() as where:
            rows[table.name] = tried(table, Path(where))
        print(table.name, rows[table.name], file=sys.stderr, flush=True)
    answers = pd.DataFrame(rows).T
    counts = {name: (answers == name).sum() for name in (SAME, NOT_FOR_IT)}
    print(pd.DataFrame({**counts, "differs": len(answers) - sum(counts.values())}).to_string())
    differ = [
        f"{table}, {change}: {answer}"
        for table, own in rows.items()
        for change, answer in own.items()
        if answer not in counts
    ]
    print(*(differ or ["Nothing differs."]), sep="\n")
    return not differ


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--tables", type=int, default=10)
    chosen = parser.parse_args()
    began = time.monotonic()
    as_wanted = main(chosen.data, chosen.tables)
    print(f"{time.monotonic() - began:.0f} s")
    sys.exit(not as_wanted)
