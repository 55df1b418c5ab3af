"""The table: its target, and every column with a small plot."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup

from automl.data.histogram import Histogram
from automl.data.profile import Column
from automl.data.target import Target
from automl.figures import count, percent, value
from automl.reporting.facts import ReportFacts
from automl.reporting.plots import Figure
from automl.reporting.plots.bars import beyond, histogram, lying, spark
from automl.reporting.profile import size, spread

TITLE = "Data"
MOST_COLUMNS = 40
MOST_CLASSES = 20
DAY = 86_400.0


def show(facts: ReportFacts) -> dict[str, Any]:
    """The first 40 columns, the rest counted."""
    profile = facts.profile
    return {
        "size": size(profile),
        "target": _target(profile.target),
        "columns": [_card(column, profile.rows) for column in profile.columns[:MOST_COLUMNS]],
        "more": len(profile.columns) - MOST_COLUMNS,
        "duplicates": profile.duplicates,
    }


def _target(target: Target) -> Figure | None:
    """How the target is spread."""
    if target.counts:
        rows = sum(number for _, number in target.counts)
        shown = target.counts[:MOST_CLASSES]
        left = target.counts[MOST_CLASSES:]
        more = f"{count(len(left), 'rarer class', 'rarer classes')}: {sum(n for _, n in left):,} rows" if left else ""
        return lying(
            [label for label, _ in shown],
            [float(number) for _, number in shown],
            title=f"Target: {count(len(target.counts), 'class', 'classes')}",
            text=lambda number: f"{number:,.0f} ({percent(number / rows)})",
            note=more,
        )
    if target.histogram is None:
        return None
    title = f"Target: {spread(target)}"
    return histogram(target.histogram, title=title, x=target.name[:40], note=beyond(target.histogram))


def _card(column: Column, rows: int) -> dict[str, Any]:
    return {
        "column": column,
        "missing": percent(column.missing / rows) if column.missing else "",
        "plot": _plot(column),
        "values": _values(column),
    }


def _plot(column: Column) -> Markup | None:
    label = f"How {column.name[:60]} is spread"
    if column.histogram is not None:
        spread_out = column.histogram
        titles = [f"{begin} to {end}: {rows:,} rows" for begin, end, rows in _bars(column, spread_out)]
        return spark(spread_out.counts, titles, label=label)
    if column.common and column.common[0][1] > 1:
        shown = column.common
        return spark([rows for _, rows in shown], [f"{text}: {rows:,} rows" for text, rows in shown], label=label)
    return None


def _bars(column: Column, spread_out: Histogram) -> list[tuple[str, str, int]]:
    width = (spread_out.high - spread_out.low) / len(spread_out.counts)
    edges = [spread_out.low + width * place for place in range(len(spread_out.counts) + 1)]
    texts = [_day(edge) if column.kind == "date" else value(edge) for edge in edges]
    return list(zip(texts, texts[1:], spread_out.counts, strict=False))


def _values(column: Column) -> str:
    """The range, or the commonest values."""
    if column.kind == "date" and column.histogram is not None:
        return f"{_day(column.histogram.low)} to {_day(column.histogram.high)}"
    if column.common and column.common[0][1] == 1:
        return "all different"
    if column.common:
        shown = ", ".join(text for text, _ in column.common)
        return shown + (", …" if column.distinct > len(column.common) else "")
    return spread(column)


def _day(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).date().isoformat()
