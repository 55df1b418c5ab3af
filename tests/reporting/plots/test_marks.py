"""Which points a line is drawn through."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np
import pytest

from automl.reporting.plots import marks
from automl.reporting.plots.panel import Axis, Panel
from automl.reporting.sections.classification import precision_recall, roc

UNIT = Panel(Axis("", 0, 1), Axis("", 0, 1))


def drawn(panel: Panel, xs: Sequence[float], ys: Sequence[float]) -> list[list[tuple[float, float]]]:
    """The corners of each piece of the line."""
    pieces = re.findall(r'points="([^"]*)"', marks.line(panel, xs, ys, series="s1"))
    return [[(float(x), float(y)) for x, y in (pair.split(",") for pair in piece.split())] for piece in pieces]


def height(corners: Sequence[tuple[float, float]], x: float) -> float:
    """Where the line runs at a horizontal position."""
    return float(np.interp(x, [across for across, _ in corners], [up for _, up in corners]))


def test_a_short_line_goes_through_all_its_points_and_has_gaps() -> None:
    xs, ys = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0], [0.0, 0.5, math.nan, 1.0, math.inf, 0.0]
    assert drawn(UNIT, xs, ys) == [
        [(round(UNIT.across(x), 1), round(UNIT.up(y), 1)) for x, y in zip(xs[a:b], ys[a:b], strict=True)]
        for a, b in ((0, 2), (3, 4), (5, 6))
    ]


def test_the_precision_of_a_rare_class_is_drawn_as_it_is() -> None:
    rows, positives = 20_000, [*range(14), 25, 38, 50, 66, 9_000, 19_000]
    truth = np.zeros(rows, dtype=bool)
    truth[positives] = True
    recall, precision, _ = precision_recall(truth, np.linspace(1, 0, rows))
    [corners] = drawn(UNIT, recall, precision)
    # All of the first 14 are right, and of the first 67, 18.
    assert height(corners, UNIT.across(14 / 20) - 1) == pytest.approx(UNIT.up(1.0), abs=0.2)
    assert height(corners, UNIT.across(18 / 20)) >= UNIT.up(18 / 67) - 0.2
    assert corners[0] == (round(UNIT.across(1 / 20), 1), UNIT.up(1.0))
    assert corners[-1] == pytest.approx((UNIT.right, UNIT.up(20 / rows)), abs=0.1)


def test_a_steep_roc_curve_keeps_its_beginning() -> None:
    rows = 20_000
    truth = np.arange(rows) < 20
    [corners] = drawn(UNIT, *roc(truth, np.linspace(1, 0, rows))[:2])
    assert (UNIT.left, UNIT.top) in corners


def test_a_long_line_has_few_corners_and_runs_where_all_its_points_would() -> None:
    epochs = np.arange(1.0, 20_001.0)
    loss = 1 / np.sqrt(epochs) + 0.01 * np.sin(epochs / 900)
    loss[7_123] = 0.9
    panel = Panel(Axis("", 1, 20_000), Axis("", 0, 1))
    [corners] = drawn(panel, epochs.tolist(), loss.tolist())
    assert len(corners) <= 4 * (marks.COLUMNS + 1)
    # One that lasts an epoch is seen, too.
    assert min(y for x, y in corners if x > panel.across(7_000)) == pytest.approx(panel.up(0.9), abs=0.1)
    smooth = [at for at in range(200, 20_000, 173) if abs(at - 7_123) > 100]
    for at in smooth:
        assert height(corners, panel.across(epochs[at])) == pytest.approx(panel.up(loss[at]), abs=0.5)


def test_a_long_line_has_its_gaps() -> None:
    ys = np.linspace(0, 1, 3_000)
    ys[1_234] = math.nan
    assert len(drawn(UNIT, np.linspace(0, 1, 3_000).tolist(), ys.tolist())) == 2
