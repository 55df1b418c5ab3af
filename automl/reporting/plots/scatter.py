"""Two numbers of many rows: a dot for each, or where there are too many, shades for how many fall into a field."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from automl.figures import value
from automl.reporting.plots import Figure, marks
from automl.reporting.plots.panel import Axis, Panel, axis
from automl.reporting.plots.svg import element

MOST_DOTS = 1_000
FIELDS = 36


def scatter(
    xs: NDArray[Any],
    ys: NDArray[Any],
    *,
    title: str,
    x: str,
    y: str,
    together: bool = False,
    ideal: Sequence[tuple[float, float]] = (),
    note: str = "",
) -> Figure:
    """A figure of the pairs.

    Args:
        together: whether both axes have the same range.
        ideal: the corners of a line where all dots should lie, within the axes.
    """
    if together:
        both = axis("", [*map(float, (xs.min(), xs.max(), ys.min(), ys.max()))])
        panel = Panel(Axis(x, both.low, both.high), Axis(y, both.low, both.high), height=300.0)
        ideal = ((both.low, both.low), (both.high, both.high))
    else:
        across = axis(x, [float(xs.min()), float(xs.max())])
        up = axis(y, [float(ys.min()), float(ys.max()), *(at for _, at in ideal)])
        panel = Panel(across, up, height=300.0)
        ideal = [(across.low if at == -np.inf else across.high if at == np.inf else at, to) for at, to in ideal]
    drawn = _dots(panel, xs, ys) if len(xs) <= MOST_DOTS else _fields(panel, xs, ys)
    line = marks.line(panel, [at for at, _ in ideal], [to for _, to in ideal], series="plain")
    return Figure(title, panel.draw(*drawn, line, label=title), note=note)


def _dots(panel: Panel, xs: NDArray[Any], ys: NDArray[Any]) -> list[Markup]:
    return [
        marks.dot(
            panel, float(x), float(y), series="s1 faint", title=f"{value(float(x))}, {value(float(y))}", radius=2.5
        )
        for x, y in zip(xs, ys, strict=True)
    ]


def _fields(panel: Panel, xs: NDArray[Any], ys: NDArray[Any]) -> list[Markup]:
    """Squares as dark as the logarithm of the rows in them."""
    limits = [(panel.x.low, panel.x.high), (panel.y.low, panel.y.high)]
    rows, x_edges, y_edges = np.histogram2d(xs, ys, bins=FIELDS, range=limits)
    darkest = np.log1p(rows.max())
    return [
        element(
            "rect",
            class_="heat",
            x=panel.across(x_edges[i]),
            width=panel.across(x_edges[i + 1]) - panel.across(x_edges[i]),
            y=panel.up(y_edges[j + 1]),
            height=panel.up(y_edges[j]) - panel.up(y_edges[j + 1]),
            fill_opacity=f"{0.1 + 0.9 * np.log1p(rows[i, j]) / darkest:.2f}",
            title=f"{int(rows[i, j]):,} rows",
        )
        for i, j in zip(*np.nonzero(rows), strict=True)
    ]
