"""A run as trackers are told of it, read from its folder: so it can be told again, and to another store."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pandas as pd

from automl.records import RunFolder
from automl.tracking import RunDescription, RunOutcome
from automl.trial import Trial

# What a person may want to have beside the scores; the log has paths of the machine, and weights are in the model.
FILES = ("leaderboard.csv", "profile.json", "run.json", "findings.json", "report.html")


def description(folder: RunFolder, *, trials: Sequence[Trial] = ()) -> RunDescription:
    """What was known of the run when it started.

    Args:
        trials: those that the tracker may not have been told of.
    """
    asked = folder.asked()
    sessions = asked.get("resumed", [])
    records = {trial.number: folder.of_trial(trial.number) / "result.json" for trial in trials}
    return RunDescription(
        name=folder.path.resolve().name,
        data=asked["data"]["name"],
        digest=asked["data"]["digest"],
        source=asked["data"]["source"],
        profile=folder.profile(),
        split={part: rows for part, rows in asked["split"].items() if part != "how"},
        objective=asked["metric"],
        settings=asked.get("settings", {}),
        command=sessions[-1]["command"] if sessions else asked["command"],
        began=round(1000 * datetime.fromisoformat(asked["began"]).timestamp()),
        keeps=folder.tracking,
        resumed=len(sessions),
        trials=trials,
        ended={number: round(1000 * path.stat().st_mtime) for number, path in records.items() if path.exists()},
    )


def outcome(folder: RunFolder) -> RunOutcome:
    """What came of the run; of one that was broken off, that it was."""
    ended = folder.outcome()
    verdict, answers = folder.findings()
    evaluated = folder.path / "evaluation.npz"
    return RunOutcome(
        status=ended.status if ended else "interrupted",
        leaderboard=_leaderboard(folder),
        best=folder.ensemble() if ended else None,
        baselines={baseline.name: baseline.scores for baseline in folder.baselines() if baseline.scores},
        bundle=folder.bundle if ended and folder.bundle.is_dir() else None,
        example=folder.example(),
        files=tuple(path for name in FILES if (path := folder.path / name).is_file()),
        plots=tuple(sorted(folder.plots.glob("*.png"))),
        summary=folder.summary(),
        answers=answers,
        of_trials=folder.findings_of_trials(),
        verdict=verdict,
        evaluated=evaluated if evaluated.is_file() else None,
    )


def _leaderboard(folder: RunFolder) -> pd.DataFrame:
    path = folder.path / "leaderboard.csv"
    if not path.is_file():
        return pd.DataFrame()
    return pd.read_csv(path, dtype_backend="numpy_nullable")
