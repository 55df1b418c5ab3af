"""Rows that are copies of each other, and rows that are only equal."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

# Of the rows that are equal in what models see, so many have equals with another target where they meet by chance.
OFTEN = 0.25
# Two rows with the same target are no coincidence where two rows drawn at random seldom have it.
SELDOM = 0.02


def copies(frame: pd.DataFrame, features: Sequence[str], target: str) -> pd.Series:
    """One number per row, the same for rows that are equal in the target and in every column that models see.

    Where columns are few and coarse, different things are equal, and some of them have other targets. Such rows stand
    for themselves: to put all that have the same target on one side of a split would turn what can be learned of the
    others into its opposite.

    Args:
        features: the columns that models see.
    """
    alike = equal_rows(frame[list(features)])
    same = equal_rows(frame[[*features, target]])
    if is_seldom(frame[target]) or not meet_by_chance(alike, same):
        return same
    return pd.Series(np.arange(len(frame)))


def equal_rows(frame: pd.DataFrame) -> pd.Series:
    """One number per row, the same for rows that are equal in every cell. Shape (rows,)."""
    return pd.util.hash_pandas_object(frame, index=False)


def meet_by_chance(alike: pd.Series, same: pd.Series) -> bool:
    """Whether rows that are equal in their features often differ in the target.

    Args:
        alike: one number per row, the same for rows with equal features; `same`, with an equal target as well.
    """
    kinds = pd.DataFrame({"alike": alike, "same": same})[alike.duplicated(keep=False)]
    of_several = kinds.drop_duplicates()["alike"]
    differing = kinds["alike"].isin(of_several[of_several.duplicated()])
    return bool(len(kinds) and differing.mean() >= OFTEN)


def is_seldom(target: pd.Series) -> bool:
    """Whether two rows drawn at random seldom have the same target."""
    shares = target.value_counts(normalize=True).to_numpy()
    return bool((shares**2).sum() < SELDOM)
