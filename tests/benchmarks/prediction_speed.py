"""What fusing the way through trees saves: one network predicts the same rows with and without it, in turn.

    OMP_NUM_THREADS=1 TF_NUM_INTRAOP_THREADS=1 python -m tests.benchmarks.prediction_speed

The first prediction is told apart: it has the compiling in it.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from statistics import median

import numpy as np
import tensorflow as tf

from automl.space_files import read_space
from automl.tasks import FloatArray, metric
from automl.training import forward
from automl.training.train import train
from automl.training.workshop import Workshop
from tests.benchmarks.boosting_speed import table
from tests.conftest import _workshop_of

# Family, rows, columns, classes (1 for a number) and epochs.
NETWORKS = (
    ("boosted_trees", 10_000, 20, 2, 40),
    ("boosted_trees", 10_000, 10, 10, 20),
    ("forest", 10_000, 20, 2, 10),
    ("forest", 10_000, 20, 1, 10),
)
ROWS = (200, 1_000, 30_000)


def seconds(work: Callable[[forward.Inputs], FloatArray], rows: forward.Inputs) -> tuple[float, FloatArray]:
    """What it takes, and what comes of it."""
    began = time.perf_counter()
    predicted = work(rows)
    return time.perf_counter() - began, predicted


def predictors(workshop: Workshop, family: str, epochs: int) -> list[Callable[[forward.Inputs], FloatArray]]:
    """Of one trained network: as trees predict a few rows, and as they predict many."""
    setting = {**read_space(family).space.defaults(), "epochs": epochs}
    trained = train(workshop, family, setting, metric=metric(None, workshop.task), seed=0)
    network = workshop.trained_network(family, setting, trained.weights[0])
    return [
        _with_least(way, least)
        for least in (sys.maxsize, 0)
        for way in forward.predictors(network, [network.get_weights()])
    ]


def _with_least(way: Callable[[forward.Inputs], FloatArray], least: int) -> Callable[[forward.Inputs], FloatArray]:
    def predict(rows: forward.Inputs) -> FloatArray:
        # It is looked up with each prediction.
        forward.LEAST_ROWS_TO_FUSE = least
        return way(rows)

    return predict


def main() -> None:
    """Prints a line per network and number of rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args().runs
    for family, rows, columns, classes, epochs in NETWORKS:
        workshop = _workshop_of(table(rows, columns, classes), "y")
        given = workshop.inputs("train", "none")
        plain, fused = predictors(workshop, family, epochs)
        for many in ROWS:
            place = tf.range(many) % int(next(iter(given.values())).shape[0])
            inputs = {role: tf.gather(tensor, place) for role, tensor in given.items()}
            firsts = [seconds(way, inputs)[0] for way in (plain, fused)]
            pairs = [(seconds(plain, inputs), seconds(fused, inputs)) for _ in range(runs)]
            assert all(np.array_equal(one[1], other[1]) for one, other in pairs), "they predict something else"
            ratios = [one[0] / other[0] for one, other in pairs]
            print(
                f"{family:13} {classes:2} classes, {many:6,} rows: "
                f"{many / median(one[0] for one, _ in pairs):8,.0f} rows a second, "
                f"fused {median(ratios):4.1f} ({min(ratios):.1f}-{max(ratios):.1f}) times as many; "
                f"the first time {firsts[0]:.1f} s, fused {firsts[1]:.1f} s",
                flush=True,
            )


if __name__ == "__main__":
    main()
