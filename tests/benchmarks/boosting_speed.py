"""The speed of boosted trees as a network: a training of ours against as many rounds of scikit-learn's in one go.

    OMP_NUM_THREADS=1 TF_NUM_INTRAOP_THREADS=1 python tests/benchmarks/boosting_speed.py

Both take turns on the same rows. Ours measures the network on validation rows after every ten rounds besides, and
scores it in the end on all.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from automl.space_files import read_space
from automl.tasks import metric
from automl.training.boosting import DEEPEST
from automl.training.train import train
from automl.training.workshop import Workshop
from automl.trial import ROUNDS_PER_EPOCH
from tests.conftest import _workshop_of

# Rows, columns, classes (1 for a number) and epochs.
TABLES = ((1_000, 10, 2, 40), (10_000, 20, 2, 40), (20_000, 10, 1, 80), (10_000, 10, 10, 20), (60_000, 10, 10, 20))


def table(rows: int, columns: int, classes: int) -> pd.DataFrame:
    """Classes, or a number, that depend on the columns in a curved way, with noise."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(rows, columns)).astype(np.float32)
    raw = np.tanh(features @ rng.normal(size=(columns, 32))) @ rng.normal(size=(32, classes))
    raw += 2 * rng.normal(size=raw.shape)
    target = (
        raw[:, 0] if classes == 1 else np.array([f"kind {number}" for number in range(classes)])[raw.argmax(axis=1)]
    )
    return pd.DataFrame(features, columns=[f"x{n}" for n in range(columns)]).assign(y=target)


def seconds(work: Callable[[Workshop, int], None], workshop: Workshop, epochs: int) -> float:
    """What it takes."""
    began = time.perf_counter()
    work(workshop, epochs)
    return time.perf_counter() - began


def ours(workshop: Workshop, epochs: int) -> None:
    """A training to the end of its epochs."""
    setting = {**read_space("boosted_trees").space.defaults(), "epochs": epochs, "patience": epochs, "rounds": 800}
    train(workshop, "boosted_trees", setting, metric=metric(None, workshop.task), seed=0)


def scikit_learn(workshop: Workshop, epochs: int) -> None:
    """As many rounds of trees of the same shape."""
    setting = read_space("boosted_trees").space.defaults()
    arrays = workshop.examples.parts["train"].arrays["none"]
    is_number = workshop.task.PREDICTS == "values"
    (HistGradientBoostingRegressor if is_number else HistGradientBoostingClassifier)(
        max_iter=epochs * ROUNDS_PER_EPOCH,
        max_leaf_nodes=setting["leaves"],
        max_depth=DEEPEST,
        min_samples_leaf=setting["leaf_rows"],
        max_features=setting["column_share"],
        learning_rate=setting["learning_rate"],
        l2_regularization=setting["weight_decay"],
        early_stopping=False,
    ).fit(np.concatenate([arrays.numbers, arrays.codes], axis=1), workshop.learned.numpy())


def main() -> None:
    """Prints a line per table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args().runs
    for rows, columns, classes, epochs in TABLES:
        workshop = _workshop_of(table(rows, columns, classes), "y")
        ours(workshop, 2)
        pairs = [(seconds(ours, workshop, epochs), seconds(scikit_learn, workshop, epochs)) for _ in range(runs)]
        ratios = [own / other for own, other in pairs]
        print(
            f"{rows:6,} rows, {columns} columns, {classes:2} classes, {epochs * ROUNDS_PER_EPOCH} rounds: "
            f"ours {median(own for own, _ in pairs):5.1f} s, "
            f"{median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f}) times scikit-learn's",
            flush=True,
        )


if __name__ == "__main__":
    main()
