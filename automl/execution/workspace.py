"""The encoded data on disk: written once by the main process, mapped into memory by every worker."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.data.split import Split
from automl.encoding import table
from automl.encoding.table import Arrays, Encoding
from automl.tasks import Specification
from automl.training.examples import Examples, Part


def write(
    folder: Path,
    *,
    task: str,
    encoded: dict[str, Arrays],
    targets: NDArray[Any],
    split: Split,
    weights: NDArray[np.float32],
    specification: Specification,
    encoding: Encoding,
) -> None:
    """Writes all rows, part by part, in every scaling; the rows of a cross-validation once.

    Args:
        weights: shape (rows,), how much each counts in the loss.
    """
    folder.mkdir(parents=True, exist_ok=True)
    parts = split.parts()
    if split.folds is not None:
        del parts["val"]
        np.save(folder / "folds.npy", split.folds)
    for part, rows in parts.items():
        for scaling, arrays in encoded.items():
            table.save(arrays.take(rows), folder, f"{part}.{scaling}")
        np.save(folder / f"{part}.targets.npy", targets[rows])
        np.save(folder / f"{part}.weights.npy", weights[rows])
    facts = {
        "task": task,
        "parts": list(parts),
        "scalings": list(encoded),
        "specification": specification,
        "sizes": list(encoding.sizes),
    }
    (folder / "facts.json").write_text(json.dumps(facts), encoding="utf-8")


def read(folder: Path) -> tuple[str, Examples]:
    """The task's name and the examples that `write` wrote, mapped into memory."""
    facts = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
    parts = {
        part: Part(
            {scaling: table.open_saved(folder, f"{part}.{scaling}") for scaling in facts["scalings"]},
            np.load(folder / f"{part}.targets.npy", mmap_mode="r"),
        )
        for part in facts["parts"]
    }
    folds = np.load(folder / "folds.npy") if (folder / "folds.npy").exists() else None
    weights = {part: np.load(folder / f"{part}.weights.npy", mmap_mode="r") for part in facts["parts"]}
    return facts["task"], Examples(
        {"val": parts["train"], **parts},
        weights.pop("train"),
        facts["specification"],
        tuple(facts["sizes"]),
        folds,
        weights,
    )
