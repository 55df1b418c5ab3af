"""Jobs outside the search: all are heard of, however they end."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from automl.execution import Event, Job, errands
from automl.interruption import EarlyEnd

JOBS = [Job(key, "export", Path("nowhere")) for key in (-2, -3, -4)]


class Worker:
    """Does two jobs at a time; what `answer` makes of one is what happened to it since the last look."""

    def __init__(self, answer: Callable[[Job], Event | None]) -> None:
        self.begun: list[int] = []
        self.cancelled: list[int] = []
        self._answer = answer
        self._jobs: dict[int, Job] = {}

    @property
    def capacity(self) -> int:
        return 2 - len(self._jobs)

    def submit(self, job: Job) -> None:
        assert self.capacity
        self.begun.append(job.key)
        self._jobs[job.key] = job

    def wait(self, seconds: float) -> list[Event]:
        time.sleep(0.001)
        events = [event for job in self._jobs.values() if (event := self._answer(job))]
        for event in events:
            if event.kind != "epoch":
                del self._jobs[event.key]
        return events

    def move(self, key: int, until: float) -> None: ...

    def cancel(self, key: int) -> None:
        if self._jobs.pop(key, None):
            self.cancelled.append(key)

    def close(self) -> None:
        self._jobs.clear()


def done(job: Job) -> Event:
    return Event(job.key, "done")


def nothing() -> None:
    return


def ends(worker: Worker, *, seconds: float = 60.0, silence: float = 60.0) -> dict[int, tuple[str, str]]:
    ended = errands.run(JOBS, worker, report=nothing, deadline=time.monotonic() + seconds, silence=silence)
    return {job.key: (event.reason, event.message) for job, event in ended}


def test_all_are_done_the_first_first() -> None:
    worker = Worker(done)
    assert ends(worker) == dict.fromkeys((-2, -3, -4), ("", ""))
    assert (worker.begun, worker.cancelled) == ([-2, -3, -4], [])


def test_only_that_which_the_time_allows_is_begun() -> None:
    worker = Worker(done)
    ended = errands.run(
        JOBS, worker, report=nothing, deadline=time.monotonic() + 5, least=lambda job: 9.0 if job.key == -3 else 0.0
    )
    assert [(job.key, event.kind, event.reason) for job, event in ended] == [
        (-3, "failed", "timeout"),
        (-2, "done", ""),
        (-4, "done", ""),
    ]
    assert worker.begun == [-2, -4]


def test_what_is_late_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errands, "GRACE_SECONDS", 0.0)
    worker = Worker(lambda job: None if job.key == -2 else done(job))
    assert ends(worker, seconds=0.05)[-2] == ("timeout", errands.TOO_SHORT)
    assert (worker.cancelled, worker.begun) == ([-2], [-2, -3, -4])


def test_a_worker_that_says_nothing_is_ended_and_one_with_signs_of_life_is_not() -> None:
    began = time.monotonic()

    def answer(job: Job) -> Event | None:
        if job.key == -2:
            return None
        late = job.key == -4 and time.monotonic() < began + 0.3
        return Event(job.key, "epoch") if late else done(job)

    worker = Worker(answer)
    reasons = {key: reason for key, (reason, _) in ends(worker, silence=0.1).items()}
    assert reasons == {-2: "killed", -3: "", -4: ""}
    assert worker.cancelled == [-2]


def test_the_user_may_end_them() -> None:
    worker = Worker(lambda _: None)

    def end() -> None:
        raise EarlyEnd

    ended = [(job.key, event.reason) for job, event in errands.run(JOBS, worker, report=end)]
    assert ended == [(key, "interrupted") for key in (-2, -3, -4)]
    assert worker.cancelled == [-2, -3]
