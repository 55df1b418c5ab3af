"""Training one setting."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest

from automl.space_files import read_space
from automl.tasks import FloatArray, metric, task
from automl.temperature import tempered
from automl.training import timetable
from automl.training import train as training
from automl.training.engine import Engine
from automl.training.forward import predictors
from automl.training.schedules import learning_rates
from automl.training.timetable import Timetable
from automl.training.train import Course, Trained, TrialFailed, _batch_size, train
from automl.training.workshop import Workshop
from automl.trial import Bar, Params

LOG_LOSS = metric(None, task("classify"))
RMSE = metric(None, task("regress"))
SETTING = {**read_space("mlp").space.defaults(), "layers": 2, "units": 32, "batch_size": 32, "epochs": 15}

pytestmark = pytest.mark.slow


class Clock:
    """Time that passes while an engine runs: a hundredth of a second for each step, on any machine."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock, run = Clock(), Engine.run

    def timed(self: Engine, *arguments: Any, **named: Any) -> Any:
        clock.now += 0.01 * len(named["learning_rates"])
        return run(self, *arguments, **named)

    monkeypatch.setattr(Engine, "run", timed)
    for module in (training, timetable):
        monkeypatch.setattr(module, "time", clock)
    return clock


def test_learns_to_classify(workshop: Workshop) -> None:
    trained = train(workshop, "mlp", SETTING, metric=LOG_LOSS, seed=0)
    assert trained.scores["test"]["log_loss"] < 0.7 < np.log(3)
    assert trained.objective == trained.scores["val"]["log_loss"] == min(trained.curves["val_log_loss"])
    assert trained.curves["val_log_loss"].index(trained.objective) + 1 == trained.best_epoch
    assert trained.predictions["test"].shape == (30, 3)


def test_learns_a_curved_surface(regression: Workshop) -> None:
    trained = train(regression, "mlp", {**SETTING, "epochs": 40, "dropout": 0.0}, metric=RMSE, seed=0)
    assert trained.scores["test"]["r2"] > 0.8


def test_each_member_learns_by_a_loss_of_its_own(workshop: Workshop) -> None:
    engine, _ = workshop.engine("tabm", read_space("tabm").space.defaults())
    assert isinstance(engine, Engine)
    raw = np.random.default_rng(0).normal(size=(6, 8, 3)).astype(np.float32)
    learned = np.array([0, 1, 2, 0, 1, 2], dtype=np.int32)
    each = [np.asarray(engine._losses(learned, raw[:, member])) for member in range(8)]
    np.testing.assert_allclose(np.asarray(engine._losses(learned, raw)), np.mean(each, axis=0), rtol=1e-5)
    assert (np.mean(each, axis=0) > np.asarray(engine._losses(learned, raw.mean(axis=1)))).all()


