"""A console whose reader goes away."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

from automl.reporting.console import Patient

PROGRAM = """
import os, signal, sys, time
from automl.interruption import Interruption
from automl.reporting.console import Patient
from automl.reporting.terminal import Terminal
with Interruption(Terminal(Patient()).note) as interruption:
    interruption.worth_saving = True
    sys.stdin.readline()
    os.kill(os.getpid(), signal.SIGINT)
    Patient().print("more")
    print(interruption.asked, file=sys.stderr)
"""


def test_work_goes_on_when_the_reader_has_gone() -> None:
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert program.stdin
    assert program.stdout
    assert program.stderr
    program.stdout.close()
    program.stdin.write("\n")
    program.stdin.close()
    said = program.stderr.read()
    assert (program.wait(), said) == (0, "True\n")


def test_a_terminal_that_is_gone_ends_nothing() -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as terminal:
        console = Patient(file=terminal)
        console.print("before")
        os.close(ours)
        console.print("after")
        assert console.quiet
