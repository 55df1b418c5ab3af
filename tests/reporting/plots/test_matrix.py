"""Whether what stands in the confusion matrix, and on other grounds than the page's own, can be read."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import numpy as np
import pytest

from automl.reporting.plots.matrix import matrix
from automl.resources import folder

# WCAG 2.2, success criterion 1.4.3.
LEAST_CONTRAST = 4.5
STYLE = (folder("reports") / "style.css").read_text(encoding="utf-8")
LIGHT, DARK = (dict(re.findall(r"--([\w-]+): #([0-9a-f]+)", block)) for block in STYLE.split(":root {")[1:3])
Colour = tuple[float, ...]


def colour(digits: str) -> Colour:
    """Its red, green and blue, up to 1."""
    whole = digits if len(digits) == 6 else "".join(2 * digit for digit in digits)
    return tuple(int(whole[at : at + 2], 16) / 255 for at in (0, 2, 4))


def contrast(one: Colour, other: Colour) -> float:
    def luminance(of: Colour) -> float:
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in of]
        return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))

    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def written_in(kinds: str, colours: dict[str, str]) -> Colour:
    """The colour of a text of these classes."""
    rule = re.search(rf"text\.{kinds.replace(' ', '.')} {{ fill: var\(--(\w+)\)", STYLE) if kinds else None
    return colour(colours[rule[1] if rule else "ink"])


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_every_count_can_be_read_on_its_shade(colours: dict[str, str]) -> None:
    seen = []
    for share in range(1, 100):
        counts = np.array([[100 - share, share], [share, 100 - share]])
        elements = list(ET.fromstring(matrix(counts, ["a", "b"], title="t", rows="r", columns="c").svg))
        for shade, text in pairwise(elements):
            if shade.get("class") == "heat" and text.tag == "text":
                opacity = float(shade.attrib["fill-opacity"])
                pairs = zip(colour(colours["s1"]), colour(colours["ground"]), strict=True)
                ground = tuple(opacity * own + (1 - opacity) * below for own, below in pairs)
                seen.append(contrast(written_in(text.get("class", ""), colours), ground))
    assert len(seen) == 4 * 99
    assert min(seen) >= LEAST_CONTRAST


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_what_is_left_out_can_be_read_on_its_card(colours: dict[str, str]) -> None:
    assert contrast(colour(colours["muted"]), colour(colours["raised"])) >= LEAST_CONTRAST
    # It would make fainter whatever stands there.
    assert not re.search(r"[{; ]opacity:", STYLE)
