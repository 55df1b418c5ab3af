"""Bayesian search with KerasTuner's Gaussian process."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from automl.search import gp, random
from automl.space import Choice, Float, Int, SearchSpace, Value
from automl.trial import Params, Trial

BOWL = SearchSpace(
    "bowl",
    {
        "rate": Float(1e-4, 1e-1, 1e-2, log=True),
        "units": Int(16, 512, 64, log=True),
        "layers": Int(1, 8, 2),
        "dropout": Float(0.0, 0.9, 0.0),
    },
)
ODD = SearchSpace(
    "odd",
    {
        "norm": Choice((True, False), True),
        "optimizer": Choice(("adam", "sgd"), "adam"),
        "momentum": Float(0.8, 0.99, 0.9, when={"optimizer": "sgd"}),
        "width": Choice((1, 0.5, "auto"), "auto"),
        "activation": Choice(("relu",), "relu"),
        "units": Int(1, 64, 8, log=True),
    },
)


def height(params: Params) -> float:
    """A quadratic bowl, whose lowest point is rate 0.001, units 200, layers 6, dropout 0.3."""
    rate, units, layers, dropout = (float(params[name]) for name in ("rate", "units", "layers", "dropout"))
    return math.log10(rate / 1e-3) ** 2 + math.log2(units / 200) ** 2 + (layers - 6) ** 2 / 4 + (4 * dropout - 1.2) ** 2


def finished(space: SearchSpace, settings: list[dict[str, Value]], scores: list[float]) -> list[Trial]:
    return [
        Trial(number, space.name, setting, "finished", objective=score)
        for number, (setting, score) in enumerate(zip(settings, scores, strict=True))
    ]


def test_cuts_off_scores_that_would_hide_all_other_differences() -> None:
    settings: list[dict[str, Value]] = [{"x": number} for number in range(5)]
    told = gp._scores(finished(BOWL, settings, [0.1, 0.2, 0.3, 0.4, 1e9]))
    assert told == gp._scores(finished(BOWL, settings, [0.1, 0.2, 0.3, 0.4, 0.5]))
    assert told == sorted(told)


@pytest.mark.parametrize("unfinished", [Trial(5, "bowl", {"x": 5}), Trial(5, "bowl", {"x": 5}, "failed", reason="nan")])
def test_running_and_failed_trials_count_as_the_worst(unfinished: Trial) -> None:
    settings: list[dict[str, Value]] = [{"x": number} for number in range(5)]
    told = gp._scores([*finished(BOWL, settings, [0.1, 0.2, 0.3, 0.4, 1e9]), unfinished])
    assert told[5] == max(told) == told[4]


@pytest.mark.slow
def test_finds_a_lower_point_than_its_random_phase() -> None:
    for seed in range(2):
        tried: list[Trial] = []
        for number in range(18):
            params = gp.suggest(BOWL, tried, seed=seed)
            assert params is not None
            tried.append(Trial(number, "bowl", params, "finished", objective=height(params)))
        heights = [trial.objective for trial in tried if trial.objective is not None]
        assert min(heights[8:]) < min(heights[:8]) / 2


@pytest.mark.slow
def test_keeps_away_from_where_trials_failed() -> None:
    line = SearchSpace("line", {"x": Float(0.0, 1.0, 0.5)})
    settings: list[dict[str, Value]] = [{"x": number / 20} for number in range(10)]
    downhill = finished(line, settings, [-number / 20 for number in range(10)])
    suggested = gp.suggest(line, downhill, seed=0)
    failed = [Trial(10 + number, "line", {"x": 0.55 + number / 10}, "failed", reason="oom") for number in range(5)]
    instead = gp.suggest(line, [*downhill, *failed], seed=0)
    assert suggested is not None
    assert instead is not None
    assert float(suggested["x"]) > 0.5 > float(instead["x"])


@pytest.mark.slow
def test_gives_values_of_every_kind_back_as_they_were() -> None:
    tried: list[Trial] = []
    for number in range(14):
        params = gp.suggest(ODD, tried, seed=1)
        assert params is not None
        assert params in ODD
        score = abs(float(params["units"]) - 20) + (params["norm"] is True)
        tried.append(Trial(number, "odd", params, "finished", objective=score))
    assert {type(trial.params["norm"]) for trial in tried} == {bool}


@pytest.mark.slow
def test_writes_and_prints_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import keras_tuner  # noqa: F401  So that what its import prints is not counted.

    tried: list[Trial] = []
    for number in range(8):
        params = random.suggest(BOWL, tried, seed=0)
        assert params is not None
        tried.append(Trial(number, "bowl", params, "finished", objective=height(params)))
    capsys.readouterr()
    monkeypatch.chdir(tmp_path)
    assert gp.suggest(BOWL, tried, seed=0) != random.suggest(BOWL, tried, seed=0)
    assert capsys.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == []
