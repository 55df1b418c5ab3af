"""A catalogue of what people give for a table, and the answer to each: an error that tells how to mend it, or a note.

The numbers are those of the catalogue. Rows about the machine, the run's folder and saved models are tested where they
belong: 76 in test_read, 77 and 79 to 85 and 99 with runs and models, 100 with spaces, 104 with the report. Images (101)
and accelerators (86) do not apply yet.
"""

from __future__ import annotations

import gzip
import io
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from automl import api
from automl.data.read import from_frame, read
from automl.diagnostics import ask, worst_first
from automl.encoding import strange, table
from automl.errors import AutomlError, EnvironmentFault, InputError
from automl.evidence import of_table
from automl.options import Options
from automl.preparation import prepare

ROWS = 120
RNG = np.random.default_rng(0)
GOOD = pd.DataFrame(
    {
        "a": RNG.normal(size=ROWS).round(3),
        "b": RNG.choice(["x", "y", "z"], ROWS),
        "y": np.where(np.arange(ROWS) % 2, "yes", "no"),
    }
)


def csv(frame: pd.DataFrame = GOOD, **form: Any) -> bytes:
    return frame.to_csv(index=False, **form).encode()


def with_target(*cells: Any) -> bytes:
    return csv(GOOD.head(len(cells)).assign(y=list(cells)))


def with_a(cells: Any) -> bytes:
    return csv(GOOD.assign(a=cells))


def zipped(*names: str) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for name in names:
            file.writestr(name, csv())
    return archive.getvalue()


def parquet(**columns: Any) -> bytes:
    return GOOD.assign(**columns).to_parquet()


