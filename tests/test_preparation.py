"""From what the user gave to encoded arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from automl.errors import InputError
from automl.options import Options, column_kinds, named_kinds, seconds
from automl.preparation import prepare, usual_folds
from automl.resources import folder


@pytest.fixture
def sales() -> pd.DataFrame:
    """Two years of sales in three shops."""
    rng = np.random.default_rng(0)
    day = pd.date_range("2022-01-01", periods=600)
    shop = rng.choice(["north", "south", "east"], size=600)
    return pd.DataFrame({"day": day, "shop": shop, "visits": rng.poisson(50, 600), "sales": rng.normal(size=600)})


def test_learns_from_the_training_rows_alone(sales: pd.DataFrame) -> None:
    prepared = prepare(sales, Options(target="sales", time_column="day"))
    training = sales["sales"].iloc[prepared.split.train]
    assert prepared.specification["mean"] == pytest.approx(training.mean())
    assert prepared.specification["maximum"] == training.max()
    assert sales["day"].iloc[prepared.split.train].max() < sales["day"].iloc[prepared.split.val].min()


def test_the_group_column_is_no_feature(sales: pd.DataFrame) -> None:
    prepared = prepare(sales, Options(target="sales", group="shop", split="0.4/0.3/0.3", folds=1))
    assert "shop" not in {column["name"] for column in prepared.encoding.columns}
    shops = [set(sales["shop"].iloc[rows]) for rows in prepared.split.parts().values()]
    assert sum(map(len, shops)) == 3


def test_copies_stay_on_one_side_whatever_their_group(sales: pd.DataFrame) -> None:
    twice = pd.concat([sales.assign(shop=range(600)), sales.assign(shop=range(600, 1200))], ignore_index=True)
    prepared = prepare(twice, Options(target="sales", group="shop", folds=1))
    halves = [set(rows % 600) for rows in prepared.split.parts().values()]
    assert sum(map(len, halves)) == 600
    assert prepared.profile.duplicates == 600


@pytest.mark.parametrize("column", ["day", "date"])
def test_a_column_that_is_left_out_can_order_the_rows(sales: pd.DataFrame, column: str) -> None:
    table = sales.assign(date=sales["day"].dt.strftime("%d/%m/%Y"))
    prepared = prepare(table, Options(target="sales", time_column=column, kinds={column: "dropped"}))
    assert column not in {used["name"] for used in prepared.encoding.columns}
    assert prepared.split.train.max() < prepared.split.val.min() <= prepared.split.val.max() < prepared.split.test.min()


def test_a_column_that_is_said_to_hold_dates_can_order_the_rows(sales: pd.DataFrame) -> None:
    years = 1900 + np.arange(600) // 4
    months = [str(year) if row % 4 == 0 else f"{year}-07" for row, year in enumerate(years)]
    options = Options(target="sales", time_column="month", kinds={"month": "date"})
    prepared = prepare(sales.assign(month=months), options)
    assert years[prepared.split.train].max() <= years[prepared.split.val].min()
    assert years[prepared.split.val].max() <= years[prepared.split.test].min()


def test_cells_of_the_time_column_that_are_no_time_are_named(sales: pd.DataFrame) -> None:
    days = sales["day"].dt.strftime("%Y-%m-%d").mask(sales.index == 9)
    options = Options(target="sales", time_column="day")
    with pytest.raises(InputError, match="'day' is empty in 1 rows"):
        prepare(sales.assign(day=days), options)
    with pytest.raises(InputError, match=r"'day' holds cells that are no date: 2 \('soon', 'later'\)\."):
        prepare(sales.assign(day=days.mask(sales.index == 3, "soon").mask(sales.index == 4, "later")), options)
    with pytest.raises(InputError, match="'day' holds neither dates nor numbers"):
        prepare(sales.assign(day=sales["shop"].mask(sales.index == 9)), options)


def test_a_test_file_is_read_like_the_main_one(tmp_path: Path) -> None:
    rows = [f"{row},{'0' * (row % 2)}1,{row % 2}" for row in range(60)]
    (tmp_path / "main.csv").write_text("\n".join(["a,code,y", *rows, "9,1A,1"]))
    (tmp_path / "test.csv").write_text("a,code,y\n1,01,0\n2,01,1\n")
    prepared = prepare(tmp_path / "main.csv", Options(target="y", test=tmp_path / "test.csv"))
    assert prepared.frame["code"].iloc[prepared.split.test].tolist() == ["01", "01"]
    (tmp_path / "test.csv").write_text("a,code,y\n1,01,\n")
    with pytest.raises(InputError, match=r"test\.csv has no row with a value in 'y'"):
        prepare(tmp_path / "main.csv", Options(target="y", test=tmp_path / "test.csv"))


def test_a_small_table_is_cut_into_folds(flowers: pd.DataFrame) -> None:
    split = prepare(flowers, Options(target="kind", split="0.8/0.2/0")).split
    assert len(split.train) == len(split.val) == 150
    assert split.folds is not None
    assert np.bincount(split.folds).tolist() == pytest.approx([150 / 8] * 8, abs=3)
    assert "in 8 folds" in split.how
    for options in (Options(target="kind", folds=1), Options(target="kind", single=True)):
        holdout = prepare(flowers, options).split
        assert holdout.folds is None
        assert not set(holdout.train) & set(holdout.val)


@pytest.mark.parametrize(
    ("rows", "seconds", "folds"),
    [(1000, 60, 8), (2500, 60, 5), (4000, 60, 1), (4000, 300, 8), (6000, None, 8), (6001, None, 1), (1000, 10, 1)],
)
def test_folds_are_as_many_as_rows_and_time_allow(rows: int, seconds: float | None, folds: int) -> None:
    assert usual_folds(rows, most_rows=6000, seconds=seconds, workers=2) == folds


def test_few_groups_are_few_folds(sales: pd.DataFrame) -> None:
    split = prepare(sales, Options(target="sales", group="shop", split="0.4/0.3/0.3")).split
    assert split.folds is not None
    by_shop = [set(sales["shop"].iloc[split.train[split.folds == fold]]) for fold in range(split.folds.max() + 1)]
    assert 2 <= len(by_shop) == sum(map(len, by_shop))
    with pytest.raises(InputError, match="cannot be cut into 8 folds"):
        prepare(sales, Options(target="sales", group="shop", split="0.4/0.3/0.3", folds=8))


@pytest.mark.parametrize("other", [{"single": True}, {"time_column": "day"}])
def test_folds_do_not_go_with_everything(other: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="--folds and --(single|time-column) exclude each other"):
        Options(folds=5, **other)


def test_the_test_file_is_the_test_part(sales: pd.DataFrame, tmp_path: Path) -> None:
    sales[:500].to_csv(tmp_path / "train.csv", index=False)
    sales[500:].to_csv(tmp_path / "test.csv", index=False)
    prepared = prepare(tmp_path / "train.csv", Options(target="sales", test=tmp_path / "test.csv", folds=1))
    assert prepared.split.test.tolist() == list(range(500, 600))
    assert [len(prepared.split.train), len(prepared.split.val)] == [375, 125]
    sales[500:].drop(columns="shop").to_csv(tmp_path / "test.csv", index=False)
    with pytest.raises(InputError, match="lacks columns of the training table: 'shop'"):
        prepare(tmp_path / "train.csv", Options(target="sales", test=tmp_path / "test.csv"))


def test_a_fault_of_the_test_file_is_placed_there(sales: pd.DataFrame, tmp_path: Path) -> None:
    sales[:500].to_csv(tmp_path / "train.csv", index=False)
    sales[500:].assign(sales=[*range(49), "oops", *range(50)]).to_csv(tmp_path / "test.csv", index=False)
    with pytest.raises(InputError, match="'oops' in row 50 of the test file"):
        prepare(tmp_path / "train.csv", Options(target="sales", test=tmp_path / "test.csv"))


def test_test_rows_cannot_be_piped_in(sales: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="test rows cannot be piped in"):
        prepare(sales, Options(target="sales", test=Path("-")))


def test_test_rows_do_not_say_what_columns_are(tmp_path: Path) -> None:
    def rows(number: int, *, version: int, date_format: str) -> pd.DataFrame:
        order = np.arange(number)
        days = pd.date_range("2024-01-01", periods=number, freq="7h").strftime(date_format)
        codes = [f"C-{place}" for place in order]
        return pd.DataFrame(
            {"id": order, "code": codes, "day": days, "version": version, "size": order % 7, "y": order % 2}
        )

    rows(800, version=1, date_format="%d/%m/%Y").to_csv(tmp_path / "main.csv", index=False)
    rows(200, version=2, date_format="%Y-%m-%d").to_csv(tmp_path / "test.csv", index=False)
    alone = prepare(tmp_path / "main.csv", Options(target="y")).profile
    facts = prepare(tmp_path / "main.csv", Options(target="y", test=tmp_path / "test.csv")).profile
    kinds = {column.name: column.kind for column in facts.columns}
    assert kinds == {"id": "identifier", "code": "identifier", "day": "date", "version": "constant", "size": "number"}
    read = [(column.kind, column.why, column.date_format) for column in facts.columns]
    assert read == [(column.kind, column.why, column.date_format) for column in alone.columns]
    assert (facts.rows, sum(rows for _, rows in facts.target.counts)) == (1000, 1000)


def test_balance_gives_every_class_the_same_weight(flowers: pd.DataFrame) -> None:
    rare = flowers[(flowers["kind"] != "rose") | (flowers.index % 5 == 0)]
    prepared = prepare(rare, Options(target="kind", balance=True))
    classes = prepared.targets[prepared.split.train]
    weights = prepared.weights[prepared.split.train]
    sums = np.bincount(classes.astype(int), weights=weights)
    np.testing.assert_allclose(sums, sums.mean(), rtol=1e-5)
    assert weights.mean() == pytest.approx(1, rel=1e-5)
    # A test row weighs what a training row of its class weighs.
    of_class = dict(zip(classes.tolist(), weights.tolist(), strict=True))
    test = prepared.split.test
    assert [of_class[label] for label in prepared.targets[test].tolist()] == prepared.weights[test].tolist()
    with pytest.raises(InputError, match="a regression has none"):
        prepare(rare.assign(price=np.arange(len(rare)) / 7), Options(target="price", balance=True))


def test_the_caller_s_frame_is_not_changed(flowers: pd.DataFrame) -> None:
    before = flowers.copy()
    prepare(flowers, Options(target="kind"))
    pd.testing.assert_frame_equal(flowers, before)


def test_families_are_chosen_by_the_table(sales: pd.DataFrame) -> None:
    reasons = {
        c.name: (c.taken, c.why) for c in prepare(sales.drop(columns="shop"), Options(target="sales")).candidates
    }
    assert reasons["wide_deep"] == (False, "it wants 1 or more categories, the table has 0")
    assert reasons["linear"] == (True, "suits every table")
    named = {c.name: c.taken for c in prepare(sales, Options(target="sales", families=("resnet",))).candidates}
    assert [name for name, taken in named.items() if taken] == ["resnet"]


def test_families_can_be_asked_for_beside_those_that_suit(sales: pd.DataFrame) -> None:
    def taken(*families: str) -> dict[str, str]:
        chosen = prepare(sales, Options(target="sales", families=families)).candidates
        return {candidate.name: candidate.why for candidate in chosen if candidate.taken}

    suiting = taken()
    assert "ft_transformer" not in suiting
    assert taken("+ft_transformer") == {**suiting, "ft_transformer": "named by you"}
    assert set(taken("mlp", "+ft_transformer")) == {"mlp", "ft_transformer"}


def test_only_families_that_are_taken_are_limited(sales: pd.DataFrame) -> None:
    assert prepare(sales, Options(target="sales")).most_weights == {}
    assert prepare(sales, Options(target="sales", families=("+modern_nca",))).most_weights == {"modern_nca": 0.3}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"group": "shap"}, "Did you mean 'shop'"),
        ({"time_column": "date"}, "no column 'date'"),
        ({"time_column": "shop"}, "neither dates nor numbers"),
        ({"kinds": {"shop": "colour"}}, "no kind of column 'colour'"),
        ({"families": ("cnn",)}, "no family 'cnn'"),
        ({"families": ("+mlq",)}, "no family 'mlq'. Did you mean 'mlp'"),
        ({"settings": ("mlp.layers=few",)}, "'few' is not of the kind"),
        ({"settings": ("mlp.scaling=minmax",)}, "no scaling 'minmax'"),
        ({"search": "guess"}, "no search algorithm 'guess'"),
        ({"time_column": "sales"}, "'sales' is the target, so it cannot split"),
        ({"group": "sales"}, "'sales' is the target, so it cannot split"),
        ({"kinds": {"sales": "category"}}, "'sales' is the target: it is not left out"),
    ],
)
def test_says_which_option_is_wrong(sales: pd.DataFrame, options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        prepare(sales, Options(target="sales", **options))  # type: ignore[arg-type]


def test_a_space_needs_all_hyperparameters_of_its_family(sales: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "mlp.yaml"
    shipped = (folder("search_spaces") / "mlp.yaml").read_text(encoding="utf-8").splitlines()
    options = Options(target="sales", spaces=(path,), families=("mlp",))
    path.write_text("parameters: {layers: 2}\n")
    with pytest.raises(InputError, match=r"mlp\.yaml lacks hyperparameters of 'mlp': units, .*Write 'extends: mlp'"):
        prepare(sales, options)
    path.write_text("\n".join(line for line in shipped if "momentum" not in line))
    with pytest.raises(InputError, match=r"lacks hyperparameters of 'mlp': momentum\."):
        prepare(sales, options)
    # Only sgd has a momentum.
    path.write_text("\n".join(line.replace("adam, sgd]", "adam]") for line in shipped if "momentum" not in line))
    assert "momentum" not in prepare(sales, options).spaces["mlp"].parameters


def test_a_space_of_no_family_says_how_to_name_one(sales: pd.DataFrame, tmp_path: Path) -> None:
    (tmp_path / "my.yaml").write_text("parameters: {layers: 2}\n")
    with pytest.raises(InputError, match=r"my\.yaml: there is no family 'my'.* Write 'family: mlp' or 'extends: mlp'"):
        prepare(sales, Options(target="sales", spaces=(tmp_path / "my.yaml",)))


def test_a_family_has_one_space(sales: pd.DataFrame, tmp_path: Path) -> None:
    paths = (tmp_path / "deep.yaml", tmp_path / "wide.yaml")
    paths[0].write_text("extends: mlp\nparameters: {layers: 4}\n")
    paths[1].write_text("extends: mlp\nparameters: {units: 512}\n")
    with pytest.raises(InputError, match=r"wide\.yaml is the second --space for the family 'mlp'. Put both into one"):
        prepare(sales, Options(target="sales", spaces=paths))
    assert prepare(sales, Options(target="sales", spaces=paths[:1])).spaces["mlp"].defaults()["layers"] == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seconds": 1.0}, "too short"),
        ({"trials": 0}, "at least 1"),
        ({"workers": 0}, "at least 1"),
        ({"seed": -1}, "from 0 up"),
        ({"group": "a", "time_column": "b"}, "exclude each other"),
    ],
)
def test_impossible_options_are_refused_at_once(options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Options(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "expected"), [("90", 90), ("90s", 90), ("5m", 300), ("1h30m", 5400), ("1.5m", 90), (42.0, 42)]
)
def test_reads_durations(text: str | float, expected: float) -> None:
    assert seconds(text, trials=None) == expected


@pytest.mark.parametrize("text", ["", "soon", "5 minutes", "-5m", "5m3h"])
def test_refuses_what_is_no_duration(text: str) -> None:
    with pytest.raises(InputError, match="no duration"):
        seconds(text, trials=None)


def test_reads_kinds() -> None:
    assert named_kinds(["a=b=category"]) == {"a=b": "category"}
    with pytest.raises(InputError, match="COLUMN=KIND"):
        named_kinds(["category"])


def test_a_column_cannot_be_dropped_and_be_something() -> None:
    assert column_kinds({"a": "text", "b": "dropped"}, ["b"]) == {"a": "text", "b": "dropped"}
    with pytest.raises(InputError, match="Column 'a' is to be dropped, and to be of the kind 'text'"):
        column_kinds({"a": "text"}, ["a"])
    with pytest.raises(InputError, match="Column '3' is to be dropped, and to be of the kind 'text'"):
        column_kinds({3: "text"}, 3)


def test_a_column_that_is_dropped_need_not_be_readable_nor_in_the_test_file(
    sales: pd.DataFrame, tmp_path: Path
) -> None:
    tagged = sales.assign(tags=pd.Series([["a"]] * len(sales), dtype=object))
    tagged[:500].to_json(tmp_path / "main.jsonl", orient="records", lines=True)
    sales[500:].to_json(tmp_path / "test.jsonl", orient="records", lines=True)
    asked = Options(target="sales", test=tmp_path / "test.jsonl", kinds={"tags": "dropped"})
    prepared = prepare(tmp_path / "main.jsonl", asked)
    assert {c.name: c.kind for c in prepared.profile.columns}["tags"] == "dropped"
    assert "tags" not in prepared.profile.features
    assert len(prepared.split.test) == len(sales) - 500


def test_blanks_around_the_name_of_a_group_make_no_other_group(sales: pd.DataFrame) -> None:
    groups = [f"g{row // 20}{' ' * (row % 2)}" for row in range(len(sales))]
    prepared = prepare(sales.assign(group=groups), Options(target="sales", group="group", folds=1))
    parts = [{row // 20 for row in rows} for rows in prepared.split.parts().values()]
    assert not parts[0] & parts[1]
    assert not parts[1] & parts[2]
