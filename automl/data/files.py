"""A path becomes the bytes of a table, or an error that says what lies there instead."""

from __future__ import annotations

import contextlib
import difflib
import errno
import gzip
import hashlib
import io
import re
import stat
import sys
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from automl import memory
from automl.errors import EnvironmentFault, InputError

Kind = Literal["delimited", "json_lines", "parquet", "arrow"]

KINDS: dict[str, Kind] = {
    ".csv": "delimited",
    ".tsv": "delimited",
    ".txt": "delimited",
    ".parquet": "parquet",
    ".feather": "arrow",
    ".arrow": "arrow",
    ".jsonl": "json_lines",
    ".ndjson": "json_lines",
    ".json": "json_lines",
}
STANDARD_INPUT = "-"
PIPED = "input"
# Bytes that a byte of text takes until it is a profiled table, at the least: 5.8 and 6.0 were measured on numbers.
MEMORY_PER_BYTE = 5
COMPRESSIBLE: tuple[Kind, ...] = ("delimited", "json_lines")

# What unpacks to more than this, and to so many times its size, is taken for a trap.
MOST_UNPACKED, MOST_RATIO = 1 << 30, 200

# Arrow data that is streamed has no name of its own in front.
STREAM = b"\xff\xff\xff\xff"

# The first bytes of files that people take for tables.
_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"PAR1", "a Parquet file"),
    (b"ARROW1\0\0", "an Arrow file"),
    (STREAM, "an Arrow file"),
    (b"\x1f\x8b", "a gzip file"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel or Word file"),
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF87a", "a GIF image"),
    (b"GIF89a", "a GIF image"),
    (b"%PDF-", "a PDF document"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"\x80\x04\x95", "a pickle"),
    (b"\x80\x05\x95", "a pickle"),
    (b"\xfd7zXZ\0", "a compressed archive"),
    (b"7z\xbc\xaf\x27\x1c", "a compressed archive"),
    (b"\x28\xb5\x2f\xfd", "a compressed archive"),
)
_WANTED = {"parquet": "a Parquet file", "arrow": "an Arrow file"}
_REMEDIES = {
    "a Parquet file": "Rename it so that it ends in .parquet.",
    "an Arrow file": "Rename it so that it ends in .arrow.",
    "a gzip file": "Rename it so that it ends in .gz, as in data.csv.gz.",
    "a zip archive": "Rename it so that it ends in .zip.",
    "a compressed archive": "Unpack it first.",
    "an Excel workbook": "Save the sheet as CSV first.",
    "an old Excel or Word file": "Save the sheet as CSV first.",
    "a web page": "Download the file itself, not the page that shows it.",
}


@dataclass(frozen=True)
class File:
    """What a file holds: `label` names it in messages, `stem` names a folder, `digest` is the SHA-256 of its bytes."""

    label: str
    stem: str
    kind: Kind
    content: bytes
    digest: str


def load(path: str | Path) -> File:
    """The unpacked content of a table file, recognised by its suffix and checked against its first bytes.

    Raises:
        InputError: there is no such file, it changes, it is damaged, or it is no table.
        EnvironmentFault: the machine refuses to read it, or lacks the memory.
    """
    try:
        return _load(path)
    except MemoryError:
        raise EnvironmentFault(
            f"{printable(Path(path).name)} does not fit in memory. Read a part of its rows, or use a larger machine."
        ) from None


def printable(text: str, most: int = 60) -> str:
    """The text as it may appear in a message: without control characters and at most `most` characters long."""
    clean = "".join(c if c.isprintable() else " " if c.isspace() else "?" for c in text[: most + 1])
    return clean if len(clean) <= most else clean[: most - 1] + "…"


def _load(path: str | Path) -> File:
    is_piped = str(path) == STANDARD_INPUT
    stored = _piped() if is_piped else _content(path)
    path = Path(f"{PIPED}{_suffix(stored)}") if is_piped else Path(path)
    label = "standard input" if is_piped else printable(path.name, 100)
    if not stored:
        raise InputError(f"{label} is empty (0 bytes). Give a file that holds a table.")
    if path.suffix.lower() == ".zip":
        kind, content = _member(stored, label)
    else:
        kind, compressed = _kind(path, stored)
        content = unpacked(stored, label) if compressed else stored
    if not content:
        raise InputError(f"{label} is empty once it is unpacked. Give a file that holds a table.")
    _check_signature(content, kind, label)
    return File(label, stem(path), kind, content, hashlib.sha256(stored).hexdigest())


