"""What a fit says when it has come to nothing, and what it never keeps."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from automl import pipeline, resuming
from automl.diagnostics import Audit
from automl.ensemble import Ensemble
from automl.errors import EnvironmentFault, InputError
from automl.evaluation import Importance
from automl.execution import Event, Job
from automl.execution.launcher import Launcher
from automl.interruption import Interruption
from automl.options import Options
from automl.pipeline import (
    LEAST_CHECKS_SECONDS,
    LEAST_SEARCH_SECONDS,
    Services,
    _begun,
    _checks_deadline,
    _examined,
    _faults_tell_the_way_on,
    _importance,
    _search_deadline,
    _Underway,
    _why_nothing,
    fit,
    objective_of,
    plan_of,
    tail,
)
from automl.preparation import prepare
from automl.records import RunFolder
from automl.reporting.silent import Silent
from automl.resuming import Earlier
from automl.searching import SearchOutcome, Settings
from automl.tracking import RunOutcome
from automl.trial import Trial
from tests.tracking.memory import MemoryTracker

FOLDER = RunFolder(Path("runs/t 1"))
TABLE = pd.DataFrame({"x": np.arange(60) * 0.37 % 1, "z": np.arange(60) * 0.7 % 1, "y": ["a", "b", "b"] * 20})


def test_says_why_nothing_was_trained() -> None:
    trials = [Trial(number, "mlp", {}, "failed", reason="nan", message="Not a number.") for number in range(9)]
    trials.append(Trial(9, "mlp", {}, "failed", reason="killed", message="The worker was killed."))
    assert _why_nothing(trials, FOLDER) == (
        "No trial succeeded: 10 trials failed (9 nan, 1 killed). Most often: Not a number.\n"
        "runs/t 1/leaderboard.csv and runs/t 1/log.txt tell more."
    )


def test_trials_whose_files_are_gone_are_not_said_to_have_failed() -> None:
    trials = [Trial(0, "mlp", {}, "finished", 0.5), Trial(1, "mlp", {}, "failed", reason="nan", message="No number.")]
    assert _why_nothing(trials, FOLDER) == (
        "There is no model: the files of 1 finished trial are gone. Beside them, 1 trial failed (1 nan). "
        "Most often: No number.\n"
        "Restore them from a copy, or try other settings: automl resume 'runs/t 1' --trials +10"
    )
    assert _why_nothing(trials[:1], FOLDER).startswith("There is no model: the files of 1 finished trial are gone.\n")


def test_a_fault_of_the_machine_tells_the_way_on() -> None:
    with pytest.raises(EnvironmentFault) as caught, _faults_tell_the_way_on(FOLDER):
        raise EnvironmentFault("The disk is full.")
    assert str(caught.value) == "The disk is full.\nNo recorded trial is lost. To go on: automl resume 'runs/t 1'"


def test_a_metric_that_is_not_defined_is_refused_before_anything_is_trained() -> None:
    days = np.arange(120)
    frame = pd.DataFrame({"day": days, "x": days * 0.37 % 1, "y": np.where(days % 2, "b", "a")})
    options = Options(target="y", metric="average_precision", time_column="day")
    assert objective_of(prepare(frame, options), options).name == "average_precision"
    of_one_later = frame.assign(y=np.where((days % 2 == 1) & (days < 72), "b", "a"))
    with pytest.raises(InputError, match="average precision is not defined on the .* --metric: log_loss, accuracy"):
        objective_of(prepare(of_one_later, options), options)


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


def test_a_session_of_a_long_run_searches_too() -> None:
    now = time.monotonic()
    earlier = Earlier(FOLDER, seconds=3_600.0, trials=(Trial(0, "mlp", {}, "finished"),))
    left = _search_deadline(Options(seconds=3_630.0), earlier, now - 3_600) - now
    assert left == pytest.approx(30 - tail(3_630) - 1.8, abs=0.2)


class Refusing:
    """An executor that does nothing of what it is asked."""

    capacity = 1

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self._events: list[Event] = []

    def submit(self, job: Job) -> None:
        self.jobs.append(job)
        self._events.append(Event(job.key, "failed", reason="killed", message="no"))

    def wait(self, seconds: float) -> list[Event]:
        events, self._events = self._events, []
        return events

    def move(self, key: int, until: float) -> None: ...

    def cancel(self, key: int) -> None: ...

    def close(self) -> None: ...


def underway(folder: Path, executor: Any, *, used: float = 0.0) -> _Underway:
    options = Options(target="y", seconds=None)
    prepared = prepare(TABLE, options)
    metric = objective_of(prepared, options)
    settings = Settings("random", prepared.spaces, metric, RunFolder(folder), 0, None, False, 1, float("inf"), None)
    began = time.monotonic() - used
    return _Underway(
        prepared, options, settings, settings.folder, executor, MemoryTracker(), Silent(), Interruption(), began
    )


def test_trials_whose_files_are_gone_are_not_examined(tmp_path: Path) -> None:
    trials = [Trial(number, "linear", {"epochs": 4}, "finished", number / 10) for number in range(4)]
    executor = Refusing()
    _examined(underway(tmp_path, executor), Ensemble.of(trials[0]), SearchOutcome(trials, lost={1}))
    assert {job.folder.parent.name for job in executor.jobs if job.kind == "trial"} == {"0", "2", "3"}


def test_the_time_that_the_end_of_a_run_takes_counts_if_it_is_broken_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def used() -> float:
        state = json.loads((tmp_path / "state.json").read_text())
        assert state["state"] == "running"
        return float(state["seconds"])

    tell = underway(tmp_path, Refusing(), used=100).teller("examining the model", SearchOutcome())
    tell()
    first = used()
    assert first == pytest.approx(100, abs=1)
    tell()
    assert used() == first
    monkeypatch.setattr(pipeline, "STATE_SECONDS", 0.0)
    tell()
    assert used() > first


def test_a_finished_run_that_goes_on_is_not_finished_before_anything_of_it_goes(tmp_path: Path) -> None:
    options = Options(target="y", seconds=None, trials=1, out=tmp_path / "run")
    prepared = prepare(TABLE, options)
    plan = plan_of(prepared, options, objective_of(prepared, options), grid_size=None)
    none: Any = None
    services = Services(none, Silent(), none, "automl fit")
    folder = RunFolder(tmp_path / "run")
    with ExitStack() as cleanup:
        _begun(prepared, options, plan, services, None, time.monotonic(), cleanup)
    folder.write_state("finished", 9.0)
    # What cannot be deleted ends the run there.
    (folder.path / "outcome.json").mkdir()
    with ExitStack() as cleanup, pytest.raises(OSError, match=r"outcome\.json"):
        _begun(prepared, options, plan, services, resuming.read(folder), time.monotonic(), cleanup)
    assert resuming.read(folder).state == "running"


def test_what_columns_mean_to_the_same_model_stays_known(tmp_path: Path) -> None:
    folder, known = RunFolder(tmp_path), [Importance("x", 0.5, 0.1)]
    best, other = (Ensemble.of(Trial(number, "mlp", {}, "finished", 0.5)) for number in (0, 1))
    assert _importance(folder, best, Audit()) == []
    folder.write_ensemble(best)
    folder.write_importance(known)
    assert _importance(folder, best, Audit()) == known
    assert _importance(folder, other, Audit()) == []
    assert _importance(folder, best, Audit({"x": [0.2, 0.2]})) == [Importance("x", 0.2, 0.0)]


class Ended(MemoryTracker):
    """Knows the state of the run when it was told of its outcome."""

    state = ""

    def finish(self, outcome: RunOutcome) -> None:
        folder = self.runs[0].keeps
        assert folder is not None
        self.state = json.loads((folder.parent / "state.json").read_text())["state"]


@pytest.mark.slow
def test_a_session_without_time_keeps_what_an_earlier_one_has_made_of_the_model(tmp_path: Path) -> None:
    def session(options: Options, earlier: Earlier | None) -> Ended:
        tracker = Ended()
        services = Services(Launcher(), Silent(), lambda: tracker, "automl fit")
        began = time.monotonic() - (earlier.seconds if earlier else 0.0)
        fit(TABLE, options, services, began=began, earlier=earlier)
        return tracker

    folder = RunFolder(tmp_path / "run")
    linear = {"families": ("linear",), "settings": ("linear.epochs=5",), "folds": 1, "workers": 1}
    tracker = session(Options(target="y", seconds=None, trials=2, out=folder.path, **linear), None)  # type: ignore[arg-type]
    assert tracker.state == "finished"
    best, importance = folder.ensemble(), folder.importance()
    assert best is not None
    assert best.refitted and importance
    weights = {path.name: path.read_bytes() for path in folder.bundle.glob("*.npz")}
    (folder.path / "leaderboard.csv").unlink()
    folder.write_state("finished", 60.0)
    earlier, options = resuming.wanted(resuming.read(folder), time="20s")
    session(options, earlier)
    again = folder.ensemble()
    assert again is not None
    assert (again.members, again.refitted) == (best.members, best.refitted)
    assert {path.name: path.read_bytes() for path in folder.bundle.glob("*.npz")} == weights
    assert folder.importance() == importance
    assert len(folder.trials()) == 2
