"""What a quality stands for, and what counts more."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from automl import refitting
from automl.data.split import Split
from automl.errors import InputError
from automl.options import Options
from automl.preparation import prepare


def test_fast_is_one_setting_and_one_network(flowers: pd.DataFrame) -> None:
    fast = Options(target="kind", quality="fast")
    assert (fast.most_trials, fast.is_one_network, fast.prunes, fast.trade.boosts) == (1, True, False, False)
    assert prepare(flowers, fast).split.folds is None


def test_an_option_counts_more_than_the_quality(flowers: pd.DataFrame) -> None:
    folds = prepare(flowers, Options(target="kind", quality="fast", folds=5)).split.folds
    assert folds is not None
    assert folds.max() == 4
    assert Options(quality="fast", trials=20).most_trials == 20
    assert prepare(flowers, Options(target="kind", quality="best", folds=1)).split.folds is None
    assert Options(quality="best", single=True).is_one_network


def test_best_uses_folds_for_larger_tables(sales: pd.DataFrame) -> None:
    assert prepare(sales, Options(target="price", quality="balanced", seconds=None)).split.folds is None
    assert prepare(sales, Options(target="price", quality="best", seconds=60)).split.folds is None
    folds = prepare(sales, Options(target="price", quality="best", seconds=None)).split.folds
    assert folds is not None
    assert folds.max() == 7


@pytest.fixture
def sales() -> pd.DataFrame:
    """9,000 rows: 7,200 for training and validation."""
    rng = np.random.default_rng(0)
    return pd.DataFrame({"size": rng.normal(size=9000), "price": rng.normal(size=9000)})


SOME, OTHERS, NONE = np.arange(6), np.arange(6, 10), np.arange(0)
HOLDOUT = Split(SOME, OTHERS, NONE, "")
FOLDS = Split(SOME, SOME, NONE, "", SOME % 3)
FOLDS_AND_TEST = Split(SOME, SOME, OTHERS, "", SOME % 3)


EVERY = ("train", "val", "test")


@pytest.mark.parametrize(
    ("split", "quality", "asked", "parts"),
    [
        (HOLDOUT, "best", None, EVERY),
        (FOLDS_AND_TEST, "best", None, EVERY),
        # The networks of the folds know every row already.
        (FOLDS, "best", None, ()),
        (FOLDS, "best", True, EVERY),
        (HOLDOUT, "best", False, ()),
        (HOLDOUT, "balanced", None, ("train", "val")),
        (FOLDS_AND_TEST, "balanced", None, ()),
        (HOLDOUT, "balanced", False, ()),
        (HOLDOUT, "fast", None, ()),
        (HOLDOUT, "fast", True, EVERY),
    ],
)
def test_trains_again_where_that_adds_rows(
    split: Split, quality: str, asked: bool | None, parts: tuple[str, ...]
) -> None:
    assert refitting.parts(split, Options(quality=quality, refit=asked)) == parts


def test_an_unknown_quality_is_refused() -> None:
    with pytest.raises(InputError, match="no quality 'bset'. Did you mean 'best'"):
        Options(quality="bset")
