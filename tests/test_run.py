"""A run's folder, read from Python."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from automl.errors import InputError
from automl.records import RunFolder
from automl.run import Run

Recorded = Callable[..., RunFolder]


def test_has_the_verdict_and_the_findings_worst_first(recorded: Recorded) -> None:
    run = Run(recorded().path)
    assert run.verdict == "The model generalises."
    assert [(finding.code, finding.severity) for finding in run.findings] == [
        ("duplicates", "problem"),
        ("drift", "note"),
    ]
    assert run.findings is run.findings


def test_a_run_that_was_not_checked_has_no_verdict(recorded: Recorded) -> None:
    folder = recorded()
    (folder.path / "findings.json").unlink()
    run = Run(folder.path)
    assert (run.verdict, run.findings) == ("", [])


@pytest.mark.parametrize("asked", ["metric", "trials", "baselines", "ensemble", "verdict", "findings", "leaderboard"])
def test_a_folder_without_a_run_is_not_a_run_in_which_nothing_was_found(tmp_path: Path, asked: str) -> None:
    with pytest.raises(InputError, match="holds no run"):
        getattr(Run(tmp_path), asked)


def test_takes_its_path_as_text(recorded: Recorded) -> None:
    path = recorded().path
    assert Run(str(path)) == Run(path)
    assert Run(str(path)).trials == RunFolder(path).trials()


@pytest.mark.parametrize("content", [b'{"verdict": ""}', b"[]", b"{"])
def test_damaged_findings_are_not_none(recorded: Recorded, content: bytes) -> None:
    folder = recorded()
    (folder.path / "findings.json").write_bytes(content)
    with pytest.raises(InputError, match="findings.json is damaged"):
        _ = Run(folder.path).findings
