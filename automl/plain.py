"""Text that strangers wrote, made harmless: it may hold terminal commands, or letters that turn a line round."""

from __future__ import annotations

import re
import unicodedata


def plain(text: str, *, longest: int | None = None) -> str:
    r"""The text on one line, without control, formatting (bidirectional, zero-width) and unpaired surrogate characters.

    Args:
        longest: cuts what is longer, with "…" as the last character.

    >>> plain("a\x1b[31mb\nc")
    'a[31mb c'
    """
    kept = "".join(" " if char.isspace() else char for char in text if char.isspace() or not _is_command(char))
    return kept if longest is None or len(kept) <= longest else kept[: longest - 1].rstrip() + "…"


def plain_lines(text: str) -> str:
    """`plain` for a text of several lines, each by itself."""
    return "\n".join(plain(line) for line in text.split("\n"))


def markdown(text: str) -> str:
    r"""`plain` text in which nothing acts as Markdown or HTML.

    >>> markdown("<b>*a*</b>")
    '\\<b\\>\\*a\\*\\</b\\>'
    """
    return re.sub(r"([\\`*_\[\]<>&|~#!])", r"\\\1", plain(text))


def _is_command(char: str) -> bool:
    return unicodedata.category(char) in {"Cc", "Cf", "Cs"}
