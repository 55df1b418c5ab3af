"""How to get the same again: command, versions, seed and the data's digest."""

from __future__ import annotations

import shlex
from typing import Any

from automl.reporting.facts import ReportFacts

TITLE = "How to reproduce it"


def show(facts: ReportFacts) -> dict[str, Any]:
    """What was typed, and with what."""
    asked = facts.asked
    options = asked["options"]
    return {
        "command": asked["command"],
        "about": {
            "Run": facts.name,
            "Began": asked.get("began", "").replace("T", " ").replace("+00:00", " UTC"),
            "Data": f"{asked['data']['name']} ({asked['data']['source']})",
            "SHA-256 of the data": asked["data"]["digest"],
            "Seed": str(options["seed"]),
            "Split": asked["split"]["how"],
        },
        "versions": asked["versions"],
        "is_exact": options.get("workers") == 1 and options.get("seconds") is None,
        "predict": f"automl predict {shlex.quote(str(facts.path))} new.csv --out predictions.csv",
        "python": f"automl.load({str(facts.path)!r}).predict(frame)",
        "has_model": facts.best is not None,
    }
