"""Faults of the machine, put into a process's own way to the disk: the end at a step, a full disk, a broken one.

A step is a write, a flush (fsync), a rename, a new folder or a deletion below a folder, in any thread.
"""

from __future__ import annotations

import builtins
import errno
import io
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

KINDS = ("kill", "full", "broken")


class Faults:
    """Counts the steps of this process below a folder, and lets one of them, or all from one on, go wrong.

    Args:
        kind: "kill" ends the process before the step, and in the middle of a write; "full" is ENOSPC from the step on,
            "broken" is EIO once. Flushes and deletions need no space.
        at: which step, counted from 1; 0 for none.
        log: a line for each step goes there.
    """

    def __init__(self, below: Path, *, kind: str, at: int, log: Path) -> None:
        self._below, self._kind, self._at = f"{below}{os.sep}", kind, at
        self._log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        self._write, self._fsync = os.write, os.fsync
        self._step = 0
        self._lock = threading.Lock()

    def install(self) -> None:
        """From now on."""
        os.replace = self._two(os.replace)
        os.rename = self._two(os.rename)
        for name in ("unlink", "rmdir", "mkdir"):
            setattr(os, name, self._one(name, getattr(os, name)))
        for name, call in {"fsync": self._flush, "write": self._plain_write}.items():
            setattr(os, name, call)
        opened = io.open

        def open_counted(file: Any, mode: str = "r", *arguments: Any, **options: Any) -> Any:
            is_ours = isinstance(file, (str, os.PathLike)) and self._is_below(os.fspath(file))
            if not is_ours or not set(mode) & set("wax+"):
                return opened(file, mode, *arguments, **options)
            raw = _File(file, mode.replace("b", "").replace("t", ""), self)
            buffered = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
            if "b" in mode:
                return buffered
            return io.TextIOWrapper(buffered, encoding=options.get("encoding") or "utf-8")

        io.open = builtins.open = open_counted

    def write(self, path: str, content: Any, write: Callable[[Any], int]) -> int:
        """Writes, or a half of it and no more."""
        fault = self._next("write", path)
        if fault:
            write(bytes(content)[: len(content) // 2])
            self._strike(fault)
        return write(content)

    def _next(self, what: str, path: str) -> int:
        """The fault of the next step: 0 for none, an error number, or -1 for the end."""
        with self._lock:
            self._step += 1
            self._write(self._log, f"{self._step} {what} {path}\n".encode())
            hit = self._step == self._at or (self._kind == "full" and 0 < self._at < self._step)
            if not hit or (self._kind == "full" and what in ("fsync", "unlink", "rmdir")):
                return 0
            return {"kill": -1, "full": errno.ENOSPC, "broken": errno.EIO}[self._kind]

    def _strike(self, fault: int) -> None:
        if fault < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        if fault:
            raise OSError(fault, os.strerror(fault))

    def _is_below(self, path: Any) -> bool:
        return str(Path(os.fsdecode(path)).absolute()).startswith(self._below)

    def _two(self, call: Callable[..., None]) -> Callable[..., None]:
        def counted(source: Any, target: Any, **options: Any) -> None:
            if self._is_below(target):
                self._strike(self._next("rename", os.fspath(target)))
            call(source, target, **options)

        return counted

    def _one(self, name: str, call: Callable[..., None]) -> Callable[..., None]:
        def counted(path: Any, *arguments: Any, **options: Any) -> None:
            folder = options.get("dir_fd")
            place = path if folder is None else Path(_of(folder)) / os.fsdecode(path)
            if self._is_below(place):
                self._strike(self._next(name, os.fspath(place)))
            call(path, *arguments, **options)

        return counted

    def _flush(self, descriptor: Any) -> None:
        number = descriptor if isinstance(descriptor, int) else descriptor.fileno()
        path = _of(number)
        if self._is_below(path + "/x"):
            self._strike(self._next("fsync", path))
        self._fsync(number)

    def _plain_write(self, descriptor: int, content: Any) -> int:
        path = _of(descriptor)
        if not self._is_below(path):
            return self._write(descriptor, content)
        return self.write(path, content, lambda part: self._write(descriptor, part))


def _of(descriptor: int) -> str:
    """The path of an open file."""
    return str(Path(f"/proc/self/fd/{descriptor}").readlink())


class _File(io.FileIO):
    """A file whose writes are steps."""

    def __init__(self, path: Any, mode: str, faults: Faults) -> None:
        super().__init__(path, mode)
        self._faults, self._path = faults, os.fspath(path)

    def write(self, content: Any) -> int:
        return self._faults.write(self._path, content, super().write)
