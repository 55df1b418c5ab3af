"""Every error that a caller may catch, and the exit code that the command line gives for it.

AutomlError
├── InputError              2   the user's data, files, options or search spaces
├── EnvironmentFault        3   the machine: disk, permissions, a missing package, an unreachable store
└── NothingTrained          4   every trial failed

A message says what is wrong and where in its first line, and how to mend it in its last.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from automl.plain import plain_lines


class AutomlError(Exception):
    """Anything that this package raises on purpose.

    Names from tables and files are told in many messages, and end on terminals and in logs: no message can act there.
    """

    exit_code = 1

    def __init__(self, message: str = "") -> None:
        super().__init__(plain_lines(message))


class InputError(AutomlError):
    """Something that the user gave is wrong; `str(error)` says what, where and how to mend it."""

    exit_code = 2


class EnvironmentFault(AutomlError):
    """The machine does not give what is needed: disk space, permission, a package, a server."""

    exit_code = 3


class NothingTrained(AutomlError):
    """No trial succeeded, so there is no model to save."""

    exit_code = 4


def unknown(kind: str, given: object, known: Iterable[str], *, where: str = "") -> InputError:
    """An InputError for a name that does not exist: it guesses what was meant and lists what there is.

    >>> print(unknown("family", "mpl", ["linear", "mlp"]))
    There is no family 'mpl'. Did you mean 'mlp'? Known: linear, mlp.
    """
    names = list(known)
    close = difflib.get_close_matches(str(given).strip().lower(), [name.lower() for name in names], n=1, cutoff=0.5)
    guess = next((f" Did you mean {name!r}?" for name in names if close and name.lower() == close[0]), "")
    shown = ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
    place = f"{where}: there" if where else "There"
    return InputError(f"{place} is no {kind} {given!r}.{guess} Known: {shown}.")
