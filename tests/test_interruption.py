"""Ctrl-C, pressed once and twice."""

from __future__ import annotations

import contextlib
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

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


def said_by(program: str) -> tuple[str, int]:
    """What a program of its own prints, and how it ends."""
    program = f"import os, signal\nfrom automl.interruption import EarlyEnd, Interruption\n{program}"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    return ended.stdout, ended.returncode


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (signal.SIGHUP, signal.SIGHUP),
        (signal.SIGTERM, signal.SIGHUP),
        (signal.SIGINT, signal.SIGTERM),
    ],
)
def test_of_several_signals_that_end_a_program_the_first_counts(first: int, second: int) -> None:
    said, code = said_by(f"""
with Interruption(print, worth_saving=True) as interruption:
    os.kill(os.getpid(), {int(first)})
    os.kill(os.getpid(), {int(second)})
    try:
        interruption.check()
    except EarlyEnd:
        print("saved", flush=True)
""")
    assert said == f"{SAYS}\nsaved\n"
    assert code in (-first, -second)


def test_what_is_cleared_away_where_nothing_is_worth_saving_is_not_interrupted_by_a_second_signal() -> None:
    said, code = said_by("""
with Interruption(print) as interruption:
    try:
        os.kill(os.getpid(), signal.SIGHUP)
    finally:
        os.kill(os.getpid(), signal.SIGHUP)
        print("cleared away", flush=True)
""")
    assert (said, code) == ("cleared away\n", -signal.SIGHUP)


def test_ctrl_c_after_another_signal_ends_at_once() -> None:
    said, _ = said_by("""
with Interruption(worth_saving=True):
    os.kill(os.getpid(), signal.SIGTERM)
    try:
        os.kill(os.getpid(), signal.SIGINT)
    except KeyboardInterrupt:
        print("at once", flush=True)
""")
    assert said == "at once\n"


def test_a_terminal_that_is_closed_does_not_cost_what_is_to_be_saved(tmp_path: Path) -> None:
    program = f"""
import fcntl, pathlib, termios, time
from automl.interruption import EarlyEnd, Interruption

def say(text):
    print(text, flush=True)

fcntl.ioctl(0, termios.TIOCSCTTY, 0)
with Interruption(say, worth_saving=True) as interruption:
    say("ready")
    while not interruption.asked:
        time.sleep(0.01)
    try:
        interruption.check()
    except EarlyEnd:
        say("saving")
        pathlib.Path({str(tmp_path / "saved")!r}).touch()
"""
    master, slave = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-c", program], stdin=slave, stdout=slave, stderr=slave, start_new_session=True
    )
    os.close(slave)
    said = b""
    while b"ready" not in said:
        said += os.read(master, 1000)
    # With its terminal, the first process of the session gets SIGHUP.
    os.close(master)
    assert child.wait(60) == -signal.SIGHUP
    assert (tmp_path / "saved").exists()
