"""The report's figures as PNG files, for places that show pictures alone: MLflow's artifacts, slides, mails.

They are not drawn twice: a figure's SVG has few kinds of elements, which Matplotlib draws as they are, in the colours
of the report's light style.
"""

from __future__ import annotations

import importlib
import io
import re
import shutil
import warnings
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automl import files
from automl.records import RunFolder
from automl.reporting import sections
from automl.reporting.facts import ReportFacts, from_folder
from automl.reporting.plots import Figure
from automl.resources import folder

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

# Those of the report that show what a run has come to, in the order of their importance.
SECTIONS = ("classification", "regression", "learning_curves", "importance", "search_history", "hyperparameters")
MOST_PICTURES = 16
# Pixels per inch. A unit of a figure's SVG is a point.
DOTS = 144
POINTS_PER_INCH = 72
MARGIN = 8.0
LINE = 18.0
LETTER = 6.0
# As the report's style has them: width and dashes of lines by their class.
LINES: Mapping[str, tuple[float, Any]] = {
    "grid": (0.7, "-"),
    "base": (0.8, "-"),
    "whisker": (1.2, "-"),
    "plain": (1.0, (0, (4, 3))),
    "mark": (1.2, (0, (2, 3))),
    "train": (1.8, (0, (5, 3))),
    "chosen": (3.0, "-"),
    "line": (1.8, "-"),
}
COLOURS: Mapping[str, str] = {
    "grid": "rule",
    "base": "muted",
    "whisker": "ink",
    "plain": "muted",
    "mark": "muted",
    "val": "s1",
    "train": "s2",
    "test": "s3",
    "bar": "s1",
    "heat": "s1",
    "behind": "ground",
    "axis": "muted",
    "tick": "muted",
}


def load() -> None:
    """Imports what draws, which takes a second: for a thread of its own, while there is nothing else to do."""
    with suppress(ImportError):
        importlib.import_module("matplotlib.backends.backend_agg")
        importlib.import_module("matplotlib.figure")


def write(path: Path) -> list[Path]:
    """Draws the pictures of the run in a folder, and returns where they are: in its folder `plots`, made anew.

    Raises:
        InputError: the folder holds no run, or its records are damaged.
        EnvironmentFault: they cannot be written.
    """
    place = RunFolder(path).plots
    drawn = {name: png(figure) for name, figure in figures(from_folder(path)).items()}
    shutil.rmtree(place, ignore_errors=True)
    with files.disk_faults_explained(place):
        place.mkdir()
    for name, content in drawn.items():
        files.write_bytes(place / f"{name}.png", content)
    return [place / f"{name}.png" for name in drawn]


