"""Tables and runs as the checks see them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from automl import resources
from automl.baselines import Baseline
from automl.data.profile import profile
from automl.data.split import Split
from automl.diagnostics import Data, Evidence
from automl.ensemble import Ensemble, Member, blend
from automl.evidence import of_data
from automl.options import Options
from automl.preparation import prepare
from automl.space import SearchSpace
from automl.tasks import metric, scores, task
from automl.trial import Trial

EvidenceOf = Callable[..., Evidence]


@pytest.fixture
def evidence_of() -> EvidenceOf:
    """Makes the evidence of a run whose trials predict what they are told to."""
    return _evidence


def _evidence(
    targets: NDArray[Any],
    predictions: Mapping[int, NDArray[np.float64]],
    *,
    train: int,
    val: int,
    of: str = "regress",
    decides_by: str | None = None,
    members: Mapping[int, float] | None = None,
    temperature: float = 1.0,
    frame: pd.DataFrame | None = None,
    trials: Sequence[Trial] = (),
    spaces: Mapping[str, SearchSpace] | None = None,
    baselines: Sequence[Baseline] = (),
    kept: Sequence[int] | None = None,
) -> Evidence:
    """Training rows come first, then validation rows, and the rest are test rows.

    Args:
        predictions: by trial, of all rows.
        members: the weights of the model's trials; trial 0 alone by default.
        trials: where they are more than a number, a family and what follows from the predictions.
        kept: the trials whose predictions are known in the end; all by default.
    """
    judge = task(of)
    decides = metric(decides_by, judge)
    columns = frame if frame is not None else pd.DataFrame({"x": np.arange(len(targets)) * 0.5})
    table = columns.assign(target=targets if of == "regress" else [f"c{label}" for label in targets])
    rows = np.arange(len(targets))
    split = Split(rows[:train], rows[train : train + val], rows[train + val :], "in order")
    data = Data(
        table,
        profile(table, target="target", task=of),
        split,
        judge,
        judge.fit_target(table["target"]),
        targets,
    )
    by_part = {
        number: {part: own[chosen] for part, chosen in split.parts().items()} for number, own in predictions.items()
    }
    given = {trial.number: trial for trial in trials}
    ended = []
    for number, parts in by_part.items():
        scored = {part: scores(judge, data.of(part), own) for part, own in parts.items()}
        objective = decides.objective(scored["val"][decides.name])
        trial = given.get(number, Trial(number, "mlp", {}))
        ended.append(replace(trial, status="finished", objective=objective, scores=scored))
    chosen_members = tuple(
        Member(number, next(t.family for t in ended if t.number == number), {}, weight, 10, 1)
        for number, weight in (members or {0: 1.0}).items()
    )
    blended = {
        part: blend(
            [by_part[m.trial][part] for m in chosen_members],
            [m.weight for m in chosen_members],
            temperature=temperature,
        )
        for part in split.parts()
    }
    scored = {part: scores(judge, data.of(part), own) for part, own in blended.items()}
    best = Ensemble(chosen_members, temperature, decides.objective(scored["val"][decides.name]), scored)
    known = by_part if kept is None else {number: by_part[number] for number in kept}
    return Evidence(data, decides, spaces or {}, ended, baselines, best, known)


SHIPPED = {
    "auto_mpg": "mpg",
    "concrete": "strength",
    "german_credit": "class",
    "heart_cleveland": "num",
    "penguins": "species",
}


def _data(frame: pd.DataFrame, target: str, **options: Any) -> Data:
    asked = Options(target=target, families=("linear",), **options)
    return of_data(prepare(frame, asked), asked)


@pytest.fixture
def data_of(tmp_path: Path) -> Callable[..., Data]:
    """The data of a fit of a frame whose target is "y"; `test` may be a frame of its own, others are options."""

    def of(frame: pd.DataFrame, *, test: pd.DataFrame | None = None, **options: Any) -> Data:
        if test is None:
            return _data(frame, "y", **options)
        test.to_csv(tmp_path / "test.csv", index=False)
        return _data(frame, "y", test=tmp_path / "test.csv", **options)

    return of


@pytest.fixture(scope="session")
def shipped() -> dict[str, Data]:
    """The tables that are shipped with the program, by name."""
    folder = resources.folder("datasets")
    return {name: _data(pd.read_csv(folder / name / "data.csv"), target) for name, target in SHIPPED.items()}
