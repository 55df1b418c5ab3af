"""A few of the crash points, torn files and random kills that `tests/benchmarks/crash_points.py` has in full."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


def test_nothing_is_lost_at_a_few_points() -> None:
    few = ["--only", "points", "torn", "random", "--kills", "300", "--few", "5", "--each", "2"]
    ended = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.crash_points", *few],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    for kind in ("points", "torn", "random"):
        assert f"{kind}: 5 cases, 0 wrong" in ended.stdout
