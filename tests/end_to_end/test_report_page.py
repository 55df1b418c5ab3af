"""The report in a browser, as a person opens it."""

from __future__ import annotations

import html
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from automl.records import RunFolder
from automl.reporting import report

Recorded = Callable[..., RunFolder]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
BROWSER = next((path for name in BROWSERS if (path := shutil.which(name))), "")
HOSTILE = {
    "length": "<script>alert(1)</script>",
    "kind": '"><img src=x onerror=alert(1)>',
    "rose": "unbreakable" * 18,
    "colour": "a" * 200,
    "flowers": "</style><script>alert(2)</script>",
}

pytestmark = pytest.mark.skipif(not BROWSER, reason=f"no browser is installed: none of {', '.join(BROWSERS)}")


def opened(page: Path, folder: Path) -> tuple[list[str], str]:
    """What the browser says on its console, and the page as it has become."""
    done = subprocess.run(
        [
            BROWSER,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            "--enable-logging=stderr",
            "--v=0",
            f"--user-data-dir={folder / 'browser'}",
            "--virtual-time-budget=2000",
            "--dump-dom",
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return re.findall(r":CONSOLE[:(].*", done.stderr), done.stdout


@pytest.mark.parametrize("task", ["classify", "regress"])
def test_opens_without_a_word_on_the_console(recorded: Recorded, tmp_path: Path, task: str) -> None:
    page = report.write(recorded(task=task, names=HOSTILE).path)
    console, shown = opened(page, tmp_path)
    assert console == []
    assert "How to reproduce it" in shown


def test_what_the_policy_forbids_is_told_on_the_console(recorded: Recorded, tmp_path: Path) -> None:
    page = report.write(recorded().path)
    page.write_text(page.read_text().replace("<main>", '<main><p style="color: red">red</p><script>alert(1)</script>'))
    console, _ = opened(page, tmp_path)
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
    _, shown = opened(around, tmp_path)
    found = re.search(r"<title>(\d+)</title>", shown)
    assert found
    assert int(found[1]) <= width
