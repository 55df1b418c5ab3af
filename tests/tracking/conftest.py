"""A run that trackers can be told of."""

from __future__ import annotations

import pandas as pd
import pytest

from automl.data.profile import profile
from automl.data.read import from_frame
from automl.ensemble import Ensemble
from automl.tracking import RunDescription, RunOutcome
from automl.trial import Trial

TABLE = pd.DataFrame(
    {
        "length": [1.0, None, *range(3, 31)],
        "colour": ["red", "white", None] * 10,
        "kind": ["rose", "tulip", "daisy"] * 10,
    }
)


@pytest.fixture(scope="session")
def described() -> RunDescription:
    """A classification of 30 rows."""
    table = from_frame(TABLE)
    return RunDescription(
        name="flowers-1",
        data="flowers",
        digest="0123456789abcdef",
        source="data frame",
        profile=profile(table.frame, target="kind"),
        split={"train": 18, "val": 6, "test": 6},
        objective="log_loss",
        settings={"search": "random", "seconds": 60.0, "trials": None},
        command="automl fit flowers.csv --tracking-uri postgresql://me:hidden@host/db",
        began=1_780_000_000_000,
    )


@pytest.fixture(scope="session")
def trials() -> list[Trial]:
    """One that was good, one that was best, one that went wrong and one that was ended."""
    curves = {"loss": [0.9, 0.5, 0.4], "val_log_loss": [0.8, 0.6, 0.7]}

    def ended(number: int, log_loss: float) -> Trial:
        scores = {
            split: {"log_loss": log_loss + more} for split, more in (("train", -0.1), ("val", 0.0), ("test", 0.1))
        }
        return Trial(
            number,
            "mlp",
            {"layers": 2, "activation": "relu"},
            "finished",
            log_loss,
            scores,
            curves,
            seconds=1.5,
            parameters=99,
            best_epoch=2,
        )

    wrong = Trial(2, "mlp", {"layers": 9}, "failed", curves={"loss": [1.0, float("nan")]}, reason="nan", message="NaN.")
    return [ended(0, 0.6), ended(1, 0.3), wrong, Trial(3, "resnet", {"layers": 1}, "failed", reason="timeout")]


@pytest.fixture(scope="session")
def outcome(trials: list[Trial], tmp_path_factory: pytest.TempPathFactory) -> RunOutcome:
    """The end of the run, with a stand-in for the bundle: recording a model does not load it."""
    folder = tmp_path_factory.mktemp("run")
    bundle = folder / "model"
    bundle.mkdir()
    (bundle / "manifest.json").write_text("{}")
    (bundle / "schema.json").write_text('{"target": {"classes": ["daisy", "rose", "tulip"]}}')
    report = folder / "report.html"
    report.write_text("<h1>Report</h1>")
    board = folder / "leaderboard.csv"
    board.write_text("model,val\n#1 mlp,0.3\n#0 mlp,0.6\n")
    plot = folder / "roc_curve.png"
    plot.write_bytes(b"PNG")
    return RunOutcome(
        status="finished",
        leaderboard=pd.DataFrame({"model": ["#1 mlp", "#0 mlp"], "val": [0.3, 0.6]}),
        best=Ensemble.of(trials[1]),
        baselines={"constant": {"train": {"log_loss": 1.2}, "val": {"log_loss": 1.1}, "test": {"log_loss": 1.0}}},
        bundle=bundle,
        example=from_frame(TABLE).frame[["length", "colour"]].head(3),
        files=(board, report),
        plots=(plot,),
        summary="**mlp** is best.",
    )
