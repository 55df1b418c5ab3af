"""What the `run.json` of a run may say: whatever else it holds is refused before anything is done with it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel


class Data(BaseModel, strict=True):
    """The table of the run."""

    name: str = ""
    digest: str = ""
    source: str = ""
    path: str | None = None
    test: str | None = None


class Asked(BaseModel, strict=True):
    """run.json, as far as more than a person reads it."""

    command: str = ""
    began: str = ""
    fingerprint: str = ""
    data: Data = Data()
    target: str
    task: str
    metric: str
    classes: list[str] = []
    notes: list[str] = []
    split: dict[str, int | str] = {}
    folds: int | None = None
    encoding: str = ""
    options: dict[str, Any] = {}
    spaces: dict[str, dict[str, dict[str, Any]]] = {}
    versions: dict[str, str] = {}
    resumed: list[dict[str, Any]] = []