# Number and what it is about, the file's name and bytes, options, and a part of the error.
REFUSED: list[tuple[str, str, bytes, dict[str, Any], str]] = [
    ("1 no bytes", "t.csv", b"", {}, "t.csv is empty (0 bytes). Give a file"),
    ("2 header alone", "t.csv", b"a,y\n", {}, "t.csv has a header but no rows. Add rows"),
    ("3 white space", "t.csv", b" \n\n\t\n", {}, "t.csv is empty: it holds nothing but white space. Give a file"),
    ("4 one row", "t.csv", csv(GOOD[:1]), {}, "has 1 rows with a target; at least 10 are needed"),
    ("5 two rows", "t.csv", csv(GOOD[:2]), {}, "has 2 rows with a target; at least 10 are needed"),
    ("6 seven rows", "t.csv", csv(GOOD[:7]), {}, "has 7 rows with a target; at least 10 are needed"),
    (
        "7 the target's name twice",
        "t.csv",
        csv().replace(b"a,b,y", b"y,b,y", 1),
        {},
        "Several columns are called 'y', so it is not clear which is the target. Rename one.",
    ),
    ("8 no such target", "t.csv", csv(), {"target": "bb"}, "no column 'bb'. Did you mean 'b'? Known: a, b, y."),
    ("9 target in another case", "t.csv", csv(), {"target": "Y"}, "no column 'Y'. Did you mean 'y'?"),
    ("10 constant target", "t.csv", with_target(*["yes"] * 50), {}, "only one value, 'yes', in 50 rows"),
    (
        "11 a target of identifiers",
        "t.csv",
        with_target(*(f"u{row}" for row in range(50))),
        {},
        "looks like an identifier, not like classes. Choose another column with --target",
    ),
    ("12 one class is left", "t.csv", with_target("rare", *["b"] * 50), {}, "no other value has more than one row"),
    ("13 half has no target", "t.csv", with_target(*["p", "q", None, None, None] * 10), {}, "missing in 30 of 50 rows"),
    ("14 infinite target", "t.csv", with_target("inf", *range(49)), {"task": "regress"}, "is infinite in row 1."),
    ("15 empty target", "t.csv", with_target(*[None] * 50), {}, "empty in all 50 rows. Choose another"),
    ("17 numbers as classes", "t.csv", csv(GOOD.assign(y=GOOD["a"])), {"task": "classify"}, "looks like an identifier"),
    (
        "17 many numbers as classes",
        "t.csv",
        csv(pd.DataFrame({"a": range(1000), "y": RNG.normal(size=1000)})),
        {"task": "classify"},
        "has 1,000 different numbers, too many for classes. Use --task regress.",
    ),
    ("18 words as numbers", "t.csv", csv(), {"task": "regress"}, "holds text ('no', 'yes'), so it cannot be predicted"),
    ("27 noise", "t.csv", b"a,b\n\x81\x8d\x8f\xff\xfe\n", {}, "neither UTF-8 nor Windows-1252 text. Save the file"),
    ("27 an image", "t.csv", b"\x89PNG\r\n\x1a\n\0\0", {}, "it looks like a PNG image. Save the table as CSV"),
    ("28 Excel called CSV", "t.csv", b"PK\x03\x04 xl/workbook.xml", {}, "an Excel workbook. Save the sheet as CSV"),
    ("28 Excel", "t.xlsx", b"PK\x03\x04 xl/workbook.xml", {}, "an Excel workbook. Save the sheet as CSV"),
    ("33 open quote", "t.csv", csv() + b'1,"x,yes\n' + csv()[6:], {}, "t.csv: a quote opens in line 122 and does not"),
    ("34 a field too many", "t.csv", csv() + b"1,x,yes,4\n", {}, "line 122 has 4 fields, but the header has 3: '1,x"),
    ("35 a field too few", "t.csv", csv() + b"1,x\n", {}, "line 122 has 2 fields, but the header has 3: '1,x'. Add"),
    ("37 NUL", "t.csv", b"a,b,y\n" + b"\0" * 50 + csv()[6:], {}, "are control characters. If it is text, name its"),
    ("38 no header", "t.csv", csv(header=False), {}, "the first row looks like data, not like column names: '0.126, z"),
    ("41 no feature", "t.csv", csv(GOOD[["y"]]), {}, "no column beside the target 'y'. A model needs at least one"),
    ("54 nothing but identifiers", "t.csv", csv(GOOD.assign(a=range(ROWS))[["a", "y"]]), {}, "No feature column is"),
    ("63 broken JSON lines", "t.jsonl", b'{"a": 1}\n{"a": \n', {}, "t.jsonl: line 2 is not a JSON object"),
    ("63 broken JSON", "t.json", b'[{"a": 1},\n{"a" 2}]', {}, "t.json: line 2 is no JSON: Expecting ':' delimiter."),
    ("64 lists in Parquet", "t.parquet", parquet(a=[[1]] * ROWS), {}, "t.parquet: column 'a' holds lists or records."),
    ("65 damaged gzip", "t.csv.gz", gzip.compress(csv())[:60], {}, "t.csv.gz is damaged or cut short"),
    ("67 two tables in an archive", "t.zip", zipped("p.csv", "q.csv"), {}, "t.zip holds 2 tables: p.csv, q.csv."),
    ("67 no table in an archive", "t.zip", zipped("p.png"), {}, "t.zip holds no table: p.png. Unpack"),
    ("92 words called numbers", "t.csv", csv(), {"kinds": {"b": "number"}}, "Column 'b' has no cell that is a number"),
    ("100 no such column to drop", "t.csv", csv(), {"kinds": {"c": "dropped"}}, "no column 'c'"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "data", "options", "message"), [row[1:] for row in REFUSED], ids=[r[0] for r in REFUSED]
)
def test_is_refused(tmp_path: Path, name: str, data: bytes, options: dict[str, Any], message: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(InputError) as caught:
        prepare(path, Options(**options))
    said = str(caught.value)
    assert message in said
    assert_is_for_people(said)
    # Python gets the same text.
    with pytest.raises(InputError, match=re.escape(said)):
        api.profile(path, **options)


def assert_is_for_people(message: str) -> None:
    """It can be printed, it is short, and its last sentence tells what to do."""
    assert message.isprintable()
    assert len(message) < 500
    assert message.endswith((".", "?", "}"))
    assert "Traceback" not in message


PLAIN = ("number", "category")
# Number and what it is about, the file's name and bytes, options, what the columns a and b are, and a part of a note.
ANSWERED: list[tuple[str, str, bytes, dict[str, Any], tuple[str, str], str]] = [
    ("7 a name twice", "t.csv", csv().replace(b"a,b,y", b"b,b,y", 1), {}, PLAIN, "'b' to 'b__2'"),
    ("9 a space at a name", "t.csv", csv().replace(b"a,b,y", b"a,b, y", 1), {"target": " y"}, PLAIN,
     "spaces around column names were removed: ' y'"),
    ("12 a rare class", "t.csv", with_target("rare", *["p", "q"] * 50), {}, PLAIN, "Class 'rare' has no"),
    ("13 a third has no target", "t.csv", with_target(*["p", "q", None] * 30), {}, PLAIN,
     "30 rows have no value in 'y' and are left out"),
    ("16 numbers as classes", "t.csv", with_target(*[1.0, 2.0, 3.0] * 30), {"task": "classify"}, PLAIN,
     "The target is 'y'"),
    ("19 dirty labels", "t.csv", with_target(*["yes", "YES", "yes ", "no"] * 20), {}, PLAIN,
     "'yes' and 'YES' differ only in how they are written"),
    ("20 imbalance", "t.csv", with_target(*["r"] * 2, *["c"] * 118), {}, PLAIN, "Imbalanced: 59 rows"),
    ("21 words for yes and no", "t.csv", with_a(["TRUE", "False"] * 60), {}, ("boolean", "category"), "by its name"),
    ("21 a mixture of them", "t.csv", with_a(["TRUE", "N", "1"] * 40), {}, ("category", "category"), "by its name"),
    ("22 a few words among numbers", "t.csv", with_a(["bad"] * 3 + list(GOOD["a"][3:])), {}, PLAIN,
     "a: cells that are no number count as missing: 3 ('bad')."),
    ("22 many words among numbers", "t.csv", with_a(["bad"] * 30 + list(GOOD["a"][30:])), {}, ("category", "category"),
     "'a' tells single rows from each other"),
    ("23 mark of UTF-8", "t.csv", b"\xef\xbb\xbf" + csv(), {}, PLAIN, "by its name"),
    ("24 mark before the target", "t.csv", b"\xef\xbb\xbf" + csv(GOOD[["y", "a", "b"]]), {"target": "y"},
     PLAIN, "The task is classify"),
    ("25 Windows-1252", "t.csv", csv(GOOD.assign(b=["Köln", "Ulm"] * 60)).decode().encode("cp1252"), {},
     PLAIN, "the encoding is cp1252"),
    ("26 UTF-16", "t.csv", csv().decode().encode("utf-16"), {}, PLAIN, "the encoding is utf-16 "),
    ("26 UTF-16 without a mark", "t.csv", csv().decode().encode("utf-16-le"), {}, PLAIN, "is utf-16-le"),
    ("29 semicolon", "t.csv", csv(sep=";"), {}, PLAIN, "the delimiter is ';'"),
    ("30 tab", "t.csv", csv(sep="\t"), {}, PLAIN, "the delimiter is a tab"),
    ("31 decimal comma", "t.csv", csv(sep=";", decimal=","), {}, PLAIN, "the decimal sign is ','"),
    ("32 quoted line ends", "t.csv", csv(GOOD.assign(b=["x\nx", "y, z"] * 60)), {}, PLAIN, "by its name"),
    ("34 bad lines skipped", "t.csv", csv() + b"1,x,yes,4\n", {"skip_bad_lines": True}, PLAIN,
     "t.csv: 1 bad line was left out: 122."),
    ("36 CR", "t.csv", csv(lineterminator="\r"), {}, PLAIN, "by its name"),
    ("37 a NUL", "t.csv", csv() + b"1.0,x\0,yes\n", {}, PLAIN, "NUL characters were removed (1)"),
    ("38 no header, as said", "t.csv", csv(header=False), {"no_header": True, "target": "column_3"},
     PLAIN, "The task is classify"),
    ("39 remarks above", "t.csv", b"# by X\n# 2024\n" + csv(), {}, PLAIN, "2 lines above the column names"),
    ("39 a title above", "t.csv", b"Report of May\n\n" + csv(), {}, PLAIN, "line above the column names"),
    ("40 index without a name", "t.csv", GOOD.to_csv().encode(), {}, PLAIN, "only numbers the rows was"),
    ("42 huge integers", "t.csv", with_a([10**25 + 10**20 * row for row in range(ROWS)]), {},
     ("identifier", "category"), "a (whole numbers too long to be measured)"),
    ("43 largest floats", "t.csv", with_a([1e308, -1e308, *GOOD["a"][2:]]), {}, PLAIN, "by its name"),
    ("43 nothing but largest floats", "t.csv", with_a([1e308, -1e308, 1e307] * 40), {}, PLAIN, "by its name"),
    ("44 infinity", "t.csv", with_a(["inf", "-inf", *GOOD["a"][2:]]), {}, PLAIN,
     "a: cells that are no number count as missing: 2 ('inf', '-inf')."),
    ("45 smallest floats", "t.csv", with_a(["-0.0", "5e-324", "0.0"] * 40), {}, PLAIN, "by its name"),
    ("45 zeros of both signs", "t.csv", with_a([-0.0, 0.0] * 60), {}, ("constant", "category"), "Left out: a (always"),
    ("46 numbers in words", "t.csv", with_a([f"$ {row * 99.5:,.2f}" for row in range(ROWS)]), {}, PLAIN,
     "a (text that reads as numbers)"),
    ("46 percentages", "t.csv", with_a([f"{row % 50}%" for row in range(ROWS)]), {}, PLAIN, "a (text that"),
    ("47 dates in several forms", "t.csv", with_a(["2024-01-02", "25/12/2023", "3 Jan 2024", "4 Jan 2024"] * 30), {},
     ("date", "category"), "a (read as %d %b %Y or ISO8601 or %d/%m/%Y)"),
    ("47 ambiguous dates", "t.csv", with_a(["01/02/2024", "03/04/2024"] * 60), {}, ("date", "category"),
     "day and month cannot be told apart"),
    ("48 no dates", "t.csv", with_a(["0000-00-00", *(f"{9880 + row}-01-01" for row in range(1, ROWS))]), {},
     ("date", "category"), "a: cells that are no date count as missing: 1 ('0000-00-00')."),
    ("49 time zones", "t.csv", with_a([f"2024-01-{row % 28 + 1:02}T10:00:00{'+02:00' if row % 3 else 'Z'}"
     for row in range(ROWS)]), {}, ("date", "category"), "by its name"),
    ("50 many categories", "t.csv", with_a([f"c{row // 2}" for row in range(ROWS)]), {}, ("category", "category"),
     "'a' tells single rows from each other"),
    ("51 identifier", "t.csv", with_a([f"u{row}" for row in range(ROWS)]), {}, ("identifier", "category"),
     "Left out: a (different in every row). Keep one with --kind"),
    ("51 a column to drop", "t.csv", csv(), {"kinds": {"b": "dropped"}}, ("number", "dropped"), "b (as you said)"),
    ("52 empty column", "t.csv", with_a(None), {}, ("constant", "category"), "Left out: a (empty)"),
    ("53 constant column", "t.csv", with_a("k"), {}, ("constant", "category"), "Left out: a (always 'k')"),
    ("54 leak", "t.csv", csv(GOOD.assign(b=GOOD["y"])), {}, ("number", "boolean"), "'b' gives the target 'y' away"),
    ("55 copies", "t.csv", csv(pd.concat([GOOD] * 3)), {}, PLAIN, "240 rows repeat an earlier one"),
    ("56 sorted by the target", "t.csv", csv(GOOD.sort_values("y")), {}, PLAIN, "by its name"),
    ("57 time", "t.csv", with_a(pd.date_range("2020-01-01", periods=ROWS)), {}, ("date", "category"), "Rows have"),
    ("61 no name", "t.csv", csv(GOOD.rename(columns={"a": ""})), {}, PLAIN, "were called column_1"),
    ("63 JSON lines", "t.jsonl", GOOD.to_json(orient="records", lines=True).encode(), {}, PLAIN, "by its"),
    ("63 JSON lines called CSV", "t.csv", GOOD.to_json(orient="records", lines=True).encode(), {}, PLAIN,
     "it holds JSON, and was read as such"),
    ("63 a JSON list", "t.json", GOOD.to_json(orient="records").encode(), {}, PLAIN, "by its name"),
    ("64 Parquet", "t.parquet", parquet(), {}, PLAIN, "by its name"),
    ("65 gzip", "t.csv.gz", gzip.compress(csv()), {}, PLAIN, "by its name"),
    ("66 archive", "t.zip", zipped("inner/data.csv"), {}, PLAIN, "by its name"),
    ("75 a name beyond ASCII", "dät ä 😀.csv", csv(), {}, PLAIN, "by its name"),
    ("102 long cells", "t.csv", csv(GOOD.assign(b=["w " * 100_000, *GOOD["b"][1:]])), {}, ("number", "text"), "words"),
    ("104 formulas and scripts", "t.csv", csv(GOOD.assign(b=["=cmd|'/c'!A1", "<script>"] * 60)), {},
     PLAIN, "by its name"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "data", "options", "kinds", "note"), [row[1:] for row in ANSWERED], ids=[row[0] for row in ANSWERED]
)
def test_is_answered(
    tmp_path: Path, name: str, data: bytes, options: dict[str, Any], kinds: tuple[str, str], note: str
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    prepared = prepare(path, Options(**options))
    facts = prepared.profile
    answers = ask("data", of_table(prepared.frame, facts))
    findings = worst_first(answers)
    told = [*prepared.notes, *facts.notes, *facts.warnings, *(finding.title for finding in findings)]
    assert tuple(column.kind for column in facts.columns) == kinds
    assert [said for said in told if note in said], told
    assert all(np.isfinite(arrays.numbers).all() for scaling, arrays in prepared.encoded.items() if scaling != "none")
    assert not [
        answer for answer in ask("data", of_table(prepared.frame, facts)) if "check itself failed" in str(answer)
    ]


def test_many_columns_are_no_problem(tmp_path: Path) -> None:
    """58."""
    frame = pd.DataFrame(RNG.normal(size=(40, 500)).round(2)).add_prefix("c").assign(y=["p", "q"] * 20)
    path = tmp_path / "wide.csv"
    path.write_bytes(csv(frame))
    assert api.profile(path).count("number") == 500


def test_a_file_larger_than_the_memory_is_refused_with_both_sizes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """59 and 87: what is free is that of the control group, where there is one."""
    path = tmp_path / "t.csv"
    path.write_bytes(csv())
    monkeypatch.setattr("automl.memory.available", lambda: 1000)
    with pytest.raises(EnvironmentFault, match=r"t.csv has 0.0 GB and needs at least 0.0 GB of memory, but 0.0 GB are"):
        read(path)


@pytest.mark.parametrize("name", ["😀[{<b>", '"x",:', "n" * 300, "line\nend", "=1+1", "prediction", "\x1b[31m"])
def test_any_name_may_stand_above_a_column(tmp_path: Path, name: str) -> None:
    """60, 61 and 62."""
    path = tmp_path / "t.csv"
    path.write_bytes(csv(GOOD.rename(columns={"a": name})))
    prepared = prepare(path, Options())
    assert [column.name for column in prepared.profile.used] == [name, "b"]


def test_a_missing_file_names_its_neighbours(tmp_path: Path) -> None:
    """69."""
    (tmp_path / "data.csv").write_bytes(csv())
    with pytest.raises(InputError, match="There is no file .*dat.csv'. Did you mean 'data.csv'?"):
        read(tmp_path / "dat.csv")


def _folder(path: Path) -> None:
    path.mkdir()


def _loop(path: Path) -> None:
    path.symlink_to(path)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        pytest.param(_folder, "is a folder. Give the path of a file in it. It holds no table.", id="70 a folder"),
        pytest.param(_loop, "is a symbolic link that leads back to itself. Give the path", id="72 a loop"),
        pytest.param(os.mkfifo, "is a pipe or a device, not a file. Write the table to a file", id="73 a pipe"),
    ],
)
def test_what_is_no_file_is_refused(tmp_path: Path, make: Callable[[Path], None], message: str) -> None:
    path = tmp_path / "t.csv"
    make(path)
    with pytest.raises(InputError, match=re.escape(message)):
        read(path)


