"""The bytes of a text file become UTF-8, whatever encoding they were written in."""

from __future__ import annotations

import codecs
import re

from automl.errors import InputError

# The mark of UTF-32 begins with that of UTF-16, so it comes first.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLE_BYTES = 1 << 16
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\v\f\r") | {127})


def to_utf8(content: bytes, *, label: str, encoding: str | None = None) -> tuple[bytes, str, tuple[str, ...]]:
    """The text in UTF-8 without a byte order mark, the encoding it had, and notes.

    Without `encoding` it is what the byte order mark says, else UTF-16 if every other byte is NUL, else UTF-8, else
    Windows-1252.

    Raises:
        InputError: the bytes are no text in that encoding, or too many of them are control characters.
    """
    text, encoding = (_decoded(content, encoding, label), encoding) if encoding else _detected(content, label)
    if not text.strip():
        raise InputError(f"{label} is empty: it holds nothing but white space. Give a file that holds a table.")
    controls = len(text) - len(text.translate(None, _CONTROLS))
    if controls > 0.01 * len(text):
        raise InputError(
            f"{label} is not a text table: {controls / len(text):.0%} of it are control characters."
            " If it is text, name its encoding, for example --encoding utf-16-le."
        )
    nuls = text.count(b"\0")
    if not nuls:
        return text, encoding, ()
    return text.replace(b"\0", b""), encoding, (f"{label}: NUL characters were removed ({nuls}).",)


def _detected(content: bytes, label: str) -> tuple[bytes, str]:
    encoding = next((encoding for mark, encoding in _MARKS if content.startswith(mark)), None)
    encoding = encoding or _unmarked_utf16(content)
    if encoding is not None:
        return _decoded(content, encoding, label), encoding
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return _decoded(content, "cp1252", label), "cp1252"
    return content, "utf-8"


def _unmarked_utf16(content: bytes) -> str | None:
    """UTF-16 of mostly Latin text, by the bytes that are NUL in nearly every character."""
    sample = content[:_SAMPLE_BYTES]
    if len(sample) < 4 or len(content) % 2:
        return None
    even, odd = (sample[start::2].count(0) / len(sample[start::2]) for start in (0, 1))
    return "utf-16-le" if odd > 0.9 and even < 0.1 else "utf-16-be" if even > 0.9 and odd < 0.1 else None


def _decoded(content: bytes, encoding: str, label: str) -> bytes:
    try:
        return content.decode(encoding).removeprefix("\ufeff").encode("utf-8")
    except UnicodeDecodeError as error:
        line = 1 + len(re.findall(rb"\r\n|\r|\n", content[: error.start]))
        tried = "neither UTF-8 nor Windows-1252" if encoding == "cp1252" else f"not {encoding}"
        raise InputError(
            f"{label}: line {line} is {tried} text. Save the file as UTF-8, or name its encoding with --encoding."
        ) from None
    except (LookupError, ValueError):
        raise InputError(f"There is no text encoding {encoding!r}. Examples: utf-8, cp1252, latin-1, utf-16.") from None
