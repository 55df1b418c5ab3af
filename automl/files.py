"""Files that are either whole or absent: written aside, flushed to the disk, then renamed."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.errors import EnvironmentFault


@contextmanager
def disk_faults_explained(path: Path) -> Iterator[None]:
    """Turns a full disk, a missing permission and the like into an EnvironmentFault that names the path."""
    try:
        yield
    except OSError as error:
        advice = {
            errno.ENOSPC: "Free some space, or write elsewhere with --out.",
            errno.EDQUOT: "Your quota is used up: free some space, or write elsewhere with --out.",
            errno.EACCES: "Allow writing there, or write elsewhere with --out.",
            errno.EROFS: "The file system is read-only: write elsewhere with --out.",
        }.get(error.errno or 0, "Check the disk, or write elsewhere with --out.")
        raise EnvironmentFault(f"Cannot write {path}: {os.strerror(error.errno or 0)}. {advice}") from error


def write_bytes(path: Path, content: bytes) -> None:
    """Puts `content` at `path`, replacing what was there, so that a crash leaves the old file or the new one.

    Raises:
        EnvironmentFault: the disk is full or the place cannot be written.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    with disk_faults_explained(path):
        try:
            with aside.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            aside.replace(path)
        except OSError:
            aside.unlink(missing_ok=True)
            raise


def write_text(path: Path, content: str) -> None:
    """`write_bytes` for UTF-8 text."""
    write_bytes(path, content.encode())


def write_json(path: Path, content: Any) -> None:
    """`write_bytes` for JSON."""
    write_text(path, json_text(content) + "\n")


def json_text(content: Any) -> str:
    """The content as JSON. NaN and infinities become null, which every JSON reader takes."""
    return json.dumps(_finite(content), indent=1, ensure_ascii=False, allow_nan=False)


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """`write_bytes` for an .npz file of plain arrays (no pickle)."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **dict(arrays))
    write_bytes(path, buffer.getvalue())


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of an .npz file."""
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def sha256(path: Path) -> str:
    """The hexadecimal SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _finite(content: Any) -> Any:
    if isinstance(content, Mapping):
        return {str(key): _finite(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [_finite(value) for value in content]
    if isinstance(content, np.generic):
        content = content.item()
    if isinstance(content, float) and not math.isfinite(content):
        return None
    return content
