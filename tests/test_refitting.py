"""The end of a fit: which members are trained again, in which order, and what becomes of those that are not."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from automl import files
from automl.data.split import Split
from automl.ensemble import Ensemble, Member, Refit
from automl.execution import Event, Job, errands
from automl.interruption import EarlyEnd
from automl.refitting import EVERY, TIME_SHARE, USUAL_MEMBERS, estimate, growth, not_begun, reserve, train_again
from automl.trial import Place, Rung, Trial
from automl.weights import REFITTED


def trial(number: int, *, seconds: float = 10.0, rungs: tuple[Rung, ...] = ()) -> Trial:
    """Half of its 40 epochs were kept."""
    return Trial(
        number,
        "mlp",
        {"scaling": "quantile"},
        status="finished",
        objective=float(number),
        curves={"loss": [0.5] * 40},
        rungs=rungs,
        seconds=seconds,
        place=Place(20, 60),
    )


TRIALS = [trial(number) for number in range(4)]
BEST = Ensemble(
    tuple(
        Member(number, "mlp", TRIALS[number].params, weight, 10, 1) for number, weight in ((2, 0.5), (0, 0.3), (3, 0.2))
    ),
    1.0,
    0.0,
)


class Worker:
    """Does one job at a time, as `answer` says; writes the file that a worker writes, even if its job is cancelled."""

    def __init__(self, answer: Callable[[Job], Event | None]) -> None:
        self.jobs: list[Job] = []
        self._answer = answer
        self._job: Job | None = None

    @property
    def capacity(self) -> int:
        return 0 if self._job else 1

    def submit(self, job: Job) -> None:
        self.jobs.append(job)
        self._job = job

    def wait(self, seconds: float) -> list[Event]:
        time.sleep(0.001)
        job = self._job
        if job is None:
            return []
        train(job.folder)
        event = self._answer(job)
        if event is None:
            return []
        self._job = None
        return [event]

    def move(self, key: int, until: float) -> None: ...

    def cancel(self, key: int) -> None:
        if self._job is not None and self._job.key == key:
            self._job = None

    def close(self) -> None:
        self._job = None


def train(folder: Path) -> None:
    """Leaves what training a member again leaves."""
    folder.mkdir(parents=True, exist_ok=True)
    files.write_arrays(folder / REFITTED, {"000.0000": np.zeros(20)})


def again(folder: Path, worker: Worker, *, seconds: float = float("inf")) -> Refit:
    return train_again(
        BEST,
        TRIALS,
        worker,
        folder=lambda number: folder / str(number),
        parts=EVERY,
        rows=100,
        growth=1.0,
        seed=7,
        deadline=time.monotonic() + seconds,
        report=lambda: None,
    )


def done(job: Job) -> Event:
    return Event(job.key, "done", {"rows": 100})


def test_the_heaviest_member_comes_first(tmp_path: Path) -> None:
    worker = Worker(done)
    refit = again(tmp_path, worker)
    assert (refit.rows, refit.trials, dict(refit.kept)) == (100, (2, 0, 3), {})
    assert [(job.kind, job.folder.name, job.seed, job.place) for job in worker.jobs] == [
        ("refit", "2", 9, Place(20, 60)),
        ("refit", "0", 7, Place(20, 60)),
        ("refit", "3", 10, Place(20, 60)),
    ]


def test_a_member_that_fails_keeps_its_networks(tmp_path: Path) -> None:
    def answer(job: Job) -> Event:
        if job.seed == 7:
            return Event(job.key, "failed", reason="nan", message="The loss is not a number.")
        return Event(job.key, "failed", reason="timeout", message="Late.") if job.seed == 10 else done(job)

    refit = again(tmp_path, Worker(answer))
    assert (refit.trials, dict(refit.kept)) == (
        (2,),
        {0: "The loss is not a number", 3: "the time was too short"},
    )


def test_nothing_is_begun_that_would_not_end_in_time(tmp_path: Path) -> None:
    worker = Worker(done)
    refit = again(tmp_path, worker, seconds=1.0)
    assert (worker.jobs, refit.trials, len(refit.kept)) == ([], (), 3)


def test_what_is_still_running_in_the_end_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("automl.execution.errands.GRACE_SECONDS", -3.9)
    worker = Worker(lambda job: done(job) if job.seed == 9 else None)
    refit = again(tmp_path, worker, seconds=4.0)
    assert refit.trials == (2,)
    assert set(refit.kept.values()) == {"the time was too short"}
    assert [(tmp_path / str(number) / REFITTED).exists() for number in (2, 0)] == [True, False]


def test_a_silent_worker_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errands, "run", partial(errands.run, silence=0.05))
    refit = again(tmp_path, Worker(lambda job: None if job.seed == 7 else done(job)))
    assert (refit.trials, refit.kept) == ((2, 3), {0: "there was no sign of life for 0 seconds"})


def test_you_may_end_it(tmp_path: Path) -> None:
    def answer(job: Job) -> Event:
        if job.seed == 7:
            raise EarlyEnd
        return done(job)

    refit = again(tmp_path, Worker(answer))
    assert (refit.trials, refit.kept) == ((2,), {0: "you ended it", 3: "you ended it"})


def test_rows_grow_by_what_no_network_has_seen() -> None:
    rows = np.arange(100)
    holdout = Split(rows[:60], rows[60:80], rows[80:], "")
    assert growth(holdout, EVERY) == pytest.approx(100 / 60)
    assert growth(holdout, ("train", "val")) == pytest.approx(80 / 60)
    assert growth(Split(rows[:80], rows[:80], rows[80:], "", rows[:80] % 8), EVERY) == pytest.approx(100 / 70)


def test_estimates_by_the_trials_own_seconds() -> None:
    assert estimate(trial(0), growth=1.5) == pytest.approx(TIME_SHARE * 10 * 1.5 * 20 / 40)
    pruned_first = trial(0, rungs=(Rung(0, 10, 0.5),))
    assert estimate(pruned_first, growth=1.5) == pytest.approx(TIME_SHARE * 10 * 1.5 * 20 / 50)


def test_keeps_time_for_the_best_trials_on_all_workers() -> None:
    assert reserve([], growth=1.0, workers=2, most=1000.0) == 0
    many = [trial(number) for number in range(20)]
    assert reserve(many, growth=1.0, workers=2, most=1000.0) == pytest.approx(USUAL_MEMBERS * TIME_SHARE * 5 / 2)
    slow_and_quick = [trial(0, seconds=100.0), trial(1)]
    assert reserve(slow_and_quick, growth=1.0, workers=2, most=1000.0) == pytest.approx(TIME_SHARE * 50)


def test_keeps_no_time_for_what_could_not_be_trained_again_in_it() -> None:
    slow_and_quick = [trial(0, seconds=100.0), trial(1)]
    most = TIME_SHARE * 49
    # The best one decides.
    assert reserve(slow_and_quick, growth=1.0, workers=2, most=most) == 0
    quick_and_slow = [trial(0), trial(1, seconds=100.0)]
    assert reserve(quick_and_slow, growth=1.0, workers=2, most=most) == pytest.approx(TIME_SHARE * 5)
    assert reserve(quick_and_slow, growth=1.0, workers=2, most=TIME_SHARE * 50) == pytest.approx(TIME_SHARE * 50)
    many = [trial(number) for number in range(20)]
    assert reserve(many, growth=1.0, workers=2, most=TIME_SHARE * 7) == pytest.approx(TIME_SHARE * 7)


def test_a_member_that_an_earlier_session_has_trained_again_is_done(tmp_path: Path) -> None:
    for number in (2, 3):
        train(tmp_path / str(number))
    torn = tmp_path / "3" / REFITTED
    torn.write_bytes(torn.read_bytes()[:-40])
    worker = Worker(done)
    refit = again(tmp_path, worker)
    assert [job.folder.name for job in worker.jobs] == ["0", "3"]
    assert (refit.trials, dict(refit.kept)) == ((2, 0, 3), {})


def test_what_an_earlier_session_has_trained_again_stays_so_without_time_for_the_others(tmp_path: Path) -> None:
    train(tmp_path / "0")
    worker = Worker(done)
    refit = again(tmp_path, worker, seconds=1.0)
    assert (worker.jobs, refit.trials, set(refit.kept)) == ([], (0,), {2, 3})
    ended = not_begun(
        BEST, folder=lambda number: tmp_path / str(number), parts=EVERY, rows=100, why="you ended the search"
    )
    assert (ended.trials, dict(ended.kept)) == ((0,), dict.fromkeys((2, 3), "you ended the search"))


def test_keeps_no_time_for_what_an_earlier_session_has_trained_again() -> None:
    slow_and_quick = [trial(0, seconds=100.0), trial(1)]
    kept = reserve(slow_and_quick, growth=1.0, workers=2, most=TIME_SHARE * 49, done=[0])
    assert kept == pytest.approx(TIME_SHARE * 5)
