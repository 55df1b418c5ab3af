"""What shuffling a column costs."""

from __future__ import annotations

import dataclasses
import time

import numpy as np
import pandas as pd
import pytest

from automl.data.profile import profile
from automl.encoding import table
from automl.encoding.table import Encoding
from automl.ensemble import Ensemble, Member
from automl.space_files import read_space
from automl.tasks import Metric, metric, task
from automl.training import importance
from automl.training.importance import increases
from automl.training.shares import with_share
from automl.training.train import Trained, TrialFailed, train
from automl.training.workshop import Workshop
from automl.trial import Params

LOG_LOSS = metric("log_loss", task("classify"))
NETWORK: Params = {**read_space("mlp").space.defaults(), "layers": 1, "units": 32, "batch_size": 32, "epochs": 20}
TREES: Params = {**read_space("boosted_trees").space.defaults(), "epochs": 3}


def in_folds(workshop: Workshop, number: int) -> Workshop:
    examples = workshop.examples
    folds = np.arange(len(examples.weights)) % number
    parts = {**examples.parts, "val": examples.parts["train"]}
    return dataclasses.replace(workshop, examples=dataclasses.replace(examples, parts=parts, folds=folds), tensors={})


def encoding_of(flowers: pd.DataFrame) -> Encoding:
    known = flowers[flowers["kind"].notna()]
    return table.fit(known, profile(known, target="kind"))


def model(*members: tuple[int, str, Params, Trained]) -> Ensemble:
    share = 1 / len(members)
    parts = tuple(
        Member(number, name, params, share, 1, 1, 1e5, trained.temperature) for number, name, params, trained in members
    )
    return Ensemble(parts, 1.0, 0.0)


def shuffled(
    workshop: Workshop, flowers: pd.DataFrame, *, metric: Metric = LOG_LOSS, until: float = float("inf")
) -> dict[str, list[float]]:
    networks = [(0, "mlp", NETWORK), (1, "boosted_trees", TREES)]
    members = [(n, name, own, train(workshop, name, own, metric=LOG_LOSS, seed=1)) for n, name, own in networks]
    return increases(
        workshop,
        model(*members),
        {number: trained.weights for number, _, _, trained in members},
        encoding_of(flowers),
        columns=("length", "width", "colour"),
        metric=metric,
        seed=0,
        until=until,
    )


@pytest.mark.parametrize("folds", [0, 3])
def test_the_column_that_tells_the_classes_apart_costs_the_most(
    workshop: Workshop, flowers: pd.DataFrame, folds: int
) -> None:
    found = shuffled(in_folds(workshop, folds) if folds else workshop, flowers)
    assert {name: len(values) for name, values in found.items()} == dict.fromkeys(("length", "width", "colour"), 5)
    assert min(found["length"]) > 0.3
    assert abs(np.mean(found["width"])) < 0.1


@pytest.mark.parametrize("folds", [0, 3])
def test_rows_that_are_not_shuffled_are_predicted_as_in_the_trial(
    workshop: Workshop, flowers: pd.DataFrame, folds: int
) -> None:
    cut = in_folds(workshop, folds) if folds else workshop
    for family, params in (("mlp", NETWORK), ("boosted_trees", TREES)):
        trained = train(cut, family, params, metric=LOG_LOSS, seed=1)
        (member,) = model((0, family, params, trained)).members
        rows = np.arange(len(trained.predictions["val"]))
        judge = importance._Judge(cut, member, trained.weights, encoding_of(flowers), rows)
        still = np.arange(len(rows))
        for predicted in judge.predict([None, ("length", still), ("colour", still)]):
            np.testing.assert_allclose(predicted, trained.predictions["val"], atol=1e-6)


def test_a_class_may_be_too_rare_for_a_sample(
    workshop: Workshop, flowers: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    targets = workshop.examples.parts["val"].targets
    targets[targets == 2] = 1
    targets[-1] = 2
    monkeypatch.setattr(importance, "_affordable", lambda *_: 5)
    found = shuffled(workshop, flowers, metric=metric("roc_auc", task("classify")))
    assert all(np.isfinite(values).all() for values in found.values())


def test_a_metric_that_is_not_defined_is_no_importance(workshop: Workshop, flowers: pd.DataFrame) -> None:
    workshop.examples.parts["val"].targets[:] = 0
    with pytest.raises(TrialFailed, match="ROC AUC of the validation rows is not defined"):
        shuffled(workshop, flowers, metric=metric("roc_auc", task("classify")))


def test_says_when_there_is_no_time(workshop: Workshop, flowers: pd.DataFrame) -> None:
    with pytest.raises(TrialFailed, match="no time"):
        shuffled(workshop, flowers, until=time.monotonic() - 1)


@pytest.mark.parametrize("folds", [0, 3])
def test_a_share_of_the_rows_is_learned_from_and_all_others_judge(workshop: Workshop, folds: int) -> None:
    whole = in_folds(workshop, folds) if folds else workshop
    half = with_share(whole, 0.5, seed=3)
    for cut, own in zip(whole.examples.cuts, half.examples.cuts, strict=True):
        assert len(own.train) == round(len(cut.train) / 2)
        assert set(own.train) < set(cut.train)
        np.testing.assert_array_equal(own.val, cut.val)
