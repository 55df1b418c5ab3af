"""What was asked of a run: enough to understand it, and to tell whether another is the same."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from automl import files
from automl.options import Options
from automl.preparation import Prepared
from automl.reporting import Plan
from automl.tracking.store import address, without_secrets
from automl.versions import installed


def record(prepared: Prepared, options: Options, *, command: str) -> dict[str, Any]:
    """What `run.json` keeps."""
    return {
        "command": command,
        "began": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": installed(),
        "data": {
            "name": prepared.name,
            "source": prepared.source,
            "path": prepared.path and str(prepared.path),
            "digest": prepared.digest,
            "test": options.test and files.sha256(options.test),
        },
        "notes": list(prepared.notes),
        "target": prepared.profile.target.name,
        "classes": prepared.specification.get("labels", []),
        "task": prepared.profile.target.task,
        "metric": options.metric or prepared.task.OBJECTIVE,
        "split": {"how": prepared.split.how, **{name: len(rows) for name, rows in prepared.split.parts().items()}},
        "folds": None if prepared.split.folds is None else prepared.split.number_of_folds,
        "encoding": prepared.encoding.digest,
        "options": {
            **{name: _plain(value) for name, value in dataclasses.asdict(options).items()},
            # As it was typed, it may be relative to this folder.
            "tracking_uri": options.tracking_uri and without_secrets(address(options.tracking_uri)),
        },
        "families": [
            {"name": known.name, "taken": known.taken, "why": known.why, "summary": known.summary}
            for known in prepared.candidates
        ],
        "spaces": {
            family: {name: dataclasses.asdict(parameter) for name, parameter in space.parameters.items()}
            for family, space in prepared.spaces.items()
        },
    }


def settings(prepared: Prepared, options: Options, plan: Plan) -> dict[str, Any]:
    """The same in a few words, as a tracker shows it."""
    return {
        "quality": options.quality,
        "search": options.search,
        "seconds": options.seconds,
        "trials": plan.trials,
        "refit": plan.refit_rows is not None,
        "prune": options.prunes,
        "workers": options.processes,
        "seed": options.seed,
        "balance": options.balance,
        "families": ", ".join(candidate.name for candidate in prepared.candidates if candidate.taken),
        "split": prepared.split.how,
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value.absolute())
    return [_plain(item) for item in value] if isinstance(value, tuple) else value
