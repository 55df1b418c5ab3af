"""Whether one column gives the target away: a copy, a code or a noisy copy of it, or what is known only afterwards."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from automl.data.profile import Column
from automl.diagnostics import Data, Finding, Severity
from automl.diagnostics._columns import Numbers, drawn, error, features, outcomes
from automl.diagnostics._forest import judged
from automl.diagnostics._wording import named, options

CODE = "target_leak"
STAGE = "data"
TITLE = "Target leaks"

MOST_ROWS = 5_000
ROWS_IN_FOREST = 2_000
FOLDS = 5
MOST_BINS, ROWS_IN_BIN = 200, 15
# Values that repeat so often are bins of their own, and a few values that repeat at all.
REPEATS, FEW_VALUES, FEW_REPEATS = 10, 40, 3
# Errors are shares of that of predicting the mean. What an honest column leaves, beside what all others leave together,
# on the tables of tests/benchmarks/planted_faults.py: at least 0.6 times as much where it leaves less than 0.3.
SUSPECT, FAR_BETTER = 0.3, 0.45
# Where all others together are good, too: a column that leaves little, still less than they, and far less than any of
# them alone. Honest columns that are so far ahead (the odour of mushrooms) leave more than all others together.
STRONG, FAR_AHEAD = 0.15, 0.25
# Several copies hide each other among "all others": columns that leave so little are not counted there.
COPY = 0.03
# A column whose name says that it is known afterwards need not be so strong: the strongest, or better than all others.
NAMED_SUSPECT, NAMED_BETTER = 0.8, 0.85

_AFTERWARDS = re.compile(
    r"(^|[^a-z])(after|afterwards|final|result|results|outcome|outcomes|actual|closed|closing|cancelled|canceled|"
    r"refund|refunded|resolved|settled|settlement|discharged?|died|death|deceased|predicted|prediction|label|target|"
    r"awarded|recovered|recoveries|chargeoff|churned|defaulted|won|lost|survived)([^a-z]|$)",
    re.IGNORECASE,
)
_SHORTEST_NAME = 4


def check(data: Data) -> Finding:
    """What each column alone leaves unexplained, on training rows only, beside what all other columns leave together.

    A column alone predicts the mean target of its value, or of its bin, as other rows tell it (five folds). Honest
    columns may be strong, but then others are too; a leak is far better than all others together.
    """
    rows = drawn(data.split.train, most=MOST_ROWS, seed=data.seed)
    truth = outcomes(data, rows)
    columns, table = features(data, rows)
    folds = _folds(data, rows, FOLDS, np.random.default_rng([data.seed, 29]))
    alone = np.array(
        [error(truth, _by_value(_bins(column, table[:, place]), truth, folds)) for place, column in enumerate(columns)]
    )
    strongest = int(alone.argmin())
    figures = {"least_left": float(alone[strongest])}
    copies = [place for place in np.argsort(alone, kind="stable") if alone[place] <= COPY]
    suspects = copies or ([strongest] if alone[strongest] <= SUSPECT else [])
    late = [
        place
        for place, column in enumerate(columns)
        if alone[place] <= NAMED_SUSPECT and _sounds_late(column.name, data.profile.target.name)
    ]
    if suspects or late:
        few = drawn(np.arange(len(rows)), most=ROWS_IN_FOREST, seed=data.seed)
        halves = _folds(data, rows[few], 2, np.random.default_rng([data.seed, 31]))
        others = _left_by_others(table[few], truth[few], {*suspects}, halves, seed=data.seed)
        figures["left_by_others"] = others
        second = min((alone[place] for place in range(len(columns)) if place not in suspects), default=1.0)
        limit = max(FAR_BETTER * others, min(STRONG, others, FAR_AHEAD * second))
        if suspects and (alone[suspects].min() <= limit or _is_code(table[:, suspects[0]], truth)):
            found = [place for place in suspects if alone[place] <= limit] or suspects[:1]
            return _leak(data, [columns[place].name for place in found], alone[found], others, figures)
        others = (
            others if late == suspects else _left_by_others(table[few], truth[few], {*late}, halves, seed=data.seed)
        )
        found = [place for place in late if place == strongest or alone[place] <= NAMED_BETTER * others]
        if found:
            return _late(data, [columns[place].name for place in found], alone[found], others, figures)
    column = named([columns[strongest].name])
    said = f"The strongest column, {column}, alone explains {max(0.0, 1 - alone[strongest]):.0%} of the target."
    return Finding(CODE, "fine", "No column gives the target away", said, "", figures)


def _bins(column: Column, values: Numbers) -> NDArray[np.int64]:
    """Shape (rows,): the number of the bin or value; 0 for missing, which may tell as much as a value.

    Of dates, only whether they are known: what changes with time follows any date, and is no leak.
    """
    known = ~np.isnan(values)
    if column.kind == "date":
        return known.astype(np.int64)
    if column.kind in ("category", "boolean"):
        return np.where(known, np.nan_to_num(values) + 1, 0).astype(np.int64)
    different = np.unique(values[known])
    repeats = known.sum() / max(1, len(different))
    if repeats < (FEW_REPEATS if len(different) <= FEW_VALUES else REPEATS) or len(different) > MOST_BINS:
        most = int(np.clip(known.sum() // ROWS_IN_BIN, 5, MOST_BINS))
        different = np.unique(np.quantile(values[known], np.linspace(0, 1, most + 1)[1:-1]))
    return np.where(known, np.searchsorted(different, values, side="right") + 1, 0)


def _by_value(bins: NDArray[np.int64], truth: Numbers, folds: NDArray[np.int64]) -> Numbers:
    """The mean of `truth` in a row's bin, over the other folds; of bins that are new there, the mean of all."""
    cell = bins * FOLDS + folds
    shape = (int(bins.max()) + 1, FOLDS)
    counts = np.bincount(cell, minlength=shape[0] * FOLDS).reshape(shape)
    predicted = np.empty_like(truth)
    for place in range(truth.shape[1]):
        sums = np.bincount(cell, weights=truth[:, place], minlength=shape[0] * FOLDS).reshape(shape)
        others = sums.sum(axis=1, keepdims=True) - sums
        sizes = counts.sum(axis=1, keepdims=True) - counts
        # Half a row of the overall mean keeps values that occur once from counting as certain.
        means = (others + 0.5 * truth[:, place].mean()) / (sizes + 0.5)
        predicted[:, place] = means[bins, folds]
    return predicted