def test_a_web_address_is_to_be_downloaded_first() -> None:
    """74."""
    with pytest.raises(InputError, match="is a web address. Download the file first, then give its path."):
        read("https://example.org/data.csv")


@pytest.mark.parametrize("data", [np.zeros((20, 2)), [[1, 2]], None, {"a": [1]}])
def test_what_is_neither_a_path_nor_a_frame_is_refused(data: Any) -> None:
    with pytest.raises(InputError, match="must be the path of a file or a pandas data frame, not"):
        api.profile(data)


# Prediction


ENCODING = table.fit(
    GOOD.assign(day="2024-01-02"),
    api.profile(GOOD.assign(day=["2024-01-02", "2024-02-03"] * 60), target="y", kinds={"day": "date"}),
)
KNOWN = ("a", "b", "y", "day", "id")
NEW = GOOD.assign(day="2024-03-04")


@pytest.mark.parametrize(
    ("frame", "notes"),
    [
        pytest.param(NEW[["y", "day", "b", "a"]], [], id="90 another order, 96 with the target"),
        pytest.param(
            NEW.assign(id=1, extra=1, more=2),
            ["Columns that the training table did not have were ignored: 'extra', 'more'."],
            id="90 new columns",
        ),
        pytest.param(
            NEW.assign(b=["new"] * 3 + ["x"] * (ROWS - 3)),
            ["Column 'b': values too rare in training or unknown: 3 cells ('new')."],
            id="91 unseen value",
        ),
        pytest.param(
            NEW.assign(a=["word"] * 3 + ["1"] * (ROWS - 3)),
            ["Column 'a': cells that are no number count as missing: 3 ('word')."],
            id="92 a few words among numbers",
        ),
        pytest.param(NEW.assign(a=NEW["a"].astype(str)), [], id="93 numbers as text"),
        pytest.param(NEW.iloc[:0], [], id="94 no rows"),
        pytest.param(NEW.assign(a=[10**25] * ROWS), [], id="95 huge integers"),
        pytest.param(NEW.assign(a=[1.0] * (ROWS - 1) + [np.nan]), [], id="97 whole numbers with a gap"),
    ],
)
def test_rows_to_predict_are_taken(frame: pd.DataFrame, notes: list[str]) -> None:
    strange.check(ENCODING, frame)
    arrays = table.apply(ENCODING, frame, scaling="quantile")
    assert len(arrays) == len(frame)
    assert np.isfinite(arrays.numbers).all()
    assert list(strange.notes(ENCODING, frame, known=KNOWN)) == notes


