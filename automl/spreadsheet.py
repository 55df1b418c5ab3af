"""Tables for spreadsheets, which take text that begins like a formula for one and run it (CWE-1236)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

# The last four are the full-width forms, which some spreadsheets take for the others.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠")


def without_formulas(frame: pd.DataFrame) -> pd.DataFrame:
    """The table with an apostrophe before names and texts that begin like a formula; numbers stay as they are."""
    safe = frame.apply(lambda column: column.map(_harmless))
    safe.columns = [_harmless(name) for name in frame.columns]
    return safe


def _harmless(cell: Any) -> Any:
    if not isinstance(cell, str) or _is_number(cell):
        return cell
    # Some leave spaces and quotes out before they look.
    return f"'{cell}" if cell.lstrip(" \"'\xa0\ufeff").startswith(_FORMULA_STARTS) else cell


def _is_number(text: str) -> bool:
    """Whether it is a plain decimal number, such as -1.5e3, and nothing around it."""
    try:
        float(text)
    except ValueError:
        return False
    return text.isascii() and not any(char.isspace() or char == "_" for char in text)
