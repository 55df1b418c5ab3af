"""Parallel coordinates: an upright axis for each hyperparameter, and a line across them for each setting."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from automl.plain import plain
from automl.reporting.plots import Figure
from automl.reporting.plots.panel import LETTER, Axis
from automl.reporting.plots.svg import drawing, element, points

WIDTH, HEIGHT = 800.0, 280.0
TOP, BOTTOM = 44.0, 250.0
SHADES = 5
MOST_LABELS = 6
LONGEST_LABEL = 12


@dataclass(frozen=True)
class Coordinate:
    """An upright axis: of numbers, or of values below each other.

    Attributes:
        choices: the values, if they are no scale.
    """

    name: str
    axis: Axis
    choices: Sequence[str] = ()

    def share(self, value: object) -> float:
        """Where the value lies: 0 at the bottom, 1 at the top."""
        if not self.choices:
            return self.axis.share(float(str(value)))
        last = len(self.choices) - 1
        return self.choices.index(str(value)) / last if last else 0.5

    def marks(self) -> list[tuple[float, str]]:
        """Places with what is written there."""
        if not self.choices:
            return [(self.axis.share(at), text) for at, text in zip(self.axis.ticks, self.axis.labels, strict=True)]
        shown = self.choices[:: -(-len(self.choices) // MOST_LABELS)]
        return [(self.share(choice), choice) for choice in shown]


@dataclass(frozen=True)
class Setting:
    """A line.

    Attributes:
        values: by coordinate; one that is missing leaves a gap.
        rank: 0 for the best, 1 for the worst.
    """

    values: Mapping[str, object]
    rank: float
    title: str
    is_chosen: bool = field(default=False)


def parallel(coordinates: Sequence[Coordinate], settings: Sequence[Setting], *, title: str, note: str = "") -> Figure:
    """A wide figure; the best lines lie on top."""
    step = (WIDTH - 120) / max(1, len(coordinates) - 1)
    places = [50 + step * place for place in range(len(coordinates))]
    drawn = []
    for setting in sorted(settings, key=lambda one: -one.rank):
        series = f"line q{min(SHADES - 1, math.floor(setting.rank * SHADES))}" + " chosen" * setting.is_chosen
        drawn += [
            element("polyline", class_=series, points=piece, title=setting.title)
            for piece in _pieces(coordinates, places, setting)
        ]
    for place, (at, coordinate) in enumerate(zip(places, coordinates, strict=True)):
        drawn += _upright(coordinate, at, raised=place % 2 == 1 and step < 110)
    return Figure(title, drawing(*drawn, width=WIDTH, height=HEIGHT, label=title), _legend(), note, is_wide=True)


def _pieces(coordinates: Sequence[Coordinate], places: Sequence[float], setting: Setting) -> list[str]:
    found: list[str] = []
    xs: list[float] = []
    ys: list[float] = []
    for at, coordinate in zip(places, coordinates, strict=True):
        if coordinate.name in setting.values:
            xs.append(at)
            ys.append(BOTTOM - coordinate.share(setting.values[coordinate.name]) * (BOTTOM - TOP))
        else:
            found.append(points(xs, ys))
            xs, ys = [], []
    return [piece for piece in (*found, points(xs, ys)) if " " in piece]


def _upright(coordinate: Coordinate, at: float, *, raised: bool) -> list[Markup]:
    drawn = [
        element("line", class_="base", x1=at, x2=at, y1=TOP, y2=BOTTOM),
        element(
            "text",
            text=plain(coordinate.name, longest=24),
            class_="axis",
            x=at,
            y=14 if raised else 32,
            text_anchor="middle",
        ),
    ]
    for share, text in coordinate.marks():
        written = plain(text, longest=LONGEST_LABEL)
        y = BOTTOM - share * (BOTTOM - TOP)
        drawn.append(element("rect", class_="behind", x=at + 3, y=y - 7, width=LETTER * len(written) + 3, height=14))
        drawn.append(element("text", text=written, class_="tick", x=at + 5, y=y + 4))
    return drawn


def _legend() -> tuple[tuple[str, str, str], ...]:
    names = {0: "the best fifth", SHADES - 1: "the worst fifth"}
    return tuple((f"q{shade}", names.get(shade, ""), "") for shade in range(SHADES))
