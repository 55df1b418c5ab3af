"""The search loop: what it starts, what it records, when it stops. A made-up executor trains nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from automl.baselines import BOOSTING
from automl.execution import Event, Job
from automl.records import RunFolder
from automl.reporting.silent import Silent
from automl.searching import BOOSTING_KEY, SearchOutcome, Settings, search
from automl.space import Choice, Float, SearchSpace
from automl.tasks import metric, task
from automl.tracking.memory import MemoryTracker
from automl.trial import Trial, finished

SPACES = {
    name: SearchSpace(name, {"rate": Float(0.0, 1.0, 0.5), "scaling": Choice(("quantile",), "quantile")})
    for name in ("linear", "mlp")
}
RMSE = metric("rmse", task("regress"))


class Instant:
    """An executor whose jobs end at once, as `answer` says."""

    def __init__(self, answer: Callable[[Job], Event | None], *, workers: int = 1) -> None:
        self.jobs: list[Job] = []
        self._answer = answer
        self._waiting: list[Job] = []
        self._workers = workers

    @property
    def capacity(self) -> int:
        return self._workers - len(self._waiting)

    def submit(self, job: Job) -> None:
        self.jobs.append(job)
        self._waiting.append(job)

    def wait(self, seconds: float) -> list[Event]:
        ended = {job.key: event for job in self._waiting if (event := self._answer(job)) is not None}
        self._waiting = [job for job in self._waiting if job.key not in ended]
        if not ended:
            time.sleep(0.01)
        return list(ended.values())

    def cancel(self, key: int) -> None:
        self._waiting = [job for job in self._waiting if job.key != key]

    def close(self) -> None:
        self._waiting = []


def scored(job: Job, *, test: float = 1.0) -> Event:
    """A trial that does the better, the nearer its rate is to 0.3."""
    if job.key == BOOSTING_KEY:
        return Event(job.key, "done", {"scores": {"val": {"rmse": 0.4}}, "seconds": 0.1})
    error = abs(float(job.params["rate"]) - 0.3) + (0.1 if job.family == "linear" else 0.0)
    result: dict[str, Any] = {
        "objective": error,
        "scores": {"train": {"rmse": error}, "val": {"rmse": error}, "test": {"rmse": test * error}},
        "curves": {"val_rmse": [error]},
        "best_epoch": 1,
        "parameters": 10,
        "seconds": 0.01,
        "stopped": "",
    }
    return Event(job.key, "done", result)


def run(
    folder: Path,
    answer: Callable[[Job], Event | None],
    *,
    trials: int | None = 8,
    seconds: float = float("inf"),
    workers: int = 1,
) -> tuple[SearchOutcome, MemoryTracker]:
    tracker = MemoryTracker()
    deadline = time.monotonic() + seconds
    settings = Settings("random", SPACES, RMSE, RunFolder(folder), 0, trials, deadline, None)
    executor = Instant(answer, workers=workers)
    return search(settings, executor=executor, tracker=tracker, reporter=Silent()), tracker


def test_tries_each_familys_defaults_and_then_searches(tmp_path: Path) -> None:
    outcome, _ = run(tmp_path, scored)
    assert [trial.family for trial in outcome.trials[:2]] == ["linear", "mlp"]
    assert [trial.params["rate"] for trial in outcome.trials[:2]] == [0.5, 0.5]
    assert len(outcome.trials) == 8
    assert [baseline.name for baseline in outcome.baselines] == [BOOSTING]


def test_every_trial_is_on_disk_and_in_the_tracker(tmp_path: Path) -> None:
    outcome, tracker = run(tmp_path, scored)
    assert RunFolder(tmp_path).trials() == outcome.trials
    assert [trial.number for trial in tracker.trials("trial_started")] == list(range(8))
    assert tracker.trials("trial_ended") == outcome.trials


def test_the_same_seed_gives_the_same_trials(tmp_path: Path) -> None:
    first, again = (run(tmp_path / name, scored)[0] for name in ("a", "b"))
    assert first.trials == again.trials


def test_test_scores_decide_nothing(tmp_path: Path) -> None:
    honest = run(tmp_path / "a", scored)[0]
    changed = run(tmp_path / "b", lambda job: scored(job, test=-99.0))[0]
    assert [trial.params for trial in changed.trials] == [trial.params for trial in honest.trials]
    assert finished(changed.trials)[0].number == finished(honest.trials)[0].number


def test_a_failure_keeps_its_reason(tmp_path: Path) -> None:
    def answer(job: Job) -> Event:
        return Event(job.key, "failed", reason="oom", message="too large") if job.key == 1 else scored(job)

    outcome, _ = run(tmp_path, answer)
    assert (outcome.trials[1].status, outcome.trials[1].reason) == ("failed", "oom")
    assert len(finished(outcome.trials)) == 7


def test_stops_when_the_first_ten_all_fail(tmp_path: Path) -> None:
    def answer(job: Job) -> Event:
        return scored(job) if job.key == BOOSTING_KEY else Event(job.key, "failed", reason="build", message="no")

    outcome, _ = run(tmp_path, answer, trials=100)
    assert len(outcome.trials) == 10


def test_ends_what_hangs_when_the_time_is_up(tmp_path: Path) -> None:
    began = time.monotonic()
    outcome, tracker = run(tmp_path, lambda job: scored(job) if job.key < 2 else None, trials=None, seconds=2.0)
    assert time.monotonic() - began < 4
    assert [trial.status for trial in outcome.trials] == ["finished", "finished", "failed"]
    assert outcome.trials[2].reason == "timeout"
    assert tracker.trials("trial_ended")[-1].reason == "timeout"


def test_a_slow_baseline_is_given_up(tmp_path: Path) -> None:
    outcome, _ = run(
        tmp_path, lambda job: None if job.key == BOOSTING_KEY else scored(job), trials=2, seconds=2.0, workers=2
    )
    assert outcome.baselines[0].message == "not finished in its share of the time"
    assert len(finished(outcome.trials)) == 2


def test_an_interrupt_keeps_what_is_finished(tmp_path: Path) -> None:
    def answer(job: Job) -> Event | None:
        if job.key == 3:
            raise KeyboardInterrupt
        return scored(job)

    outcome, tracker = run(tmp_path, answer)
    assert outcome.interrupted
    assert [trial.status for trial in outcome.trials] == ["finished"] * 3 + ["failed"]
    assert outcome.trials[3].reason == "interrupted"
    assert len(tracker.trials("trial_ended")) == 4


def test_weights_of_weak_trials_are_forgotten(tmp_path: Path) -> None:
    def answer(job: Job) -> Event:
        if job.key != BOOSTING_KEY:
            job.folder.mkdir(parents=True, exist_ok=True)
            (job.folder / "weights.npz").touch()
        return scored(job)

    outcome, _ = run(tmp_path, answer, trials=15)
    kept = {int(path.parent.name) for path in tmp_path.glob("trials/*/weights.npz")}
    assert kept == {trial.number for trial in finished(outcome.trials)[:10]}


@pytest.mark.parametrize("workers", [1, 3])
def test_never_starts_more_trials_than_asked(tmp_path: Path, workers: int) -> None:
    outcome, _ = run(tmp_path, scored, trials=5, workers=workers)
    assert len(outcome.trials) == 5
    assert all(isinstance(trial, Trial) and trial.status == "finished" for trial in outcome.trials)
