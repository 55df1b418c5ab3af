"""The shipped data sets are what their cards say."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import yaml

from automl import resources
from automl.data.cards import Card, card, cards
from automl.data.read import read
from automl.errors import InputError

CARDS = pytest.mark.parametrize("shipped", cards(), ids=lambda shipped: shipped.name)


def test_lists_them_by_name() -> None:
    assert [shipped.name for shipped in cards()] == [
        "auto_mpg",
        "concrete",
        "german_credit",
        "heart_cleveland",
        "penguins",
    ]
    assert {shipped.task for shipped in cards()} == {"classify", "regress"}


def test_finds_one_by_name() -> None:
    penguins = card("penguins")
    assert (penguins.task, penguins.target, penguins.rows, penguins.licence) == ("classify", "species", 344, "CC0 1.0")
    assert read(penguins.path).frame["species"].value_counts().to_dict() == {
        "Adelie": 152,
        "Gentoo": 124,
        "Chinstrap": 68,
    }


def test_guesses_which_one_was_meant() -> None:
    with pytest.raises(InputError, match=r"There is no data set 'pengins'. Did you mean 'penguins'\?"):
        card("pengins")


@CARDS
def test_the_table_is_as_the_card_says(shipped: Card) -> None:
    frame = read(shipped.path).frame
    assert len(frame) == shipped.rows
    assert frame[shipped.target].notna().all()
    assert pd.api.types.is_string_dtype(frame[shipped.target]) == (shipped.task == "classify")


@CARDS
def test_the_card_names_its_source_and_a_licence_that_allows_shipping(shipped: Card) -> None:
    assert shipped.licence.startswith(("CC0 1.0", "CC BY 4.0"))
    assert "https://doi.org/" in shipped.source
    assert shipped.summary.endswith(".")
    facts = yaml.safe_load((shipped.path.parent / "card.yaml").read_text(encoding="utf-8"))
    if shipped.licence.startswith("CC BY"):
        assert "Changed from the original" in facts["notes"]


@CARDS
def test_the_folder_has_the_name_of_the_card_and_is_small(shipped: Card) -> None:
    assert shipped.path.parent.name == shipped.name
    assert shipped.path.stat().st_size < 150_000


def test_some_tables_have_missing_values_and_categories() -> None:
    frames = [read(shipped.path).frame for shipped in cards()]
    assert sum(frame.isna().to_numpy().any() for frame in frames) >= 2
    assert sum(any(pd.api.types.is_string_dtype(kind) for kind in frame.dtypes) for frame in frames) >= 3


def test_holds_no_python() -> None:
    datasets: Path = resources.folder("datasets")
    assert list(datasets.rglob("*.py")) == []
