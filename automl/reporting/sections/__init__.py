"""The sections of a report: one file turns facts into what the template of the same name shows.

Every module offers:

    TITLE: the heading
    show(facts) -> dictionary for `reports/sections/NAME.html.j2`, or None where the section has nothing to say

`reports/report.html.j2` names the sections in their order. Templates escape whatever they are given; figures are made
by `automl.reporting.plots`.
"""

from __future__ import annotations

from typing import Any, Protocol, cast

from automl import plugins
from automl.reporting.facts import ReportFacts


class Section(Protocol):
    """What a module of this package offers."""

    TITLE: str

    def show(self, facts: ReportFacts) -> dict[str, Any] | None: ...


def section(name: str) -> Section:
    """The section called `name`."""
    return cast("Section", plugins.load("reporting.sections", name, noun="section"))


def names() -> list[str]:
    """Every section there is, in alphabetical order."""
    return plugins.names("reporting.sections")
