"""Trials per minute: a fit of ours, MLflow included, against KerasTuner's RandomSearch on the same arrays and space.

    python tests/benchmarks/trial_speed.py --rows 2000 10000 50000

Both take turns on the same machine. The space: 1-4 layers of 64-512 units, dropout 0-0.5, learning rate 1e-4-1e-2,
batch 128 or 256, 20 epochs without early stopping. Loading TensorFlow is left out on both sides.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

EPOCHS = 20
COLUMNS = 20
SETTINGS = (
    "mlp.layers=1..4",
    "mlp.units=64,128,256,512",
    "mlp.activation=relu",
    "mlp.normalization=none",
    "mlp.initializer=glorot_uniform",
    "mlp.embedding_size=8",
    "mlp.scaling=quantile",
    "mlp.dropout=0..0.5",
    "mlp.optimizer=adam",
    "mlp.learning_rate=1e-4..1e-2",
    "mlp.schedule=constant",
    "mlp.batch_size=128,256",
    f"mlp.epochs={EPOCHS}",
    "mlp.patience=1000",
)


def table(rows: int) -> pd.DataFrame:
    """Five classes that depend on the columns in a curved way, with noise."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(rows, COLUMNS)).astype(np.float32)
    raw = np.tanh(features @ rng.normal(size=(COLUMNS, 32))) @ rng.normal(size=(32, 5)) + 2 * rng.normal(size=(rows, 5))
    return pd.DataFrame(features, columns=[f"x{n}" for n in range(COLUMNS)]).assign(y=raw.argmax(axis=1).astype(str))


def ours(rows: int, trials: int, workers: int) -> dict[str, Any]:
    """The fit's trials per minute, from the first trial's start to the end of the search."""
    import automl

    frame = table(rows)
    with tempfile.TemporaryDirectory() as folder:
        run = automl.fit(
            frame,
            target="y",
            trials=trials,
            search="random",
            families=["mlp"],
            settings=SETTINGS,
            workers=workers,
            out=Path(folder) / "run",
            tracking_uri=f"sqlite:///{folder}/mlflow.db",
            quiet=True,
        )
        done = [trial for trial in run.trials if trial.status == "finished"]
        records = [run.path / "trials" / f"{trial.number:04d}" / "result.json" for trial in run.trials]
        searched = max(path.stat().st_mtime for path in records) - min(
            path.stat().st_mtime - trial.seconds for path, trial in zip(records, run.trials, strict=True)
        )
        best = max(trial.scores["val"]["accuracy"] for trial in done)
        return {"trials": len(done), "seconds": searched, "best": best}


def kerastuner(rows: int, trials: int) -> dict[str, Any]:
    """RandomSearch's trials per minute, with validation data and 20 epochs, as its documentation shows it."""
    import keras
    import keras_tuner

    frame = table(rows)
    features = frame.drop(columns="y").to_numpy(np.float32)
    labels = pd.factorize(frame["y"])[0]
    train, val = int(0.6 * rows), int(0.8 * rows)

    class Tuner(keras_tuner.RandomSearch):
        def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> Any:
            batch = trial.hyperparameters.Choice("batch_size", [128, 256])
            return super().run_trial(trial, *args, batch_size=batch, **kwargs)

    def build(hp: Any) -> keras.Model:
        network = keras.Sequential([keras.Input((COLUMNS,))])
        units, dropout = hp.Choice("units", [64, 128, 256, 512]), hp.Float("dropout", 0.0, 0.5)
        for _ in range(hp.Int("layers", 1, 4)):
            network.add(keras.layers.Dense(units, activation="relu"))
            network.add(keras.layers.Dropout(dropout))
        network.add(keras.layers.Dense(5, activation="softmax"))
        rate = hp.Float("learning_rate", 1e-4, 1e-2, sampling="log")
        network.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
        return network

    with tempfile.TemporaryDirectory() as folder:
        tuner = Tuner(build, objective="val_accuracy", max_trials=trials, seed=0, directory=folder)
        began = time.monotonic()
        tuner.search(
            features[:train],
            labels[:train],
            validation_data=(features[train:val], labels[train:val]),
            epochs=EPOCHS,
            verbose=0,
        )
        seconds = time.monotonic() - began
        best = max(trial.score for trial in tuner.oracle.trials.values())
        return {"trials": len(tuner.oracle.trials), "seconds": seconds, "best": best}


def measured(what: str, *arguments: object) -> dict[str, Any]:
    """One side's result, from a process of its own."""
    command = [sys.executable, __file__, "--one", what, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return {**result, "per_minute": 60 * result["trials"] / result["seconds"]}


def main() -> None:
    """Prints a row per size, as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[2_000, 10_000, 50_000])
    parser.add_argument("--trials", type=int, default=60, help="of ours; a tenth of it for KerasTuner")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--one", nargs="+", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        what, *numbers = asked.one
        counts = [int(number) for number in numbers]
        print(json.dumps(ours(*counts) if what == "ours" else kerastuner(*counts)))
        return
    print("| rows | ours, trials/min | KerasTuner, trials/min | ratio | best accuracy, ours / KerasTuner |")
    print("|---|---|---|---|---|")
    for rows in asked.rows:
        mine = measured("ours", rows, asked.trials, asked.workers)
        theirs = measured("kerastuner", rows, max(3, asked.trials // 10))
        print(
            f"| {rows:,} | {mine['per_minute']:.1f} | {theirs['per_minute']:.1f} "
            f"| {mine['per_minute'] / theirs['per_minute']:.1f} | {mine['best']:.3f} / {theirs['best']:.3f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
