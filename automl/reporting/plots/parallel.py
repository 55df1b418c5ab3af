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
TOP, BOTTOM, BELOW = 44.0, 242.0, 264.0
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
        values: by coordinate; one that is missing lies below the axis.
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
        heights = [_height(coordinate, setting) for coordinate in coordinates]
        drawn.append(element("polyline", class_=series, points=points(places, heights), title=setting.title))
    for place, (at, coordinate) in enumerate(zip(places, coordinates, strict=True)):
        is_lacking = any(coordinate.name not in setting.values for setting in settings)
        drawn += _upright(coordinate, at, raised=place % 2 == 1 and step < 110, is_lacking=is_lacking)
    return Figure(title, drawing(*drawn, width=WIDTH, height=HEIGHT, label=title), _legend(), note, is_wide=True)


def _height(coordinate: Coordinate, setting: Setting) -> float:
    if coordinate.name not in setting.values:
        return BELOW
    return BOTTOM - coordinate.share(setting.values[coordinate.name]) * (BOTTOM - TOP)


def _upright(coordinate: Coordinate, at: float, *, raised: bool, is_lacking: bool) -> list[Markup]:
    name = plain(coordinate.name, longest=24)
    drawn = [
        element("line", class_="base", x1=at, x2=at, y1=TOP, y2=BOTTOM),
        element("text", text=name, class_="axis", x=at, y=14 if raised else 32, text_anchor="middle"),
    ]
    written = [
        (BOTTOM - share * (BOTTOM - TOP), plain(text, longest=LONGEST_LABEL)) for share, text in coordinate.marks()
    ]
    for y, text in [*written, *([(BELOW, "not used")] if is_lacking else [])]:
        drawn.append(element("rect", class_="behind", x=at + 3, y=y - 7, width=LETTER * len(text) + 3, height=14))
        drawn.append(element("text", text=text, class_="tick", x=at + 5, y=y + 4))
    return drawn


def _legend() -> tuple[tuple[str, str, str], ...]:
    names = {0: "the best fifth", SHADES - 1: "the worst fifth"}
    return tuple((f"q{shade}", names.get(shade, ""), "") for shade in range(SHADES))
