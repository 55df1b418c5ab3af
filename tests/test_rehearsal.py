"""A dry run: what it measures, what it makes of it, and that nothing stays behind."""

from __future__ import annotations

import dataclasses
import math
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing import Pipe
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from automl import api, auditing, refitting, rehearsal
from automl.data.cards import card
from automl.execution import Event, Job
from automl.execution.line import Line
from automl.families import candidates
from automl.rehearsal import Settings, forecast, probe
from automl.reporting import Plan
from automl.reporting.rehearsal import Probe
from automl.space import Choice, Float, SearchSpace
from automl.space_files import read_space
from automl.tasks import metric, task

if TYPE_CHECKING:
    from automl.training.workshop import Workshop

PENGUINS = card("penguins").path
LOG_LOSS = metric("log_loss", task("classify"))
SPACES = {
    "linear": SearchSpace("linear", {"rate": Float(0.0, 1.0, 0.5), "epochs": Choice((10,), 10)}),
    "mlp": SearchSpace("mlp", {"layers": Choice((1, 2, 3), 2), "epochs": Choice((20, 40), 20)}),
    "resnet": SearchSpace("resnet", {"epochs": Choice((30,), 30)}),
}
FAST = {"compile_seconds": 1.0, "epoch_seconds": 0.1, "parameters": 10, "memory": 2**28}


class Instant:
    """An executor whose jobs end at once, as `answer` says; a job without an answer goes on."""

    def __init__(self, answer: Callable[[Job], Event | None], *, workers: int = 1) -> None:
        self.jobs: list[Job] = []
        self.cancelled: list[int] = []
        self._answer = answer
        self._running: list[Job] = []
        self._workers = workers

    @property
    def capacity(self) -> int:
        return self._workers - len(self._running)

    def submit(self, job: Job) -> None:
        self.jobs.append(job)
        self._running.append(job)

    def wait(self, seconds: float) -> list[Event]:
        time.sleep(0.005)
        events = [event for job in self._running if (event := self._answer(job)) is not None]
        ended = {event.key for event in events if event.kind != "epoch"}
        self._running = [job for job in self._running if job.key not in ended]
        return events

    def move(self, key: int, until: float) -> None: ...

    def cancel(self, key: int) -> None:
        self.cancelled.append(key)
        self._running = [job for job in self._running if job.key != key]

    def close(self) -> None:
        self._running = []


def settings(*, workers: int = 1, deadline: float = math.inf) -> Settings:
    return Settings(SPACES, "log_loss", Path("nowhere"), 0, workers, deadline)


def done(job: Job) -> Event:
    return Event(job.key, "done", {**FAST, "parameters": 100 + job.key})


def plan(*, seconds: float | None = None, trials: int | None = None, grid: int | None = None) -> Plan:
    return Plan("bayesian", seconds, trials, 2, LOG_LOSS, grid)


def test_probes_the_defaults_of_every_family() -> None:
    executor = Instant(done, workers=2)
    probes = probe(settings(workers=2), executor)
    assert [(job.kind, job.family, dict(job.params), job.metric) for job in executor.jobs] == [
        ("probe", "linear", {"rate": 0.5, "epochs": 10}, "log_loss"),
        ("probe", "mlp", {"layers": 2, "epochs": 20}, "log_loss"),
        ("probe", "resnet", {"epochs": 30}, "log_loss"),
    ]
    assert [(p.family, p.parameters, p.trial_seconds) for p in probes] == [
        ("linear", 100, 2.0),
        ("mlp", 101, 3.0),
        ("resnet", 102, 4.0),
    ]


def test_a_family_that_fails_costs_the_others_nothing() -> None:
    def answer(job: Job) -> Event:
        return Event(job.key, "failed", reason="build", message="no such layer") if job.family == "mlp" else done(job)

    probes = probe(settings(workers=2), Instant(answer, workers=2))
    assert [(p.family, p.failure) for p in probes] == [("linear", ""), ("mlp", "no such layer"), ("resnet", "")]


