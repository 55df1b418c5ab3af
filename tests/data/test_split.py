"""Rows for training, validation and test."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from automl.data.split import Shares, Split, in_folds, split_at_random, split_by_time
from automl.errors import InputError

DISTINCT = pd.Series(np.arange(1000))


def is_a_partition(split: Split, rows: int) -> bool:
    return sorted(np.concatenate([split.train, split.val, split.test]).tolist()) == list(range(rows))


def test_keeps_the_shares_within_every_class() -> None:
    classes = np.repeat([0, 1, 2], [800, 150, 50])
    split = split_at_random(DISTINCT, classes=classes)
    assert is_a_partition(split, 1000)
    assert np.bincount(classes[split.train]).tolist() == [480, 90, 30]
    assert np.bincount(classes[split.test]).tolist() == [160, 30, 10]


@pytest.mark.parametrize(("rows", "expected"), [(1, [1, 0, 0]), (2, [1, 1, 0]), (3, [2, 0, 1]), (5, [3, 1, 1])])
def test_a_rare_class_trains_first(rows: int, expected: list[int]) -> None:
    classes = np.repeat([0, 1], [1000 - rows, rows])
    split = split_at_random(DISTINCT, classes=classes)
    assert [int((classes[part] == 1).sum()) for part in (split.train, split.val, split.test)] == expected


def test_copies_stay_on_one_side() -> None:
    copies = pd.Series(np.repeat(np.arange(250), 4))
    split = split_at_random(copies, classes=np.repeat(np.arange(250) % 2, 4))
    parts = [set(copies[rows]) for rows in (split.train, split.val, split.test)]
    assert not (parts[0] & parts[1] or parts[0] & parts[2] or parts[1] & parts[2])
    assert is_a_partition(split, 1000)


def test_groups_stay_on_one_side_even_when_copies_join_them() -> None:
    groups = pd.Series(np.arange(1000) // 10, name="person")
    copies = DISTINCT.copy()
    copies[999] = copies[0]
    split = split_at_random(copies, groups=groups)
    for part in (split.train, split.val, split.test):
        inside = np.isin(np.arange(1000), part)
        assert (pd.Series(inside).groupby(groups).nunique() == 1).all()
        assert inside[0] == inside[999]


def test_rows_without_a_group_stand_alone() -> None:
    groups = pd.Series([None] * 1000, name="person", dtype=object)
    split = split_at_random(DISTINCT, groups=groups)
    assert [len(split.train), len(split.val), len(split.test)] == [600, 200, 200]


def test_the_seed_decides() -> None:
    first, again, other = (split_at_random(DISTINCT, seed=seed).train for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_without_test_rows_nothing_is_kept_back() -> None:
    split = split_at_random(DISTINCT, classes=np.arange(1000) % 3, shares=Shares.parse("0.8/0.2/0"))
    assert len(split.test) == 0
    assert list(split.parts()) == ["train", "val"]
    assert is_a_partition(split, 1000)


def test_the_past_trains_and_the_future_tests() -> None:
    times = pd.Series(pd.date_range("2020-01-01", periods=500).repeat(2)).sample(frac=1, random_state=0)
    times = times.reset_index(drop=True).rename("day")
    split = split_by_time(times)
    assert times[split.train].max() < times[split.val].min()
    assert times[split.val].max() < times[split.test].min()
    assert is_a_partition(split, 1000)


def test_a_row_without_a_time_is_an_error() -> None:
    with pytest.raises(InputError, match="time column 'day' is empty in 1 rows"):
        split_by_time(pd.Series([1.0, None, 3.0], name="day"))


@pytest.mark.parametrize("text", ["0.6/0.4", "a/b/c", "0.5/0.5/0.5", "0.9/0/0.1", "-1/1/1", "1/0.2/-0.2"])
def test_refuses_impossible_shares(text: str) -> None:
    with pytest.raises(InputError, match="0.6/0.2/0.2"):
        Shares.parse(text)


def test_one_group_cannot_be_split() -> None:
    with pytest.raises(InputError, match="leaves no rows for"):
        split_at_random(DISTINCT, groups=pd.Series(["same"] * 1000, name="site"))


def test_two_groups_or_moments_are_too_few_for_three_parts() -> None:
    sites = pd.Series(["north", "south"] * 500, name="site")
    years = pd.Series([2023, 2024] * 500, name="year")
    with pytest.raises(InputError, match=r"leaves no rows for testing \(at random, the rows of one 'site' together\)"):
        split_at_random(DISTINCT, groups=sites)
    with pytest.raises(InputError, match=r"leaves no rows for testing \(by time \(year\)"):
        split_by_time(years)
    without = Shares.parse("0.5/0.5/0")
    for split in (split_at_random(DISTINCT, groups=sites, shares=without), split_by_time(years, shares=without)):
        assert [len(rows) for rows in split.parts().values()] == [500, 500]


def test_copies_of_too_few_rows_for_three_parts_need_not_stay_together() -> None:
    split = split_at_random(pd.Series(np.arange(100) % 2))
    assert [len(rows) for rows in split.parts().values()] == [60, 20, 20]


def test_few_groups_of_each_class_are_enough() -> None:
    classes, groups = np.arange(150) // 30, pd.Series(np.arange(150) // 10, name="speaker")
    for seed in range(5):
        split = split_at_random(pd.Series(np.arange(150)), classes=classes, groups=groups, seed=seed)
        assert is_a_partition(split, 150)
        assert [len(rows) for rows in split.parts().values()] == [90, 30, 30]
        assert set(classes[split.train]) == {0, 1, 2, 3, 4}
        assert sum(groups[rows].nunique() for rows in split.parts().values()) == 15
        assert split.how == "at random, one group of each class after the other, the rows of one 'speaker' together"


def test_folds_leave_every_row_out_once_and_keep_the_shares_of_classes() -> None:
    classes = np.repeat([0, 1, 2], [800, 190, 10])
    split = in_folds(split_at_random(DISTINCT, classes=classes), 5, copies=DISTINCT, classes=classes)
    assert split.folds is not None
    rows = split.train
    assert np.array_equal(rows, split.val)
    assert sorted([*rows, *split.test]) == list(range(1000))
    for label in range(3):
        in_fold = np.bincount(split.folds[classes[rows] == label], minlength=5)
        assert in_fold.max() - in_fold.min() <= 1


def test_rare_classes_do_not_all_fall_into_the_same_folds() -> None:
    classes = np.concatenate([np.zeros(920, dtype=int), np.repeat(np.arange(1, 41), 2)])
    split = in_folds(split_at_random(DISTINCT, classes=classes), 8, copies=DISTINCT, classes=classes)
    assert split.folds is not None
    rare = np.bincount(split.folds[classes[split.train] > 0], minlength=8)
    assert rare.min() > 0


def test_copies_and_groups_stay_in_one_fold() -> None:
    copies = pd.Series(np.arange(1000) // 4)
    groups = pd.Series((np.arange(1000) // 10).astype(str), name="site")
    split = in_folds(split_at_random(copies, groups=groups), 5, copies=copies, groups=groups)
    by_site = pd.Series(split.folds).groupby(groups[split.train].to_numpy()).nunique()
    assert by_site.tolist() == [1] * len(by_site)
