"""Columns of whole numbers that stand for things."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from automl import api
from automl.data.codes import WHY, with_codes
from automl.options import Options
from automl.preparation import prepare

DEPARTMENTS = 600


def table(*, habits: bool = True, rows: int = 8_000) -> pd.DataFrame:
    """Departments, each with a habit of its own or without, and sizes that count by their order."""
    rng = np.random.default_rng(0)
    department, size = rng.integers(0, DEPARTMENTS, size=(2, rows))
    habit = rng.normal(size=DEPARTMENTS)[department] if habits else 0.0
    bought = habit + (size - 300) / 200 + rng.normal(size=rows) > 0
    return pd.DataFrame({"department": 1000 + 7 * department, "size": size, "bought": np.where(bought, "yes", "no")})


def kinds(frame: pd.DataFrame, **options: object) -> dict[str, str]:
    prepared = prepare(frame, Options(target="bought", **options))  # type: ignore[arg-type]
    return {column.name: column.kind for column in prepared.profile.columns}


def test_numbers_that_stand_for_things_are_categories() -> None:
    assert kinds(table()) == {"department": "category", "size": "number"}
    assert kinds(table(habits=False)) == {"department": "number", "size": "number"}


def test_what_the_user_says_holds() -> None:
    assert kinds(table(), kinds={"department": "number"}) == {"department": "number", "size": "number"}


def test_the_table_says_so_and_how_to_have_it_otherwise() -> None:
    prepared = prepare(table(), Options(target="bought"))
    (column,) = [column for column in prepared.profile.columns if column.name == "department"]
    assert column.why == WHY
    assert column.common[0][0].isdigit()
    assert any("department" in note and "--kind NAME=number" in note for note in prepared.profile.notes)


def test_rows_that_may_decide_nothing_decide_nothing() -> None:
    frame = table()
    facts = api.profile(frame, target="bought")
    learned = np.where(frame["bought"] == "yes", 1.0, 0.0)
    learned[::2] = np.nan
    before = with_codes(facts, frame, learned, told=())
    frame["bought"] = frame["bought"].where(np.isfinite(learned), "no")
    assert with_codes(facts, frame, learned, told=()) == before


@pytest.mark.parametrize("values", [np.linspace(0, 1, DEPARTMENTS), np.linspace(0, 599.5, DEPARTMENTS)])
def test_numbers_with_fractions_measure_something(values: np.ndarray) -> None:
    frame = table()
    assert kinds(frame.assign(department=values[(frame["department"] - 1000) // 7]))["department"] == "number"


def test_a_value_is_found_where_it_was_learned_whatever_it_is_written_as() -> None:
    frame = table()
    prepared = prepare(frame, Options(target="bought"))
    from automl.encoding import table as encoding

    whole = encoding.apply(prepared.encoding, frame, scaling="none").codes
    for written in (frame.astype({"department": float}), frame.astype({"department": str})):
        np.testing.assert_array_equal(encoding.apply(prepared.encoding, written, scaling="none").codes, whole)
    assert len(np.unique(whole)) > 0.99 * DEPARTMENTS