def figures(facts: ReportFacts) -> dict[str, Figure]:
    """The figures that are drawn, by names for files."""
    named: dict[str, Figure] = {}
    for section in SECTIONS:
        content = _shown(section, facts)
        for figure in [*content.get("figures", ()), *([content["figure_of"]] if "figure_of" in content else [])]:
            name = section if section != "learning_curves" else f"learning_curve_{figure.title}"
            if "figures" in content and section != "learning_curves":
                # Without names of classes, which strangers wrote.
                name = figure.title.partition(" of ")[0]
            named[re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")] = figure
    return dict(list(named.items())[:MOST_PICTURES])


def _shown(section: str, facts: ReportFacts) -> dict[str, Any]:
    """What a section shows; nothing where it fails, of which the report tells in its place."""
    try:
        return sections.section(section).show(facts) or {}
    except Exception:  # noqa: BLE001  whatever a run may have recorded
        return {}


def png(figure: Figure) -> bytes:
    """The picture of a figure, with its title and legend."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Canvas

    drawing = ET.fromstring(figure.svg)  # noqa: S314  our own figure
    width, height = (float(number) for number in drawing.attrib["viewBox"].split()[2:])
    legend = list(_legend_lines(figure, width))
    top = LINE * (1 + len(legend)) + 6
    inches = ((width + 2 * MARGIN) / POINTS_PER_INCH, (height + top + MARGIN) / POINTS_PER_INCH)
    canvas = Canvas(figsize=inches, facecolor=_colours()["ground"])
    FigureCanvasAgg(canvas)
    axes = canvas.add_axes((0, 0, 1, 1))
    axes.set(xlim=(-MARGIN, width + MARGIN), ylim=(height + MARGIN, -top))
    axes.set_autoscale_on(False)
    axes.axis("off")
    axes.text(4, 14 - top, _plain(figure.title), size=11, weight="bold", color=_colours()["ink"])
    for row, entries in enumerate(legend):
        _draw_legend(axes, entries, at=LINE * (row + 1) + 14 - top)
    for order, element in enumerate(drawing):
        _draw(axes, element, order)
    return _encoded(canvas)


def _encoded(canvas: Canvas) -> bytes:
    buffer = io.BytesIO()
    # Matplotlib's own font has no Chinese, Japanese or Korean letters, of which it would warn once for each.
    with warnings.catch_warnings(action="ignore"):
        canvas.savefig(buffer, format="png", dpi=DOTS)
    return buffer.getvalue()


def _legend_lines(figure: Figure, width: float) -> Iterator[list[tuple[float, str, str]]]:
    """The entries of the legend as horizontal place, class and text, in lines that fit the width."""
    line: list[tuple[float, str, str]] = []
    at = 4.0
    for series, name, number in figure.legend:
        text = f"{name} {number}".strip()
        wide = 26 + LETTER * len(text)
        if line and at + wide > width:
            yield line
            line, at = [], 4.0
        line.append((at, series, text))
        at += wide + 8
    if line:
        yield line


def _draw_legend(axes: Axes, entries: list[tuple[float, str, str]], *, at: float) -> None:
    for x, series, text in entries:
        if series in ("hollow", "crossed"):
            mark = "x" if series == "crossed" else "o"
            axes.plot([x + 8], [at - 3], mark, color=_colours()["muted"], mfc="none", ms=5)
        else:
            width, dashes = _line(["line", series])
            axes.plot([x, x + 16], [at - 3] * 2, color=_colour(["line", series]), lw=max(width, 1.8), ls=dashes)
        axes.text(x + 20, at, _plain(text), size=8, color=_colours()["muted"])


def _draw(axes: Axes, element: ET.Element, order: int) -> None:
    """One element of the kinds that `plots` makes, above those of a lower order."""
    lines, patches, texts = len(axes.lines), len(axes.patches), len(axes.texts)
    own = element.attrib
    kinds = own.get("class", "").split()
    number = {name: float(value) for name, value in own.items() if re.fullmatch(r"-?[\d.]+", value)}
    if element.tag == "line":
        _draw_line(axes, [number["x1"], number["x2"]], [number["y1"], number["y2"]], kinds)
    elif element.tag == "polyline":
        pairs = [pair.split(",") for pair in own["points"].split()]
        _draw_line(axes, [float(x) for x, _ in pairs], [float(y) for _, y in pairs], kinds)
    elif element.tag == "rect":
        _draw_bar(axes, number, kinds)
    elif element.tag == "circle":
        _draw_dot(axes, number, kinds)
    elif element.tag == "path":
        x, y, size = (float(part) for part in re.findall(r"-?[\d.]+", own["d"])[:3])
        axes.plot([x + size / 2], [y + size / 2], "x", color=_colour(kinds), ms=size, mew=1.2)
    elif element.tag == "text":
        _draw_text(axes, element, number, kinds)
    for artist in (*axes.lines[lines:], *axes.patches[patches:], *axes.texts[texts:]):
        artist.set_zorder(order)


def _draw_line(axes: Axes, xs: list[float], ys: list[float], kinds: list[str]) -> None:
    width, dashes = _line(kinds)
    axes.plot(xs, ys, color=_colour(kinds), lw=width, ls=dashes, solid_joinstyle="round")


def _draw_bar(axes: Axes, number: Mapping[str, float], kinds: list[str]) -> None:
    from matplotlib.patches import Rectangle

    corner, opacity = (number["x"], number["y"]), number.get("fill-opacity", 0.9 if "behind" in kinds else 1.0)
    axes.add_patch(Rectangle(corner, number["width"], number["height"], color=_colour(kinds), alpha=opacity, lw=0))


def _draw_dot(axes: Axes, number: Mapping[str, float], kinds: list[str]) -> None:
    colour, size = _colour(kinds), 2 * number["r"]
    hollow = "hollow" in kinds
    axes.plot(
        [number["cx"]],
        [number["cy"]],
        "o",
        ms=size,
        mfc=_colours()["ground"] if hollow else colour,
        mec=colour if hollow else "none",
        alpha=0.55 if "faint" in kinds else 1.0,
    )


def _draw_text(axes: Axes, element: ET.Element, number: Mapping[str, float], kinds: list[str]) -> None:
    # Behind a <title>, the text is its tail.
    text = "".join([element.text or "", *(child.tail or "" for child in element)])
    turned = re.match(r"rotate\((-?[\d.]+)", element.attrib.get("transform", ""))
    axes.text(
        number["x"],
        number["y"],
        _plain(text),
        size=8,
        color=_colour(kinds) if set(kinds) & set(COLOURS) else _colours()["ink"],
        ha={"end": "right", "middle": "center"}.get(element.attrib.get("text-anchor", ""), "left"),
        va="baseline",
        rotation=-float(turned[1]) if turned else 0,
        rotation_mode="anchor",
    )


def _line(kinds: list[str]) -> tuple[float, Any]:
    """The width and the dashes of the most particular class."""
    return next(LINES[kind] for kind in LINES if kind in kinds) if set(kinds) & set(LINES) else LINES["line"]


def _colour(kinds: list[str]) -> str:
    colours = _colours()
    named = [COLOURS.get(kind, kind) for kind in kinds]
    return next((colours[name] for name in reversed(named) if name in colours), colours["muted"])


@cache
def _colours() -> dict[str, str]:
    """The colours of the report's light style, by name."""
    style = (folder("reports") / "style.css").read_text(encoding="utf-8")
    light = style[: style.index("}")]
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]+)", light))


def _plain(text: str) -> str:
    """Text as it is: Matplotlib would read what stands between dollars as a formula."""
    return text.replace("$", r"\$")
