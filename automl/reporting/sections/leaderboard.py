"""The best trials among the baselines."""

from __future__ import annotations

from typing import Any

import pandas as pd

from automl.figures import aligned, seconds
from automl.reporting.facts import ReportFacts
from automl.reporting.leaderboard import leaderboard

TITLE = "Leaderboard"
TOP = 20


def show(facts: ReportFacts) -> dict[str, Any] | None:
    """The twenty best networks, and all baselines."""
    board = leaderboard(facts.trials, facts.baselines, facts.metric, ensemble=facts.best, answers=facts.of_trials)
    scored = board[board["rank"].notna()]
    if not len(scored):
        return None
    best = scored[scored["deployable"]].head(TOP)
    shown = scored[scored["rank"].isin(best["rank"]) | ~scored["deployable"]]
    first = float(scored["val_score"].iloc[0])
    statuses = board.loc[board["trial"].notna(), "status"].value_counts()
    return {
        "rows": [_row(row, first) for row in shown.to_dict("records")],
        "are_judged": bool(facts.of_trials),
        "has_test": bool(scored["test_score"].notna().any()),
        "more": int(scored["deployable"].sum()) - len(best),
        "pruned": int(statuses.get("pruned", 0)),
        "failed": int(statuses.get("failed", 0)),
    }


def _row(row: dict[Any, Any], first: float) -> dict[str, Any]:
    severity, _, title = row["finding"].partition(": ")
    return {
        "judged": {"severity": severity, "title": title},
        "rank": row["rank"],
        "name": row["name"],
        "deployable": row["deployable"],
        "scores": {name: aligned(row[f"{name}_score"], like=first) for name in ("val", "test")},
        "gap": aligned(row["gap"], like=first),
        "epochs": f"{row['epochs']:,}" if pd.notna(row["epochs"]) else "",
        "seconds": seconds(row["seconds"]) if row["seconds"] else "",
        "parameters": f"{row['parameters']:,}" if pd.notna(row["parameters"]) else "",
    }