def _folds(data: Data, rows: NDArray[np.int64], count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """The fold of each row; rows of one group tell the target of each other, and have the same."""
    groups = data.groups_among(rows)
    units = np.arange(len(rows)) if groups is None else np.unique(groups, return_inverse=True)[1]
    if units.max(initial=0) == 0:
        units = np.arange(len(rows))  # Of a single group, nobody else could tell.
    return np.asarray(rng.permutation(int(units.max(initial=-1)) + 1) % count)[units]


def _left_by_others(
    table: Numbers, truth: Numbers, suspects: set[int], folds: NDArray[np.int64], *, seed: int
) -> float:
    kept = [place for place in range(table.shape[1]) if place not in suspects]
    if not kept:
        return 1.0
    return min(1.0, error(truth, judged(table[:, kept], truth, folds, seed=seed)))


def _is_code(values: Numbers, truth: Numbers) -> bool:
    """Whether the column is the classes by other names: as many values, each of one class."""
    if truth.shape[1] == 1:
        return False
    classes = truth.argmax(axis=1)
    different = np.unique(values, return_inverse=True)[1]
    pairs = len(np.unique(different * truth.shape[1] + classes))
    return bool(pairs == different.max() + 1 == truth.shape[1])


def _sounds_late(name: str, target: str) -> bool:
    """Whether a name says that its values are known only afterwards, or holds the target's name."""
    spelled, wanted = name.lower(), target.strip().lower()
    telling = len(wanted) >= _SHORTEST_NAME and not _AFTERWARDS.search(wanted) and wanted != "class"
    return bool(_AFTERWARDS.search(spelled.replace("_", " "))) or (telling and wanted in spelled)


def _leak(data: Data, names: Sequence[str], left: Numbers, others: float, figures: dict[str, float]) -> Finding:
    target = named([data.profile.target.name])
    title = f"{named(names)} {'give' if len(names) > 1 else 'gives'} the target {target} away"
    explained = (
        f"{named(names[:1])} alone explains {1 - left[0]:.1%} of the target; all other columns together explain "
        f"{1 - others:.0%}. Such a column is usually a copy or a code of the answer, or is filled in when the answer "
        "is known. Scores are then far too good, and the model fails where the column is not known yet."
    )
    severity: Severity = "problem" if left[0] <= COPY else "warning"
    return Finding(CODE, severity, title, explained, _advice(names), figures, tuple(names))


def _late(data: Data, names: Sequence[str], left: Numbers, others: float, figures: dict[str, float]) -> Finding:
    title = f"{named(names)} may be known only after the target {named([data.profile.target.name])}"
    explained = (
        f"By its name {named(names[:1])} may come from after the event, and it is strong: alone it explains "
        f"{max(0.0, 1 - left[0]):.0%} of the target, all other columns together {max(0.0, 1 - others):.0%}."
    )
    return Finding(CODE, "warning", title, explained, _advice(names), figures, tuple(names))


def _advice(names: Sequence[str]) -> str:
    return f"If it is not known when you predict, leave it out: {options('--drop', names)}."
