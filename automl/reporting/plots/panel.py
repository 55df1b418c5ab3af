"""The ground of a plot: two axes with round ticks, and where a pair of numbers lies between them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from markupsafe import Markup

from automl.reporting.plots.svg import drawing, element

WIDTH, HEIGHT = 360.0, 230.0
LETTER = 6.2
MOST_TICKS = 5
MOST_PLACES = 8
# So many times as far from the middle as the best is.
OUTLYING = 3.0


@dataclass(frozen=True)
class Axis:
    """A range of numbers, on a logarithmic scale if `log`; `whole` if there is nothing between whole numbers."""

    title: str
    low: float
    high: float
    log: bool = False
    whole: bool = False

    def share(self, value: float) -> float:
        """Where the value lies: 0 at the low end, 1 at the high one, and no further."""
        low, high = (math.log(self.low), math.log(self.high)) if self.log else (self.low, self.high)
        if high <= low:
            return 0.5
        if self.log:
            value = math.log(max(value, self.low))
        return min(1.0, max(0.0, (value - low) / (high - low)))

    @cached_property
    def ticks(self) -> tuple[float, ...]:
        """Round numbers within the range, five at most."""
        if self.log:
            return round_logarithms(self.low, self.high)
        ticks = round_numbers(self.low, self.high)
        return tuple(tick for tick in ticks if tick == round(tick)) if self.whole else ticks

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The ticks as text."""
        if self.log or len(self.ticks) < 2:
            return tuple(f"{tick:g}" if abs(tick) < 10_000 else compact(tick) for tick in self.ticks)
        return tuple(_label(tick, self.ticks[1] - self.ticks[0]) for tick in self.ticks)


def without_outliers(objectives: Sequence[float]) -> list[float]:
    """Those that are not far worse (greater) than the others: they would press all others into a line.

    >>> without_outliers([1.0, 1.1, 1.2, 1.3, 90.0])
    [1.0, 1.1, 1.2, 1.3]
    """
    known = sorted(value for value in objectives if math.isfinite(value))
    if not known:
        return []
    middle = known[len(known) // 2]
    return [value for value in known if value <= middle + OUTLYING * (middle - known[0])]


def axis(title: str, values: Sequence[float], *, zero: bool = False) -> Axis:
    """The axis that holds all finite values, with a margin; and zero, if that is asked for."""
    known = [value for value in values if math.isfinite(value)] or [0.0, 1.0]
    low, high = min(known), max(known)
    margin = 0.05 * (high - low) or 0.1 * abs(high) or 1.0
    return Axis(title, 0.0 if zero and low >= 0 else low - margin, high + margin)


def round_numbers(low: float, high: float) -> tuple[float, ...]:
    """Multiples of a round number within a range: as many as there can be, but five at most.

    >>> round_numbers(0, 1), round_numbers(3.2, 47)
    ((0.0, 0.25, 0.5, 0.75, 1.0), (10.0, 20.0, 30.0, 40.0))
    """
    if not high > low:
        return (low,)
    power = 10.0 ** math.floor(math.log10((high - low) / MOST_TICKS))
    for factor in (1, 2, 2.5, 5, 10, 20):
        step = factor * power
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first < MOST_TICKS:
            break
    return tuple(float(f"{number * step:.12g}") for number in range(first, last + 1))


def round_logarithms(low: float, high: float) -> tuple[float, ...]:
    """Powers of ten within a range; in a short one, their multiples by 2 and 5 too.

    >>> round_logarithms(0.5, 2000), round_logarithms(1.5, 30)
    ((1.0, 10.0, 100.0, 1000.0), (2.0, 5.0, 10.0, 20.0))
    """
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1.0,), (1.0, 2.0, 5.0)):
        ticks = [factor * 10.0**power for power in powers for factor in factors]
        inside = tuple(tick for tick in ticks if low <= tick <= high)
        if len(inside) >= 3:
            return inside[:: -(-len(inside) // MOST_TICKS)]
    return inside or (low, high)


def compact(value: float) -> str:
    """A number in few letters.

    >>> compact(1_500_000), compact(23_000), compact(12.5)
    ('1.5M', '23k', '12.5')
    """
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= max(size, 10_000):
            return f"{value / size:.3g}{letter}"
    return f"{value:z.3g}" if abs(value) < 1000 else f"{value:.0f}"


def _label(tick: float, step: float) -> str:
    if abs(tick) >= 1e15 or 0 < step < 1e-6:
        return f"{tick:.2g}"
    if max(abs(tick), step) >= 10_000:
        return compact(tick)
    # The difference of two ticks, which may be inexact where they are far from zero.
    exact = (places for places in range(MOST_PLACES) if math.isclose(round(step, places), step, rel_tol=1e-6))
    places = next(exact, MOST_PLACES)
    return f"{tick + 0.0:.{places}f}"


@dataclass(frozen=True)
class Panel:
    """The space between two axes."""

    x: Axis
    y: Axis
    width: float = WIDTH
    height: float = HEIGHT

    @cached_property
    def left(self) -> float:
        """Where the horizontal axis begins: right of the vertical axis' labels."""
        return 10 + LETTER * max(map(len, self.y.labels), default=0)

    @property
    def right(self) -> float:
        """Where it ends."""
        return self.width - 10

    @property
    def top(self) -> float:
        """Where the vertical axis ends: below its title."""
        return 24.0

    @property
    def bottom(self) -> float:
        """Where it begins: above the horizontal axis' labels and title."""
        return self.height - 36

    def across(self, value: float) -> float:
        """The horizontal position of a value."""
        return self.left + self.x.share(value) * (self.right - self.left)

    def up(self, value: float) -> float:
        """The vertical position of a value."""
        return self.bottom - self.y.share(value) * (self.bottom - self.top)

    def draw(self, *marks: Markup, label: str) -> Markup:
        """The picture: the axes and the marks."""
        return drawing(*self._grid(), *marks, width=self.width, height=self.height, label=label)

    def _grid(self) -> list[Markup]:
        left, right, bottom = self.left, self.right, self.bottom
        drawn = [
            element("text", text=self.y.title, class_="axis", x=2, y=12),
            element("text", text=self.x.title, class_="axis", x=right, y=self.height - 4, text_anchor="end"),
            element("line", class_="base", x1=left, x2=right, y1=bottom, y2=bottom),
        ]
        for tick, text in zip(self.y.ticks, self.y.labels, strict=True):
            at = self.up(tick)
            drawn.append(element("line", class_="grid", x1=left, x2=right, y1=at, y2=at))
            drawn.append(element("text", text=text, class_="tick", x=left - 4, y=at + 4, text_anchor="end"))
        for tick, text in zip(self.x.ticks, self.x.labels, strict=True):
            at = self.across(tick)
            half = LETTER * len(text) / 2
            at_text = min(max(at, half), self.width - half)
            drawn.append(element("line", class_="base", x1=at, x2=at, y1=bottom, y2=bottom + 4))
            drawn.append(element("text", text=text, class_="tick", x=at_text, y=bottom + 16, text_anchor="middle"))
        return drawn
