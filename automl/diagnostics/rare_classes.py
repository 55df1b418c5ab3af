"""Whether some class has too few rows to be learned, or to be judged, in a part of the split."""

from __future__ import annotations

import numpy as np

from automl.diagnostics import Answer, Data, Finding, NotApplicable
from automl.diagnostics._parts import PARTS
from automl.diagnostics._wording import named
from automl.figures import count

CODE = "rare_classes"
STAGE = "data"
TITLE = "Rare classes"

# With five rows, the share that is predicted rightly has a 95 % interval of more than half the scale; with ten, of
# still a third to either side (Wilson).
TOO_FEW, FEW = 5, 10


def check(data: Data) -> Answer:
    """Counts the rows of each class in each part; in a cross-validation, the rows that each fold can be judged by."""
    if data.profile.target.task != "classify":
        return NotApplicable(CODE, "The target is a number, not a class.")
    labels = [str(label) for label in data.specification["labels"]]
    counts = {part: np.bincount(data.of(part).astype(np.int64), minlength=len(labels)) for part in data.split.parts()}
    fewest = np.minimum.reduce([rows for part, rows in counts.items() if part != "train"])
    place = int(fewest.argmin())
    figures = {"fewest_rows": float(fewest.min()), "rarest_class_rows": float(_whole(data, len(labels)).min())}
    rare = [labels[position] for position in np.argsort(fewest, kind="stable") if fewest[position] < TOO_FEW]
    unlearned = [label for label, rows in zip(labels, counts["train"], strict=True) if rows == 0]
    of_rarest = ", ".join(f"{rows[place]:,} {PARTS[part]}" for part, rows in counts.items())
    measured = f"The class with the fewest, {named([labels[place]])}, has {of_rarest} rows."
    if data.split.folds is not None and counts["val"][place] < data.split.number_of_folds:
        measured += f" There are more folds ({data.split.number_of_folds}) than training rows of it."
    advice = (
        "Collect more rows of it, join rare classes into one, or remove them. What a model says about them, and every "
        "score that weighs all classes the same, is luck."
    )
    if unlearned:
        title = f"{_classes(unlearned)} no training rows: no model can learn {'it' if len(unlearned) == 1 else 'them'}"
        return Finding(CODE, "problem", title, measured, advice, figures)
    if rare:
        missing = [label for label, rows in zip(labels, fewest, strict=True) if rows == 0]
        where = "no rows to be judged by" if missing else f"fewer than {TOO_FEW} rows to be judged by"
        return Finding(CODE, "warning", f"{_classes(missing or rare)} {where}", measured, advice, figures)
    if fewest[place] < FEW:
        title = f"Class {named([labels[place]])} has only {count(int(fewest[place]), 'row')} to be judged by"
        return Finding(CODE, "note", title, measured, advice, figures)
    return Finding(CODE, "fine", "Every class has enough rows in every part", measured, "", figures)


def _whole(data: Data, classes: int) -> np.ndarray:
    return np.bincount(data.targets.astype(np.int64), minlength=classes)


def _classes(labels: list[str]) -> str:
    return f"Class {named(labels)} has" if len(labels) == 1 else f"Classes {named(labels)} have"
