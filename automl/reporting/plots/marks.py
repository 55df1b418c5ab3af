"""What is drawn between axes: lines, dots, crosses and bars."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import groupby

from markupsafe import Markup

from automl.reporting.plots.panel import Panel
from automl.reporting.plots.svg import element, points

# A line with more points than a screen has pixels is drawn through some of them, by columns of about a pixel.
COLUMNS = 300


def line(panel: Panel, xs: Sequence[float], ys: Sequence[float], *, series: str, title: str = "") -> Markup:
    """A line through the points, with gaps where a number is not finite."""
    pieces = [
        element(
            "polyline",
            class_=f"line {series}",
            points=points([panel.across(xs[at]) for at in piece], [panel.up(ys[at]) for at in piece]),
            title=title,
        )
        for piece in _pieces(panel, xs, ys)
    ]
    return Markup("").join(pieces)


def _pieces(panel: Panel, xs: Sequence[float], ys: Sequence[float]) -> Iterator[list[int]]:
    """The numbers of points that are joined."""
    known = groupby(range(len(xs)), key=lambda at: math.isfinite(xs[at]) and math.isfinite(ys[at]))
    pieces = (list(piece) for is_known, piece in known if is_known)
    return (_seen(panel, xs, ys, piece) for piece in pieces)


def _seen(panel: Panel, xs: Sequence[float], ys: Sequence[float], piece: list[int]) -> list[int]:
    """Of many points the first, the last, the lowest and the highest in each column ("M4", Jugel et al. 2014).

    One point in so many would not do: of a curve over thresholds, the first few of them may be the best half.
    """
    if len(piece) <= COLUMNS:
        return piece
    columns = [list(column) for _, column in groupby(piece, key=lambda at: int(COLUMNS * panel.x.share(xs[at])))]
    kept = [
        {column[0], column[-1], min(column, key=ys.__getitem__), max(column, key=ys.__getitem__)} for column in columns
    ]
    return [at for of_column in kept for at in sorted(of_column)]


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
