"""Files that strangers may have written: read whole, within bounds, and through no link; what is wrong is said.

Whoever can write a run or a model can also write its manifest, so sums prove nothing here: what is read is checked.
"""

from __future__ import annotations

import dataclasses
import errno
import io
import json
import os
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automl.errors import InputError

if TYPE_CHECKING:
    from pydantic import TypeAdapter

LARGEST_FILE = 1 << 33
MOST_MEMBERS = 100_000
# What damaged archives and arrays make Python's and NumPy's readers raise.
DAMAGED = (
    OSError,
    ValueError,
    LookupError,
    TypeError,
    SyntaxError,
    EOFError,
    OverflowError,
    RecursionError,
    NotImplementedError,
    RuntimeError,
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
)


def content(path: Path, *, most: int = LARGEST_FILE) -> bytes:
    """The bytes of a regular file that is no symbolic link and holds at most so many.

    Raises:
        InputError: it is anything else.
        FileNotFoundError: there is none.
    """
    try:
        # A pipe would be waited for.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):
            raise _irregular(path) from None
        raise
    with open(descriptor, "rb") as file:  # noqa: PTH123  a descriptor, not a path
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            raise _irregular(path)
        if facts.st_size > most:
            raise InputError(f"{path} is larger than {most:,} bytes, which no such file of this package is. Remove it.")
        found = file.read(facts.st_size + 1)
    if len(found) != facts.st_size:
        raise InputError(f"{path} changes while it is read. Wait until it is complete.")
    return found


def members(stored: bytes, path: Path, *, names: str) -> Iterator[tuple[str, bytes]]:
    """The name and the content of each member of a zip archive in which nothing is compressed.

    So none can be larger than the archive. Nothing is written to the disk.

    Args:
        stored: what is in the archive; `path` is where it comes from.
        names: a regular expression for the names that there may be.

    Raises:
        InputError: the archive is damaged, or not such a one.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(stored))
    except DAMAGED:
        raise InputError(
            f"{path} is damaged: it is no archive of this package. Restore it from a copy, or make it anew."
        ) from None
    with archive:
        known = archive.infolist()
        for member in known:
            if not re.fullmatch(names, member.filename):
                raise InputError(f"{path}: refused, no such file of this package has a member {member.filename!r}.")
            if member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 1:
                raise InputError(f"{path}: refused, its member {member.filename!r} is compressed or encrypted.")
        distinct = {member.filename for member in known}
        claimed = sum(member.file_size for member in known)
        if len(distinct) < len(known) or len(known) > MOST_MEMBERS or claimed > len(stored):
            raise InputError(f"{path}: refused, its members repeat or overlap each other.")
        for member in known:
            try:
                found = archive.read(member)
            except DAMAGED:
                raise InputError(
                    f"{path} is damaged: {member.filename!r} cannot be read. Restore it from a copy, or make it anew."
                ) from None
            yield member.filename, found


def refuse_links(folder: Path) -> None:
    """Does nothing if a folder, however deep, holds regular files and folders alone.

    What is written through a link lands elsewhere, and what is deleted behind one was not ours.

    Raises:
        InputError: it holds a link, a pipe or a device.
    """
    pending = [folder]
    while pending:
        place = pending.pop()
        try:
            entries = list(os.scandir(place))
        except (FileNotFoundError, NotADirectoryError):
            # A search that goes on clears away.
            continue
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                pending.append(Path(entry.path))
            elif not entry.is_file(follow_symlinks=False):
                raise _irregular(Path(entry.path))


def checked(kind: Any, made: Any, path: Path) -> Any:
    """`made`, if its parts have the types that the dataclass or the pydantic model `kind` gives them.

    Raises:
        InputError: one has another type.
    """
    from pydantic import ValidationError

    try:
        if dataclasses.is_dataclass(made):
            # Pydantic takes an instance as it is; and only what comes from JSON may be strict and yet have lists.
            described = json.dumps(dataclasses.asdict(made), default=str)  # type: ignore[arg-type]
            _adapter(kind).validate_json(described, strict=True)
        else:
            _adapter(kind).validate_python(made)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(map(str, first["loc"]))[:100]
        raise InputError(
            f"{path} is damaged: {place + ': ' if place else ''}{first['msg']}."
            " Restore it from a copy, or make it anew."
        ) from None
    except RecursionError:
        raise InputError(
            f"{path} is damaged: it is nested too deeply. Restore it from a copy, or make it anew."
        ) from None
    return made


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def _irregular(path: Path) -> InputError:
    return InputError(
        f"{path} is a link, a pipe or a device, which no run or model of this package holds. Put a file there."
    )