def test_the_same_seed_gives_the_same_bits_whatever_came_before(workshop: Workshop) -> None:
    first = train(workshop, "mlp", SETTING, metric=LOG_LOSS, seed=3)
    train(workshop, "mlp", {**SETTING, "dropout": 0.5, "learning_rate": 0.02}, metric=LOG_LOSS, seed=4)
    again = train(workshop, "mlp", SETTING, metric=LOG_LOSS, seed=3)
    fresh = train(Workshop(workshop.examples, workshop.task), "mlp", SETTING, metric=LOG_LOSS, seed=3)
    for other in (again, fresh):
        assert other.curves == first.curves
        for ours, theirs in zip(first.weights[0], other.weights[0], strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_settings_of_one_topology_share_a_compiled_network(workshop: Workshop) -> None:
    def engines_after(*changes: dict[str, Any]) -> int:
        for change in changes:
            train(workshop, "mlp", {**SETTING, "epochs": 1, **change}, metric=LOG_LOSS, seed=0)
        return len(workshop.engines)

    assert engines_after({}, {"dropout": 0.4}, {"learning_rate": 1e-3}, {"batch_size": 64}, {"optimizer": "adam"}) == 1
    assert engines_after({"units": 64}, {"initializer": "glorot_uniform"}, {"label_smoothing": 0.1}) == 1
    sgd = {"optimizer": "sgd", "momentum": 0.9}
    assert engines_after({"layers": 3}, {"dropout": 0.0}, sgd, {"activation": "relu"}) == 5


def test_stops_early_and_keeps_the_best_epoch(workshop: Workshop) -> None:
    hasty = {**SETTING, "learning_rate": 0.03, "epochs": 100, "patience": 3, "dropout": 0.0}
    trained = train(workshop, "mlp", hasty, metric=LOG_LOSS, seed=0)
    assert trained.stopped == "early"
    assert len(trained.curves["loss"]) == trained.best_epoch + 3
    assert trained.scores["val"]["log_loss"] == min(trained.curves["val_log_loss"])


def test_the_metric_decides_which_epoch_is_kept(workshop: Workshop) -> None:
    accuracy = metric("accuracy", task("classify"))
    trained = train(workshop, "mlp", SETTING, metric=accuracy, seed=0)
    assert trained.objective == -max(trained.curves["val_accuracy"])


def test_of_epochs_that_are_right_as_often_the_surest_is_kept(workshop: Workshop) -> None:
    trained = train(workshop, "mlp", SETTING, metric=metric("accuracy", task("classify")), seed=0)
    accuracy, log_loss = (np.array(trained.curves[f"val_{name}"]) for name in ("accuracy", "log_loss"))
    best = trained.best_epoch - 1
    as_good = accuracy == accuracy.max()
    assert as_good.sum() > 1
    assert accuracy[best] == accuracy.max()
    assert log_loss[best] == pytest.approx(log_loss[as_good].min(), abs=0.01)


def test_a_loss_that_is_no_number_fails_the_trial(workshop: Workshop) -> None:
    wild = {**SETTING, "optimizer": "sgd", "momentum": 0.99, "learning_rate": 1e30}
    with pytest.raises(TrialFailed, match="not a number in the first epoch") as failure:
        train(workshop, "mlp", wild, metric=LOG_LOSS, seed=0)
    assert failure.value.reason == "nan"


def test_what_was_learned_before_the_loss_was_no_number_is_kept(workshop: Workshop) -> None:
    late = {**SETTING, "optimizer": "sgd", "momentum": 0.9, "schedule": "one_cycle", "learning_rate": 30.0}
    trained = train(workshop, "mlp", late, metric=LOG_LOSS, seed=0)
    assert 0 < len(trained.curves["loss"]) < 15
    assert trained.stopped == "early"
    assert trained.objective == min(trained.curves["val_log_loss"])
    assert all(np.isfinite(curve).all() for curve in trained.curves.values())


def test_the_deadline_ends_a_training_and_keeps_what_there_is(workshop: Workshop) -> None:
    train(workshop, "mlp", {**SETTING, "epochs": 1}, metric=LOG_LOSS, seed=0)
    told: list[int] = []

    def report(curves: Mapping[str, list[float]]) -> None:
        told.extend(map(len, curves.values()))

    endless = {**SETTING, "epochs": 10_000, "patience": 10_000}
    began = time.monotonic()
    trained = train(workshop, "mlp", endless, metric=LOG_LOSS, seed=0, until=began + 1.5, report=report)
    assert time.monotonic() - began < 8
    assert trained.stopped == "time"
    assert sorted(set(told)) == list(range(1, len(trained.curves["loss"]) + 1))


def test_a_training_that_is_short_of_time_ends_its_schedule(
    workshop: Workshop, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates: list[float] = []
    run = Engine.run

    def watched(self: Engine, *arguments: Any, **named: Any) -> Any:
        rates.extend(named["learning_rates"].tolist())
        return run(self, *arguments, **named)

    monkeypatch.setattr(Engine, "run", watched)
    endless = {**SETTING, "epochs": 10_000, "patience": 10_000, "schedule": "cosine", "learning_rate": 0.01}
    train(workshop, "mlp", endless, metric=LOG_LOSS, seed=0, until=4.0)
    assert 3.0 < clock.now <= 4.0
    assert max(rates) > 0.005
    assert rates[-1] < 0.2 * max(rates)


def test_a_deadline_far_away_changes_no_bit(workshop: Workshop) -> None:
    free, limited = (
        train(workshop, "mlp", SETTING, metric=LOG_LOSS, seed=0, until=until)
        for until in (float("inf"), time.monotonic() + 600)
    )
    assert limited.curves == free.curves
    assert limited.stopped == free.stopped
    np.testing.assert_array_equal(limited.predictions["test"], free.predictions["test"])


@pytest.mark.parametrize(
    ("rows", "wanted", "size"), [(257, 64, 52), (256, 64, 64), (10, 64, 10), (65, 64, 33), (4097, 64, 70), (1, 64, 1)]
)
def test_batches_are_equally_large(rows: int, wanted: int, size: int) -> None:
    assert _batch_size({**SETTING, "batch_size": wanted}, rows) == size


def test_a_trial_that_does_not_pass_a_bar_gets_no_more_epochs(workshop: Workshop) -> None:
    low, high = Bar(0, 2, 10.0), Bar(1, 5, 0.0)
    trained = train(workshop, "mlp", SETTING, metric=LOG_LOSS, seed=0, bars=(low, high))
    assert trained.objective is None
    assert (trained.scores, trained.weights, trained.predictions) == ({}, (), {})
    assert [(rung.level, rung.epochs) for rung in trained.rungs] == [(0, 2), (1, 5)]
    assert len(trained.curves["loss"]) == 5
    assert trained.rungs[1].objective == min(trained.curves["val_log_loss"])


def test_a_rung_is_a_whole_training_of_its_own(workshop: Workshop) -> None:
    told: list[int] = []

    def report(curves: Mapping[str, list[float]]) -> None:
        told.append(len(curves.get("loss", [])))

    setting = {**SETTING, "schedule": "cosine"}
    short = train(workshop, "mlp", {**setting, "epochs": 4}, metric=LOG_LOSS, seed=0)
    through = train(workshop, "mlp", setting, metric=LOG_LOSS, seed=0, bars=(Bar(0, 4, 10.0),), report=report)
    straight = train(workshop, "mlp", setting, metric=LOG_LOSS, seed=0)
    assert through.rungs[0].objective == short.objective
    assert through.curves == straight.curves
    np.testing.assert_array_equal(through.predictions["test"], straight.predictions["test"])
    assert told[:4] == [0, 0, 0, 0]
    assert told[-1] == 15


@pytest.mark.parametrize("harm", [0.0, 10.0])
def test_a_short_training_is_the_result_where_it_is_the_better_one(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, harm: float
) -> None:
    learn = training._learn

    def long_ones_go_wrong(*arguments: Any, **options: Any) -> Course:
        course = learn(*arguments, **options)
        return dataclasses.replace(course, objective=course.objective + harm * (course.place.planned > 4))

    monkeypatch.setattr(training, "_learn", long_ones_go_wrong)
    setting = {**SETTING, "learning_rate": 3e-3}
    through = train(workshop, "mlp", setting, metric=LOG_LOSS, seed=0, bars=(Bar(0, 4, 10.0),))
    alone = train(workshop, "mlp", {**setting, "epochs": 4 if harm else 15}, metric=LOG_LOSS, seed=0)
    assert through.curves == alone.curves
    assert through.place == alone.place
    np.testing.assert_array_equal(through.predictions["test"], alone.predictions["test"])


def test_a_short_training_that_beats_a_longer_one_without_time_had_too_little_time(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    learn = training._learn

    def long_ones_are_cut(*arguments: Any, **options: Any) -> Course:
        course = learn(*arguments, **options)
        is_long = course.place.planned > 4
        return dataclasses.replace(course, objective=course.objective + 10 * is_long, stopped="time" if is_long else "")

    monkeypatch.setattr(training, "_learn", long_ones_are_cut)
    trained = train(workshop, "mlp", SETTING, metric=LOG_LOSS, seed=0, bars=(Bar(0, 4, 10.0),))
    assert (trained.place.planned, trained.stopped) == (4, "time")


def test_an_epoch_and_a_half_can_be_asked_for(workshop: Workshop) -> None:
    trained = train(workshop, "mlp", {**SETTING, "epochs": 1.5}, metric=LOG_LOSS, seed=0)
    steps = training.steps_per_epoch(workshop, SETTING)
    assert trained.place.planned == round(1.5 * steps) / steps
    assert len(trained.curves["loss"]) == 2
    assert trained.stopped == ""


@pytest.mark.usefixtures("clock")
def test_a_rung_is_the_result_where_there_is_no_time_for_more(workshop: Workshop) -> None:
    endless = {**SETTING, "epochs": 100_000, "patience": 100_000}
    trained = train(workshop, "mlp", endless, metric=LOG_LOSS, seed=0, bars=(Bar(0, 50_000, 10.0),), until=1.5)
    assert trained.stopped == "time"
    assert trained.rungs == ()
    assert trained.scores["val"]["log_loss"] == trained.objective


def test_a_deadline_between_two_looks_at_the_clock_costs_no_network(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time is up while the rows of the third epoch are put in order."""
    looks: list[bool] = []

    def is_over(timetable: Timetable) -> bool:
        began = timetable.done and timetable.done == 2 * timetable.steps_per_epoch
        looks.append(bool(began))
        return sum(looks) > 1

    monkeypatch.setattr(Timetable, "is_over", property(is_over))
    trained = train(workshop, "mlp", {**SETTING, "epochs": 5}, metric=LOG_LOSS, seed=0)
    assert sum(looks) > 1
    assert len(trained.curves["loss"]) == 2


def test_a_deadline_that_has_passed_is_a_timeout(workshop: Workshop) -> None:
    with pytest.raises(TrialFailed) as failure:
        train(workshop, "mlp", SETTING, metric=LOG_LOSS, seed=0, until=time.monotonic() - 1)
    assert failure.value.reason == "timeout"


@pytest.fixture
def in_folds(workshop: Workshop) -> Workshop:
    """The training rows in four folds of different sizes."""
    examples = workshop.examples
    rows = len(examples.weights)
    folds = np.minimum(np.arange(rows) // 20, 3)
    parts = {**examples.parts, "val": examples.parts["train"]}
    return Workshop(dataclasses.replace(examples, parts=parts, folds=folds), workshop.task)


def said_of_all_rows(in_folds: Workshop, family: str, setting: Params, trained: Trained) -> Iterator[FloatArray]:
    """What each fold's network says."""
    network = in_folds.network(family, setting)
    for weights in trained.weights:
        raw = predictors(network, [weights])[0](in_folds.inputs("train", str(setting["scaling"])))
        yield tempered(in_folds.task.predictions(raw, in_folds.examples.specification), trained.temperature)


def test_each_fold_is_predicted_by_the_network_that_has_not_seen_it(in_folds: Workshop) -> None:
    trained = train(in_folds, "mlp", SETTING, metric=LOG_LOSS, seed=0)
    folds = in_folds.examples.folds
    assert folds is not None
    assert len(trained.weights) == 4
    learned = np.zeros_like(trained.predictions["train"])
    for number, said in enumerate(said_of_all_rows(in_folds, "mlp", SETTING, trained)):
        left_out = folds == number
        np.testing.assert_array_equal(trained.predictions["val"][left_out], said[left_out])
        learned[~left_out] += said[~left_out] / 3
    np.testing.assert_allclose(trained.predictions["train"], learned)
    assert trained.scores["val"]["log_loss"] == trained.objective
    assert trained.objective == min(trained.curves["val_log_loss"])
    assert trained.scores["test"]["log_loss"] < 0.7


def test_each_fold_is_predicted_by_the_trees_that_have_not_seen_it(in_folds: Workshop) -> None:
    setting = {**read_space("boosted_trees").space.defaults(), "leaf_rows": 5, "learning_rate": 0.5, "patience": 2}
    trained = train(in_folds, "boosted_trees", setting, metric=LOG_LOSS, seed=0)
    folds = in_folds.examples.folds
    assert folds is not None
    assert trained.best_epoch < len(trained.curves["loss"])
    learned = np.zeros_like(trained.predictions["train"])
    for number, said in enumerate(said_of_all_rows(in_folds, "boosted_trees", setting, trained)):
        left_out = folds == number
        np.testing.assert_allclose(trained.predictions["val"][left_out], said[left_out], rtol=1e-4, atol=1e-6)
        learned[~left_out] += said[~left_out] / 3
    np.testing.assert_allclose(trained.predictions["train"], learned, rtol=1e-4, atol=1e-6)


def test_a_left_out_row_teaches_its_network_nothing(in_folds: Workshop) -> None:
    examples = in_folds.examples
    assert examples.folds is not None
    targets = np.where(examples.folds == 2, (examples.parts["train"].targets + 1) % 3, examples.parts["train"].targets)
    part = dataclasses.replace(examples.parts["train"], targets=targets)
    parts = {**examples.parts, "train": part, "val": part}
    changed = Workshop(dataclasses.replace(examples, parts=parts), in_folds.task)
    # No patience: the left-out rows do decide which epoch is kept, so all are.
    setting = {**SETTING, "epochs": 1}
    ours, theirs = (train(own, "mlp", setting, metric=LOG_LOSS, seed=0).weights for own in (in_folds, changed))
    for fold, (one, other) in enumerate(zip(ours, theirs, strict=True)):
        same = all(np.array_equal(weight, twin) for weight, twin in zip(one, other, strict=True))
        assert same == (fold == 2)


def test_folds_end_in_time_together(in_folds: Workshop, clock: Clock) -> None:
    endless = {**SETTING, "epochs": 100_000, "patience": 100_000}
    trained = train(in_folds, "mlp", endless, metric=LOG_LOSS, seed=0, until=1.5)
    assert trained.stopped == "time"
    assert 1.0 < clock.now < 2.0
    assert np.isfinite(trained.predictions["val"]).all()


def test_test_rows_decide_nothing(workshop: Workshop) -> None:
    honest = train(workshop, "mlp", SETTING, metric=LOG_LOSS, seed=0)
    parts = dict(workshop.examples.parts)
    parts["test"] = type(parts["test"])(parts["test"].arrays, (parts["test"].targets + 1) % 3)
    changed = Workshop(dataclasses.replace(workshop.examples, parts=parts), workshop.task)
    other = train(changed, "mlp", SETTING, metric=LOG_LOSS, seed=0)
    assert other.scores["test"] != honest.scores["test"]
    assert (other.objective, other.best_epoch, other.curves) == (honest.objective, honest.best_epoch, honest.curves)


@pytest.mark.parametrize("schedule", ["constant", "cosine", "one_cycle"])
def test_schedules_peak_at_the_learning_rate(schedule: str) -> None:
    rates = learning_rates(schedule, 0.01, np.arange(1000), of=1000)
    assert rates.shape == (1000,)
    assert 0.0099 < rates.max() <= 0.01
    assert rates.min() > 0
    if schedule != "constant":
        assert rates[-1] < 1e-6
        assert rates[0] < rates.max() / 10
