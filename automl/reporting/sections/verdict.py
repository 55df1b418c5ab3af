"""What the run has come to, in a sentence and a few figures."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

from automl.figures import clock, count, score
from automl.reporting.facts import ReportFacts
from automl.reporting.verdict import called

TITLE = "Verdict"


def show(facts: ReportFacts) -> dict[str, Any]:
    """The verdict of the checks; of a run without one, what the scores say."""
    return {
        "verdict": facts.says,
        "notes": _notes(facts),
        "tiles": _tiles(facts),
        "failures": _failures(facts) if facts.best is None else [],
        "interrupted": facts.outcome is not None and facts.outcome.status == "interrupted",
    }


def _notes(facts: ReportFacts) -> list[str]:
    """How the verdict's numbers are to be read."""
    notes = []
    if "±" in facts.says:
        notes.append("± is one standard error: by about so much the score would change with other rows of the kind.")
    if facts.best is not None and facts.asked.get("folds") and facts.unseen == "test":
        notes.append(
            "A validation row is judged by the networks of one fold, a test row by the mean of all folds' networks, "
            "which may do a little better."
        )
    return notes


def _tiles(facts: ReportFacts) -> list[tuple[str, str]]:
    """Figures with what they are."""
    where = f"on {count(facts.rows[facts.unseen], f'{facts.unseen_title} row')}"
    scored = [(f"{facts.metric.title} {where}", facts.best.scores)] if facts.best else []
    scored += [(f"by {called(baseline)}", baseline.scores) for baseline in facts.baselines if baseline.scores]
    tiles = [(score(scores.get(facts.unseen, {}).get(facts.metric.name, math.nan)), name) for name, scores in scored]
    time = f" in {clock(facts.outcome.seconds)}" if facts.outcome else ""
    profile = facts.profile
    tiles.append((f"{len(facts.trials):,}", f"{'trial' if len(facts.trials) == 1 else 'trials'}{time}"))
    tiles.append((f"{profile.rows:,}", f"rows with {count(len(profile.columns), 'column')}"))
    return tiles


def _failures(facts: ReportFacts) -> list[tuple[int, str, str]]:
    """How often, for what reason and with which message trials failed."""
    failed = [trial for trial in facts.trials if trial.status == "failed"]
    messages = {trial.reason: trial.message for trial in reversed(failed)}
    return [
        (times, str(reason), messages[reason])
        for reason, times in Counter(trial.reason for trial in failed).most_common()
    ]
