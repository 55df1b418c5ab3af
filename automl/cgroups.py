"""What its control groups leave this process: those of a container, of a batch system's job, of a systemd unit."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from pathlib import Path

_MEMBERSHIP = Path("/proc/self/cgroup")
_ROOT = Path("/sys/fs/cgroup")
# Of version 2 and of version 1: the limit, what is used of it, and how much of that are copies of files that nobody has
# used lately, which the kernel gives back.
_MEMORY = (
    ("memory.max", "memory.current", "inactive_file"),
    ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)


def free_memory() -> list[int]:
    """The bytes that are left, by each group that limits them."""
    found = []
    for group in _groups("memory"):
        for most, used, given_back in _MEMORY:
            # It has the files of one version, and may have no limit ("max").
            with contextlib.suppress(ValueError):
                free = int(_text(group / most)) - int(_text(group / used))
                found.append(free + _statistic(group, given_back))
    return found


def processors() -> list[int]:
    """How many processors' time may be used, begun ones counted, by each group that limits it."""
    found = []
    for group in _groups("cpu"):
        of_version_1 = (_text(group / f"cpu.cfs_{name}_us") for name in ("quota", "period"))
        with contextlib.suppress(ValueError):
            quota, period = map(int, (_text(group / "cpu.max") or " ".join(of_version_1)).split())
            if quota > 0:
                found.append(math.ceil(quota / period))
    return found


def _groups(controller: str) -> Iterator[Path]:
    """The folders of the group that this process is in and of all around it, of which some may not be visible."""
    for line in _text(_MEMBERSHIP).splitlines():
        _, controllers, place = line.split(":", 2)
        if not controllers or controller in controllers.split(","):
            root = _ROOT / controller if controllers else _ROOT
            group = root / place.lstrip("/")
            yield from (folder for folder in (group, *group.parents) if folder.is_relative_to(root))


def _statistic(group: Path, name: str) -> int:
    lines = (line.partition(" ") for line in _text(group / "memory.stat").splitlines())
    return next((int(value) for each, _, value in lines if each == name), 0)


def _text(path: Path) -> str:
    """Nothing where there is no such file."""
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""
