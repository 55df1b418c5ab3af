"""One process writes a run at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from automl import files, untrusted
from automl.errors import EnvironmentFault, InputError
from automl.records import RunFolder

LOCK = ".lock"


@contextmanager
def locked(folder: RunFolder) -> Iterator[None]:
    """Keeps all other processes from writing the run; the system frees it when this one ends, however it ends.

    Raises:
        InputError: there is no such folder, or another process writes the run.
        EnvironmentFault: the file system has no locks.
    """
    if not folder.path.is_dir():
        raise InputError(f"There is no run {str(folder.path)!r}. 'ls runs' shows the runs of this folder.")
    untrusted.refuse_links(folder.path)
    with files.disk_faults_explained(folder.path / LOCK):
        file = (folder.path / LOCK).open("a+", encoding="ascii")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            process = file.read(20).strip()
            raise InputError(
                f"{folder.path} is being written by another process ({process}). Wait until it ends, or end it."
            ) from None
        except OSError as error:
            raise EnvironmentFault(
                f"Cannot lock {folder.path / LOCK}: {error.strerror}. Without it, two processes could write the run. "
                "Put the run on a file system with locks: fit takes --out."
            ) from error
        with files.disk_faults_explained(folder.path / LOCK):
            os.truncate(file.fileno(), 0)
            os.write(file.fileno(), f"{os.getpid()}\n".encode())
        yield
