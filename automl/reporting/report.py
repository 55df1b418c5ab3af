"""`report.html`: one file that tells a person who was not there what a run has come to, and how far to trust it.

Facts (`facts`) go through sections (`sections`) and their templates (`reports/`) to a page without scripts, that loads
nothing: its content security policy allows one style element, by its hash.
"""

from __future__ import annotations

import base64
import hashlib
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, TextIO

import jinja2
from markupsafe import Markup

from automl import figures, files
from automl.plain import plain, plain_lines
from automl.records import RunFolder
from automl.reporting import sections
from automl.reporting.facts import ReportFacts, from_folder
from automl.reporting.verdict import PARTS
from automl.resources import folder

LONGEST_NAME = 60


@dataclass(frozen=True)
class Part:
    """A section as the page shows it."""

    name: str
    title: str
    body: Markup


def write(path: Path, out: Path | None = None) -> Path:
    """Makes the report of the run in a folder, and returns where it is: `report.html` in that folder, or `out`.

    Raises:
        InputError: the folder holds no run, or its records are damaged.
        EnvironmentFault: the report cannot be written.
    """
    log = StringIO()
    page = html(from_folder(path), log=log)
    place = out or path / "report.html"
    if out is None:
        files.write_text(place, page)
    else:
        files.write_out(place, page)
    if log.getvalue():
        # A folder that is kept may be read-only.
        with suppress(OSError), RunFolder(path).log.open("a", encoding="utf-8") as kept:
            kept.write(plain_lines(log.getvalue()))
    return place


def html(facts: ReportFacts, *, log: TextIO | None = None) -> str:
    """The report as a page.

    Args:
        log: takes the traceback of a section that fails. The page says so in its place.
    """
    environment = _environment()
    style = (folder("reports") / "style.css").read_text(encoding="utf-8")

    def parts(names: Sequence[str]) -> list[Part]:
        return [part for name in names if (part := _part(name, facts, environment, log))]

    return environment.get_template("report.html.j2").render(
        facts=facts,
        style=Markup(style),  # noqa: S704  our own file
        style_hash=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        parts=parts,
    )


def _part(name: str, facts: ReportFacts, environment: jinja2.Environment, log: TextIO | None) -> Part | None:
    """A section; None where it has nothing to say."""
    section = sections.section(name)
    try:
        content = section.show(facts)
        if content is None:
            return None
        body = environment.get_template(f"sections/{name}.html.j2").render(facts=facts, **content)
    except Exception as error:  # noqa: BLE001  whatever a run may have recorded
        if log is not None:
            log.write(f"The report's section {name!r} failed:\n{traceback.format_exc()}")
        body = environment.get_template("failed.html.j2").render(error=type(error).__name__)
    return Part(name, section.TITLE, Markup(body))  # noqa: S704  a template has escaped it


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder("reports")),
        autoescape=True,
        finalize=_harmless,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {
        "score": figures.score,
        "number": figures.value,
        "count": figures.count,
        "percent": figures.percent,
        "seconds": figures.seconds,
        "clock": figures.clock,
        "name": _name,
        "short": lambda text: plain(text, longest=LONGEST_NAME),
    }
    environment.globals["PARTS"] = PARTS
    return environment


def _harmless(value: Any) -> Any:
    """Text that strangers wrote is left no letters that turn a line round."""
    return plain(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _name(text: str, longest: int = LONGEST_NAME) -> Markup:
    """A name from the table, set apart from the text around it, since it may run from right to left."""
    whole = plain(text)
    if len(whole) <= longest:
        return Markup("<bdi>{}</bdi>").format(whole or "(blank)")
    return Markup('<bdi title="{}">{}</bdi>').format(whole[:300], plain(text, longest=longest))
