"""What a fit says when it has come to nothing, and what it never keeps."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from automl.errors import EnvironmentFault, InputError
from automl.options import Options
from automl.pipeline import (
    LEAST_CHECKS_SECONDS,
    LEAST_SEARCH_SECONDS,
    _checks_deadline,
    _faults_tell_the_way_on,
    _search_deadline,
    _why_nothing,
    objective_of,
)
from automl.preparation import prepare
from automl.records import RunFolder
from automl.resuming import Earlier
from automl.trial import Trial

FOLDER = RunFolder(Path("runs/t 1"))


def test_says_why_nothing_was_trained() -> None:
    trials = [Trial(number, "mlp", {}, "failed", reason="nan", message="Not a number.") for number in range(9)]
    trials.append(Trial(9, "mlp", {}, "failed", reason="killed", message="The worker was killed."))
    assert _why_nothing(trials, FOLDER) == (
        "No trial succeeded: 10 trials failed (9 nan, 1 killed). Most often: Not a number.\n"
        "runs/t 1/leaderboard.csv and runs/t 1/log.txt tell more."
    )


def test_a_fault_of_the_machine_tells_the_way_on() -> None:
    with pytest.raises(EnvironmentFault) as caught, _faults_tell_the_way_on(FOLDER):
        raise EnvironmentFault("The disk is full.")
    assert str(caught.value) == "The disk is full.\nNo recorded trial is lost. To go on: automl resume 'runs/t 1'"


def test_a_metric_that_is_not_defined_is_refused_before_anything_is_trained() -> None:
    frame = pd.DataFrame({"x": np.arange(120.0) * 0.37 % 1, "y": np.arange(120) % 3})
    frame["y"] = frame["y"].map({0: "a", 1: "b", 2: "c"})
    options = Options(target="y", metric="average_precision")
    with pytest.raises(InputError, match="average precision is not defined on the .* --metric: log_loss, accuracy"):
        objective_of(prepare(frame, options), options)
    of_two = frame[frame["y"] != "c"]
    assert objective_of(prepare(of_two, options), options).name == "average_precision"


def test_a_search_that_begins_late_still_gets_a_first_model() -> None:
    def left(*, used: float, trials: tuple[Trial, ...] = ()) -> float:
        now = time.monotonic()
        return _search_deadline(Options(seconds=10.0), Earlier(FOLDER, trials=trials), now - used) - now

    assert left(used=1) == pytest.approx(7, abs=0.2)
    assert left(used=9) == pytest.approx(LEAST_SEARCH_SECONDS, abs=0.2)
    assert left(used=9, trials=(Trial(0, "mlp", {}, "finished"),)) < 0


def test_checks_of_the_data_get_a_share_of_the_time_that_is_left() -> None:
    def left(seconds: float | None, *, used: float) -> float:
        now = time.monotonic()
        return _checks_deadline(Options(seconds=seconds), now - used) - now

    assert left(60.0, used=10) == pytest.approx(10, abs=0.2)
    assert left(10.0, used=9) == pytest.approx(LEAST_CHECKS_SECONDS, abs=0.2)
    assert left(10.0, used=20) == pytest.approx(LEAST_CHECKS_SECONDS, abs=0.2)
    assert left(None, used=9) == float("inf")