def _content(path: str | Path) -> bytes:
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", str(path)):
        raise InputError(f"{printable(str(path))!r} is a web address. Download the file first, then give its path.")
    path = Path(path)
    try:
        before = path.stat()
        _check_regular(path, before.st_mode)
        _check_memory(before.st_size, printable(path.name, 100))
        content = path.read_bytes()
        after = path.stat()
    except ValueError:
        raise InputError(f"The path {printable(str(path))!r} holds a NUL character. Give another path.") from None
    except OSError as error:
        raise _unreadable(path, error) from None
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise InputError(f"{printable(path.name)} changed while it was being read. Try again when it is complete.")
    return content


def _piped() -> bytes:
    """What another program writes into this one."""
    most = memory.available() // MEMORY_PER_BYTE
    content = sys.stdin.buffer.read(most + 1)
    _check_memory(len(content), "standard input")
    return content


def _suffix(piped: bytes) -> str:
    """Of a file with such bytes."""
    known = {"a Parquet file": ".parquet", "an Arrow file": ".arrow", "a gzip file": ".csv.gz", "a zip archive": ".zip"}
    return known.get(_signature(piped) or "", ".csv")


def _check_memory(size: int, label: str) -> None:
    """Says at once what the system would else find out late, and tell by ending the process."""
    needed, free = MEMORY_PER_BYTE * size, memory.available()
    if needed > free:
        raise EnvironmentFault(
            f"{label} has {size / 2**30:.1f} GB and needs at least {needed / 2**30:.1f} GB of memory, but"
            f" {free / 2**30:.1f} GB are free. Give a part of its rows, or use a larger machine."
        )


def _check_regular(path: Path, mode: int) -> None:
    shown = printable(str(path), 200)
    if stat.S_ISDIR(mode):
        tables = sorted(
            printable(inside.name)
            for inside in path.iterdir()
            if _is_table(inside.name) or inside.suffix.lower() in (".gz", ".zip")
        )
        inside = f"It holds: {', '.join(tables[:10])}." if tables else "It holds no table."
        raise InputError(f"{shown!r} is a folder. Give the path of a file in it. {inside}")
    if not stat.S_ISREG(mode):
        raise InputError(
            f"{shown!r} is a pipe or a device, not a file. Write the table to a file first, or pipe it in and give"
            f" {STANDARD_INPUT!r} for the file."
        )


def _unreadable(path: Path, error: OSError) -> InputError | EnvironmentFault:
    shown = printable(str(path), 200)
    match error.errno:
        case errno.ENOENT | errno.ENOTDIR:
            return _missing(path)
        case errno.ELOOP:
            return InputError(f"{shown!r} is a symbolic link that leads back to itself. Give the path of the file.")
        case errno.ENAMETOOLONG:
            return InputError(f"The path {printable(str(path))!r} is too long for a file. Give a shorter one.")
        case errno.EACCES | errno.EPERM:
            return EnvironmentFault(f"{shown!r} may not be read by this user. Change its permissions, or copy it.")
        case _:
            return EnvironmentFault(f"{shown!r} cannot be read: {error.strerror}. Check the disk, or copy the file.")


def _missing(path: Path) -> InputError:
    shown = printable(str(path), 200)
    folder = path.parent
    if not folder.is_dir():
        return InputError(f"There is no file {shown!r}: its folder does not exist. Check the path.")
    names: list[str] = []
    with contextlib.suppress(OSError):
        names = [printable(sibling.name, 100) for sibling in sorted(folder.iterdir())]
    close = difflib.get_close_matches(path.name, names, n=3, cutoff=0.5)
    guess = f"Did you mean {' or '.join(repr(name) for name in close)}?" if close else "Check the path."
    return InputError(f"There is no file {shown!r}. {guess}")


def _kind(path: Path, stored: bytes) -> tuple[Kind, bool]:
    """What the suffix promises, and whether the bytes are compressed."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    compressed = bool(suffixes) and suffixes[-1] == ".gz"
    last = suffixes[-2:-1] if compressed else suffixes[-1:]
    kind = KINDS.get(last[0]) if last else None
    label = printable(path.name, 100)
    if kind is None:
        found = _signature(stored)
        if found:
            raise InputError(f"{label} cannot be read as a table: it looks like {found}. {_remedy(found)}")
        raise InputError(
            f"{label} cannot be read as a table: its name does not end in {', '.join(KINDS)}, .gz or .zip. Rename it."
        )
    if compressed and kind not in COMPRESSIBLE:
        raise InputError(f"{label}: only text tables are read compressed. Unpack it first.")
    if compressed and not stored.startswith(b"\x1f\x8b"):
        found = _signature(stored) or "something else"
        raise InputError(f"{label} is not compressed with gzip: it looks like {found}. Remove .gz from its name.")
    return kind, compressed


def _is_table(name: str) -> bool:
    return Path(name).suffix.lower() in KINDS


def unpacked(stored: bytes, label: str, *, most_bytes: int = MOST_UNPACKED, most_ratio: int = MOST_RATIO) -> bytes:
    """The bytes inside gzip data, unless so few become so many that it must be a trap."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(stored)) as stream:
            return _bounded(stream, len(stored), label, most_bytes, most_ratio)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise _damaged(label) from None