def test_a_worker_that_gives_no_sign_of_life_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearsal, "SILENCE_SECONDS", 0.3)
    began = time.monotonic()

    def answer(job: Job) -> Event | None:
        if job.family == "linear":
            return None
        # It takes longer than the longest silence, and says that it lives.
        slow = job.family == "mlp" and time.monotonic() < began + 1.0
        return Event(job.key, "epoch", {"curves": {}}) if slow else done(job)

    executor = Instant(answer, workers=2)
    probes = probe(settings(workers=2), executor)
    assert executor.cancelled == [0]
    assert "no sign of life" in probes[0].failure
    assert [p.failure for p in probes[1:]] == ["", ""]


def test_a_probe_that_does_not_end_in_its_time_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearsal, "GRACE_SECONDS", 0.1)
    began = time.monotonic()
    executor = Instant(lambda job: Event(job.key, "epoch", {"curves": {}}))
    probes = probe(settings(deadline=began + 0.6), executor)
    assert time.monotonic() - began < 2.0
    assert executor.cancelled == [0, 1, 2]
    assert all("did not end" in p.failure for p in probes)


def test_every_family_gets_a_share_of_the_time() -> None:
    shares: dict[str, float] = {}

    def answer(job: Job) -> Event:
        shares.setdefault(job.family, job.until - time.monotonic())
        return done(job)

    probe(settings(deadline=time.monotonic() + 30), Instant(answer))
    assert shares == {
        "linear": pytest.approx(10, abs=0.5),
        "mlp": pytest.approx(15, abs=0.5),
        "resnet": pytest.approx(30, abs=0.5),
    }


def test_forecasts_from_the_families_that_were_measured() -> None:
    probes = [
        Probe("linear", SPACES["linear"], 1.0, 0.1),
        Probe("mlp", SPACES["mlp"], 2.0, 0.2),
        Probe("resnet", SPACES["resnet"], failure="no memory"),
    ]
    said = forecast(probes, plan(seconds=60, trials=9, grid=10), prunes=True, loading=5.0, kept=0.0)
    # Trials of 2 and 6 seconds: 52 seconds of two workers are left after loading and before the last 3.
    assert said.families == 3
    assert said.affordable == pytest.approx(2 * 52 / 4)
    assert said.trials_seconds == pytest.approx(5 + 5 * 4 + 3)
    # The grids of the two have 3 and 6 settings.
    assert said.grid_seconds == pytest.approx(5 + 5 * (3 * 2 + 6 * 6) / 9 + 3)


def test_forecasts_fewer_trials_where_the_best_are_trained_again() -> None:
    probes = [Probe("linear", SPACES["linear"], 1.0, 0.1)]
    again = dataclasses.replace(plan(seconds=60), refit_rows=1000)
    # Trials of 2 seconds, two workers, in what is not kept for that.
    expected = 52 * (1 - refitting.MOST_SHARE)
    assert forecast(probes, again, prunes=True, loading=5.0, kept=0.0).affordable == pytest.approx(expected)


def test_without_a_budget_what_follows_the_search_comes_on_top() -> None:
    probes = [Probe("linear", SPACES["linear"], 1.0, 0.1)]
    # Trials of 2 seconds, two workers: nine take 10, and five of them once more on half as many rows again.
    said = forecast(probes, plan(trials=9), prunes=True, loading=5.0, kept=0.0, growth=1.5)
    assert said.trials_seconds == pytest.approx(5 + 10 + refitting.TIME_SHARE * 1.5 * 3 * 2 + 3)
    # Half, a quarter, two other seeds and two others.
    said = forecast(probes, plan(trials=9), prunes=True, loading=5.0, kept=0.0, audits=True)
    assert said.trials_seconds == pytest.approx(5 + 10 + 4.75 * 2 / 2 + 3)
    long = [Probe("linear", SPACES["linear"], 0.0, 60.0)]
    said = forecast(long, plan(trials=1), prunes=True, loading=5.0, kept=0.0, audits=True)
    assert said.trials_seconds == pytest.approx(5 + 600 + auditing.MOST_SECONDS + 3)


def test_what_is_kept_for_examining_the_model_trains_no_trials() -> None:
    probes = [Probe("linear", SPACES["linear"], 1.0, 0.1)]
    said = forecast(probes, plan(seconds=60), prunes=True, loading=5.0, kept=3.6)
    # Trials of 2 seconds, two workers.
    assert said.affordable == pytest.approx(60 - 3 - 3.6 - 5)


