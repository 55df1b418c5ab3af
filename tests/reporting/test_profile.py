"""A profile as people read it."""

from __future__ import annotations

from io import StringIO

import numpy as np
import pandas as pd
from rich.console import Console

from automl.data.profile import profile
from automl.reporting.profile import show


def shown(frame: pd.DataFrame, *, name: str = "shop", notes: tuple[str, ...] = (), terminal: bool = False) -> str:
    console = Console(file=StringIO(), width=80, force_terminal=terminal)
    console.print(show(profile(frame, target="y"), name=name, notes=notes))
    assert isinstance(console.file, StringIO)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines())


def table(**columns: object) -> pd.DataFrame:
    return pd.DataFrame({**columns, "y": ["yes", "no", "no", "no"] * 10})


def test_says_what_every_column_holds() -> None:
    text = shown(
        table(
            price=[*np.linspace(1000, 20_000, 30), *[None] * 10],
            colour=["red", "blue", "red", "red"] * 10,
            code=[f"k{row}" for row in range(40)],
        )
    )
    assert "shop: 40 rows, 3 columns (1 number, 1 category, 1 identifier); classify 'y'" in text
    assert "no       30  75.0%" in text
    assert "price     25.0%        30  number      1000 to 20,000, median 10,500" in text
    assert "colour                  2  category    red (30), blue (10)" in text
    assert "code                   40  identifier  all different: k0, k1, k2, k3, k4, …" in text
    assert "Note      Left out: code (different in every row)." in text
    assert "Warning   Only 40 rows: the scores have wide margins." in text


def test_describes_a_target_that_is_a_number() -> None:
    text = shown(pd.DataFrame({"x": range(0, 120, 3), "y": np.linspace(0.5, 99.5, 40)}))
    assert "regress 'y'" in text
    assert "Target    0.5 to 99.5, median 50" in text


def test_counts_classes_beyond_the_eighth() -> None:
    frame = pd.DataFrame({"x": np.arange(260) % 17, "y": [chr(97 + row % 26) for row in range(260)]})
    text = shown(frame)
    assert "… 18 more   180  69.2%" in text
    assert "\nh " in text
    assert "\ni " not in text


def test_counts_columns_beyond_the_fortieth() -> None:
    rng = np.random.default_rng(0)
    text = shown(table(**{f"c{number:02}": rng.random(40) for number in range(45)}))
    assert "45 columns (45 numbers)" in text
    assert "\nc39 " in text
    assert "\nc40 " not in text
    assert "\n… 5 more" in text


def test_fits_80_columns() -> None:
    frame = table(**{"a name that is much longer than any column's name should ever be": ["long value " * 9, "b"] * 20})
    text = shown(frame, notes=("word " * 60,))
    assert max(map(len, text.splitlines())) <= 80
    assert "a name that is much longer …" in text


def test_foreign_text_is_harmless() -> None:
    evil = "\x1b[31m[red]a\u202e:bomb:[/red]"
    text = shown(table(**{evil: [f"{evil}{row % 3}\n" for row in range(40)]}), name=evil, notes=(evil,), terminal=True)
    assert "\x1b[31m" not in text
    assert "\u202e" not in text
    assert text.count("[31m[red]a:bomb:[/red]") >= 3


def test_rounds_no_missing_cell_away() -> None:
    frame = pd.DataFrame({"x": [None, *range(4999)], "y": ["a", "b"] * 2500})
    assert "<0.1%" in shown(frame)
