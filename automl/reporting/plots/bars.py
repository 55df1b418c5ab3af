"""Bars: how values are spread, and how often each occurs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from markupsafe import Markup

from automl.data.histogram import Histogram
from automl.figures import count
from automl.plain import plain
from automl.reporting.plots import Figure
from automl.reporting.plots.panel import LETTER, Axis, Panel, axis, compact
from automl.reporting.plots.svg import drawing, element

LONGEST_LABEL = 18
ROW = 22.0
SPARK_WIDTH, SPARK_HEIGHT = 160.0, 44.0


def histogram(spread: Histogram, *, title: str, x: str, y: str = "rows", note: str = "") -> Figure:
    """A figure of a histogram with its axes."""
    panel = Panel(Axis(x, spread.low, spread.high), axis(y, [0.0, *spread.counts], zero=True))
    width = (spread.high - spread.low) / len(spread.counts)
    drawn = []
    for place, rows in enumerate(spread.counts):
        begin, end = spread.low + place * width, spread.low + (place + 1) * width
        told = f"{compact(begin)} to {compact(end)}: {rows:,} {y}"
        drawn.append(_bar(panel.across(begin), panel.across(end), panel.up(rows), panel.bottom, told))
    return Figure(title, panel.draw(*drawn, label=title), note=note)


def beyond(spread: Histogram) -> str:
    """What a histogram leaves out, as a sentence; empty if that is nothing."""
    return f"{count(spread.beyond, 'row lies', 'rows lie')} beyond the bars." if spread.beyond else ""


def spark(counts: Sequence[int], titles: Sequence[str], *, label: str) -> Markup:
    """Upright bars without axes, as small as a word or two."""
    most = max([*counts, 1])
    step = SPARK_WIDTH / max(len(counts), 1)
    drawn = [
        _bar(place * step, (place + 1) * step, SPARK_HEIGHT * (1 - rows / most), SPARK_HEIGHT, title)
        for place, (rows, title) in enumerate(zip(counts, titles, strict=True))
    ]
    return drawing(*drawn, width=SPARK_WIDTH, height=SPARK_HEIGHT, label=label)


def _bar(left: float, right: float, top: float, bottom: float, title: str) -> Markup:
    gap = min(1.0, 0.1 * (right - left))
    return element(
        "rect",
        class_="bar",
        x=left + gap / 2,
        width=max(0.2, right - left - gap),
        y=top,
        height=max(0.0, bottom - top),
        title=title,
    )


def lying(
    labels: Sequence[str],
    values: Sequence[float],
    *,
    title: str,
    text: Callable[[float], str],
    deviations: Sequence[float] = (),
    note: str = "",
) -> Figure:
    """Bars that lie below each other, each behind its name; with a whisker of one deviation to either side.

    Args:
        text: what is written behind a bar of so much.
    """
    names = [plain(label, longest=LONGEST_LABEL) for label in labels]
    written = [text(value) for value in values]
    width, height = 360.0, ROW * len(labels) + 4
    spreads = list(deviations) or [0.0] * len(labels)
    left = 8 + LETTER * max(map(len, names), default=0)
    right = width - 8 - LETTER * max(map(len, written), default=0)
    lowest = min([0.0, *(value - spread for value, spread in zip(values, spreads, strict=True))])
    highest = max([1e-12, *(value + spread for value, spread in zip(values, spreads, strict=True))])
    scale = Axis("", lowest, highest)

    def across(value: float) -> float:
        return left + scale.share(value) * (right - left)

    drawn = []
    for place, (name, value, spread) in enumerate(zip(names, values, spreads, strict=True)):
        middle = ROW * place + ROW / 2
        begin, end = sorted((across(0.0), across(value)))
        told = f"{labels[place]}: {written[place]}"
        drawn += [
            element("text", text=name, class_="tick", x=left - 6, y=middle + 4, text_anchor="end", title=labels[place]),
            element("rect", class_="bar", x=begin, width=max(0.5, end - begin), y=middle - 7, height=14, title=told),
            element("text", text=written[place], class_="tick", x=max(across(value + spread), end) + 4, y=middle + 4),
        ]
        if spread:
            begin, end = across(value - spread), across(value + spread)
            drawn.append(element("line", class_="whisker", x1=begin, x2=end, y1=middle, y2=middle))
    return Figure(title, drawing(*drawn, width=width, height=height, label=title), note=note)
