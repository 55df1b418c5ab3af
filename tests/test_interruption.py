"""Ctrl-C, pressed once and twice."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from automl.interruption import SAYS, EarlyEnd, Interruption


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


def test_a_ctrl_c_that_python_has_dropped_is_found_later() -> None:
    with Interruption(last_words="Interrupted.") as interruption:
        with contextlib.suppress(KeyboardInterrupt):
            press()
        with pytest.raises(KeyboardInterrupt, match="Interrupted"):
            interruption.check()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_who_ends_the_program_is_answered_in_good_order(number: int) -> None:
    program = f"""
import os, signal
from automl.interruption import EarlyEnd, Interruption
with Interruption(print, worth_saving=True) as interruption:
    os.kill(os.getpid(), {int(number)})
    try:
        interruption.check()
    except EarlyEnd:
        print("saved", flush=True)
print("not reached")
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ended.stdout == f"{SAYS}\nsaved\n"
    assert ended.returncode == -number


def test_a_handler_of_somebody_else_stays() -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
    try:
        with Interruption(worth_saving=True) as interruption:
            os.kill(os.getpid(), signal.SIGTERM)
            interruption.check()
        assert heard == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)


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
