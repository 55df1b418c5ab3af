"""Ctrl-C: the first ends a run in good order, with the best so far saved; the second ends it at once."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Any, Self

SAYS = "Interrupted: saving the best so far; press Ctrl-C again to stop at once"


class EarlyEnd(Exception):
    """The user wants the run to end; raised only where it can end in good order."""


@dataclass
class Interruption:
    """Takes note of Ctrl-C for the time of a `with` block.

    A KeyboardInterrupt between any two steps could leave a trial half recorded, or the answer of a worker unread. Where
    Python does not let it listen, in a thread other than the main one, or where Ctrl-C is ignored, nothing changes.

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
    _before: Any = None

    def __enter__(self) -> Self:
        is_main = threading.current_thread() is threading.main_thread()
        before = signal.getsignal(signal.SIGINT)
        if is_main and before not in (signal.SIG_IGN, None):
            self._before = before
            signal.signal(signal.SIGINT, self._pressed)
        return self

    def __exit__(self, *exception: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def check(self) -> None:
        """Raises EarlyEnd if the user wants the run to end."""
        if self.asked:
            raise EarlyEnd

    def _pressed(self, number: int, frame: FrameType | None) -> None:
        if self.asked or not self.worth_saving:
            raise KeyboardInterrupt(self.last_words)
        self.asked = True
        # The console may be in the middle of a line, and does not write two at a time.
        with contextlib.suppress(RuntimeError):
            self.say(SAYS)
