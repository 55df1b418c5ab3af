"""From a table to a trained, checked and deployable neural network.

    import automl

    run = automl.fit("data.csv", task="classify", target="species", time="5m")
    run.leaderboard
    automl.load("runs/data-1").predict(frame)

Importing this package loads neither TensorFlow nor pandas; that waits until something is done.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from automl.errors import AutomlError, EnvironmentFault, InputError, NothingTrained

if TYPE_CHECKING:
    from automl.api import fit, load, profile, report, resume, sync
    from automl.model import Model
    from automl.run import Run

__all__ = [
    "AutomlError",
    "EnvironmentFault",
    "InputError",
    "Model",
    "NothingTrained",
    "Run",
    "fit",
    "load",
    "profile",
    "report",
    "resume",
    "sync",
]
__version__ = "0.1.0"

_HOMES = {
    "Model": "automl.model",
    "Run": "automl.run",
    "fit": "automl.api",
    "load": "automl.api",
    "profile": "automl.api",
    "report": "automl.api",
    "resume": "automl.api",
    "sync": "automl.api",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'automl' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
