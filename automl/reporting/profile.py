"""A profile as text: what the table holds, column by column, and what to look out for."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from automl.data.profile import KINDS, Column, Kind, Profile
from automl.data.target import Target
from automl.figures import count, percent, value
from automl.plain import plain

MOST_CLASSES = 8
MOST_COLUMNS = 40
LONGEST_NAME = 28
LABEL_WIDTH = len("Families")
PLURALS: dict[Kind, str] = {
    "number": "numbers",
    "category": "categories",
    "boolean": "booleans",
    "date": "dates",
    "text": "texts",
    "identifier": "identifiers",
    "constant": "constants",
    "dropped": "dropped",
}


def show(profile: Profile, *, name: str, notes: Sequence[str] = ()) -> RenderableType:
    """Everything that is known of a table, readable at 80 columns; columns beyond the first 40 are counted only.

    Args:
        name: what the table is called.
        notes: what reading the file brought up; they come before the profile's own.
    """
    heading = f"{plain(name)}: {size(profile)}; {profile.target.task} {plain(profile.target.name, longest=40)!r}"
    below = remarks((*notes, *profile.notes), profile.warnings)
    return Group(
        Text(heading, style="bold"),
        Padding(_target(profile.target), (1, 0, 0, 0)),
        Padding(columns(profile), (1, 0, 1 if below.row_count else 0, 0)),
        *([below] if below.row_count else []),
    )


def size(profile: Profile) -> str:
    """For example "344 rows, 6 columns (4 numbers, 2 categories)"."""
    kinds = ", ".join(count(profile.count(kind), kind, PLURALS[kind]) for kind in KINDS if profile.count(kind))
    return f"{count(profile.rows, 'row')}, {count(len(profile.columns), 'column')} ({kinds})"


def remarks(notes: Sequence[str], warnings: Sequence[str], *, longest: int | None = None) -> Table:
    """Notes and warnings, one row each; a row is cut after `longest` characters."""
    shown = labelled()
    for label, style, texts in (("Note", "", notes), ("Warning", "magenta", warnings)):
        for text in texts:
            shown.add_row(label, Text(plain(text, longest=longest), style=style))
    return shown


def labelled() -> Table:
    """A table without rows, for texts behind bold labels."""
    shown = Table.grid(padding=(0, 2, 0, 0))
    shown.add_column(style="bold", min_width=LABEL_WIDTH)
    return shown


def _target(target: Target) -> RenderableType:
    if target.task == "regress":
        return Text(f"Target    {spread(target)}")
    rows = sum(number for _, number in target.counts)
    shown = _table("class", "rows", "share")
    for label, number in target.counts[:MOST_CLASSES]:
        shown.add_row(Text(plain(label)), f"{number:,}", percent(number / rows))
    if len(target.counts) > MOST_CLASSES:
        left = [number for _, number in target.counts[MOST_CLASSES:]]
        shown.add_row(f"… {len(left)} more", f"{sum(left):,}", percent(sum(left) / rows))
    return shown


def spread(described: Target | Column) -> str:
    """For example "10 to 97, median 31"; empty if no numbers are known."""
    if described.minimum is None or described.maximum is None or described.median is None:
        return ""
    return f"{value(described.minimum)} to {value(described.maximum)}, median {value(described.median)}"


def columns(profile: Profile) -> RenderableType:
    """One row per column; those beyond the first 40 are counted only."""
    shown = _table("column", "missing", "distinct")
    shown.columns[0].max_width = LONGEST_NAME
    shown.add_column("kind", no_wrap=True)
    # The one column that may shrink: its texts are cut, the others are shown in full.
    shown.add_column("values")
    for column in profile.columns[:MOST_COLUMNS]:
        missing = percent(column.missing / profile.rows) if column.missing else ""
        shown.add_row(
            Text(plain(column.name)),
            missing,
            f"{column.distinct:,}",
            column.kind,
            Text(_values(column), no_wrap=True, overflow="ellipsis"),
        )
    if len(profile.columns) > MOST_COLUMNS:
        shown.add_row(f"… {len(profile.columns) - MOST_COLUMNS:,} more")
    return shown


def _values(column: Column) -> str:
    """The range of a number, the commonest values of anything else."""
    if column.common and column.common[0][1] == 1:
        return f"all different: {', '.join(plain(text, longest=20) for text, _ in column.common)}, …"
    if column.common:
        return ", ".join(f"{plain(text, longest=20)} ({number:,})" for text, number in column.common)
    return spread(column)


def _table(first: str, *numeric: str) -> Table:
    shown = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    shown.add_column(first, overflow="ellipsis", no_wrap=True)
    for heading in numeric:
        shown.add_column(heading, justify="right", no_wrap=True)
    return shown
