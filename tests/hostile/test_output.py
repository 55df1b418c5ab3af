"""Names, classes and cells that would act where they are shown: terminal, report, MLflow's pages, spreadsheets."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from rich.console import Console

from automl import files
from automl.data.profile import profile
from automl.errors import InputError, unknown
from automl.plain import markdown
from automl.records import RunFolder
from automl.reporting import profile as shown_profile
from automl.reporting import report
from automl.reporting.compare import compare, show
from automl.reporting.leaderboard import table
from automl.run import Run
from automl.spreadsheet import without_formulas
from automl.tracking import RunDescription, entities

Recorded = Callable[..., RunFolder]
# OWASP's cheat sheet for filter evasion, 0xsobky's polyglot, and what ends the places where a page shows names.
SCRIPTS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg/onload=alert(1)>",
    "</style><script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "</svg></text><script>alert(1)</script>",
    "]]><script>alert(1)</script>",
    "--><script>alert(1)</script><!--",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:alert(1)//",
    '<a href="javascript:alert(1)">x</a>',
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "<meta http-equiv=refresh content='0;url=//x.test'>",
    "<base href=//x.test>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    '" onmouseover=alert(1) x="',
    "' style=background:url(//x.test) x='",
    "jaVasCript:/*-/*`/*\\`/*'/*\"/**/(/* */oNcliCk=alert() )//%0D%0A%0d%0a//</stYle/</titLe/</teXtarEa/</scRipt/--!>\\x3csVg/<sVg/oNloAd=alert()//>\\x3e",  # noqa: E501
]
# What a terminal would obey, or what turns a line round.
CODES = [
    "\x1b[2J\x1b[31mred",
    "\x1b]0;title\x07",
    "\x1b]8;;http://x.test\x1b\\link\x1b]8;;\x1b\\",
    "\x9b31mred",
    "back\x08\x08\x08",
    "line\rover",
    "\u202egnp.exe",
    "\u2066left\u2069",
    "zero\u200bwidth",
    "\x00nul",
    "tag\U000e0041",
]
UNSEEN = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]")


class Page(HTMLParser):
    """The elements of a page with the names of their attributes, and what they refer to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: set[tuple[str, tuple[str, ...]]] = set()
        self.targets: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add((tag, tuple(sorted(name for name, _ in attrs))))
        self.targets |= {str(value) for name, value in attrs if name in ("href", "src", "action", "style", "content")}


def called(text: str) -> dict[str, str]:
    """Names for everything in a run that a table names."""
    return {name: f"{text} {name}" for name in ("length", "colour", "kind", "rose", "flowers")}


def spoiled(content: Any, text: str) -> Any:
    """The same JSON with the text behind every text that says something to people."""
    if isinstance(content, dict):
        told = ("message", "says", "why", "title", "explanation", "advice", "verdict", "where", "how", "command")
        return {
            name: f"{value} {text}" if name in told and isinstance(value, str) else spoiled(value, text)
            for name, value in content.items()
        }
    return [spoiled(item, text) for item in content] if isinstance(content, list) else content


def made(recorded: Recorded, text: str, task: str = "classify", name: str = "run") -> RunFolder:
    run = recorded(name, names=called(text), task=task)
    for path in run.path.rglob("*.json"):
        files.write_record(path, spoiled(files.read_record(path), text))
    return run


@pytest.mark.parametrize("task", ["classify", "regress"])
def test_a_report_has_no_other_elements(recorded: Recorded, task: str) -> None:
    harmless = Page(report.write(made(recorded, "harmless", task, "harmless").path).read_text())
    run = made(recorded, " ".join(SCRIPTS), task, "harmful")
    text = report.write(run.path).read_text()
    page = Page(text)
    assert "alert" in text
    assert "The section" not in text
    # A long name has its whole in a title.
    assert {(tag, tuple(name for name in names if name != "title")) for tag, names in page.elements} <= {
        (tag, tuple(name for name in names if name != "title")) for tag, names in harmless.elements
    }
    assert page.targets == harmless.targets
    assert not any(name.startswith("on") for _, names in page.elements for name in names)
    assert "script" not in {tag for tag, _ in page.elements}


@pytest.mark.parametrize("text", SCRIPTS)
def test_a_report_with_one_name_has_no_script(recorded: Recorded, text: str) -> None:
    page = Page(report.write(recorded(names=dict.fromkeys(["rose"], text)).path).read_text())
    assert "script" not in {tag for tag, _ in page.elements}
    assert not {"iframe", "base", "object", "img"} & {tag for tag, _ in page.elements}
    assert not any(name.startswith("on") for _, names in page.elements for name in names)


