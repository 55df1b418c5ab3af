"""A worker's line to the process that gives it jobs."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

from automl.execution import Event

# How often a call that does not return for long is looked at, and the share of that time in which the process must
# have computed to count as alive.
BEAT_SECONDS = 2.0
BUSY_SHARE = 0.1


@dataclass(frozen=True)
class Line:
    """Two threads may send over it, and no message is cut in two by another."""

    connection: Connection
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def send(self, event: Event) -> None:
        """Sends an event.

        Raises:
            OSError: nobody is at the other end.
        """
        with self._turn:
            self.connection.send(event)

    def alive(self, key: int) -> None:
        """Gives a sign of life of a job."""
        self.send(Event(key, "epoch", {"curves": {}}))

    @contextlib.contextmanager
    def pulse(self, key: int) -> Iterator[None]:
        """Gives signs of life of a job as long as the process computes, in calls that cannot give any themselves."""
        over = threading.Event()

        def beat() -> None:
            used = time.process_time()
            with contextlib.suppress(OSError):
                while not over.wait(BEAT_SECONDS):
                    before, used = used, time.process_time()
                    if used - before >= BUSY_SHARE * BEAT_SECONDS:
                        self.alive(key)

        beating = threading.Thread(target=beat, daemon=True)
        beating.start()
        try:
            yield
        finally:
            # No sign of life may come after the job's last event.
            over.set()
            beating.join()
