"""What the checks have found, the worst first; all of them behind a fold."""

from __future__ import annotations

from typing import Any

from automl.diagnostics import Answer, Finding, worst_first
from automl.figures import score
from automl.reporting.facts import ReportFacts

TITLE = "Findings"
PROMINENT = 5


def show(facts: ReportFacts) -> dict[str, Any] | None:
    """At most five findings in full, and a line for each check."""
    if not facts.answers:
        return None
    found = worst_first(facts.answers)
    return {
        "prominent": found[:PROMINENT],
        "more": len(found) - PROMINENT,
        "checks": [_line(answer) for answer in _ordered(facts.answers, found)],
    }


def _ordered(answers: Any, found: list[Finding]) -> list[Answer]:
    fine = [answer for answer in answers if isinstance(answer, Finding) and answer.severity == "fine"]
    return [*found, *fine, *(answer for answer in answers if not isinstance(answer, Finding))]


def _line(answer: Answer) -> dict[str, Any]:
    check = answer.code.replace("_", " ").capitalize()
    if isinstance(answer, Finding):
        return {
            "check": check,
            "severity": answer.severity,
            "says": answer.title,
            "explanation": answer.explanation,
            "figures": _figures(answer),
        }
    return {"check": check, "severity": "none", "says": answer.why, "explanation": "", "figures": []}


def _figures(finding: Finding) -> list[tuple[str, str]]:
    return [(name.replace("_", " "), score(value)) for name, value in finding.figures.items()]