def test_numbers_as_text_are_the_same_numbers() -> None:
    """93."""
    one, other = (table.apply(ENCODING, frame, scaling="quantile") for frame in (NEW, NEW.astype({"a": str})))
    np.testing.assert_array_equal(one.numbers, other.numbers)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (
            {"a": ["word"] * ROWS},
            "Column 'a' was of the kind 'number' in training, but 120 of its 120 cells are no number",
        ),
        (
            {"day": ["soon", "2024-01-02"] * 60},
            "60 of its 120 cells are no date: 'soon'. Correct them, or leave them empty.",
        ),
    ],
)
def test_another_kind_of_column_is_refused(cells: dict[str, list[str]], message: str) -> None:
    """92."""
    with pytest.raises(InputError) as caught:
        strange.check(ENCODING, NEW.assign(**cells))
    assert message in str(caught.value)


def test_a_missing_column_is_named() -> None:
    """89."""
    with pytest.raises(InputError, match="lacks 1 column that the model was trained with: 'b'. Add them"):
        table.apply(ENCODING, NEW[["a", "day"]], scaling="quantile")


def test_what_was_unreadable_in_training_may_be_so_again() -> None:
    marks = ["low"] * 50 + ["1"] * 30 + ["2"] * 40
    frame = GOOD.assign(a=marks)
    encoding = table.fit(frame, api.profile(frame, target="y", kinds={"a": "number"}))
    strange.check(encoding, frame)
    with pytest.raises(InputError, match="110 of its 120 cells"):
        strange.check(encoding, frame.assign(a=["low"] * 110 + ["1"] * 10))


# The command line


def automl(
    *arguments: str, given: bytes | None = None, folder: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "automl", *arguments],
        input=None if given is None else given.decode(),
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=folder,
        env={**os.environ, **environment},
        check=False,
    )


def test_the_command_line_says_the_same(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(csv() + b"1,x\n")
    done = automl("profile", "t.csv", folder=tmp_path)
    with pytest.raises(AutomlError) as caught:
        api.profile(tmp_path / "t.csv")
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"automl: {caught.value}\n")


def test_the_command_line_takes_what_is_piped_in_whatever_the_locale(tmp_path: Path) -> None:
    """73 and 103."""
    given = csv(GOOD.rename(columns={"a": "größe"}))
    done = automl("profile", "-", "--drop", "b", folder=tmp_path, given=given, LANG="C", LC_ALL="C", PYTHONUTF8="0")
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 number, 1 dropped" in done.stdout


def test_a_named_index_is_left_out_of_a_frame() -> None:
    assert "the row index ('id') was left out" in from_frame(GOOD.rename_axis("id")).notes[0]
