"""Elements of SVG: escaped text, short numbers, and attributes that need no style."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup, escape

from automl.plain import plain

LONGEST_TEXT = 200


def element(name: str, *children: Markup, text: str = "", title: str = "", **attributes: str | float) -> Markup:
    """An element with its children.

    Args:
        text: what it says, in front of the children; strangers may have written it.
        title: what a browser shows when the pointer rests on it.
        attributes: `class_` stands for `class`, and `text_anchor` for `text-anchor`.
    """
    # Thousands of marks: `Markup.format` would take half of a report's time.
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{number(value) if _is_number(value) else escape(value)}"'
        for key, value in attributes.items()
    )
    told = f"<title>{escape(plain(title, longest=LONGEST_TEXT))}</title>" if title else ""
    inside = "".join([told, escape(plain(text, longest=LONGEST_TEXT)), *children])
    return Markup(f"<{name}{written}>{inside}</{name}>")  # noqa: S704  all that strangers wrote is escaped above


def drawing(*children: Markup, width: float, height: float, label: str) -> Markup:
    """The whole picture; `label` says to those who cannot see it what it shows."""
    return element("svg", *children, viewBox=f"0 0 {width:g} {height:g}", role="img", aria_label=plain(label))


def points(xs: Sequence[float], ys: Sequence[float]) -> str:
    """Positions as `polyline` takes them."""
    return " ".join(f"{number(x)},{number(y)}" for x, y in zip(xs, ys, strict=True))


def number(value: str | float) -> str:
    """A position to a tenth of a unit, which is less than a pixel.

    >>> number(12.04), number(3.0), number(-0.01)
    ('12', '3', '0')
    """
    rounded = round(float(value), 1) + 0.0
    return f"{rounded:.0f}" if rounded == int(rounded) else f"{rounded}"


def _is_number(value: str | float) -> bool:
    return isinstance(value, (int, float))
