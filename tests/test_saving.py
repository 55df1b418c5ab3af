"""What is saved beside the networks, and what becomes of a worker that is killed while it writes them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from automl import files, keras_files
from automl.ensemble import Ensemble, Member, Refit
from automl.errors import AutomlError, EnvironmentFault, InputError
from automl.execution import Event, Job
from automl.options import Options
from automl.preparation import prepare
from automl.records import RunFolder
from automl.saving import EXPORT_ATTEMPTS, MembersFailed, _export, _target, save
from automl.space_files import read_space
from automl.tasks import metric
from automl.training.train import train
from automl.training.workshop import Workshop
from automl.weights import REFITTED, SCORED, named

BEST = Ensemble((Member(0, "mlp", {}, 1.0, 10, 1),), 1.0, 0.5, {})


@pytest.mark.parametrize(
    ("refit", "parts"),
    [
        (None, ["train"]),
        (Refit(10, (), {0: "the time was too short"}), ["train"]),
        (Refit(10, (0,), with_test=False), ["train", "val"]),
        (Refit(10, (0,)), ["train", "val", "test"]),
    ],
)
def test_values_reach_as_far_as_in_the_rows_that_were_learned_from(refit: Refit | None, parts: list[str]) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=300), "y": rng.standard_cauchy(300)})
    prepared = prepare(frame, Options(target="y", task="regress", folds=1, families=("linear",)))
    known = frame["y"].to_numpy()[np.concatenate([getattr(prepared.split, part) for part in parts])]
    saved = _target(dataclasses.replace(BEST, refit=refit), prepared)
    assert (saved["minimum"], saved["maximum"]) == (known.min(), known.max())
    assert saved["mean"] == prepared.specification["mean"]


class Killed:
    """A worker that is killed so many times before it does its job; or that cannot do it at all."""

    def __init__(self, times: int, *, broken: bool = False) -> None:
        self.begun = 0
        self.jobs: list[Job] = []
        self._times, self._broken = times, broken
        self._job: Job | None = None

    @property
    def capacity(self) -> int:
        return 0 if self._job else 1

    def submit(self, job: Job) -> None:
        self._job, self.begun = job, self.begun + 1
        self.jobs.append(job)

    def wait(self, seconds: float) -> list[Event]:
        job, self._job = self._job, None
        if job is None:
            return []
        if self._broken:
            return [Event(job.key, "failed", reason="disk", message="The disk is full.")]
        if self.begun <= self._times:
            return [Event(job.key, "failed", reason="killed", message="The worker was killed.")]
        if job.folder.is_dir():
            (job.folder / "network.keras").touch()
        return [Event(job.key, "done", {"activity": ()})]

    def move(self, key: int, until: float) -> None: ...

    def cancel(self, key: int) -> None: ...

    def close(self) -> None: ...


def test_whoever_kills_a_worker_does_not_cost_the_model() -> None:
    worker = Killed(EXPORT_ATTEMPTS - 1)
    assert _export(BEST, {0: Path("nowhere")}, worker) == {0: ()}
    assert worker.begun == EXPORT_ATTEMPTS


def test_a_model_that_the_disk_does_not_take_says_so() -> None:
    worker = Killed(0, broken=True)
    with pytest.raises(EnvironmentFault, match=r"could not be saved: The disk is full\.$"):
        _export(BEST, {0: Path("nowhere")}, worker)
    assert worker.begun == 1


def test_a_member_that_cannot_be_saved_says_why() -> None:
    worker = Killed(EXPORT_ATTEMPTS)
    with pytest.raises(MembersFailed) as failure:
        _export(BEST, {0: Path("nowhere")}, worker)
    assert failure.value.why == {0: "The worker was killed."}
    assert worker.begun == EXPORT_ATTEMPTS


def _job_of_saving(workshop: Workshop, folder: Path) -> Job:
    """Of a network that has been trained, with what is left of its trial in the folder."""
    setting = {**read_space("mlp").space.defaults(), "epochs": 2}
    trained = train(workshop, "mlp", setting, metric=metric(None, workshop.task), seed=0)
    files.write_arrays(folder / SCORED, named(trained.weights))
    files.write_arrays(folder / "predictions.npz", trained.predictions)
    return Job(-2, "export", folder, family="mlp", params=setting, temperature=trained.temperature)


def test_a_network_that_could_not_be_loaded_fails_while_there_is_time_for_others(
    workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from automl.execution import worker

    job = _job_of_saving(workshop, tmp_path)
    monkeypatch.setattr(keras_files, "LARGEST_CONFIGURATION", 10)
    with pytest.raises(InputError, match="too large to be a model"):
        worker._export(workshop, job)


def test_a_network_that_says_something_else_than_was_scored_is_not_saved(workshop: Workshop, tmp_path: Path) -> None:
    from automl.execution import worker

    job = _job_of_saving(workshop, tmp_path)
    assert worker._export(workshop, job)["activity"]
    assert (tmp_path / "network.keras").exists()
    (tmp_path / "network.keras").unlink()
    scored = files.read_arrays(tmp_path / "predictions.npz")
    files.write_arrays(tmp_path / "predictions.npz", {"val": scored["val"][::-1]})
    with pytest.raises(AutomlError, match="a network of mlp would not predict what was scored"):
        worker._export(workshop, job)
    assert not (tmp_path / "network.keras").exists()


def test_members_that_learned_from_more_rows_are_saved_so_and_their_weights_stay(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": np.arange(60) * 0.37 % 1, "y": np.arange(60) * 0.7 % 1})
    prepared = prepare(frame, Options(target="y", task="regress", families=("linear",)))
    folder = RunFolder(tmp_path)
    for number in range(3):
        folder.of_trial(number).mkdir(parents=True)
        for name, weight in ((SCORED, number), (REFITTED, 10 + number)):
            files.write_arrays(folder.of_trial(number) / name, named([[np.array([weight])]]))
    members = tuple(Member(number, "linear", {"scaling": "quantile"}, 0.5, 1, 1) for number in (0, 1))
    best = Ensemble(members, 1.0, 0.5, refit=Refit(60, (1,), {0: "the time was too short"}))
    worker = Killed(0)
    save(best, folder, prepared, worker)
    assert [job.refitted for job in worker.jobs] == [False, True]
    saved = [files.read_arrays(folder.bundle / f"network-{number:04d}.npz") for number in (0, 1)]
    assert [arrays["000.0000"].tolist() for arrays in saved] == [[0], [11]]
    # One file more for each member: a session that goes on with the run need not train it once more.
    assert [(folder.of_trial(number) / REFITTED).exists() for number in range(3)] == [False, True, False]


@pytest.mark.parametrize("refitted", [False, True])
def test_what_units_do_is_looked_at_in_the_networks_that_are_saved(
    workshop: Workshop, tmp_path: Path, refitted: bool
) -> None:
    from automl.execution import worker

    job = _job_of_saving(workshop, tmp_path)
    scored = files.read_arrays(tmp_path / SCORED)
    # Nothing that these are given makes a difference to their units.
    files.write_arrays(tmp_path / REFITTED, {name: np.zeros_like(weight) for name, weight in scored.items()})
    activity = worker._export(workshop, dataclasses.replace(job, refitted=refitted))["activity"]
    assert all(layer.silent == layer.units for layer in activity) is refitted
