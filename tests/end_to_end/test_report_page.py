"""The report in a browser, as a person opens it."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from automl.records import RunFolder
from automl.reporting import report
from tests.end_to_end.browser import needs_browser, opened

Recorded = Callable[..., RunFolder]
HOSTILE = {
    "length": "<script>alert(1)</script>",
    "kind": '"><img src=x onerror=alert(1)>',
    "rose": "unbreakable" * 18,
    "colour": "a" * 200,
    "flowers": "</style><script>alert(2)</script>",
}

pytestmark = needs_browser


@pytest.mark.parametrize("task", ["classify", "regress"])
def test_opens_without_a_word_on_the_console(recorded: Recorded, tmp_path: Path, task: str) -> None:
    page = report.write(recorded(task=task, names=HOSTILE).path)
    console, shown = opened(page.as_uri(), tmp_path, seconds=2)
    assert console == []
    assert "How to reproduce it" in shown


def test_what_the_policy_forbids_is_told_on_the_console(recorded: Recorded, tmp_path: Path) -> None:
    page = report.write(recorded().path)
    page.write_text(page.read_text().replace("<main>", '<main><p style="color: red">red</p><script>alert(1)</script>'))
    console, _ = opened(page.as_uri(), tmp_path, seconds=2)
    assert len(console) == 2
    assert all("Content Security Policy" in line for line in console)


@pytest.mark.parametrize("task", ["classify", "regress"])
@pytest.mark.parametrize("width", [400, 1280])
def test_is_no_wider_than_the_window(recorded: Recorded, tmp_path: Path, task: str, width: int) -> None:
    text = report.write(recorded(task=task, names=HOSTILE, columns=50).path).read_text()
    # A window has a least width; a frame has not. Its page may tell it its width only without the policy.
    bare = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
    measure = "document.title = this.contentDocument.documentElement.scrollWidth"
    around = tmp_path / "around.html"
    around.write_text(
        f'<title></title><iframe width="{width}" height="900" onload="{measure}" srcdoc="{html.escape(bare)}">'
    )
    _, shown = opened(around.as_uri(), tmp_path, seconds=2)
    found = re.search(r"<title>(\d+)</title>", shown)
    assert found
    assert int(found[1]) <= width
