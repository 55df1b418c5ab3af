"""Ctrl-C: the first ends a run in good order, with the best so far saved; the second ends it at once.

Whoever ends the process (SIGTERM, as batch systems do) or takes away its terminal (SIGHUP) is answered as the first is.
Shells and batch systems send several such signals, so that those after the first change nothing.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, Self

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Of standard output and standard error.
DESCRIPTORS = (1, 2)
SAYS = "Interrupted: saving the best so far; press Ctrl-C again to stop at once"


class EarlyEnd(Exception):
    """The user wants the run to end; raised only where it can end in good order."""


@dataclass
class Interruption:
    """Takes note of Ctrl-C for the time of a `with` block.

    A KeyboardInterrupt between any two steps could leave a trial half recorded, or the answer of a worker unread. Where
    Python does not let it listen, in a thread other than the main one, or where Ctrl-C is ignored, nothing changes. The
    other signals are listened to where nobody else does; they reach the program after the block.

    Attributes:
        say: tells the user that the run is about to end.
        worth_saving: whether a network has been trained; until then even the first Ctrl-C ends the run at once.
        last_words: what a KeyboardInterrupt says.
        asked: whether the user wants the run to end.
    """

    say: Callable[[str], None] = lambda _: None
    worth_saving: bool = False
    last_words: str = "Interrupted."
    asked: bool = False
    _before: dict[int, Any] = field(default_factory=dict)
    _others: list[int] = field(default_factory=list)
    _terminals: list[int] = field(default_factory=list)

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            # A terminal that is gone says that it is none.
            self._terminals = [descriptor for descriptor in DESCRIPTORS if os.isatty(descriptor)]
            for number in SIGNALS:
                before = signal.getsignal(number)
                if before == signal.SIG_DFL or (number == signal.SIGINT and before not in (signal.SIG_IGN, None)):
                    self._before[number] = before
                    signal.signal(number, self._pressed)
        return self

    def __exit__(self, *exception: object) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)
        for number in self._others[:1]:
            signal.raise_signal(number)

    def check(self) -> None:
        """Raises EarlyEnd if the user wants the run to end, or KeyboardInterrupt if there is nothing to save.

        Python drops what a signal raises in a destructor or the like, and goes on.
        """
        if self.asked and not self.worth_saving:
            raise KeyboardInterrupt(self.last_words)
        if self.asked:
            raise EarlyEnd

    def _pressed(self, number: int, frame: FrameType | None) -> None:
        if number != signal.SIGINT:
            self._others.append(number)
        if number == signal.SIGHUP:
            _leave(self._terminals)
        was_asked, self.asked = self.asked, True
        if was_asked and number != signal.SIGINT:
            return
        if was_asked or not self.worth_saving:
            raise KeyboardInterrupt(self.last_words)
        # The console may be in the middle of a line, and does not write two at a time; its terminal may be gone.
        with contextlib.suppress(RuntimeError, OSError):
            self.say(SAYS)


def _leave(terminals: Sequence[int]) -> None:
    """Whatever is written to a terminal that is gone fails."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in terminals:
        os.dup2(nowhere, descriptor)
    os.close(nowhere)
