"""Pages in a headless browser."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_BROWSER = next((path for name in _NAMES if (path := shutil.which(name))), "")

needs_browser = pytest.mark.skipif(not _BROWSER, reason=f"no browser is installed: none of {', '.join(_NAMES)}")


def opened(address: str, folder: Path, *options: str, seconds: float) -> tuple[list[str], str]:
    """What the browser says on its console, and the page as it has become after so much of its own time."""
    done = subprocess.run(
        [
            _BROWSER,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            "--enable-logging=stderr",
            "--v=0",
            f"--user-data-dir={folder / 'browser'}",
            f"--virtual-time-budget={1000 * seconds:.0f}",
            *options,
            "--dump-dom",
            address,
        ],
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
    )
    return re.findall(r":CONSOLE[:(].*", done.stderr), done.stdout
