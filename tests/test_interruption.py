"""Ctrl-C, pressed once and twice."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from automl.interruption import EarlyEnd, Interruption


def press() -> None:
    """Ctrl-C."""
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(1)


def test_the_first_ctrl_c_is_noted_and_the_second_ends_at_once() -> None:
    said: list[str] = []
    before = signal.getsignal(signal.SIGINT)
    with Interruption(said.append, worth_saving=True) as interruption:
        interruption.check()
        press()
        assert said == ["Interrupted: saving the best so far; press Ctrl-C again to stop at once"]
        with pytest.raises(EarlyEnd):
            interruption.check()
        with pytest.raises(KeyboardInterrupt):
            press()
    assert signal.getsignal(signal.SIGINT) == before


def test_as_long_as_there_is_nothing_to_save_the_first_ctrl_c_ends_at_once() -> None:
    with Interruption(last_words="To go on: automl resume x"), pytest.raises(KeyboardInterrupt, match="resume x"):
        press()


def test_where_ctrl_c_is_ignored_it_stays_so() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Interruption():
            os.kill(os.getpid(), signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_thread_beside_the_main_one_changes_nothing() -> None:
    before = signal.getsignal(signal.SIGINT)
    seen: list[object] = []

    def inside() -> None:
        with Interruption():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    assert seen == [before]
