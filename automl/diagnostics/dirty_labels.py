"""Whether values that mean the same are written differently: by case, spaces or punctuation."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

import pandas as pd

from automl.data import columns as cells
from automl.diagnostics import Data, Finding, Severity
from automl.diagnostics._wording import named

CODE = "dirty_labels"
STAGE = "data"
TITLE = "Labels written in several ways"

# Separators between letters mean nothing; beside a digit they do ("1-2", "1.5", "-1"), and "A-" is not "A".
_SEPARATORS = re.compile(r"(?<!\d)(?:[\s_./,;:'\"`´’()]|-(?!-*$))+(?!\d)")
_SPACES = re.compile(r"[\s_]+")
# Of the rows, what a column's rarer spellings make up to matter.
MATTERS = 0.005


def check(data: Data) -> Finding:
    """Compares the labels of the target and of every category without case, spaces and punctuation."""
    rows = data.profile.rows
    of_target = _spellings(data.target) if data.profile.target.task == "classify" else []
    categories = [column.name for column in data.profile.used if column.kind == "category"]
    dirty = {name: sets for name in categories if (sets := _spellings(data.frame[name]))}
    affected = {name: sum(_rarer(counts) for counts in sets) / rows for name, sets in dirty.items()}
    largest = max(affected.values(), default=0.0)
    figures = {"columns": float(len(dirty)), "classes": float(len(of_target)), "largest_share": largest}
    if of_target:
        name = data.profile.target.name
        title = f"Classes {named(list(of_target[0]))} differ only in how they are written"
        explained = (
            f"{_examples({name: of_target})} If they mean the same, the model is taught to tell apart what is one "
            "class, and every score suffers."
        )
        advice = "Write each class in one way in the file, then fit again. If they are different classes, all is well."
        return Finding(CODE, "warning", title, explained, advice, figures, (name, *dirty))
    if dirty:
        names = sorted(dirty, key=lambda name: -affected[name])
        title = f"{named(names)} {'have' if len(names) > 1 else 'has'} values that differ only in how they are written"
        explained = (
            f"{_examples({name: dirty[name] for name in names})} The rarer spellings make up to {largest:.1%} of the "
            "rows, and a model has to learn each spelling by itself."
        )
        advice = "Write each value in one way in the file, then fit again."
        severity: Severity = "warning" if largest >= MATTERS else "note"
        return Finding(CODE, severity, title, explained, advice, figures, tuple(names))
    said = "No labels differ by case, spaces or punctuation alone."
    return Finding(CODE, "fine", "Labels are written in one way", said, "", figures)


def _spellings(column: pd.Series) -> list[dict[str, int]]:
    """The sets of labels that mean the same, each label with its rows, the commonest spelling first."""
    counts = column.value_counts()
    alike: dict[str, dict[str, int]] = {}
    for label, count in zip(cells.labels(counts.index.to_series()), counts, strict=True):
        if label is not None:
            # Outer spaces are no difference: every reading of a column strips them.
            spelling = alike.setdefault(meaning(label), {})
            spelling[label] = spelling.get(label, 0) + int(count)
    return [labels for labels in alike.values() if len(labels) > 1]


def meaning(label: str) -> str:
    """What is left of a label without case, form of letters, spaces and separators.

    >>> meaning("New-York "), meaning("new  york"), meaning("-1"), meaning("A-"), meaning("10-20")
    ('newyork', 'newyork', '-1', 'a-', '10-20')
    """
    folded = unicodedata.normalize("NFKC", label).strip().casefold()
    return _SPACES.sub(" ", _SEPARATORS.sub("", folded)) or folded


def _rarer(counts: Mapping[str, int]) -> int:
    """The rows that are written in another way than most of their meaning."""
    return sum(counts.values()) - max(counts.values())


def _examples(sets: Mapping[str, list[dict[str, int]]]) -> str:
    return " ".join(f"In {named([name])}: {named(list(of_name[0]))}." for name, of_name in list(sets.items())[:3])