def test_forecasts_nothing_where_nothing_was_measured() -> None:
    said = forecast(
        [Probe("mlp", SPACES["mlp"], failure="no")], plan(seconds=60, trials=9), prunes=True, loading=5.0, kept=0.0
    )
    assert (said.affordable, said.trials_seconds, said.grid_seconds) == (None, None, None)


class Deaf:
    """A connection to a main process that takes each message only when the time is up."""

    def __init__(self, until: float) -> None:
        self._until = until

    def send(self, event: Event) -> None:
        time.sleep(max(0.0, self._until - time.monotonic()))


def test_measures_an_epoch_and_what_a_trial_takes_beside(workshop: Workshop) -> None:
    from automl.execution import worker

    job = Job(0, "probe", Path("nowhere"), "linear", read_space("linear").space.defaults(), "log_loss")
    ours, theirs = Pipe()
    event = worker._event(workshop, job, Line(theirs))
    assert event.kind == "done", event.message
    assert 0 < event.result["epoch_seconds"] < event.result["compile_seconds"]
    assert event.result["memory"] > 2**27
    assert event.result["parameters"] == workshop.engine("linear", job.params)[1].parameters > 0
    assert ours.poll() and ours.recv() == Event(0, "epoch", {"curves": {}})

    until = time.monotonic() + 1.0
    late = worker._event(workshop, Job(**{**vars(job), "until": until}), Line(Deaf(until)))  # type: ignore[arg-type]
    assert (late.kind, late.reason) == ("failed", "timeout")
    assert "longer than a probe may" in late.message


def dry_run(folder: Path, *arguments: str, table: Path = PENGUINS) -> subprocess.Popen[str]:
    """A dry run of penguins in `folder`; its temporary files are in `folder/temporary`."""
    (folder / "temporary").mkdir()
    return subprocess.Popen(
        [sys.executable, "-m", "automl", "fit", str(table), "--target", "species", "--dry-run", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(folder / "temporary")},
    )


def left_behind(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.slow
def test_a_dry_run_says_what_a_fit_would_take_and_leaves_nothing(tmp_path: Path) -> None:
    frame = pd.read_csv(PENGUINS)
    # A column that gives the target away, of which the checks of the data tell.
    frame.assign(answer=frame["species"] + "!").to_csv(tmp_path / "leak.csv", index=False)
    running = dry_run(tmp_path, "--time", "10m", "--workers", "2", table=tmp_path / "leak.csv")
    output, errors = running.communicate(timeout=120)
    assert running.returncode == 0, errors
    assert left_behind(tmp_path) == ["leak.csv", "temporary"]
    assert "'answer' gives the target 'species' away" in output
    assert max(map(len, output.splitlines())) <= 80
    assert "\x1b" not in output
    assert re.search(r"^island +3 +category +", output, flags=re.MULTILINE)
    facts = api.profile(tmp_path / "leak.csv", target="species")
    tried = [candidate.name for candidate in candidates(facts) if candidate.taken]
    assert len(tried) > 5
    rows = [line.split() for line in output.partition("family ")[2].splitlines()[1 : 1 + len(tried)]]
    assert [row[0] for row in rows] == tried
    figures = [[float(cell.replace(",", "")) for cell in row[1:8]] for row in rows]
    assert all(figure > 0 for row in figures for figure in row)
    weights, trial_seconds, memory = ({row[column] for row in figures} for column in (2, 5, 6))
    assert len(weights) == len(rows)
    assert min(len(trial_seconds), len(memory)) > 1
    trials = re.search(r"In 10:00, 2 workers try about (\d+) trials", output)
    assert trials is not None
    assert 1 < int(trials[1]) < 3000


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM)])
def test_an_interrupted_dry_run_leaves_nothing(tmp_path: Path, number: int, code: int) -> None:
    running = dry_run(tmp_path)
    deadline = time.monotonic() + 60
    while not list((tmp_path / "temporary").glob("*/encoded/facts.json")) and time.monotonic() < deadline:
        time.sleep(0.02)
    running.send_signal(number)
    output, errors = running.communicate(timeout=60)
    assert running.returncode == code, output + errors
    assert "Traceback" not in errors
    assert left_behind(tmp_path) == ["temporary"]
