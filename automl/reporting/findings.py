"""What the checks have found, as text."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from automl.diagnostics import Finding, Severity
from automl.figures import count
from automl.plain import plain
from automl.reporting.profile import labelled

MOST_FINDINGS = 5
STYLES: dict[Severity, str] = {"fine": "", "note": "cyan", "warning": "magenta", "problem": "red"}


def table(findings: Sequence[Finding], *, most: int | None = None) -> Table:
    """The worst findings: what each is, and what to do about it.

    Args:
        findings: the worst first.
        most: how many are shown; the others are counted.
    """
    shown = labelled()
    for finding in findings[:most]:
        text = Text(plain(finding.title), style=STYLES[finding.severity])
        if finding.advice:
            text.append(f"\n{plain(finding.advice)}", style="not bold default")
        shown.add_row(Text(finding.severity.capitalize(), style=STYLES[finding.severity]), text)
    if most is not None and len(findings) > most:
        shown.add_row("", f"{count(len(findings) - most, 'more finding')} in the run's findings.json")
    return shown
