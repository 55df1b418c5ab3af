"""Lines over a common axis: learning curves, ROC curves and their like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from automl.reporting.plots import Figure, marks
from automl.reporting.plots.panel import Axis, Panel, axis


@dataclass(frozen=True)
class Curve:
    """A line.

    Attributes:
        series: its class in the style: "train", "val", "test", "s1" to "s8", "plain".
        figure: what is written behind its name.
    """

    xs: Sequence[float]
    ys: Sequence[float]
    series: str
    name: str = ""
    figure: str = ""


def curves(
    drawn: Sequence[Curve],
    *,
    title: str,
    x: str | Axis,
    y: str | Axis,
    upright: tuple[float, str] | None = None,
    note: str = "",
) -> Figure:
    """A figure with one line per curve.

    Args:
        x, y: the axes, or their titles if they are to hold all points.
        upright: a place on the horizontal axis that is marked, and what it is.
    """
    panel = Panel(
        axis(x, [value for curve in drawn for value in curve.xs]) if isinstance(x, str) else x,
        axis(y, [value for curve in drawn for value in curve.ys]) if isinstance(y, str) else y,
    )
    lines = [
        marks.line(panel, curve.xs, curve.ys, series=curve.series, title=f"{curve.name} {curve.figure}".strip())
        for curve in drawn
    ]
    marked = [marks.upright(panel, upright[0], series="mark", title=upright[1])] if upright else []
    legend = tuple((curve.series, curve.name, curve.figure) for curve in drawn if curve.name)
    legend += (("mark", upright[1], ""),) if upright else ()
    return Figure(title, panel.draw(Markup("").join(marked), *lines, label=title), legend, note)
