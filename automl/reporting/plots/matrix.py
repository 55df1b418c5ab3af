"""A table of shares as shades: the confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from automl.plain import plain
from automl.reporting.plots import Figure
from automl.reporting.plots.panel import LETTER, compact
from automl.reporting.plots.svg import drawing, element

LONGEST_LABEL = 14
# How opaque the shades of nothing and of all are. On a stronger one, text would be hard to read in the dark style.
FAINTEST, STRONGEST = 0.05, 0.55


def matrix(
    counts: NDArray[Any], labels: Sequence[str], *, title: str, rows: str, columns: str, note: str = ""
) -> Figure:
    """A square of cells, each as dark as its share of its row, with the count written in it.

    Args:
        counts: shape (labels, labels).
        rows, columns: what the two directions are.
    """
    names = [plain(label, longest=LONGEST_LABEL) for label in labels]
    longest = LETTER * max(map(len, names))
    left, top, width = longest + 8, 38.0, 360.0
    size = (width - left - 4) / len(names)
    tall = min(size, 46.0)
    slanted = longest > size
    top += 0.7 * longest if slanted else 0.0
    drawn = [
        element("text", text=f"↓ {rows}", class_="axis", x=2, y=12),
        element("text", text=f"{columns} →", class_="axis", x=width - 4, y=12, text_anchor="end"),
    ]
    for place, name in enumerate(names):
        middle, at = top + tall * (place + 0.5), left + size * (place + 0.5)
        drawn.append(
            element("text", text=name, class_="tick", x=left - 5, y=middle + 4, text_anchor="end", title=labels[place])
        )
        turned = {"transform": f"rotate(-45 {at:.1f} {top - 6:.1f})"} if slanted else {}
        anchor = "start" if slanted else "middle"
        drawn.append(
            element(
                "text", text=name, class_="tick", x=at, y=top - 6, text_anchor=anchor, title=labels[place], **turned
            )
        )
    for i, of_row in enumerate(counts):
        total = max(int(of_row.sum()), 1)
        for j, number in enumerate(of_row):
            share = int(number) / total
            x, y = left + size * j, top + tall * i
            told = f"{labels[i]} taken for {labels[j]}: {int(number):,} of {int(of_row.sum()):,} rows ({share:.0%})"
            drawn.append(
                element(
                    "rect",
                    class_="heat",
                    x=x,
                    y=y,
                    width=size - 1,
                    height=tall - 1,
                    fill_opacity=f"{FAINTEST + (STRONGEST - FAINTEST) * share:.2f}",
                    title=told,
                )
            )
            written = compact(int(number))
            if number and LETTER * len(written) < size:
                drawn.append(element("text", text=written, x=x + size / 2, y=y + tall / 2 + 4, text_anchor="middle"))
    return Figure(title, drawing(*drawn, width=width, height=top + tall * len(names) + 4, label=title), note=note)
