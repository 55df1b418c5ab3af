"""Small plots as inline SVG: they scale with the page, take their colours from its style, and need no script.

One file is one kind of plot: a function that takes numbers and gives a `Figure`. Whatever text they are given is
escaped; a mark has a `<title>`, which browsers show as a tooltip.
"""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup


@dataclass(frozen=True)
class Figure:
    """A plot with what a page writes around it.

    Attributes:
        legend: classes of marks, what they mean, and a figure that belongs to it, if any.
        note: what a reader has to know to read it.
        is_wide: whether it is to have the whole width of the page.
    """

    title: str
    svg: Markup
    legend: tuple[tuple[str, str, str], ...] = ()
    note: str = ""
    is_wide: bool = False
