"""The shipped data sets: each is a folder with a card, which says what the table is, and the table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from automl import resources, yaml_files
from automl.errors import unknown


@dataclass(frozen=True)
class Card:
    """What one shipped table holds, whose it is, and where it lies: `path` is the file to read."""

    name: str
    summary: str
    task: Literal["classify", "regress"]
    target: str
    rows: int
    licence: str
    source: str
    path: Path


def cards() -> list[Card]:
    """All shipped data sets, sorted by name.

    Raises:
        EnvironmentFault: the installation lacks them.
    """
    return [_card(file) for file in sorted(resources.folder("datasets").glob("*/card.yaml"))]


def card(name: str) -> Card:
    """The shipped data set of that name.

    Raises:
        InputError: there is none.
    """
    shipped = {card.name: card for card in cards()}
    if name not in shipped:
        raise unknown("data set", name, shipped)
    return shipped[name]


def _card(file: Path) -> Card:
    facts = yaml_files.read(file)
    return Card(
        name=facts["name"],
        summary=facts["summary"],
        task=facts["task"],
        target=facts["target"],
        rows=facts["rows"],
        licence=facts["licence"],
        source=facts["source"],
        path=file.parent / "data.csv",
    )
