"""Columns become arrays."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from automl.bundle_schema import Date
from automl.data.profile import profile
from automl.data.read import read
from automl.encoding import booleans, categories, dates, numbers, strange, table, text
from automl.encoding.numbers import Scaling
from automl.errors import InputError
from automl.untrusted import checked


def test_the_specification_survives_json_and_gives_the_same_arrays(flowers: pd.DataFrame) -> None:
    encoding = table.fit(flowers, profile(flowers, target="kind"))
    restored = table.Encoding(tuple(json.loads(json.dumps(encoding.columns))))
    first, again = (table.apply(one, flowers, scaling="quantile") for one in (encoding, restored))
    assert np.array_equal(first.numbers, again.numbers)
    assert np.array_equal(first.codes, again.codes)
    assert (table.width(encoding, scaling="robust"), encoding.sizes) == (3, (5,))


def test_nothing_of_the_other_rows_is_learned(flowers: pd.DataFrame) -> None:
    training = flowers.iloc[:80]
    changed = pd.concat([training, flowers.iloc[80:].assign(length=1e9, colour="unheard of")])
    facts = profile(flowers, target="kind")
    assert table.fit(training, facts) == table.fit(changed.iloc[:80], facts)


def test_columns_are_found_by_name(flowers: pd.DataFrame) -> None:
    encoding = table.fit(flowers, profile(flowers, target="kind"))
    shuffled = flowers[["colour", "kind", "width", "length"]].assign(extra=1)
    straight, other = (table.apply(encoding, frame, scaling="robust") for frame in (flowers, shuffled))
    assert np.array_equal(straight.numbers, other.numbers)


def test_names_the_columns_that_are_missing(flowers: pd.DataFrame) -> None:
    encoding = table.fit(flowers, profile(flowers, target="kind"))
    with pytest.raises(InputError, match="lacks 2 columns that the model was trained with: 'colour', 'width'"):
        table.apply(encoding, flowers[["length"]], scaling="robust")


def test_a_missing_number_is_the_median_and_is_marked() -> None:
    column = pd.Series([1.0, 2.0, 3.0, 4.0, 100.0, None])
    encoded = numbers.transform(column, numbers.fit(column), scaling="robust")
    assert encoded[5].tolist() == [0.0, 1.0]
    assert encoded[2].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("scaling", ["quantile", "robust"])
def test_scaled_numbers_keep_their_order_and_stay_small(scaling: Scaling) -> None:
    rng = np.random.default_rng(0)
    training = pd.Series(np.exp(3 * rng.normal(size=2000)))
    specification = numbers.fit(training)
    new = pd.Series([-1e300, -1.0, *np.sort(training)[::100], 1e12, 1e300, float("inf")])
    encoded = numbers.transform(new, specification, scaling=scaling)[:, 0]
    assert np.all(np.diff(encoded[:-1]) >= 0)
    assert np.all(np.abs(encoded) < 10)
    assert encoded[-1] == numbers.transform(pd.Series([None], dtype=float), specification, scaling=scaling)[0, 0]


def test_robust_scaling_is_that_of_realmlp() -> None:
    training = pd.Series([0.0, 1.0, 2.0, 3.0, 4.0])
    encoded = numbers.transform(pd.Series([2.0, 4.0, 0.0, 8.0, 1e9]), numbers.fit(training), scaling="robust")[:, 0]
    distances = np.array([0.0, 1.0, -1.0, 3.0])
    np.testing.assert_allclose(encoded[:4], distances / np.sqrt(1 + (distances / 3) ** 2), rtol=1e-6)
    assert encoded[4] == pytest.approx(3.0)


def test_where_half_of_the_values_are_equal_the_range_is_the_scale() -> None:
    mostly = pd.Series([0.0] * 8 + [10.0])
    encoded = numbers.transform(mostly, numbers.fit(mostly), scaling="robust")[:, 0]
    assert encoded.tolist() == pytest.approx([0.0] * 8 + [2 / np.sqrt(1 + (2 / 3) ** 2)])
    constant = pd.Series([7.0] * 9)
    assert numbers.transform(constant, numbers.fit(constant), scaling="robust")[:, 0].tolist() == [0.0] * 9


@pytest.mark.parametrize("scaling", ["robust", "quantile"])
def test_other_values_of_a_column_that_had_one_count_for_nothing(scaling: numbers.Scaling) -> None:
    fitted = numbers.fit(pd.Series([0.0] * 9))
    assert numbers.transform(pd.Series([0.0, 25.0, -3.0, None]), fitted, scaling=scaling)[:, 0].tolist() == [0.0] * 4


def test_quantile_scaling_makes_any_distribution_normal() -> None:
    skewed = pd.Series(np.random.default_rng(1).exponential(size=5000) ** 3)
    encoded = numbers.transform(skewed, numbers.fit(skewed), scaling="quantile")[:, 0]
    assert abs(encoded.mean()) < 0.02
    assert abs(encoded.std() - 1) < 0.02


@pytest.mark.parametrize(("first", "step"), [(1_790_000_000.0, 1.0), (2_460_000.5, 1e-4), (-3e12, 0.5)])
def test_trees_tell_large_numbers_apart_that_hardly_differ(first: float, step: float) -> None:
    column = pd.Series(first + step * np.arange(3_000))
    column[7] = np.nan
    specification = numbers.fit(column)
    encoded = numbers.transform(column, specification, scaling="none")[:, 0]
    assert len(np.unique(column.astype(np.float32))) < 300
    assert np.isnan(encoded[7])
    assert np.all(np.diff(np.delete(encoded, 7)) > 0)
    before = {name: value for name, value in specification.items() if name != "origin"}
    assert np.array_equal(
        numbers.transform(column, before, scaling="none")[:, 0], column.astype(np.float32), equal_nan=True
    )


def test_trees_tell_days_apart_that_are_written_as_numbers() -> None:
    days = pd.Series([*range(20240101, 20240132), None], dtype=float)
    encoded = numbers.transform(days, numbers.fit(days), scaling="none")[:, 0]
    assert len(np.unique(days.dropna().astype(np.float32))) == 17
    assert np.all(np.diff(encoded[:-1]) == 1)
    assert np.isnan(encoded[-1])


def test_small_numbers_do_not_run_together_for_the_sake_of_large_ones() -> None:
    column = pd.Series(np.concatenate([np.arange(1.0, 1001.0), 1e9 + 32 * np.arange(1101.0)]))
    encoded = numbers.transform(column, numbers.fit(column), scaling="none")[:, 0]
    assert np.array_equal(encoded, column.astype(np.float32))


def test_trees_see_other_numbers_as_they_are() -> None:
    for values in (np.arange(5_000.0), np.random.default_rng(0).random(5_000), np.array([16_777_217.0, 3.0]), [0.1]):
        column = pd.Series(values)
        encoded = numbers.transform(column, numbers.fit(column), scaling="none")[:, 0]
        assert np.array_equal(encoded, column.astype(np.float32))


def test_unknown_and_rare_categories_share_a_code() -> None:
    training = pd.Series([*(f"common {n}" for n in range(12)), *(f"common {n}" for n in range(12)), "rare", None])
    specification = categories.fit(training)
    codes = categories.transform(pd.Series(["rare", "unseen", None, "common 3", " common 3 "]), specification)
    assert codes[:3].tolist() == [0, 0, 1]
    assert codes[3] == codes[4] >= 2
    assert categories.size(specification) == 14


def test_a_number_is_the_same_category_whatever_its_type() -> None:
    specification = categories.fit(pd.Series([1, 1, 2, 2, 3]))
    for same in (pd.Series([2]), pd.Series([2.0]), pd.Series(["2"]), pd.Series([2, None], dtype="Int64")):
        assert categories.transform(same, specification)[0] == categories.transform(pd.Series([2]), specification)[0]


@pytest.mark.parametrize("text", ["0001-01-01", "9999-12-31", "9999-12-31 23:59:59", "9999-12-31 23:59:59.999999"])
def test_a_model_may_have_the_first_and_the_last_dates(text: str) -> None:
    days = pd.Series([text, "2024-05-01"])
    specification = dates.fit(days, date_format="ISO8601")
    assert checked(Date, {"name": "when", "kind": "date", **specification}, Path("schema.json"))["last"] < 2_932_897.5
    assert np.abs(dates.transform(days, specification)).max() <= 1.5


def test_dates_go_round_with_the_year() -> None:
    days = pd.Series(pd.DatetimeIndex(["2023-12-31", "2024-01-01", "2024-06-30", pd.NaT]))
    specification = dates.fit(days, date_format="")
    encoded = dates.transform(days, specification)
    assert encoded.shape == (4, dates.width(specification))
    yearly = encoded[:, 5:7]
    assert np.linalg.norm(yearly[0] - yearly[1]) < 0.05 < 1.9 < np.linalg.norm(yearly[1] - yearly[2])
    assert encoded[3].tolist() == [0.0] * 9 + [1.0]


def test_texts_of_any_length_weigh_the_same() -> None:
    training = pd.Series(["a good film", "a bad film", "good good good", ""] * 100)
    encoded = text.transform(training, text.fit(training))
    lengths = np.linalg.norm(encoded, axis=1)
    assert lengths[0] == pytest.approx(lengths[2], rel=1e-5)
    assert lengths[3] == 0


@pytest.mark.parametrize("scaling", ["quantile", "robust", "none"])
def test_knows_where_each_column_is(flowers: pd.DataFrame, scaling: Scaling) -> None:
    known = flowers[flowers["kind"].notna()].assign(when="")
    known["when"] = pd.date_range("2024-01-01", periods=len(known)).astype(str)
    encoding = table.fit(known, profile(known, target="kind"))
    before = table.apply(encoding, known, scaling=scaling)
    found = table.places(encoding, scaling=scaling)
    for name, (measures, codes) in found.items():
        shuffled = known.assign(**{name: known[name].to_numpy()[::-1]})
        after = table.apply(encoding, shuffled, scaling=scaling)
        others = np.setdiff1d(np.arange(before.numbers.shape[1]), measures)
        np.testing.assert_array_equal(after.numbers[:, measures], before.numbers[::-1][:, measures])
        np.testing.assert_array_equal(after.numbers[:, others], before.numbers[:, others])
        np.testing.assert_array_equal(after.codes[:, codes], before.codes[::-1][:, codes])
    assert sum(len(measures) for measures, _ in found.values()) == before.numbers.shape[1]
    assert sum(len(codes) for _, codes in found.values()) == before.codes.shape[1]


def test_values_are_known_by_their_meaning_where_a_table_comes_without_its_texts() -> None:
    training = pd.Series(["01", "1A", "2.50", "True", "7", "07"] * 2)
    specification = categories.fit(training)
    codes = dict(zip(training, categories.transform(training, specification).tolist(), strict=False))
    numbers_alone = categories.transform(pd.Series([1.0, 2.5, 7.0, 8.0, np.nan]), specification)
    assert numbers_alone.tolist() == [codes["01"], codes["2.50"], codes["7"], categories.OTHER, categories.OTHER]
    assert categories.transform(pd.Series([True]), specification).tolist() == [codes["True"]]
    # Text is what it is.
    assert categories.transform(pd.Series(["1", "true"]), specification).tolist() == [categories.OTHER] * 2


@pytest.mark.parametrize("training", [[17, 18, 2.5], [17.0, 18.0, 2.5, None]])
@pytest.mark.parametrize("is_mixed", [False, True])
def test_numbers_are_known_where_an_odd_cell_makes_text_of_them(training: list[float], is_mixed: bool) -> None:
    specification = categories.fit(pd.Series(training, dtype=object if is_mixed else None))
    codes = categories.transform(pd.Series(training), specification)
    texts = pd.Series(["17.0", "18", "2.50", "n.v.", None, "19.0"])
    missing = categories.MISSING if None in training else categories.OTHER
    expected = [*codes[:3], categories.OTHER, missing, categories.OTHER]
    assert categories.transform(texts, specification).tolist() == expected
    # Models that were saved before take texts as they are.
    before = {"values": specification["values"]}
    assert categories.transform(texts, before)[2] == categories.OTHER


def test_truth_is_known_whatever_it_is_written_as() -> None:
    specification = categories.fit(pd.Series([True, True, False]))
    codes = categories.transform(pd.Series([True, False]), specification).tolist()
    assert categories.transform(pd.Series(["True", "FALSE"]), specification).tolist() == codes
    zero_or_one = pd.Series([0, 1, 1, 0])
    texts = pd.Series(["1.0", "0.0", "1", "x"])
    signs = booleans.transform(texts, booleans.fit(zero_or_one))[:, 0]
    assert signs.tolist() == [1.0, -1.0, 1.0, 0.0]


def test_texts_of_no_rows_are_no_rows() -> None:
    specification = text.fit(pd.Series(["a good film", "a bad film"] * 50))
    assert text.transform(pd.Series([], dtype=object), specification).shape == (0, text.width(specification))


@pytest.mark.parametrize("scaling", ["quantile", "robust", "none"])
def test_words_for_nothing_are_missing_in_training_and_in_rows_to_predict(scaling: Scaling) -> None:
    prices = pd.Series(np.random.default_rng(0).normal(12, 3, size=200).round(2))
    gaps = prices.where(prices.index % 10 != 0)
    words = prices.astype(str).where(prices.index % 10 != 0, "-")
    frame = pd.DataFrame({"price": words, "y": ["a", "b"] * 100})
    encoding = table.fit(frame, profile(frame, target="y"))
    of_words, of_gaps = (table.apply(encoding, pd.DataFrame({"price": own}), scaling=scaling) for own in (words, gaps))
    np.testing.assert_array_equal(of_words.numbers, of_gaps.numbers)
    strange.check(encoding, frame)
    assert strange.notes(encoding, frame, known=("price", "y")) == ()


def test_days_are_the_same_whether_they_are_written_as_numbers_or_not(tmp_path: Path) -> None:
    days = pd.date_range("2023-11-20", periods=60)
    whole = pd.Series(days.strftime("%Y%m%d").astype(int))
    frame = pd.DataFrame({"day": whole, "y": ["a", "b"] * 30})
    frame.to_csv(tmp_path / "t.csv", index=False)
    read_back = read(tmp_path / "t.csv").frame
    encoding = table.fit(read_back, profile(read_back, target="y"))
    expected = table.apply(encoding, read_back, scaling="robust").numbers
    assert len(np.unique(expected[:, 0])) == 60
    frame.astype({"day": "int32"}).to_parquet(tmp_path / "t.parquet")
    others = (whole.astype(float), whole.astype(str), pd.Series(days), read(tmp_path / "t.parquet").frame["day"])
    for other in others:
        same = table.apply(encoding, pd.DataFrame({"day": other}), scaling="robust").numbers
        np.testing.assert_array_equal(same, expected)


def test_a_box_to_tick_is_known_whatever_it_is_written_as(tmp_path: Path) -> None:
    lines = [f'{{"size": {row}, "open": true, "y": {row % 2}}}' for row in range(0, 60, 3)]
    lines += [f'{{"size": {row}, "y": {row % 2}}}' for row in range(1, 60, 3)]
    (tmp_path / "t.jsonl").write_text("\n".join(lines))
    read_back = read(tmp_path / "t.jsonl").frame
    encoding = table.fit(read_back, profile(read_back, target="y"))
    new = pd.DataFrame({"open": ["true", None, "True"], "size": 1})
    codes = table.apply(encoding, new, scaling="robust").codes[:, 0]
    assert codes.tolist() == [categories.FIRST_KNOWN, categories.MISSING, categories.FIRST_KNOWN]


def test_missing_cells_are_unknown_values_where_training_had_none() -> None:
    whole, gaps = pd.Series(["a", "b", "a"] * 5), pd.Series(["a", None, "b"] * 5)
    new = pd.Series(["b", None, "c", "a"])
    assert categories.transform(new, categories.fit(whole)).tolist() == [3, 0, 0, 2]
    assert categories.transform(new, categories.fit(gaps)).tolist() == [3, 1, 0, 2]
    before = {name: value for name, value in categories.fit(whole).items() if name != "gaps"}
    assert categories.transform(new, before).tolist() == [3, 1, 0, 2]
    frame = pd.DataFrame({"column": new})
    encoding = table.Encoding(({"name": "column", "kind": "category", **categories.fit(whole)},))
    (note,) = strange.notes(encoding, frame, known=["column"])
    assert "1 cell ('c')" in note


def test_a_sign_for_what_is_unknown_is_one_in_every_table() -> None:
    """A text file is read with "?" as an empty cell; pandas leaves it as it is."""
    gaps, whole = pd.Series(["a", None, "b", "a"] * 5), pd.Series(["a", "b", "a"] * 5)
    new = pd.Series(["?", "NA", None, "b"])
    assert categories.transform(new, categories.fit(gaps)).tolist() == [1, 1, 1, 3]
    assert categories.transform(new, categories.fit(whole)).tolist() == [0, 0, 0, 3]
    assert categories.transform(new, categories.fit(pd.Series(["?", "b", "?"] * 5))).tolist() == [2, 0, 0, 3]


def test_what_pandas_takes_for_nothing_may_be_a_value() -> None:
    gaps, whole = pd.Series(["None", None, "b", "None"] * 5), pd.Series(["None", "b", "None"] * 5)
    new = pd.Series([None, "b"])
    assert categories.transform(new, categories.fit(whole)).tolist() == [2, 3]
    assert categories.transform(new, categories.fit(gaps)).tolist() == [1, 3]
    for seen in (gaps, whole):
        encoding = table.Encoding(({"name": "masonry", "kind": "category", **categories.fit(seen)},))
        (note,) = strange.notes(encoding, pd.DataFrame({"masonry": new}), known=["masonry"])
        assert "'masonry': 1 cell without a value, and none with 'None', which training had." in note
        as_written = pd.DataFrame({"masonry": ["None", None, "b"]})
        assert strange.notes(encoding, as_written, known=["masonry"]) == ()
