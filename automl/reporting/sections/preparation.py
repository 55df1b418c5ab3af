"""What was done to the data, and what to look out for in it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from automl.data.profile import Kind, Profile
from automl.encoding import categories, text
from automl.figures import count
from automl.reporting.facts import ReportFacts

PURPOSES = {"train": "training", "val": "validation", "test": "the test"}
TITLE = "What was done to the data"

# As `automl.encoding` has it: one module for each kind of column.
ENCODED: dict[Kind, str] = {
    "number": "Numbers: {scaled}.",
    "category": (
        "Categories: a code for each value, and one for values that are unknown or too rare (where there are more than "
        f"{categories.FEW_VALUES}, those that occur once). Networks take codes one-hot or as vectors that they learn, "
        "trees as numbers."
    ),
    "boolean": "Yes or no: 1 or -1.",
    "date": (
        "Dates: the place between the first and the last date, year, month, day and weekday, the cycles of year and "
        "week, and where there are times the hour and its cycle."
    ),
    "text": (
        f"Texts: which words and pairs of words occur, hashed into {text.FEWEST_BUCKETS} to {text.MOST_BUCKETS:,} "
        "numbers and weighted by how rare they are (tf-idf)."
    ),
}
SCALED = {
    "quantile": "the normal score of the rank (quantile)",
    "robust": "the distance from the median in interquartile ranges, far values drawn in (robust)",
    "none": "as they are, for trees (none)",
}
MISSING: dict[Kind, str] = {
    "number": "a number counts as the median, and for trees as missing",
    "category": "a category has a code of its own",
    "boolean": "a yes or no is 0",
    "date": "a date is 0",
    "text": "a text has no words",
}
# Of other kinds, the value itself tells that a cell is missing.
FLAGGED: Collection[Kind] = ("number", "boolean", "date")


def show(facts: ReportFacts) -> dict[str, Any]:
    """The split, how columns become numbers, the notes of reading and profiling, and the warnings."""
    profile = facts.profile
    return {
        "split": facts.asked["split"]["how"],
        "parts": [f"{count(rows, 'row')} for {PURPOSES[part]}" for part, rows in facts.rows.items()],
        "has_folds": bool(facts.asked.get("folds")),
        "encoding": [*_columns(facts), *_missing(profile), _target(profile)],
        "notes": [*facts.asked.get("notes", []), *profile.notes],
        "warnings": profile.warnings,
    }


def _columns(facts: ReportFacts) -> list[str]:
    """A sentence for each kind of column that models see."""
    tried = {trial.params.get("scaling") for trial in facts.trials} & SCALED.keys()
    scaled = "; or ".join(SCALED[scaling] for scaling in SCALED if scaling in (tried or SCALED))
    scaled += ", as the trial's scaling says" if len(tried) != 1 else ""
    return [says.format(scaled=scaled) for kind, says in ENCODED.items() if facts.profile.count(kind)]


def _missing(profile: Profile) -> list[str]:
    """What becomes of cells that are empty or cannot be read."""
    kinds = {column.kind for column in profile.used if column.missing}
    if not kinds:
        return []
    told = f"Where a cell is missing, {'; '.join(MISSING[kind] for kind in MISSING if kind in kinds)}."
    if kinds & set(FLAGGED):
        told += " If training rows have gaps in numbers, dates or yes and no, another input says where."
    return [told]


def _target(profile: Profile) -> str:
    if profile.target.task == "classify":
        return "The target: each class has an output, its probability."
    return (
        "The target: its distance from the mean in standard deviations. Predictions stay within the range that it has "
        "in the rows that were learned from."
    )
