"""How much memory there is, and how much a user allows."""

from __future__ import annotations

import re
import resource
from pathlib import Path

from automl import cgroups
from automl.errors import InputError

LEAST = 2**28
# The rest is for the main process and for whatever else runs.
WORKERS_SHARE = 0.8
_UNITS = {"": 2**30, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", re.IGNORECASE)


def size(text: str | float | None) -> int | None:
    """The bytes that `--memory` names: "4G", "512M", or a number of gigabytes; None for none.

    Raises:
        InputError: it is no size, or too small for TensorFlow.

    >>> size("4G") == size(4) == 4 * 2**30
    True
    """
    if text is None:
        return None
    match = _SIZE.fullmatch(str(text).strip())
    if match is None:
        raise InputError(f"--memory {text} is no size. Write for example 4G or 800M.")
    given = int(float(match[1]) * _UNITS[match[2].upper()])
    if given < LEAST:
        raise InputError(f"--memory {text} is too small: TensorFlow and a table need {LEAST // 2**20}M or more.")
    return given


def available() -> int:
    """The bytes that this process and its children can still have: of the machine, or of their control groups."""
    facts = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines())
    free = int(facts["MemAvailable"].split()[0]) * 1024
    return max(0, min([free, *cgroups.free_memory()]))


def limit(allowance: int) -> None:
    """Lets this process have so many bytes more than it has now; what it asks for beyond fails as out of memory."""
    most = _own("VmData") + allowance
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def used_share(process: int) -> float:
    """The share of what `limit` lets a process have that it has; 0 where that cannot be told."""
    try:
        most, _ = resource.prlimit(process, resource.RLIMIT_DATA)
        return _fact("VmData", process) / most if most > 0 else 0.0
    except (OSError, KeyError):
        return 0.0


def peak() -> int:
    """The most bytes that this process has had; what a process that forked it had loaded counts."""
    return _own("VmHWM")


def for_workers(given: int | None) -> int:
    """The bytes for all workers together: those given, or most of what is available."""
    return given or int(WORKERS_SHARE * available())


def _own(fact: str) -> int:
    return _fact(fact, "self")


def _fact(fact: str, process: int | str) -> int:
    """What the system says of a process, in bytes."""
    lines = Path(f"/proc/{process}/status").read_text(encoding="utf-8", errors="replace").splitlines()
    status = dict(line.split(":", 1) for line in lines)
    return int(status[fact].split()[0]) * 1024