def _member(stored: bytes, label: str) -> tuple[Kind, bytes]:
    """The kind and the content of the one table in a zip archive, unless it becomes so large that it must be a trap."""
    try:
        with zipfile.ZipFile(io.BytesIO(stored)) as archive:
            member = _only_table(archive, label)
            with archive.open(member) as stream:
                content = _bounded(stream, len(stored), label, MOST_UNPACKED, MOST_RATIO)
            return KINDS[Path(member.filename).suffix.lower()], content
    except (InputError, MemoryError):
        raise
    # Damaged archives raise errors of almost any type.
    except Exception:  # noqa: BLE001
        raise _damaged(label) from None


def _only_table(archive: zipfile.ZipFile, label: str) -> zipfile.ZipInfo:
    files = [member for member in archive.infolist() if not member.is_dir()]
    # Archives made on a Mac have a hidden companion for every file.
    tables = [
        member
        for member in files
        if _is_table(member.filename)
        and not member.filename.startswith("__MACOSX/")
        and not Path(member.filename).name.startswith(".")
    ]
    # A read-me is no rival of a table.
    tables = [member for member in tables if not member.filename.lower().endswith(".txt")] or tables
    if len(tables) != 1:
        what = f"{len(tables)} tables" if tables else "no table"
        names = ", ".join(printable(member.filename, 100) for member in (tables or files)[:10]) or "nothing"
        raise InputError(f"{label} holds {what}: {names}. Unpack it, and give the path of one table.")
    if tables[0].flag_bits & 1:
        raise InputError(f"{label} is locked with a password. Unpack it first.")
    return tables[0]


def _bounded(stream: IO[bytes] | gzip.GzipFile, size: int, label: str, most_bytes: int, most_ratio: int) -> bytes:
    most = max(most_bytes, most_ratio * size)
    content = io.BytesIO()
    while chunk := stream.read(1 << 24):
        content.write(chunk)
        if content.tell() > most:
            raise InputError(
                f"{label} unpacks to more than {most // size:,} times its size. If you trust it, unpack it first."
            )
    return content.getvalue()


def _damaged(label: str) -> InputError:
    return InputError(f"{label} is damaged or cut short: it cannot be unpacked. Fetch or make it again.")


def _check_signature(content: bytes, kind: Kind, label: str) -> None:
    found = _signature(content)
    wanted = _WANTED.get(kind)
    if found == wanted:
        return
    if wanted is None:
        raise InputError(f"{label} is not a text table: it looks like {found}. {_remedy(found)}")
    looks = f"it looks like {found}" if found else "its first bytes are different"
    raise InputError(f"{label} is not {wanted}: {looks}. Give it the suffix of what it is, or fetch it again.")


def _signature(content: bytes) -> str | None:
    """What the bytes look like, if they don't look like text."""
    what = next((what for prefix, what in _SIGNATURES if content.startswith(prefix)), None)
    if what == "a zip archive" and b"xl/workbook" in content:
        return "an Excel workbook"
    # A first column may be called PAR1, but Parquet also ends with it.
    if what == "a Parquet file" and not content.endswith(b"PAR1"):
        return None
    if content[:200].lstrip().lower().startswith((b"<!doctype html", b"<html")):
        return "a web page"
    return what


def _remedy(found: str | None) -> str:
    return _REMEDIES.get(found or "", "Save the table as CSV or Parquet first.")


def stem(path: Path) -> str:
    """The file's name without its suffixes, fit to name a folder."""
    if str(path) == STANDARD_INPUT:
        return PIPED
    name = re.sub(r"\.(gz|zip)$", "", path.name, flags=re.IGNORECASE)
    name = re.sub(r"[^\w.-]+", "_", Path(name).stem).strip("._-")
    return name[:60] or "data"
