"""The speed of trials: a fit of ours, MLflow included, against KerasTuner's RandomSearch on the same arrays and space.

    python tests/benchmarks/trial_speed.py --rows 2000 10000 50000
    python tests/benchmarks/trial_speed.py --rows            # only the other figures

Both take turns on the same machine. The space: 1-4 layers of 64-512 units, dropout 0-0.5, learning rate 1e-4-1e-2,
batch 128 or 256, 20 epochs without early stopping. Loading TensorFlow is left out on both sides. Ours is run as it is
and without pruning; a pruned trial counts as a trial.

The other figures: the share of the core's matrix-product speed that an epoch reaches, the time from the shell to the
end of a first trial of one epoch, and what recording a trial in MLflow costs.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
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


def ours(rows: int, trials: int, workers: int, prune: int) -> dict[str, Any]:
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
            prune=bool(prune),
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
        tried = sum(trial.status in ("finished", "pruned") for trial in run.trials)
        return {"trials": tried, "seconds": searched, "best": best}


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


def floor() -> dict[str, float]:
    """An epoch of a 3 x 256 network at batch 256, in floating-point operations per second, and a matrix product's."""
    from automl.execution import launcher

    os.environ.update(launcher.ENVIRONMENT)
    import tensorflow as tf

    from automl.space_files import read_space
    from automl.tasks import task
    from automl.training.blueprint import blueprint
    from automl.training.engine import Engine, Sample
    from automl.training.network import build_network

    units, batch_size, steps = 256, 256, 100
    rng = np.random.default_rng(0)
    rows = batch_size * steps
    setting = {**read_space("mlp").space.defaults(), "layers": 3, "units": units, "dropout": 0.2, "optimizer": "adam"}
    network = build_network("mlp", setting, width=COLUMNS, sizes=(), outputs=5)
    engine = Engine(network, task("classify"), optimizer_name="adam", learned_type=tf.int32)
    inputs = {"numbers": tf.constant(rng.normal(size=(rows, COLUMNS)).astype(np.float32))}
    learned, weights = tf.constant(rng.integers(0, 5, rows).astype(np.int32)), tf.ones(rows)
    sample = Sample(inputs, learned.numpy())
    engine.start(blueprint(network).draw(setting, seed=0), setting, sample=sample, seed=0)
    order = rng.permutation(rows).astype(np.int32)
    rates, shares = np.full(steps, 1e-3, dtype=np.float32), np.ones(steps, dtype=np.float32)
    left, right = (tf.constant(rng.normal(size=(batch_size, units)).astype(np.float32)) for _ in range(2))

    def epoch() -> None:
        arrays = (inputs, learned, weights, order)
        engine.run(*arrays, batch_size=batch_size, learning_rates=rates, regularization=shares)

    def products() -> None:
        for _ in range(1000):
            product = left @ right
        product.numpy()

    epoch()
    # Forward, and backward for the weights and, but for the first layer, for the inputs.
    operations = 2 * rows * (2 * COLUMNS * units + 3 * (2 * units * units + units * 5))
    pairs = [
        (operations / seconds(epoch) / 1e9, 1000 * 2 * batch_size * units * units / seconds(products) / 1e9)
        for _ in range(5)
    ]
    trained, multiplied = (float(np.median(speeds)) for speeds in zip(*pairs, strict=True))
    return {"epoch": trained, "product": multiplied, "share": trained / multiplied}


def seconds(run: Callable[[], None]) -> float:
    """How long a call takes."""
    began = time.monotonic()
    run()
    return time.monotonic() - began


def start() -> dict[str, float]:
    """Seconds from the shell to the record of a first trial of one epoch."""
    with tempfile.TemporaryDirectory() as folder:
        table(2000).to_csv(Path(folder) / "data.csv", index=False)
        settings = [argument for setting in (*SETTINGS, "mlp.epochs=1") for argument in ("--set", setting)]
        asked = ["data.csv", "--target", "y", "--trials", "1", "--families", "mlp", *settings]
        began = time.time()
        subprocess.run([sys.executable, "-m", "automl", "fit", *asked], cwd=folder, check=True, capture_output=True)
        record = Path(folder) / "runs" / "data-1" / "trials" / "0000" / "result.json"
        return {"first trial": record.stat().st_mtime - began, "whole command": time.time() - began}


def logging() -> dict[str, float]:
    """Seconds that MLflow takes for each of 100 trials of 20 epochs, in a local database."""
    from automl.data.profile import profile
    from automl.tracking import RunDescription
    from automl.tracking.mlflow import MlflowTracker
    from automl.trial import Trial

    frame = table(200)
    curves = {name: [0.5] * EPOCHS for name in ("loss", "train_log_loss", "val_log_loss", "val_accuracy")}
    scores = {part: {"log_loss": 0.5, "accuracy": 0.8, "roc_auc": 0.9} for part in ("train", "val", "test")}
    with tempfile.TemporaryDirectory() as folder:
        tracker = MlflowTracker(tracking_uri=f"sqlite:///{folder}/mlflow.db", warn=print)
        facts = profile(frame, target="y")
        tracker.start(RunDescription("run", "data", "0", "data", facts, {"train": 1}, "log_loss", {}, "", began=0))
        assert tracker.run_id
        began = time.monotonic()
        for number in range(100):
            trial = Trial(number, "mlp", {"layers": 2, "learning_rate": 0.01})
            tracker.trial_started(trial)
            tracker.trial_ended(replace(trial, status="finished", objective=0.5, scores=scores, curves=curves))
        tracker.wait()
        return {"per trial": (time.monotonic() - began) / 100}


def measured(what: str, *arguments: object) -> dict[str, Any]:
    """One side's result, from a process of its own."""
    command = [sys.executable, __file__, "--one", what, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def per_minute(result: dict[str, Any]) -> float:
    """Trials per minute."""
    return float(60 * result["trials"] / result["seconds"])


def main() -> None:
    """Prints a row per size, as Markdown, and the other figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="*", default=[2_000, 10_000, 50_000])
    parser.add_argument("--trials", type=int, default=60, help="of ours; a tenth of it for KerasTuner")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--one", nargs="+", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        what, *numbers = asked.one
        print(json.dumps(PARTS[what](*map(int, numbers))))
        return
    print("trials per minute; the best accuracy on validation behind each\n")
    print("| rows | ours | ours, no pruning | KerasTuner | ratio | ratio, no pruning |")
    print("|---|---|---|---|---|---|")
    for rows in asked.rows:
        sides = [
            measured("ours", rows, asked.trials, asked.workers, 1),
            measured("ours", rows, asked.trials, asked.workers, 0),
            measured("kerastuner", rows, max(3, asked.trials // 10)),
        ]
        speeds = [per_minute(side) for side in sides]
        shown = " | ".join(f"{speed:.1f} ({side['best']:.3f})" for speed, side in zip(speeds, sides, strict=True))
        print(f"| {rows:,} | {shown} | {speeds[0] / speeds[2]:.1f} | {speeds[1] / speeds[2]:.1f} |", flush=True)
    for what in ("floor", "start", "logging"):
        figures = ", ".join(f"{name} {value:.3f}" for name, value in measured(what).items())
        print(f"{what}: {figures}", flush=True)


PARTS: dict[str, Callable[..., dict[str, Any]]] = {
    "ours": ours,
    "kerastuner": kerastuner,
    "floor": floor,
    "start": start,
    "logging": logging,
}

if __name__ == "__main__":
    main()
