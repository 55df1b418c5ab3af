"""Whether test rows differ from training rows, column by column or as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automl.binning import binnable
from automl.diagnostics import Answer, Data, Finding, NotApplicable, Severity
from automl.diagnostics._apart import one_of_each
from automl.diagnostics._columns import Numbers, drawn, features, outcomes
from automl.diagnostics._wording import named, options

CODE = "drift"
STAGE = "data"
TITLE = "Drift between training and test rows"

MOST_ROWS = 10_000
ROWS_IN_MODEL = 4_000
FEWEST_ROWS = 30
# Bonferroni: over all columns together, a table without drift is accused once in a thousand.
ALPHA = 0.001
# The largest difference between the cumulative distributions (or of the shares of categories) that is worth a word,
# and a warning.
SMALL, LARGE = 0.05, 0.15
# How well a model tells test from training rows (ROC AUC) to be worth a word, a warning, or to make the test unusable.
NOTABLE, WARNING, PROBLEM = 0.55, 0.65, 0.9
DEVIATIONS = 4.0
FOLDS = 3
MOST_LEVELS = 20


@dataclass(frozen=True)
class _Difference:
    """Between the cells of a column in training and in test rows: its size from 0 to 1, and its p-value."""

    column: str
    size: float
    p: float


def check(data: Data) -> Answer:
    """Tests of each column (Kolmogorov-Smirnov, chi-squared), and a model that learns to tell test rows.

    Where the user had the rows split by groups, the columns' tests take one row of each.

    The model (adversarial validation) is asked only where the test rows were not drawn at random. Its AUC is
    cross-fitted, with equal rows (and the rows of one group) in one fold, and compared with the spread that ranks at
    random have (Mann and Whitney 1947).
    """
    train, test = data.split.train, data.split.test
    if min(len(train), len(test)) < FEWEST_ROWS:
        return NotApplicable(CODE, f"Fewer than {FEWEST_ROWS} rows are in one of the parts.")
    train, test = (drawn(rows, most=MOST_ROWS, seed=data.seed) for rows in (train, test))
    rows = np.concatenate([train, test])
    is_test = np.arange(len(rows)) >= len(train)
    columns, table = features(data, rows, without=_clocks(data))
    is_number = [column.kind in ("number", "date", "text") for column in columns]
    names = [column.name for column in columns]
    apart = _independent(data, rows)
    found = [
        _difference(name, table[apart, place], is_test[apart], is_number[place]) for place, name in enumerate(names)
    ]
    found += _of_target(data, rows[apart], is_test[apart])
    sure = sorted((one for one in found if one.p * len(found) < ALPHA and one.size >= SMALL), key=lambda one: -one.size)
    figures = {"largest_difference": max((one.size for one in found), default=0.0), "columns": float(len(sure))}
    is_random = not (data.has_own_test or data.times or data.groups)
    auc, noise = (0.5, 0.0) if is_random or not names else _adversarial(data, table, is_test, rows)
    if not is_random:
        figures |= {"adversarial_auc": auc, "adversarial_noise": noise}
    is_told = auc - DEVIATIONS * noise > 0.5 and auc >= NOTABLE
    if not sure and not is_told:
        said = "No column is distributed differently in test rows than in training rows, beyond chance"
        said += "." if is_random else f", and a model that should tell them apart cannot (ROC AUC {auc:.2f})."
        return Finding(CODE, "fine", "Test rows are like training rows", said, "", figures)
    return _finding(data, sure, auc if is_told else 0.5, figures)


def _independent(data: Data, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Places of rows that do not belong together: of each group one, since the rest says the same once more."""
    groups = data.groups_among(rows)
    return np.arange(len(rows)) if groups is None else one_of_each(groups, np.random.default_rng([data.seed, 43]))


def _clocks(data: Data) -> tuple[str, ...]:
    """Of a split by time, the columns that differ because they tell the time."""
    if data.times is None:
        return ()
    dates = [column.name for column in data.profile.columns if column.kind == "date"]
    numbers = [column for column in data.profile.used if column.kind == "number"]
    parts = np.concatenate([data.split.train, data.split.val, data.split.test])
    rows = drawn(parts, most=2_000, seed=data.seed)
    moment = pd.Series(pd.factorize(data.frame[data.times].iloc[rows], sort=True)[0])
    rising = [
        column.name
        for column in numbers
        if abs(
            moment.corr(
                pd.to_numeric(data.frame[column.name].iloc[rows], errors="coerce").reset_index(drop=True),
                method="spearman",
            )
        )
        > 0.9
    ]
    return (data.times, *dates, *rising)


def _difference(name: str, values: Numbers, is_test: NDArray[np.bool_], is_number: bool) -> _Difference:
    """Of a number column, the larger of the differences in its values and in how many are missing."""
    known = ~np.isnan(values)
    if not is_number:
        return _Difference(name, *_chi_squared(np.where(known, np.nan_to_num(values) + 1, 0).astype(int), is_test))
    missing = _chi_squared(known.astype(int), is_test)
    both = known.sum() and min(known[is_test].sum(), known[~is_test].sum()) >= FEWEST_ROWS
    shifted = _smirnov(values[known & ~is_test], values[known & is_test]) if both else (0.0, 1.0)
    size, p = min(missing, shifted, key=lambda one: one[1])
    return _Difference(name, size, min(1.0, 2 * p))


