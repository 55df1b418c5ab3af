"""Rows for training, validation and test, or for folds and test, cut once, before anything is fitted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automl.errors import InputError

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Shares:
    """How much of the rows each part gets; they sum to 1."""

    train: float = 0.6
    val: float = 0.2
    test: float = 0.2

    @classmethod
    def parse(cls, text: str) -> Shares:
        """The shares that "0.6/0.2/0.2" names.

        Raises:
            InputError: not three shares that sum to 1, or no rows for training or validation.
        """
        try:
            train, val, test = (float(part) for part in text.split("/"))
        except ValueError:
            raise InputError(f"--split {text} is not three shares. Write for example --split 0.6/0.2/0.2") from None
        if min(train, val) <= 0 or test < 0 or abs(train + val + test - 1) > 1e-6:
            raise InputError(
                f"--split {text}: the shares must be positive (test may be 0) and sum to 1, "
                "for example 0.6/0.2/0.2 or 0.8/0.2/0"
            )
        return cls(train, val, test)


@dataclass(frozen=True)
class Split:
    """Row numbers of each part, ascending.

    Attributes:
        how: says in words how they were cut.
        folds: shape (training rows,): of a cross-validation, the fold from which a row is left out, to be judged by
            it; training and validation rows are then the same. None for a holdout, where no row is in two parts.
    """

    train: Rows
    val: Rows
    test: Rows
    how: str
    folds: NDArray[np.int64] | None = None

    def parts(self) -> dict[str, Rows]:
        """The parts that have rows, by name: "train", "val" and usually "test"."""
        return {name: rows for name in ("train", "val", "test") if len(rows := getattr(self, name))}

    @property
    def number_of_folds(self) -> int:
        """Of a cross-validation; 1 for a holdout."""
        return 1 if self.folds is None else int(self.folds.max()) + 1

    def arrays(self) -> dict[str, Rows]:
        """All of it as a file of arrays holds it."""
        folds = {} if self.folds is None else {"folds": self.folds}
        return {"train": self.train, "val": self.val, "test": self.test, **folds}


def split_at_random(
    copies: pd.Series,
    *,
    classes: NDArray[np.int64] | None = None,
    groups: pd.Series | None = None,
    shares: Shares = Shares(),
    seed: int = 0,
) -> Split:
    """Cuts shuffled rows, keeping the shares within every class.

    Args:
        copies: shape (rows,), equal for rows that are copies of each other: they stay on one side.
        classes: shape (rows,), the class of each row; None in a regression.
        groups: shape (rows,), rows with the same value stay on one side; missing ones stand alone.

    A class with very few rows goes to training first, then to validation, then to test. Where classes have so few
    groups that none would be left for a part, one group of each class comes first, then another of each. Where all
    rows are copies of so few that none would be left for a part, they are many cases of the same, and need not stay
    together.

    Raises:
        InputError: a part that is to have rows gets none.
    """

    def cut_with(same: pd.Series, *, in_turn: bool = False) -> NDArray[np.int64]:
        rng = np.random.default_rng([seed, 5])
        return _cut(same, classes, groups, lambda rows: _cuts(shares, rows), rng=rng, in_turn=in_turn)

    cut = cut_with(copies)
    how = "at random" + (", every class in proportion" if classes is not None else "")
    if groups is None and copies.duplicated().any() and _empty(cut, shares):
        cut = cut_with(pd.Series(np.arange(len(copies))))
        how += f", copies apart since only {copies.nunique()} rows differ"
    if groups is not None and classes is not None and _empty(cut, shares):
        cut = cut_with(copies, in_turn=True)
        how = "at random, one group of each class after the other"
    how += f", the rows of one {groups.name!r} together" if groups is not None else ""
    return _checked(cut, how, shares)


def in_folds(
    split: Split,
    number: int,
    *,
    copies: pd.Series,
    classes: NDArray[np.int64] | None = None,
    groups: pd.Series | None = None,
    seed: int = 0,
) -> Split:
    """The same test rows; all others in so many folds, of which each is left out once, and judged by the others.

    Args:
        copies, classes, groups: of all rows, as `split_at_random` takes them.

    Raises:
        InputError: the rows that stay together leave a fold empty.
    """
    rows = np.union1d(split.train, split.val)
    folds = _cut(
        copies.iloc[rows],
        None if classes is None else classes[rows],
        None if groups is None else groups.iloc[rows],
        lambda size: size * np.arange(1, number) / number,
        rng=np.random.default_rng([seed, 6]),
        rotate=number,
    )
    if len(np.unique(folds)) < number:
        raise InputError(f"The rows cannot be cut into {number} folds: too many belong together. Use fewer --folds.")
    return Split(rows, rows, split.test, f"{split.how}, in {number} folds", folds)


def split_by_time(times: pd.Series, *, shares: Shares = Shares()) -> Split:
    """The past trains, then comes validation, and the latest rows test. Rows of one moment stay together.

    Args:
        times: shape (rows,), dates or numbers that grow with time.

    Raises:
        InputError: a row has no time, or a part that is to have rows gets none.
    """
    if times.isna().any():
        raise InputError(
            f"The time column {times.name!r} is empty in {int(times.isna().sum()):,} rows. Fill or remove these rows."
        )
    _, moment = np.unique(times.to_numpy(), return_inverse=True)
    sizes = np.bincount(moment)
    middle = np.cumsum(sizes) - sizes / 2
    part = np.searchsorted(_cuts(shares, len(times)), middle, side="left")[moment]
    return _checked(part, f"by time ({times.name}): the past trains, the future tests", shares)


def _cut(
    copies: pd.Series,
    classes: NDArray[np.int64] | None,
    groups: pd.Series | None,
    bounds: Callable[[int], NDArray[np.float64]],
    *,
    rng: np.random.Generator,
    rotate: int = 0,
    in_turn: bool = False,
) -> NDArray[np.int64]:
    """Shape (rows,): the number of the part that each row falls into, in proportion within every class.

    Args:
        bounds: where the parts of so many rows end, but for the last.
        rotate: how many parts there are, if each class should begin with another: else the rarest classes would all be
            in the same few.
        in_turn: whether all classes are cut as one, which begins with a unit of each: where they have too few units to
            be cut in proportion.
    """
    unit = _units(copies, groups)
    of_class = np.zeros(len(copies), dtype=np.int64) if classes is None else _common_class(unit, classes)
    strata = np.zeros_like(of_class) if in_turn else of_class
    part = np.empty(len(copies), dtype=np.int64)
    for stratum in np.unique(strata):
        rows = np.flatnonzero(strata == stratum)
        units, first, sizes = np.unique(unit[rows], return_index=True, return_counts=True)
        order = rng.permutation(len(units))
        if in_turn:
            order = _in_turn(order, of_class[rows[first]])
        # A unit belongs to the part that its middle row falls into.
        middle = np.cumsum(sizes[order]) - sizes[order] / 2
        of_unit = np.empty(len(units), dtype=np.int64)
        of_unit[order] = np.searchsorted(bounds(len(rows)), middle, side="left")
        if rotate:
            of_unit = (of_unit + rng.integers(rotate)) % rotate
        part[rows] = of_unit[np.searchsorted(units, unit[rows])]
    return part


def _in_turn(order: NDArray[np.int64], classes: NDArray[np.int64]) -> NDArray[np.int64]:
    """The order of units in which every class has its first one before any has its second."""
    turn = pd.Series(order).groupby(classes[order]).cumcount().to_numpy()
    return order[np.argsort(turn, kind="stable")]


def _cuts(shares: Shares, rows: int) -> NDArray[np.float64]:
    """Where training and validation end. Without test rows, nothing lies behind the second cut."""
    train = max(1, round(rows * shares.train))
    val = rows if shares.test == 0 else max(train, round(rows * (shares.train + shares.val)))
    return np.array([train, val], dtype=np.float64)


def _units(copies: pd.Series, groups: pd.Series | None) -> NDArray[np.int64]:
    """Shape (rows,): numbers of the sets of rows that must stay together."""
    unit = pd.factorize(copies)[0]
    if groups is None:
        return np.asarray(unit, dtype=np.int64)
    group = pd.factorize(groups)[0]
    alone = group < 0
    group[alone] = np.arange(alone.sum()) + group.max() + 1
    # Copies in two groups join these groups, so the units are the connected components.
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    rows = len(unit)
    nodes = unit.max() + 1
    graph = coo_array((np.ones(rows), (unit, nodes + group)), shape=(nodes + group.max() + 1,) * 2)
    return np.asarray(connected_components(graph, directed=False)[1][unit], dtype=np.int64)


def _common_class(unit: NDArray[np.int64], classes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Shape (rows,): the commonest class among the rows of the same unit, the lowest where several are as common."""
    count = int(classes.max()) + 1
    pairs, rows = np.unique(unit * count + classes, return_counts=True)
    units, of_pair = pairs // count, pairs % count
    order = np.lexsort((of_pair, -rows, units))
    found, first = np.unique(units[order], return_index=True)
    return np.asarray(of_pair[order][first][np.searchsorted(found, unit)], dtype=np.int64)


def _checked(part: NDArray[np.int64], how: str, shares: Shares) -> Split:
    for name in _empty(part, shares):
        raise InputError(
            f"The split leaves no rows for {name} ({how}). Use other shares with --split, or fewer large groups."
        )
    train, val, test = (np.flatnonzero(part == number) for number in range(3))
    return Split(train, val, test, how)


def _empty(part: NDArray[np.int64], shares: Shares) -> list[str]:
    """The parts that are to have rows, and have none."""
    wanted = {"training": shares.train, "validation": shares.val, "testing": shares.test}
    return [name for number, (name, share) in enumerate(wanted.items()) if share > 0 and not (part == number).any()]
