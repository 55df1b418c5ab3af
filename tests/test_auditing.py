"""What is measured of a model after the search, and what is left out where the time is short."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from automl import files, pipeline
from automl.auditing import audit, is_wanted, most_seconds, reserve
from automl.diagnostics import Audit
from automl.encoding.table import Encoding
from automl.ensemble import Ensemble
from automl.execution import Event, Job
from automl.options import Options
from automl.records import RunFolder
from automl.tasks import metric, task
from automl.trial import Place, Rung, Trial

LEADER = Trial(
    4,
    "mlp",
    {"epochs": 60, "scaling": "robust"},
    "finished",
    0.4,
    curves={"loss": [0.5] * 30},
    rungs=(Rung(0, 10, 0.5),),
    seconds=2.0,
    place=Place(20, 24),
)
COLUMNS = Encoding(tuple({"name": name, "kind": "category", "categories": ["a"]} for name in ("x", "y", "z")))


class Worker:
    """Two jobs at a time, each done at once."""

    def __init__(self, *, stopped: str = "", fails: str = "") -> None:
        self.jobs: list[Job] = []
        self._events: list[Event] = []
        self._stopped, self._fails = stopped, fails

    @property
    def capacity(self) -> int:
        return 2 - len(self._events)

    def submit(self, job: Job) -> None:
        self.jobs.append(job)
        if job.kind == self._fails:
            self._events.append(Event(job.key, "failed", reason="build", message="Broken."))
        elif job.kind == "importance":
            self._events.append(Event(job.key, "done", {"increases": {name: [0.1, 0.2] for name in job.columns}}))
        else:
            job.folder.mkdir(parents=True)
            files.write_arrays(job.folder / "predictions.npz", {"val": np.full(5, job.share), "test": np.zeros(5)})
            self._events.append(Event(job.key, "done", {"stopped": self._stopped}))

    def wait(self, seconds: float) -> list[Event]:
        events, self._events = self._events, []
        return events

    def move(self, key: int, until: float) -> None: ...

    def cancel(self, key: int) -> None: ...

    def close(self) -> None: ...


def examined(
    folder: Path, worker: Worker, *, seconds: float = float("inf"), trials: Sequence[Trial] = (LEADER,)
) -> Audit:
    return audit(
        Ensemble.of(LEADER),
        trials,
        worker,
        folder=RunFolder(folder),
        encoding=COLUMNS,
        metric=metric("log_loss", task("classify")),
        seed=7,
        workers=2,
        deadline=time.monotonic() + seconds,
        report=lambda: None,
    )


def test_measures_columns_rows_and_seeds_and_leaves_nothing_behind(tmp_path: Path) -> None:
    found = examined(tmp_path, Worker())
    assert dict(found.increases) == {name: [0.1, 0.2] for name in ("x", "y", "z")}
    assert {share: own.tolist() for share, own in found.fewer_rows.items()} == {
        share: [share] * 5 for share in (0.5, 0.25)
    }
    assert {number: len(own) for number, own in found.other_seeds.items()} == {4: 2}
    assert list(tmp_path.iterdir()) == []


def test_trains_with_the_schedule_that_the_leader_had(tmp_path: Path) -> None:
    worker = Worker()
    examined(tmp_path, worker)
    trained = [job for job in worker.jobs if job.kind == "trial"]
    assert {job.params["epochs"] for job in trained} == {24}
    assert [job.seed == 7 + LEADER.number for job in trained] == [True, False, True, False]
    assert len({job.seed for job in trained}) == 3


def test_repeats_a_training_that_was_cut_in_the_middle_of_an_epoch(tmp_path: Path) -> None:
    worker = Worker()
    examined(tmp_path, worker, trials=[replace(LEADER, place=Place(1.2, 1.2))])
    assert {job.params["epochs"] for job in worker.jobs if job.kind == "trial"} == {1.2}


def test_begins_no_training_that_would_not_end_in_time(tmp_path: Path) -> None:
    worker = Worker()
    # A whole training takes 1.5 s, without its rung.
    found = examined(tmp_path, worker, seconds=1.2)
    assert [job.share for job in worker.jobs if job.kind == "trial"] == [0.5, 0.25]
    assert found.other_seeds == {}


def test_trains_the_best_of_the_others_with_another_seed(tmp_path: Path) -> None:
    others = [
        replace(LEADER, number=number, objective=objective, place=None, params={"epochs": 10 + number})
        for number, objective in ((0, 0.5), (1, 0.39), (2, 0.7), (3, None))
    ]
    others[3] = replace(others[3], status="failed")
    worker = Worker()
    found = examined(tmp_path, worker, trials=[*others, LEADER])
    assert {number: len(own) for number, own in found.other_seeds.items()} == {4: 2, 1: 1, 0: 1}
    trained = [job for job in worker.jobs if job.kind == "trial"]
    assert [(job.params["epochs"], job.share) for job in trained[-2:]] == [(11, 1.0), (10, 1.0)]
    assert len({job.seed for job in trained}) == 5


def test_a_training_cut_short_and_one_that_failed_tell_nothing(tmp_path: Path) -> None:
    assert examined(tmp_path / "a", Worker(stopped="time")).fewer_rows == {}
    failed = examined(tmp_path / "b", Worker(fails="trial"))
    assert (dict(failed.fewer_rows), dict(failed.other_seeds), len(failed.increases)) == ({}, {}, 3)


@pytest.mark.parametrize(
    ("quality", "seconds", "kept", "wanted"),
    [
        ("balanced", 10.0, 0.0, False),
        ("balanced", 60.0, 3.6, True),
        ("best", 3600.0, 60.0, True),
        ("balanced", None, 0.0, True),
        ("fast", 60.0, 0.0, False),
    ],
)
def test_keeps_a_small_share_of_the_time(quality: str, seconds: float | None, kept: float, wanted: bool) -> None:
    options = Options(quality=quality, seconds=seconds)
    assert reserve(options) == pytest.approx(kept)
    assert is_wanted(options) == wanted


def test_without_a_budget_it_takes_a_minute_or_a_small_share_of_the_search() -> None:
    assert (most_seconds(10), most_seconds(3_600)) == (60, 216)
    options, now = Options(seconds=None), time.monotonic()
    assert pipeline._examination_deadline(options, now - 3_600) == pytest.approx(now + 216, abs=1)
    much_left = Options(seconds=3_600)
    assert pipeline._examination_deadline(much_left, now) == pytest.approx(now + 3_600 - pipeline.tail(3_600), abs=1)
    in_time = Options(seconds=100)
    assert pipeline._examination_deadline(in_time, now - 60) == pytest.approx(now + 40 - pipeline.tail(100), abs=1)


def test_a_session_keeps_a_share_of_its_own_time() -> None:
    assert reserve(Options(seconds=3_630), used=3_600) == pytest.approx(1.8)
    assert reserve(Options(seconds=3_600), used=3_610) == 0