def _smirnov(left: Numbers, right: Numbers) -> tuple[float, float]:
    """The largest difference of two cumulative distributions, and its asymptotic p-value (Smirnov 1948)."""
    from scipy.special import kolmogorov

    left, right = np.sort(left), np.sort(right)
    every = np.concatenate([left, right])
    below = [np.searchsorted(part, every, side="right") / len(part) for part in (left, right)]
    size = float(np.abs(below[0] - below[1]).max())
    return size, float(kolmogorov(size * np.sqrt(len(left) * len(right) / len(every))))


def _chi_squared(levels: NDArray[np.int64], is_test: NDArray[np.bool_]) -> tuple[float, float]:
    """Half the sum of the differences between shares, and the p-value of Pearson's test; rare levels are joined."""
    from scipy.special import chdtrc

    codes, sizes = np.unique(levels, return_inverse=True, return_counts=True)[1:]
    small = len(levels) * min(is_test.mean(), 1 - is_test.mean())
    order = np.argsort(-sizes, kind="stable")
    place = np.empty(len(sizes), dtype=np.int64)
    kept = [level for level in order[:MOST_LEVELS] if sizes[level] * small / len(levels) >= 5]
    place[:] = len(kept)
    place[kept] = np.arange(len(kept))
    counts = np.stack([np.bincount(place[codes[part]], minlength=len(kept) + 1) for part in (~is_test, is_test)])
    counts = counts[:, counts.sum(axis=0) > 0]
    if counts.shape[1] < 2:
        return 0.0, 1.0
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0) / counts.sum()
    statistic = float(((counts - expected) ** 2 / expected).sum())
    shares = counts / counts.sum(axis=1, keepdims=True)
    return float(np.abs(shares[0] - shares[1]).sum() / 2), float(chdtrc(counts.shape[1] - 1, statistic))


def _of_target(data: Data, rows: NDArray[np.int64], is_test: NDArray[np.bool_]) -> list[_Difference]:
    if data.profile.target.task == "classify":
        return [_difference(data.profile.target.name, data.targets[rows].astype(np.float64), is_test, is_number=False)]
    return [_difference(data.profile.target.name, outcomes(data, rows)[:, 0], is_test, is_number=True)]


def _adversarial(
    data: Data, table: Numbers, is_test: NDArray[np.bool_], rows: NDArray[np.int64]
) -> tuple[float, float]:
    """The AUC with which a model tells test rows, and the standard deviation of the AUC without any difference."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score
    from threadpoolctl import threadpool_limits

    few = np.concatenate(
        [drawn(np.flatnonzero(part), most=ROWS_IN_MODEL, seed=data.seed) for part in (~is_test, is_test)]
    )
    table, is_test = table[few], is_test[few]
    # What is equal, or belongs together, must not be learned by heart in one fold and recognised in another.
    groups = data.groups_among(rows[few])
    unit = pd.util.hash_pandas_object(pd.DataFrame(table), index=False).to_numpy() if groups is None else groups
    units, member = np.unique(unit, return_inverse=True)
    folds = (np.random.default_rng([data.seed, 41]).permutation(len(units)) % FOLDS)[member]
    scores = np.empty(len(table))
    # Threads that wait for each other are slower than one wherever workers train at the same time.
    with threadpool_limits(1):
        for fold in range(FOLDS):
            out = folds == fold
            model = HistGradientBoostingClassifier(
                max_iter=40, max_leaf_nodes=15, early_stopping=False, random_state=data.seed % 2**32
            )
            scores[out] = model.fit(binnable(table[~out]), is_test[~out]).predict_proba(table[out])[:, 1]
    # Units, not rows, are independent of each other.
    tests = len(np.unique(member[is_test]))
    others = len(np.unique(member[~is_test]))
    noise = float(np.sqrt((tests + others + 1) / (12 * tests * others)))
    return float(roc_auc_score(is_test, scores)), noise


def _finding(data: Data, sure: Sequence[_Difference], auc: float, figures: dict[str, float]) -> Finding:
    names = [one.column for one in sure]
    largest = sure[0].size if sure else 0.0
    severity: Severity = "note"
    if auc >= WARNING or largest >= LARGE:
        severity = "problem" if auc >= PROBLEM else "warning"
    title = "Test rows differ from training rows" + (f", most of all in {named(names)}" if names else "")
    parts = []
    if names:
        parts.append(
            f"{named(names[:1])} differs most: the cumulative shares lie up to {largest:.0%} apart, and that is more "
            f"than chance explains in {len(names)} columns."
        )
    if auc > 0.5:
        parts.append(
            f"A model that sees the features alone tells test rows from training rows with ROC AUC {auc:.2f} (0.5: not "
            "at all, 1: always)."
        )
    parts.append("Test scores then say how the model does on such other rows; validation scores cannot foresee that.")
    advice = "If new rows will be like the test rows, train on rows that are like them too."
    used = [name for name in names if name != data.profile.target.name]
    if used:
        leave = options("--drop", used)
        advice += f" Columns that only tell where a row comes from are better left out: {leave}."
    return Finding(CODE, severity, title, " ".join(parts), advice, figures, tuple(names))
