"""Files that are either whole or absent: written aside, flushed to the disk, then renamed; and how they are read."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import json
import math
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl import untrusted
from automl.errors import EnvironmentFault, InputError

LARGEST_JSON = 100_000_000
_ARRAY_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}

# In a record, beside what it says: its SHA-256; and the name of a record that is a list.
_DIGEST = "sha256"
_ITEMS = "items"
# Stands for a byte of a file's name that is no text.
_ALONE = re.compile("[\ud800-\udfff]")


@contextmanager
def disk_faults_explained(path: Path) -> Iterator[None]:
    """Turns a full disk, a missing permission and the like into an EnvironmentFault that names the path."""
    try:
        yield
    except OSError as error:
        elsewhere = "write elsewhere (fit, predict and report take --out)"
        advice = {
            errno.ENOSPC: f"Free some space, or {elsewhere}.",
            errno.EDQUOT: f"Your quota is used up: free some space, or {elsewhere}.",
            errno.EACCES: f"Allow writing there, or {elsewhere}.",
            errno.EROFS: f"The file system is read-only: {elsewhere}.",
        }.get(error.errno or 0, f"Check the disk, or {elsewhere}.")
        raise EnvironmentFault(f"Cannot write {path}: {error.strerror or error}. {advice}") from error


def make_folder(folder: Path) -> None:
    """Makes sure that a folder is there, also after a power cut.

    Raises:
        EnvironmentFault: it cannot be made.
    """
    with disk_faults_explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        flush_folder(folder.parent)


def flush_folder(folder: Path) -> None:
    """Makes sure that what a folder holds has its names also after a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems flush files alone.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def sweep(folder: Path) -> None:
    """Deletes what processes that were killed have left beside the files that they wrote."""
    for path in [*folder.rglob(".*.part"), *folder.rglob(".*.part.keras")]:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


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
            flush_folder(path.parent)
        except OSError:
            with contextlib.suppress(OSError):
                aside.unlink(missing_ok=True)
            raise


def write_text(path: Path, content: str) -> None:
    """`write_bytes` for UTF-8 text."""
    write_bytes(path, content.encode())


def write_out(path: Path, content: str) -> None:
    """`write_text` for a place that the user has named: what a link leads to, or a device or a pipe.

    Links in a run's folder are not followed, for it may come from a stranger.
    """
    place = path.resolve()
    if place.exists() and not place.is_file():
        with disk_faults_explained(path):
            place.write_bytes(content.encode())
    else:
        write_text(place, content)


def write_json(path: Path, content: Any) -> None:
    """`write_bytes` for JSON."""
    write_text(path, json_text(content) + "\n")


def json_text(content: Any) -> str:
    """The content as JSON. NaN and infinities become null, which every JSON reader takes."""
    text = json.dumps(_finite(content), indent=1, ensure_ascii=False, allow_nan=False)
    # Names of files may hold bytes that are no text, which UTF-8 has no place for.
    return (
        text if text.isascii() or not _ALONE.search(text) else json.dumps(_finite(content), indent=1, allow_nan=False)
    )


def write_record(path: Path, content: Mapping[str, Any] | Sequence[Any]) -> None:
    """`write_json` with the content's own SHA-256, so that `read_record` knows that nothing has altered it."""
    record = dict(content) if isinstance(content, Mapping) else {_ITEMS: list(content)}
    write_json(path, {**record, _DIGEST: _digest(_finite(record))})


def _digest(record: Any) -> str:
    canonical = json.dumps(record, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """`write_bytes` for an .npz file of plain arrays (no pickle)."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **dict(arrays))
    write_bytes(path, buffer.getvalue())


def read_json(path: Path, *, most: int = LARGEST_JSON) -> Any:
    """What a JSON file says.

    Raises:
        InputError: it is damaged, too large, nested too deeply, a link or no file.
        FileNotFoundError: there is none.
    """
    try:
        return json.loads(untrusted.content(path, most=most).decode("utf-8"))
    except (ValueError, RecursionError):
        raise InputError(f"{path} is damaged: it is not valid JSON. Restore it from a copy, or make it anew.") from None


def read_record(path: Path) -> Any:
    """What `write_record` wrote.

    Raises:
        InputError: as `read_json` does, and where the record is not as it was written.
        FileNotFoundError: there is none.
    """
    record = read_json(path)
    try:
        is_whole = isinstance(record, dict) and record.pop(_DIGEST, None) == _digest(record)
    except (ValueError, RecursionError):
        is_whole = False
    if not is_whole:
        raise InputError(f"{path} is damaged: it is not as it was written. Restore it from a copy, or make it anew.")
    return record.get(_ITEMS, record)


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of an .npz file, as NumPy writes it: nothing compressed, and no Python objects.

    Raises:
        InputError: it is damaged, or an array claims to be larger than what is stored of it.
        FileNotFoundError: there is none.
    """
    found = untrusted.members(untrusted.content(path), path, names=r"\w[\w. -]*\.npy")
    return {name.removesuffix(".npy"): _array(member, path) for name, member in found}


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


def _array(member: bytes, path: Path) -> NDArray[Any]:
    """An array, whose header is believed only if it claims exactly what is there."""
    file = io.BytesIO(member)
    try:
        shape, columns_first, kind = _ARRAY_HEADERS[np.lib.format.read_magic(file)](file)
        sizes = [int(size) for size in shape]
        whole = 1
        for size in sizes:
            whole *= size
        if kind.hasobject or min(sizes, default=0) < 0 or whole * kind.itemsize != len(member) - file.tell():
            raise ValueError
        flat = np.frombuffer(member, kind, offset=file.tell()) if whole else np.empty(0, kind)
        # A copy, since the bytes may not be written to.
        return flat.reshape(sizes, order="F" if columns_first else "C").copy(order="K")
    except untrusted.DAMAGED:
        raise InputError(
            f"{path} is damaged: an array in it is not what its header says. Restore it from a copy, or make it anew."
        ) from None
