"""What a table holds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from automl import api
from automl.data import columns
from automl.data.profile import profile
from automl.errors import InputError

ROWS = 40
RNG = np.random.default_rng(0)


def table(**columns: object) -> pd.DataFrame:
    return pd.DataFrame({**columns, "y": ["a", "b"] * (ROWS // 2)})


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (RNG.normal(size=ROWS), "number"),
        ([1, 2, 3, 4] * 10, "number"),
        ([0, 1] * 20, "boolean"),
        ([True, None] * 20, "category"),
        ([True] * 35 + [None] * 5, "constant"),
        (["Python", None] * 20, "category"),
        (["X", ""] * 20, "category"),
        (["X"] * 35 + [" "] * 5, "constant"),
        ([" ", None] * 20, "constant"),
        ([5.0, None] * 20, "category"),
        ([0.0, -0.0, None, None] * 10, "category"),
        (["1.5", "2.5", "3.5", "-"] * 10, "number"),
        (["some", "many", "none", "-"] * 10, "category"),
        (["-", "none"] * 20, "category"),
        ([True, False] * 20, "boolean"),
        (["yes", "No"] * 20, "boolean"),
        (["1.0", "0.0"] * 20, "boolean"),
        (["red", "green", "blue", None] * 10, "category"),
        (["1,234.5", "$ 12", "7 %", "8"] * 10, "number"),
        (["12", "", "7", " "] * 10, "number"),
        (list(range(100, 100 + ROWS)), "identifier"),
        ([f"C-{n}" for n in range(ROWS)], "identifier"),
        (["always"] * ROWS, "constant"),
        ([None] * ROWS, "constant"),
        ([f"the quick fox number {n} jumps" for n in range(ROWS)], "text"),
        (["2024-01-31", "2024-02-01"] * 20, "date"),
        (["31.01.2024", "01.02.2024"] * 20, "date"),
        (pd.date_range("2020-01-01", periods=ROWS, freq="37h"), "date"),
        (["2020", "2021", "2022", "2023"] * 10, "number"),
        (["2020-01", "2020-02", "2020-03", "2020-04"] * 10, "date"),
        (["2020-01", "2020-02", "2020-13", "2020-20"] * 10, "category"),
        (["2008-09", "2009-10", "2010-11", "2011-12", "-"] * 8, "category"),
        (["1999-00", "2009-10", "2010-11", "2011-12"] * 10, "category"),
        (["2009-10", "2010-11", "2011-12", "2011-11"] * 10, "date"),
        (["2020-01-31", "2020-02-01", "2020-03-01", "-"] * 10, "date"),
        (pd.date_range("2020-01-20", periods=ROWS).strftime("%Y%m%d").astype(int), "date"),
        (pd.date_range("2020-01-20", periods=ROWS).strftime("%Y%m%d"), "date"),
        ([f"202001{day:02}" for day in range(1, 13)] * 3 + ["-", "none"] * 2, "date"),
        ([20200101, 20200102, 20200103, None] * 10, "number"),
        (RNG.integers(19_000_101, 21_001_231, size=ROWS), "number"),
        (10**17 + 7919 * RNG.permutation(ROWS), "identifier"),
        (np.geomspace(1e29, 1e31, ROWS), "number"),
        ((1_700_000_000 + 86_400 * RNG.permutation(ROWS)) * 10**9, "number"),
        (["1.2.3", "4.5.6", "a", "b"] * 10, "category"),
    ],
)
def test_finds_the_kind_of_a_column(cells: object, kind: str) -> None:
    assert profile(table(column=cells, x=RNG.normal(size=ROWS)), target="y").columns[0].kind == kind


def test_the_user_knows_better() -> None:
    facts = profile(table(code=[1, 2, 3, 4] * 10), target="y", kinds={"code": "category"})
    assert facts.columns[0].kind == "category"


@pytest.mark.parametrize("name", ["target", "Label", " class ", "y"])
def test_the_usual_name_is_the_target(name: str) -> None:
    frame = pd.DataFrame({name: ["a", "b"] * 10, "x": range(5, 25), "z": RNG.normal(size=20)})
    facts = profile(frame)
    assert facts.target.name == name
    assert "by its name" in facts.notes[0]


def test_otherwise_the_last_column_is_the_target_and_that_is_said() -> None:
    facts = profile(pd.DataFrame({"x": RNG.normal(size=20), "end": ["a", "b"] * 10}))
    assert facts.target.name == "end"
    assert "last column, 'end'" in facts.notes[0]


@pytest.mark.parametrize(
    ("cells", "task"),
    [
        (["a", "b"] * 20, "classify"),
        ([0, 1] * 20, "classify"),
        ([1.5, 2.5, 3.5, 4.5] * 10, "regress"),
        (list(range(40)), "regress"),
        ([1, 2, 3] * 100, "classify"),
        ([True, False] * 20, "classify"),
    ],
)
def test_the_task_follows_from_the_values(cells: list[object], task: str) -> None:
    frame = pd.DataFrame({"x": RNG.normal(size=len(cells)), "y": cells})
    assert profile(frame).target.task == task


@pytest.mark.parametrize(
    ("cells", "task", "message"),
    [
        (["a"] * 20, None, "only one value, 'a', in 20 rows"),
        ([None] * 20, None, "empty in all 20 rows"),
        (["a", "b"] * 4 + [None] * 12, None, "missing in 12 of 20 rows"),
        (["a", "b"] * 3, None, "6 rows with a target; at least 10"),
        ([f"t{n}" for n in range(20)], None, "looks like an identifier"),
        (["low", "high"] * 10, "regress", "holds text ('low', 'high')"),
        ([*range(19), float("inf")], "regress", "infinite in row 20"),
        (list(np.linspace(0, 1, 500)), "classify", "Use --task regress"),
        (["a", "b"] * 10, "cluster", "no task 'cluster'"),
    ],
)
def test_says_why_a_target_cannot_be_learned(cells: list[object], task: str | None, message: str) -> None:
    frame = pd.DataFrame({"x": RNG.normal(size=len(cells)), "y": cells})
    with pytest.raises(InputError, match=message.replace("(", r"\(").replace(")", r"\)")):
        profile(frame, target="y", task=task)


def test_names_the_nearest_column() -> None:
    with pytest.raises(InputError, match="no column 'speces'. Did you mean 'species'"):
        profile(pd.DataFrame({"species": ["a", "b"] * 10, "x": range(20)}), target="speces")


def test_rows_without_a_target_are_left_out_and_counted(flowers: pd.DataFrame) -> None:
    facts = profile(flowers, target="kind")
    assert (facts.rows, facts.target.missing) == (150, 1)
    assert any("1 rows have no value in 'kind'" in note for note in facts.notes)


def test_counts_copies_and_imbalance() -> None:
    facts = profile(pd.DataFrame({"x": [*range(98), 0, 1], "y": ["a"] * 96 + ["b"] * 2 + ["a"] * 2}), target="y")
    assert facts.duplicates == 2
    assert "Imbalanced: 49 rows of the commonest class to one of 'b'." in facts.warnings


def test_a_table_of_identifiers_has_nothing_to_learn_from() -> None:
    frame = pd.DataFrame({"id": range(30), "y": ["a", "b"] * 15})
    with pytest.raises(InputError, match="No feature column is usable: id \\(identifier\\)"):
        profile(frame, target="y")


def test_says_when_day_and_month_cannot_be_told_apart() -> None:
    facts = profile(table(day=["01/02/2024", "03/04/2024"] * 20, x=RNG.normal(size=ROWS)), target="y")
    assert any("cannot be told apart" in warning for warning in facts.warnings)
    months = profile(
        table(day=[f"{month:02}-01-2024" for month in range(1, 11)] * 4, x=RNG.normal(size=ROWS)), target="y"
    )
    assert any("cannot be told apart" in warning for warning in months.warnings)
    clear = profile(table(day=["13/02/2024", "03/04/2024"] * 20, x=RNG.normal(size=ROWS)), target="y")
    assert clear.columns[0].date_format == "%d/%m/%Y"
    assert not any("cannot be told apart" in warning for warning in clear.warnings)


@pytest.mark.parametrize("word", ["-", "None", ".", "..", "--", ":", "\\N", "#DIV/0!"])
def test_a_word_for_nothing_among_numbers_is_a_missing_number(tmp_path: Path, word: str) -> None:
    cells = [f"{value:.2f}" for value in np.random.default_rng(0).normal(12, 3, size=200)]
    rows = [f"{word if row % 10 == 0 else cell},{row % 2}" for row, cell in enumerate(cells)]
    (tmp_path / "t.csv").write_text("\n".join(["price,y", *rows]))
    (price,) = api.profile(tmp_path / "t.csv", target="y").columns
    assert (price.kind, price.missing) == ("number", 20)


def test_says_what_a_column_of_one_value_is() -> None:
    cells: dict[str, object] = {"box": ["X", None] * 20, "flag": ["X"] * 39 + [None], "same": "X"}
    whys = [column.why for column in profile(table(**cells, x=RNG.normal(size=ROWS)), target="y").columns[:3]]
    assert whys == ["one value, or missing", "always 'X', or missing", "always 'X'"]


def test_one_value_in_less_than_a_hundredth_of_a_long_table_is_a_constant() -> None:
    rows = 2_000
    frame = pd.DataFrame({"rare": "X", "common": "X", "x": RNG.normal(size=rows), "y": ["a", "b"] * (rows // 2)})
    frame.loc[19:, "rare"] = None
    frame.loc[20:, "common"] = None
    assert [column.kind for column in profile(frame, target="y").columns] == ["constant", "category", "number"]


@pytest.mark.parametrize(
    ("cell", "moment"),
    [
        ("05/13/2015 11:45:00 PM", "2015-05-13T23:45:00"),
        ("13/05/2015 11:45:00 PM", "2015-05-13T23:45:00"),
        ("5/13/2015 9:05 AM", "2015-05-13T09:05"),
        ("13/5/2015 9:05 am", "2015-05-13T09:05"),
        ("1/15/13 8:26", "2013-01-15T08:26"),
        ("15/1/13 8:26", "2013-01-15T08:26"),
        ("31-JAN-24", "2024-01-31"),
        ("31-12-2010 08:26", "2010-12-31T08:26"),
        ("12-31-2010 08:26:05", "2010-12-31T08:26:05"),
        ("12-31-2010", "2010-12-31"),
        ("31 December 2010", "2010-12-31"),
        ("31-Dec-2010 08:26:05", "2010-12-31T08:26:05"),
        ("31-Jan-2024", "2024-01-31"),
        ("2009-06-15 17:26:21 UTC", "2009-06-15T17:26:21"),
        ("2024-01", "2024-01-01"),
    ],
)
def test_reads_dates_as_other_programs_write_them(cell: str, moment: str) -> None:
    column = pd.Series([cell])
    found = columns.find_date_format(columns.labels(column))
    assert found is not None
    assert columns.dates(column, date_format=found[0])[0] == np.datetime64(moment)


@pytest.mark.parametrize("order", ["%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M"])
def test_the_order_of_day_and_month_is_found_in_a_long_sorted_log(order: str) -> None:
    times = pd.date_range("2020-03-01", periods=40_000, freq="min")
    facts = profile(pd.DataFrame({"when": times.strftime(order), "y": range(40_000)}), target="y", task="regress")
    assert (facts.columns[0].date_format, facts.columns[0].missing, facts.warnings) == (order, 0, ())


@pytest.mark.parametrize(
    "name", ["customerID", "user_id", "id", "IDNumber", "Unnamed: 3", "PassengerId", "row", "index"]
)
def test_whole_numbers_named_like_an_identifier_are_one(name: str) -> None:
    assert _kind_of_different_numbers(name) == "identifier"


@pytest.mark.parametrize("name", ["AMOUNT_PAID", "idle_seconds", "ideal", "heat_index", "Paid", "grid"])
def test_whole_numbers_that_measure_are_numbers(name: str) -> None:
    assert _kind_of_different_numbers(name) == "number"


def test_numbers_of_rows_that_were_shuffled_are_an_identifier(tmp_path: Path) -> None:
    shuffled = table(x=RNG.normal(size=ROWS)).sample(frac=1, random_state=0)
    shuffled.to_csv(tmp_path / "t.csv")
    index, x = api.profile(tmp_path / "t.csv", target="y").columns
    assert (index.name, index.kind, index.why) == (
        "column_1",
        "identifier",
        "different in every row, and without a name",
    )
    assert x.kind == "number"
    of_frame = api.profile(pd.read_csv(tmp_path / "t.csv"), target="y")
    assert (of_frame.columns[0].name, of_frame.columns[0].kind) == ("Unnamed: 0", "identifier")
    # Without a header, no column has a name.
    shuffled.to_csv(tmp_path / "t.csv", header=False)
    assert api.profile(tmp_path / "t.csv", target="column_3", no_header=True).count("number") == 2


def _kind_of_different_numbers(name: str) -> str:
    values = np.random.default_rng(0).permutation(np.arange(0, 900, 3))
    facts = profile(pd.DataFrame({name: values, "other": values % 7, "y": values % 2}), target="y")
    return facts.columns[0].kind


def test_a_comma_after_a_zero_is_none_of_thousands() -> None:
    numbers = columns.numbers(pd.Series(["1,125", "-12,125.5", "0,125", "012,125"]))
    np.testing.assert_array_equal(numbers, [1125, -12125.5, np.nan, np.nan])


@pytest.mark.parametrize(
    "text", ["-$12.50", "$-12.50", "- $ 12.50", "($12.50)", "$(12.50)", "(12.5)", "\u221212.5", "-12.5 €", "(12.5 %)"]
)
def test_money_may_be_negative(text: str) -> None:
    assert columns.numbers(pd.Series([text])).tolist() == [-12.5]


def test_thousands_of_money_may_be_negative() -> None:
    assert columns.numbers(pd.Series(["-$1,234.50", "($1,234.50)"])).tolist() == [-1234.5, -1234.5]


@pytest.mark.parametrize("space", [" ", "\u00a0", "\u202f", "'", "’"])
def test_thousands_may_be_set_apart_by_a_space_or_an_apostrophe(space: str) -> None:
    numbers = columns.numbers(pd.Series([f"1{space}234.5", f"-12{space}345{space}678 €", f"999{space}000"]))
    assert numbers.tolist() == [1234.5, -12345678.0, 999000.0]
    others = columns.numbers(pd.Series([f"12{space}34", f"020{space}123", f"1.5{space}200", f"1{space}2345"]))
    assert np.isnan(others).all()


@pytest.mark.parametrize("text", ["--5", "-", "(5", "5)", "()", "(-5)", "$", "1-2", "e", "$ 1_000", "$" * 50_000 + "x"])
def test_what_only_resembles_money_is_no_number(text: str) -> None:
    assert np.isnan(columns.numbers(pd.Series([text])))[0]


@pytest.mark.parametrize("task", [None, "regress"])
def test_a_few_strangers_among_numbers_are_named(task: str | None) -> None:
    cells = [*map(str, np.random.default_rng(0).normal(size=999)), "unknown"]
    frame = pd.DataFrame({"a": np.arange(1000) % 7, "y": cells})
    with pytest.raises(InputError, match=r"1 of its 1,000 values are none, the first 'unknown' in row 1,000"):
        profile(frame, target="y", task=task)
    facts = profile(frame.replace("unknown", "n/a"), target="y", task=task)
    assert (facts.target.task, facts.target.missing) == ("regress", 1)


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_days_that_are_written_as_numbers_are_dates(tmp_path: Path, form: str) -> None:
    days = pd.date_range("2023-11-20", periods=60).strftime("%Y%m%d").astype(int)
    frame = pd.DataFrame({"date_key": days, "y": np.arange(60) % 2})
    path = tmp_path / f"t.{form}"
    if form == "csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path)
    (day,) = api.profile(path, target="y").columns
    assert (day.kind, day.why, day.missing) == ("date", "read as YYYYMMDD", 0)


@pytest.mark.parametrize("form", ["%Y-%m-%d", "%Y%m%d"])
def test_words_for_nothing_among_dates_are_missing_cells(form: str) -> None:
    days = [*pd.date_range("2023-11-20", periods=20).strftime(form), *["-", "N/A", "\\N", "#REF!"] * 5]
    facts = profile(table(day=days), target="y")
    assert (facts.columns[0].kind, facts.columns[0].missing) == ("date", 20)


def test_the_user_may_keep_days_that_are_written_as_numbers() -> None:
    days = pd.date_range("2023-11-20", periods=ROWS).strftime("%Y%m%d").astype(int)
    assert profile(table(day=days), target="y", kinds={"day": "number"}).columns[0].kind == "number"


def test_numbers_that_the_data_calls_categories_are_such(tmp_path: Path) -> None:
    stores = pd.Series([1, 2, 5] * 20, dtype="category")
    frame = pd.DataFrame({"store": stores, "id": pd.Series(range(60), dtype="category"), "x": RNG.normal(size=60)})
    frame["y"] = pd.Series(["a", "b"] * 30)
    frame.to_feather(tmp_path / "t.feather")
    frame.to_parquet(tmp_path / "t.parquet")
    for data in (frame, tmp_path / "t.feather", tmp_path / "t.parquet"):
        facts = api.profile(data, target="y")
        assert [(column.kind, column.why) for column in facts.columns[:1]] == [("category", "categories in the data")]
        assert facts.columns[1].kind == "identifier"
        assert api.profile(data, target="y", kinds={"store": "number"}).columns[0].kind == "number"
    assert api.profile(frame, target="store").target.task == "classify"
