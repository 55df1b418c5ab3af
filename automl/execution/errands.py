"""Jobs that are not of the search: handed to the workers in their order, and heard until each has ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from automl.execution import Event, Executor, Job
from automl.interruption import EarlyEnd
from automl.trial import Reason

# How long after the deadline a worker may take to end its job by itself.
GRACE_SECONDS = 0.5
# A worker that says nothing for so long hangs.
SILENCE_SECONDS = 60.0
WAIT_SECONDS = 0.1
TOO_SHORT = "the time was too short"


def run(
    jobs: Sequence[Job],
    executor: Executor,
    *,
    report: Callable[[], None],
    deadline: float = float("inf"),
    least: Callable[[Job], float] = lambda _: 0.0,
    silence: float = SILENCE_SECONDS,
) -> Iterator[tuple[Job, Event]]:
    """Each job with the event that ended it: "done", or "failed" with a reason.

    A job for which the time was too short, whether it was begun or not, has failed with "timeout"; one whose worker
    hung, with "killed"; those that the user has ended, with "interrupted".

    Args:
        jobs: the most important first.
        report: called several times a second; may raise EarlyEnd.
        deadline: on the monotonic clock; infinite for none.
        least: the seconds that must be left for a job to be begun.
        silence: the seconds after which a worker without a sign of life counts as hanging.
    """
    waiting = list(jobs)
    running: dict[int, Job] = {}
    heard: dict[int, float] = {}

    def ended(early: Sequence[Job], reason: Reason, why: str) -> Iterator[tuple[Job, Event]]:
        for job in early:
            executor.cancel(job.key)
            running.pop(job.key, None)
            yield job, Event(job.key, "failed", reason=reason, message=why)

    try:
        while waiting or running:
            while waiting and executor.capacity:
                job = waiting.pop(0)
                if deadline - time.monotonic() < least(job):
                    yield from ended([job], "timeout", TOO_SHORT)
                    continue
                running[job.key], heard[job.key] = job, time.monotonic()
                executor.submit(job)
            for event in executor.wait(WAIT_SECONDS):
                heard[event.key] = time.monotonic()
                if event.kind != "epoch" and event.key in running:
                    yield running.pop(event.key), event
            now = time.monotonic()
            late = list(running.values()) if now > deadline + GRACE_SECONDS else []
            yield from ended(late, "timeout", TOO_SHORT)
            silent = [job for job in running.values() if now - heard[job.key] > silence]
            yield from ended(silent, "killed", f"there was no sign of life for {silence:.0f} seconds")
            report()
    except EarlyEnd:
        yield from ended([*running.values(), *waiting], "interrupted", "you ended it")
