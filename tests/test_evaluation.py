"""Which rows are kept, and what the model says of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from automl import evaluation
from automl.ensemble import Ensemble, Member
from automl.evaluation import Evaluated, advantage, evaluate, read
from automl.records import RunFolder
from automl.tasks import metric, task


def ensemble(*weights: float, temperature: float = 1.0) -> Ensemble:
    members = tuple(Member(trial, "mlp", {}, weight, 10, 1) for trial, weight in enumerate(weights))
    return Ensemble(members, temperature, 0.0)


def test_keeps_what_the_ensemble_says() -> None:
    predictions = {0: {"val": np.array([1.0, 2.0])}, 1: {"val": np.array([5.0, 6.0])}}
    rows = np.array([3, 8])
    kept = evaluate(ensemble(0.75, 0.25), predictions, {"val": np.array([0.0, 1.0])}, {"val": rows})["val"]
    np.testing.assert_array_equal(kept.rows, rows)
    np.testing.assert_array_equal(kept.targets, [0.0, 1.0])
    np.testing.assert_allclose(kept.predictions, [2.0, 3.0])


def test_sharpens_probabilities_as_the_model_does() -> None:
    predictions = {0: {"test": np.array([[0.8, 0.2]])}}
    kept = evaluate(ensemble(1.0, temperature=0.5), predictions, {"test": np.array([0])}, {"test": np.array([4])})
    np.testing.assert_allclose(kept["test"].predictions, [[0.64 / 0.68, 0.04 / 0.68]], rtol=1e-6)


def test_keeps_some_of_many_rows_and_the_same_ones_for_every_model() -> None:
    rows = np.arange(10, 50_010)
    said = np.arange(50_000.0)
    found = [
        evaluate(model, {0: {"train": own}}, {"train": said}, {"train": rows})["train"]
        for model, own in ((ensemble(1.0), said), (ensemble(1.0), -said))
    ]
    np.testing.assert_array_equal(found[0].rows, found[1].rows)
    assert len(found[0].rows) == evaluation.MOST_ROWS == len(np.unique(found[0].rows))
    np.testing.assert_array_equal(found[0].rows - 10, found[0].targets)
    np.testing.assert_array_equal(found[1].predictions, -found[1].targets)


def test_keeps_fewer_rows_of_many_classes() -> None:
    probabilities = np.full((15_000, 200), 1 / 200)
    targets = {"val": np.zeros(15_000, dtype=np.int32)}
    kept = evaluate(ensemble(1.0), {0: {"val": probabilities}}, targets, {"val": np.arange(15_000)})["val"]
    assert kept.predictions.shape == (10_000, 200)


def test_the_advantage_is_that_on_the_rows_that_judged_both() -> None:
    rows, truth = np.arange(100), np.linspace(0, 1, 100)
    one, other = Evaluated(rows, truth, truth), Evaluated(rows, truth, truth + 1)
    np.testing.assert_allclose(advantage(one, other, metric("rmse", task("regress"))), (1, 1))


def test_the_advantage_is_less_sure_where_rows_come_in_groups() -> None:
    rng = np.random.default_rng(0)
    rows, truth = np.arange(1_000), np.zeros(1_000)
    # One is better on one group and worse on the next; on each group's fifty rows by as much.
    answers = {0: {"val": truth + 1}, 1: {"val": truth + np.repeat(rng.normal(1, 0.5, 20), 50)}}
    groups = {"val": np.repeat(np.arange(20), 50)}
    rmse = metric("rmse", task("regress"))

    def width(known: dict[str, NDArray[np.int64]]) -> float:
        one, other = (
            evaluate(ensemble(*weights), answers, {"val": truth}, {"val": rows}, groups=known)["val"]
            for weights in ((1.0, 0.0), (0.0, 1.0))
        )
        low, high = advantage(one, other, rmse)
        return high - low

    assert width(groups) > 3 * width({})


def test_what_is_read_is_what_was_kept(tmp_path: Path) -> None:
    kept = evaluate(
        ensemble(1.0),
        {0: {"val": np.array([0.5, 1.5])}},
        {"val": np.array([0.0, 1.0])},
        {"val": np.array([4, 9])},
        groups={"val": np.array([3, 3])},
    )
    RunFolder(tmp_path).write_evaluation(kept)
    found = read(tmp_path / "evaluation.npz")["val"]
    for name, value in vars(kept["val"]).items():
        np.testing.assert_array_equal(getattr(found, name), value)


@pytest.mark.parametrize(
    ("rows", "truth"),
    [
        (np.arange(100), np.linspace(1, 0, 100)),
        (np.arange(50, 150), np.linspace(0, 1, 100)),
        (np.arange(50), np.linspace(0, 1, 100)[:50]),
    ],
    ids=["other truth", "some rows", "fewer rows"],
)
def test_nobody_knows_the_advantage_where_other_rows_judged(
    rows: NDArray[np.int64], truth: NDArray[np.float64]
) -> None:
    known = np.linspace(0, 1, 100)
    one, other = Evaluated(np.arange(100), known, known), Evaluated(rows, truth, truth)
    assert np.isnan(advantage(one, other, metric("rmse", task("regress")))).all()
