"""What the JSON files of a saved model may say: whatever else they hold is refused before anything is done with it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

import pandas as pd
from pydantic import BaseModel, Field

from automl import files
from automl.data.columns import END_OF_DAYS, FIRST_DAY, dates
from automl.encoding.numbers import MOST_KNOTS, Scaling
from automl.encoding.text import MOST_BUCKETS
from automl.errors import InputError
from automl.untrusted import checked

LARGEST_MANIFEST = 1_000_000
MOST_MEMBERS = 1_000

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
File = Annotated[str, Field(pattern=r"^(schema\.json|network-[0-9]{4,9}\.(keras|npz))$")]
# The last microseconds of all are rounded to the end.
Day = Annotated[float, Field(ge=FIRST_DAY, le=END_OF_DAYS)]
Positive = Annotated[float, Field(gt=0)]
# Beyond these, probabilities would be no numbers any more.
Temperature = Annotated[float, Field(ge=0.01, le=100)]
Knots = Annotated[list[float], Field(min_length=1, max_length=MOST_KNOTS)]


class Record(BaseModel, strict=True, allow_inf_nan=False):
    """A JSON object, which may have more keys than these."""


class Format(Record):
    """What every manifest.json says, be it of a version to come."""

    format: Annotated[int, Field(ge=1)]


class Manifest(Format):
    """manifest.json."""

    sha256: dict[File, Digest]


class Number(Record):
    """A column of numbers, as `encoding.numbers` fits it."""

    name: str
    kind: Literal["number"]
    median: float
    spread: float
    knots: Knots
    scores: Knots
    missing: bool
    origin: float = 0.0


class Boolean(Record):
    """A column of booleans, as `encoding.booleans` fits it."""

    name: str
    kind: Literal["boolean"]
    missing: bool


class Date(Record):
    """A column of dates, as `encoding.dates` fits it."""

    name: str
    kind: Literal["date"]
    format: Annotated[str, Field(max_length=100)]
    first: Day
    last: Day
    hours: bool
    missing: bool


class Text(Record):
    """A column of texts, as `encoding.text` fits it."""

    name: str
    kind: Literal["text"]
    idf: Annotated[list[float], Field(min_length=1, max_length=MOST_BUCKETS)]
    scale: float


class Category(Record):
    """A column of categories, as `encoding.categories` fits it."""

    name: str
    kind: Literal["category"]
    values: list[str]
    text: bool = True
    gaps: bool = True


class Target(Record):
    """What every task says of its target."""

    name: str


class Classes(Target):
    """What a classification says of it."""

    labels: Annotated[list[str], Field(min_length=1)]
    classes: list[bool | int | float | str]


class Values(Target):
    """What a regression says of it."""

    mean: float
    deviation: Positive
    minimum: float
    maximum: float


class Params(BaseModel, strict=True, allow_inf_nan=False, extra="allow"):
    """A member's hyperparameters."""

    __pydantic_extra__: dict[str, bool | int | float | str]
    scaling: Scaling


class Member(Record):
    """A trial of the ensemble."""

    trial: Annotated[int, Field(ge=0, lt=10**9)]
    weight: Annotated[float, Field(ge=0)]
    temperature: Temperature = 1.0
    params: Params


class Facts(Record):
    """Where the model comes from, as far as predictions need it."""

    members: Annotated[list[Member], Field(min_length=1, max_length=MOST_MEMBERS)]
    temperature: Temperature
    decimal: Literal[".", ","] = "."
    texts: list[str] = []
    words: dict[str, list[str]] = {}


class Schema(Record):
    """schema.json."""

    task: str
    target: Target
    columns: list[Annotated[Number | Boolean | Date | Text | Category, Field(discriminator="kind")]]
    facts: Facts


TARGETS: dict[str, type[Target]] = {"classify": Classes, "regress": Values}


def read(path: Path) -> dict[str, Any]:
    """The content of a schema.json.

    Raises:
        InputError: it is damaged, or says something that no model of this package says.
    """
    content: dict[str, Any] = checked(Schema, files.read_json(path), path)
    target = checked(TARGETS.get(content["task"], Target), content["target"], path)
    if "classes" in target and len(target["classes"]) != len(target["labels"]):
        raise InputError(f"{path} is damaged: target: there are more classes than labels, or fewer.")
    for column in content["columns"]:
        if column["kind"] == "number" and len(column["knots"]) != len(column["scores"]):
            raise InputError(f"{path} is damaged: column {column['name']!r} has more knots than scores, or fewer.")
        if column["kind"] == "date" and not _is_date_format(column["format"]):
            raise InputError(f"{path} is damaged: column {column['name']!r}: the format {column['format']!r} is none.")
    return content


def _is_date_format(text: str) -> bool:
    try:
        dates(pd.Series(["2000-01-01"], dtype=object), date_format=text)
    except (ValueError, re.error):
        return False
    return True


def read_manifest(path: Path, *, newest: int) -> dict[str, Any]:
    """The content of a manifest.json; of a format that is newer, only the format is known.

    Raises:
        InputError: it is damaged, or names a file that no model has.
    """
    content: dict[str, Any] = checked(Format, files.read_json(path, most=LARGEST_MANIFEST), path)
    return content if content["format"] > newest else dict(checked(Manifest, content, path))
