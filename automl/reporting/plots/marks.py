"""What is drawn between axes: lines, dots, crosses and bars."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from markupsafe import Markup

from automl.reporting.plots.panel import Panel
from automl.reporting.plots.svg import element, points

# A line with more points than a screen has pixels is drawn through some of them.
MOST_POINTS = 300


def line(panel: Panel, xs: Sequence[float], ys: Sequence[float], *, series: str, title: str = "") -> Markup:
    """A line through the points, with gaps where a number is not finite."""
    pieces = [
        element(
            "polyline",
            class_=f"line {series}",
            points=points([panel.across(xs[at]) for at in piece], [panel.up(ys[at]) for at in piece]),
            title=title,
        )
        for piece in _pieces(xs, ys)
    ]
    return Markup("").join(pieces)


def _pieces(xs: Sequence[float], ys: Sequence[float]) -> Iterator[list[int]]:
    """The numbers of points that are joined."""
    step = -(-len(xs) // MOST_POINTS) or 1
    kept = [*range(0, len(xs), step), *([len(xs) - 1] if (len(xs) - 1) % step else [])]
    piece: list[int] = []
    for at in kept:
        if math.isfinite(xs[at]) and math.isfinite(ys[at]):
            piece.append(at)
        elif piece:
            yield piece
            piece = []
    if piece:
        yield piece


def dot(panel: Panel, x: float, y: float, *, series: str, title: str = "", radius: float = 3.0) -> Markup:
    """A disc; as large as the style and `radius` say."""
    return element("circle", class_=f"dot {series}", cx=panel.across(x), cy=panel.up(y), r=radius, title=title)


def cross(panel: Panel, x: float, y: float, *, series: str, title: str = "", size: float = 3.5) -> Markup:
    """Two strokes, for what came to nothing."""
    across, up = panel.across(x), panel.up(y)
    strokes = (
        f"M{across - size:.1f} {up - size:.1f}l{2 * size:g} {2 * size:g}m0 {-2 * size:g}l{-2 * size:g} {2 * size:g}"
    )
    return element("path", class_=f"cross {series}", d=strokes, title=title)


def upright(panel: Panel, x: float, *, series: str, title: str = "") -> Markup:
    """A line from bottom to top."""
    at = panel.across(x)
    return element("line", class_=f"line {series}", x1=at, x2=at, y1=panel.top, y2=panel.bottom, title=title)
