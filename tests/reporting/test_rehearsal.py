"""A dry run as people read it."""

from __future__ import annotations

from io import StringIO

import pandas as pd
import pytest
from rich.console import Console, RenderableType

from automl.data.profile import profile
from automl.families import candidates
from automl.reporting import Plan
from automl.reporting.rehearsal import Forecast, Probe, figures, outlook, scope
from automl.space import Choice, Float, SearchSpace
from automl.space_files import read_space
from automl.tasks import classify

LOG_LOSS = classify.METRICS["log_loss"]
TOO_FEW = "fewer than there are families, so trials get fewer epochs."
SMALL = SearchSpace("small", {"rate": Float(0.0, 1.0, 0.5), "epochs": Choice((40,), 40)})


def shown(what: RenderableType) -> list[str]:
    console = Console(file=StringIO(), width=80)
    console.print(what)
    assert isinstance(console.file, StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def plan(*, seconds: float | None = None, trials: int | None = None, workers: int = 2, grid: int | None = None) -> Plan:
    return Plan("grid" if grid else "bayesian", seconds, trials, workers, LOG_LOSS, grid)


@pytest.mark.parametrize(
    ("forecast", "sentence"),
    [
        (
            Forecast(plan(seconds=300), 4, True, affordable=117.4),
            "In 5:00, 2 workers try about 120 trials of the defaults' length; pruning and early stopping make it more.",
        ),
        (
            Forecast(plan(seconds=60, workers=1), 1, False, affordable=1.9),
            "In 1:00, 1 worker tries about 1 trial of the defaults' length; early stopping makes it more.",
        ),
        (
            Forecast(plan(seconds=60), 4, True, affordable=2.5),
            f"In 1:00, 2 workers try about 2 trials of the defaults' length; {TOO_FEW}",
        ),
        (
            Forecast(plan(seconds=60), 4, True, affordable=0.5),
            f"In 1:00, 2 workers try no trial of the defaults' length; {TOO_FEW}",
        ),
        (
            Forecast(plan(trials=50), 4, True, trials_seconds=395),
            "50 trials of the defaults' length take 2 workers about 6:35; pruning and early stopping make it less.",
        ),
        (
            Forecast(plan(seconds=600, trials=50), 4, False, affordable=80, trials_seconds=395),
            "50 trials of the defaults' length take 2 workers about 6:35; early stopping makes it less.",
        ),
        (
            Forecast(plan(seconds=60, trials=50), 4, False, affordable=8, trials_seconds=395),
            "In 1:00, 2 workers try about 8 trials of the defaults' length; early stopping makes it more.",
        ),
        (
            Forecast(plan(seconds=300, grid=864), 1, True, affordable=900, grid_seconds=260),
            "The whole grid of 864 settings takes 2 workers about 4:20 at the defaults' length.",
        ),
        (
            Forecast(plan(seconds=300), 2, True),
            "No family could be measured, so nothing can be said of the time that a fit takes.",
        ),
    ],
)
def test_says_what_the_budget_affords_or_what_was_asked_for_takes(forecast: Forecast, sentence: str) -> None:
    assert outlook(forecast) == sentence


def test_says_both_of_a_grid_that_is_cut_short() -> None:
    forecast = Forecast(plan(trials=50, grid=63_000_000), 4, True, trials_seconds=395, grid_seconds=1e8)
    grid, trials, *_ = outlook(forecast).split(". ")
    assert grid == "The whole grid of 6.3e7 settings takes 2 workers about 3 years at the defaults' length"
    assert trials.startswith("50 trials of the defaults' length take 2 workers about 6:35;")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(86_399, "23:59:59"), (86_400, "1 day"), (1e6, "12 days"), (3.2e7, "1 year"), (1e14, "3.2e6 years")],
)
def test_says_a_time_of_any_length(seconds: float, said: str) -> None:
    forecast = Forecast(plan(grid=5), 1, True, grid_seconds=seconds)
    assert f" about {said} at " in outlook(forecast)


def test_a_trial_compiles_once_and_has_the_defaults_epochs() -> None:
    assert Probe("mlp", SMALL, compile_seconds=2.0, epoch_seconds=0.5).trial_seconds == 22.0


def test_a_family_that_could_not_be_measured_has_its_reason_below() -> None:
    lines = shown(
        figures(
            [
                Probe("mlp", SMALL, 2.0, 0.0125, parameters=33_410, memory=400 * 2**20),
                Probe("resnet", read_space("resnet").space, failure="ResourceExhausted: [bold]no memory[/bold]"),
            ]
        )
    )
    assert [line.split() for line in lines[1:3]] == [
        ["mlp", "1", "3", "33,410", "2.0", "0.013", "2.5", "400", "MB"],
        ["resnet", "17", "3.8e7", "–", "–", "–", "–", "–"],
    ]
    below = " ".join(" ".join(lines[3:]).split())
    assert below == "Warning resnet could not be measured: ResourceExhausted: [bold]no memory[/bold]"


def test_says_what_every_hyperparameter_may_be() -> None:
    frame = pd.DataFrame({"x": range(60), "colour": ["red", "blue", "green"] * 20, "y": ["yes", "no"] * 30})
    facts = profile(frame, target="y")
    lines = shown(scope(facts, candidates(facts, only=["linear"])))
    assert "colour" in lines[3] and "category" in lines[3]
    text = " ".join(" ".join(lines).split())
    assert "linear embedding_size 4,8,16 (8); scaling quantile,robust (quantile); optimizer adamw,sgd (adamw);" in text
    assert "momentum 0.8,0.9,0.95 (0.9) if optimizer=sgd; weight_decay 0.0001..1 log (0.01) if optimizer=adamw;" in text
    assert text.endswith("epochs 10..100 log (40); patience 20")
    assert "mlp" not in text


def test_breaks_no_line_within_a_hyperparameter() -> None:
    frame = pd.DataFrame({"x": range(400), "colour": ["red", "blue", "green", "red"] * 100, "y": ["yes", "no"] * 200})
    facts = profile(frame, target="y")
    lines = shown(scope(facts, candidates(facts)))
    spaces = lines[next(row for row, line in enumerate(lines) if line.startswith("Spaces")) + 1 :]
    assert len(spaces) > 20
    assert all(line.endswith(";") or " patience " in line for line in spaces)
    assert max(map(len, lines)) <= 80


def test_fits_80_columns_with_large_figures() -> None:
    large = Probe("a_very_long_family", read_space("resnet").space, 12.5, 123.456, 12_345_678, 2**34)
    lines = shown(figures([large]))
    assert len(lines) == 2
    assert max(map(len, lines)) <= 80
    assert lines[1].split()[1:] == ["17", "3.8e7", "12,345,678", "12.5", "123.456", "4,950.7", "16,384", "MB"]
