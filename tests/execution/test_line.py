"""A worker's line: what it says while it is in a call that says nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from multiprocessing import Pipe
from multiprocessing.connection import Connection

import pytest

from automl.execution import Event, line
from automl.execution.line import Line

SIGN = Event(7, "epoch", {"curves": {}})


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Connection, Connection]]:
    """Those of the worker, and of who listens."""
    monkeypatch.setattr(line, "BEAT_SECONDS", 0.1)
    near, far = Pipe()
    yield near, far
    near.close()
    far.close()


def compute_until(listener: Connection, *, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until and not listener.poll():
        sum(range(1_000))


def test_who_computes_is_alive(ends: tuple[Connection, Connection]) -> None:
    near, far = ends
    with Line(near).pulse(7):
        compute_until(far, seconds=30)
        assert far.recv() == SIGN
        compute_until(far, seconds=30)
        assert far.recv() == SIGN


def test_who_waits_for_ever_is_not(ends: tuple[Connection, Connection]) -> None:
    near, far = ends
    with Line(near).pulse(7):
        assert not far.poll(0.5)


def test_nothing_is_heard_of_a_job_after_its_end(ends: tuple[Connection, Connection]) -> None:
    near, far = ends
    spoken = Line(near)
    with spoken.pulse(7):
        compute_until(far, seconds=30)
    spoken.send(Event(7, "done"))
    heard = []
    while far.poll(0.5):
        heard.append(far.recv().kind)
    assert heard[0] == "epoch"
    assert heard.index("done") == len(heard) - 1


def test_a_job_goes_on_when_nobody_listens(
    ends: tuple[Connection, Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    near, far = ends
    failures: list[object] = []
    monkeypatch.setattr(threading, "excepthook", failures.append)
    far.close()
    with Line(near).pulse(7):
        began = time.monotonic()
        while time.monotonic() < began + 0.5:
            sum(range(1_000))
    assert failures == []