def test_the_reader_of_pages_finds_scripts() -> None:
    page = Page("<p>x</p><img src=x onerror=alert(1)><script>1</script>")
    assert page.elements == {("p", ()), ("img", ("onerror", "src")), ("script", ())}
    assert page.targets == {"x"}


def printed(*shown: Any) -> str:
    out = StringIO()
    console = Console(file=out, width=200, force_terminal=False)
    for each in shown:
        console.print(each)
    return out.getvalue()


@pytest.mark.parametrize("code", CODES)
def test_nothing_acts_on_the_terminal(recorded: Recorded, code: str) -> None:
    run = Run(made(recorded, code).path)
    frame = pd.DataFrame({f"{code}{number}": [f"{code} {row % 3}" for row in range(30)] for number in range(3)})
    facts = profile(frame.assign(kind=["a", code] * 15), target="kind")
    told = printed(
        table(run.leaderboard, run.metric, top=20),
        show(compare(run.path, made(recorded, code, name="other").path)),
        shown_profile.show(facts, name=code, notes=[code]),
    )
    assert UNSEEN.findall(told) == []
    assert UNSEEN.findall(report.write(run.path).read_text()) == []


@pytest.mark.parametrize("code", CODES)
def test_no_message_acts_on_the_terminal(code: str) -> None:
    assert UNSEEN.findall(str(InputError(f"There is no {code}.\nWrite another."))) == []
    assert UNSEEN.findall(str(unknown("column", code, [code]))) == []
    assert str(InputError("one\ntwo")) == "one\ntwo"


def automl(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "automl", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


def test_the_command_line_says_nothing_that_acts(tmp_path: Path) -> None:
    name = "".join(CODES[:7]).replace("\x00", "").replace("/", "")
    words = "some more words that say nothing at all of number"
    classes = ["a", "\x9bb"]
    rows = [f"{words} {number % 5},{number % 7 + 0.5},{classes[number % 2]}\n" for number in range(60)]
    (tmp_path / f"{name}.csv").write_text(f'"{name}",size,kind\n' + "".join(rows))
    for arguments in (
        ["profile", f"{name}.csv"],
        ["profile", "--json", f"{name}.csv"],
        ["leaderboard", name],
        ["fit", name],
    ):
        done = automl(*arguments, folder=tmp_path)
        assert UNSEEN.findall(done.stdout + done.stderr) == []
        assert "Traceback" not in done.stderr
    done = automl("profile", "--json", f"{name}.csv", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert name[:4] in told["columns"][0]["name"]


@pytest.mark.parametrize("text", [*SCRIPTS, "**bold** _x_ ![x](http://x.test) [x](javascript:alert(1)) `x` # x | y"])
def test_nothing_acts_in_a_description(text: str) -> None:
    escaped = markdown(text)
    bare = re.sub(r"\\[\\`*_\[\]<>&|~#!]", "", escaped)
    assert not set("\\`*_[]<>&|~#!") & set(bare)


def test_mlflows_first_description_is_escaped(flowers: pd.DataFrame) -> None:
    name = "](javascript:alert(1)) `<script>alert(1)</script>"
    frame = flowers.rename(columns={"kind": name})
    facts = profile(frame, target=name)
    known = dict.fromkeys(RunDescription.__dataclass_fields__, None) | {
        "name": "run", "data": name, "digest": "0", "source": "x", "command": "x", "objective": "log_loss",
        "profile": facts, "began": 0, "split": {"train": 1}, "settings": {},
    }  # fmt: skip
    note = entities.tags_of_run(RunDescription(**known))["mlflow.note.content"]  # type: ignore[arg-type]
    assert markdown(name) in note
    assert not re.search(r"(?<!\\)[<`\]]", note)


FORMULAS = [
    "=cmd|' /C calc'!A0",
    "+1+cmd",
    "-2+3+cmd",
    "@SUM(1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "\0=1",
    " =1",
    '"=1',
    "＝1",
    "-",
    "+",
]


@pytest.mark.parametrize("text", FORMULAS)
def test_a_spreadsheet_takes_no_text_for_a_formula(text: str) -> None:
    safe = without_formulas(pd.DataFrame({"prediction": [text, "a"], text: [0.5, -0.5]}))
    assert safe["prediction"].tolist() == [f"'{text}", "a"]
    assert list(safe.columns) == ["prediction", f"'{text}"]


def test_numbers_and_plain_texts_stay_as_they_are() -> None:
    frame = pd.DataFrame({"prediction": ["-1", "-1.5e3", "+2", "rose", "a=b"], "a-b": [-1.5, -2.0, -0.0, 1.0, 2.0]})
    pd.testing.assert_frame_equal(without_formulas(frame), frame)


def test_an_empty_table_stays_empty() -> None:
    assert without_formulas(pd.DataFrame({"=a": pd.Series([], dtype=object)})).columns.tolist() == ["'=a"]
