"""The search loop: what it starts, what it records, when it stops. A made-up executor trains nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from automl import searching
from automl.baselines import BOOSTING
from automl.ensemble import candidates
from automl.errors import EnvironmentFault
from automl.execution import Event, Job
from automl.interruption import EarlyEnd
from automl.records import RunFolder
from automl.refitting import TIME_SHARE
from automl.reporting import Reporter
from automl.reporting.silent import Silent
from automl.searching import BOOSTING_KEY, FIRST_SHARE, SearchOutcome, Settings, search
from automl.space import Choice, Float, Parameter, SearchSpace
from automl.tasks import metric, task
from automl.trial import Params, Place, Reason, Rung, Trial, finished, is_cut_off
from automl.weights import REFITTED
from tests.tracking.memory import MemoryTracker

PARAMETERS: dict[str, Parameter] = {
    "rate": Float(0.0, 1.0, 0.5),
    "scaling": Choice(("quantile",), "quantile"),
    "batch_size": Choice((64,), 64),
    "epochs": Choice((90,), 90),
    "optimizer": Choice(("adam",), "adam"),
}
SPACES = {name: SearchSpace(name, PARAMETERS) for name in ("linear", "mlp")}
DEFAULTS = SPACES["mlp"].defaults()
RMSE = metric("rmse", task("regress"))


class Instant:
    """An executor whose jobs end at once, as `answer` says."""

    def __init__(self, answer: Callable[[Job], Event | None], *, workers: int = 1) -> None:
        self.jobs: list[Job] = []
        self.moved: dict[int, list[float]] = {}
        self._answer = answer
        self._waiting: list[Job] = []
        self._workers = workers

    @property
    def capacity(self) -> int:
        return self._workers - len(self._waiting)

    def submit(self, job: Job) -> None:
        self.jobs.append(job)
        self._waiting.append(job)

    def wait(self, seconds: float) -> list[Event]:
        ended = {job.key: event for job in self._waiting if (event := self._answer(job)) is not None}
        self._waiting = [job for job in self._waiting if job.key not in ended or ended[job.key].kind == "epoch"]
        time.sleep(0.001 if ended else 0.01)
        return list(ended.values())

    def move(self, key: int, until: float) -> None:
        self.moved.setdefault(key, []).append(until)

    def cancel(self, key: int) -> None:
        self._waiting = [job for job in self._waiting if job.key != key]

    def close(self) -> None:
        self._waiting = []


def scored(job: Job, *, test: float = 1.0) -> Event:
    """A trial that does the better, the nearer its rate is to 0.3."""
    if job.key == BOOSTING_KEY:
        return Event(job.key, "done", {"scores": {"val": {"rmse": 0.4}}, "seconds": 0.1})
    error = abs(float(job.params["rate"]) - 0.3) + (0.1 if job.family == "linear" else 0.0)
    rungs = [Rung(bar.level, bar.epochs, error) for bar in job.bars]
    passed = all(rung.objective <= bar.objective for rung, bar in zip(rungs, job.bars, strict=True))
    result: dict[str, Any] = {
        "status": "finished" if passed else "pruned",
        "objective": error if passed else None,
        "rungs": tuple(rungs),
        "scores": {part: {"rmse": error * (test if part == "test" else 1)} for part in ("train", "val", "test")},
        "curves": {"val_rmse": [error]},
        "best_epoch": 1,
        "parameters": 10,
        "seconds": 0.01,
        "stopped": "",
    }
    return Event(job.key, "done", result)


def run(
    folder: Path,
    answer: Callable[[Job], Event | None],
    *,
    trials: int | None = 8,
    seconds: float = float("inf"),
    workers: int = 1,
    prune: bool = False,
    first: Sequence[tuple[str, Params]] = (),
    reporter: Reporter | None = None,
    growth: float | None = None,
    boosts: bool = True,
    earlier: Sequence[Trial] = (),
    afresh: bool = False,
) -> tuple[SearchOutcome, MemoryTracker]:
    folder.mkdir(exist_ok=True)
    tracker = MemoryTracker()
    deadline = time.monotonic() + seconds
    settings = Settings(
        "random",
        SPACES,
        RMSE,
        RunFolder(folder),
        0,
        trials,
        prune,
        workers,
        deadline,
        None,
        first,
        boosts,
        growth,
        afresh=afresh,
    )
    executor = Instant(answer, workers=workers)
    found = search(settings, executor=executor, tracker=tracker, reporter=reporter or Silent(), trials=earlier)
    return found, tracker


def test_tries_each_familys_defaults_and_then_searches(tmp_path: Path) -> None:
    outcome, _ = run(tmp_path, scored)
    assert [trial.family for trial in outcome.trials[:2]] == ["linear", "mlp"]
    assert [trial.params["rate"] for trial in outcome.trials[:2]] == [0.5, 0.5]
    assert len(outcome.trials) == 8
    assert [baseline.name for baseline in outcome.baselines] == [BOOSTING]


def test_a_failed_trial_has_the_time_that_it_took(tmp_path: Path) -> None:
    def answer(job: Job) -> Event:
        time.sleep(0.02)
        return Event(job.key, "failed", reason="nan", message="The loss is not a number.")

    outcome, _ = run(tmp_path, answer, trials=2, boosts=False)
    assert [trial.seconds >= 0.02 for trial in outcome.trials] == [True, True]
    assert [trial.seconds for trial in RunFolder(tmp_path).trials()] == [trial.seconds for trial in outcome.trials]


def test_keeps_time_to_train_the_best_again(tmp_path: Path) -> None:
    def untils(folder: Path, growth: float | None) -> list[float]:
        seen: list[float] = []

        def answer(job: Job) -> Event:
            seen.append(job.until - time.monotonic())
            event = scored(job)
            return Event(job.key, "done", {**event.result, "seconds": 12.0, "place": Place(1, 1)})

        run(folder, answer, seconds=100.0, trials=3, growth=growth, boosts=False)
        return seen

    assert untils(tmp_path / "a", None)[2] == pytest.approx(100, abs=1)
    assert untils(tmp_path / "b", 1.0)[2] == pytest.approx(100 - 2 * TIME_SHARE * 12, abs=1)
    # Never more than two fifths, and nothing for what does not fit into them.
    assert untils(tmp_path / "c", 2.5)[2] == pytest.approx(100 * 3 / 5, abs=1)
    assert untils(tmp_path / "d", 50.0)[2] == pytest.approx(100, abs=1)


def test_quick_families_fill_the_time_that_is_too_short_for_slow_ones(tmp_path: Path) -> None:
    """A quarter of the forty seconds that a trial of mlp takes is more than the search has left."""

    def answer(job: Job) -> Event:
        event = scored(job)
        return Event(job.key, "done", {**event.result, "seconds": 40.0 if job.family == "mlp" else 0.01})

    outcome, _ = run(tmp_path, answer, seconds=9.0, trials=8, boosts=False)
    assert [trial.family for trial in outcome.trials] == ["linear", "mlp", *["linear"] * 6]
    outcome, _ = run(tmp_path / "shorter", answer, seconds=0.5, boosts=False)
    assert outcome.trials == []
    assert not outcome.exhausted


def test_without_gradient_boosting_no_worker_trains_it(tmp_path: Path) -> None:
    outcome, _ = run(tmp_path, scored, boosts=False)
    assert outcome.baselines == []
    assert len(outcome.trials) == 8


def test_a_single_trial_may_take_all_of_the_time(tmp_path: Path) -> None:
    seen: list[float] = []

    def answer(job: Job) -> Event:
        seen.append(job.until - time.monotonic())
        return scored(job)

    run(tmp_path, answer, seconds=100.0, trials=1, boosts=False)
    assert seen == [pytest.approx(100, abs=1)]


def test_every_trial_is_on_disk_and_in_the_tracker(tmp_path: Path) -> None:
    outcome, tracker = run(tmp_path, scored)
    assert RunFolder(tmp_path).trials() == outcome.trials
    assert [trial.number for trial in tracker.trials("trial_started")] == list(range(8))
    assert tracker.trials("trial_ended") == outcome.trials


def test_the_same_seed_gives_the_same_trials(tmp_path: Path) -> None:
    first, again = (run(tmp_path / name, scored)[0] for name in ("a", "b"))
    assert first.trials == again.trials


def test_test_scores_decide_nothing(tmp_path: Path) -> None:
    honest = run(tmp_path / "a", scored)[0]
    changed = run(tmp_path / "b", lambda job: scored(job, test=-99.0))[0]
    assert [trial.params for trial in changed.trials] == [trial.params for trial in honest.trials]
    assert finished(changed.trials)[0].number == finished(honest.trials)[0].number


def test_a_failure_keeps_its_reason(tmp_path: Path) -> None:
    def answer(job: Job) -> Event:
        return Event(job.key, "failed", reason="data", message="torn") if job.key == 1 else scored(job)

    outcome, _ = run(tmp_path, answer)
    assert (outcome.trials[1].status, outcome.trials[1].reason) == ("failed", "data")
    assert len(finished(outcome.trials)) == 7


def test_stops_when_the_first_ten_all_fail(tmp_path: Path) -> None:
    def answer(job: Job) -> Event:
        return scored(job) if job.key == BOOSTING_KEY else Event(job.key, "failed", reason="nan", message="no")

    outcome, _ = run(tmp_path, answer, trials=100)
    assert len(outcome.trials) == 10


class Notes(Silent):
    """Keeps what the user is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.mark.parametrize(("reason", "tries"), [("build", 3), ("timeout", 1)])
def test_a_family_that_comes_to_nothing_is_left_out(tmp_path: Path, reason: Reason, tries: int) -> None:
    def answer(job: Job) -> Event:
        return Event(job.key, "failed", reason=reason, message="no") if job.family == "mlp" else scored(job)

    reporter = Notes()
    outcome, _ = run(tmp_path, answer, trials=12, reporter=reporter)
    assert [trial.family for trial in outcome.trials].count("mlp") == tries
    assert len(finished(outcome.trials)) == 12 - tries
    assert reporter.notes == ["mlp is left out from here on: no"]


def test_a_trial_that_runs_out_of_memory_is_tried_once_more_with_half_the_batch(tmp_path: Path) -> None:
    seen: list[object] = []

    def answer(job: Job) -> Event:
        if job.key not in (1, 2):
            return scored(job)
        seen.append((job.key, job.params["batch_size"]))
        small = job.params["batch_size"] == 32 and job.key == 1
        return scored(job) if small else Event(job.key, "failed", reason="oom", message="too large")

    outcome, _ = run(tmp_path, answer)
    assert seen == [(1, 64), (1, 32), (2, 64), (2, 32)]
    assert outcome.trials[1].status == "finished"
    assert (outcome.trials[1].params["batch_size"], outcome.trials[1].asked["batch_size"]) == (32, 64)
    assert "batches of 64 rows" in outcome.trials[1].message
    assert (outcome.trials[2].status, outcome.trials[2].reason) == ("failed", "oom")
    assert outcome.trials[2].params["batch_size"] == 32


def test_what_failed_before_counts_unless_the_session_is_another(tmp_path: Path) -> None:
    def failed(number: int, family: str, reason: Reason) -> Trial:
        return Trial(number, family, {**DEFAULTS, "rate": number / 20}, "failed", reason=reason, message="no")

    of_mlp = [failed(number, "mlp", "oom") for number in range(3)]
    outcome, _ = run(tmp_path / "as before", scored, earlier=of_mlp)
    assert (outcome.left_out, {trial.family for trial in outcome.trials[3:]}) == ({"mlp": "no"}, {"linear"})
    outcome, _ = run(tmp_path / "afresh", scored, earlier=of_mlp, afresh=True)
    assert (outcome.left_out, {trial.family for trial in outcome.trials[3:]}) == ({}, {"mlp", "linear"})

    all_failed = [failed(number, ("mlp", "linear")[number % 2], "nan") for number in range(10)]
    assert len(run(tmp_path / "over", scored, trials=14, earlier=all_failed)[0].trials) == 10
    assert len(run(tmp_path / "goes on", scored, trials=14, earlier=all_failed, afresh=True)[0].trials) == 14


def test_a_family_that_fails_afresh_is_given_up_afresh(tmp_path: Path) -> None:
    earlier = [Trial(0, "mlp", DEFAULTS, "failed", reason="oom", message="no")]

    def answer(job: Job) -> Event:
        return Event(job.key, "failed", reason="killed", message="again") if job.family == "mlp" else scored(job)

    outcome, _ = run(tmp_path, answer, trials=14, earlier=earlier, afresh=True)
    assert outcome.left_out == {"mlp": "again"}
    assert [trial.family for trial in outcome.trials[1:]].count("mlp") == 3


def test_what_waits_when_the_time_is_up_may_start_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A search is over a little before its deadline, where nothing that began could train."""
    earlier = [Trial(0, "linear", DEFAULTS), Trial(1, "mlp", {**DEFAULTS, "rate": 0.1})]

    def answer(job: Job) -> Event:
        # From now on what is left is too little.
        monkeypatch.setattr(searching, "LEAST_SECONDS", 60.0)
        return scored(job)

    outcome, _ = run(tmp_path, answer, seconds=60.0, boosts=False, earlier=earlier)
    assert (outcome.trials[0].status, outcome.trials[1].reason) == ("finished", "timeout")
    assert is_cut_off(outcome.trials[1])
    assert outcome.left_out == {}


def test_weak_trials_are_pruned_but_no_familys_defaults(tmp_path: Path) -> None:
    outcome, tracker = run(tmp_path, scored, trials=40, prune=True)
    pruned = [trial for trial in outcome.trials if trial.status == "pruned"]
    assert 10 < len(pruned) < 35
    assert [trial.status for trial in outcome.trials[:2]] == ["finished", "finished"]
    assert all(trial.objective is None and trial.rungs for trial in pruned)
    assert max(trial.objective or 0.0 for trial in finished(outcome.trials)[:3]) < min(
        t.rungs[-1].objective for t in pruned
    )
    assert tracker.trials("trial_ended") == outcome.trials == RunFolder(tmp_path).trials()


def test_trees_are_not_judged_by_the_first_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trees = SearchSpace("linear", PARAMETERS | {"optimizer": Choice(("boosting",), "boosting")})
    monkeypatch.setitem(SPACES, "linear", trees)
    barred: set[str] = set()

    def answer(job: Job) -> Event:
        barred.update([job.family] if getattr(job, "bars", ()) else [])
        return scored(job)

    run(tmp_path, answer, trials=12, prune=True)
    assert barred == {"mlp"}


def test_nothing_is_pruned_unless_asked(tmp_path: Path) -> None:
    outcome, _ = run(tmp_path, scored, trials=40)
    assert len(finished(outcome.trials)) == 40


def test_every_familys_first_trial_gets_a_share_of_the_time(tmp_path: Path) -> None:
    shares: dict[int, float] = {}

    def answer(job: Job) -> Event:
        shares.setdefault(job.key, job.until - time.monotonic())
        return scored(job)

    run(tmp_path, answer, trials=4, seconds=300.0)
    assert shares[0] == pytest.approx(FIRST_SHARE * 300, abs=5)
    assert shares[1] == pytest.approx(150, abs=5)
    assert shares[2] == pytest.approx(300, abs=5)


@pytest.mark.parametrize(
    ("optimizer", "of_trees", "of_other", "is_prolonged"),
    [
        ("boosting", [0.5, 0.4], [0.45], True),
        ("boosting", [0.5, 0.4], [0.35], False),
        # Nobody knows yet what they are worth.
        ("boosting", [0.5, 0.4], [], False),
        # A network has planned its schedule.
        ("adam", [0.5, 0.4], [0.45], False),
    ],
)
def test_trees_that_are_ahead_get_the_time_that_is_left(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    optimizer: str,
    of_trees: list[float],
    of_other: list[float],
    is_prolonged: bool,
) -> None:
    both = {**PARAMETERS, "optimizer": Choice(("adam", "boosting"), "adam")}
    monkeypatch.setitem(SPACES, "mlp", SearchSpace("mlp", both))
    monkeypatch.setattr(searching, "PROLONGED_AFTER", 0.1)
    calls: dict[int, int] = {}

    def answer(job: Job) -> Event:
        calls[job.key] = calls.get(job.key, 0) + 1
        if job.key < 2 and time.monotonic() < began + 0.6:
            return Event(job.key, "epoch", {"curves": {"val_rmse": of_trees if job.key == 0 else of_other}})
        return scored(job)

    defaults = SPACES["mlp"].defaults()
    first = [("mlp", {**defaults, "rate": 0.9, "optimizer": optimizer}), ("mlp", {**defaults, "rate": 0.8})]
    began = time.monotonic()
    settings = Settings(
        "random", SPACES, RMSE, RunFolder(tmp_path), 0, 6, False, 2, began + 6.0, None, first, boosts=False
    )
    executor = Instant(answer, workers=2)
    outcome = search(settings, executor=executor, tracker=MemoryTracker(), reporter=Silent())
    assert len(outcome.trials) == 6
    assert calls[0] > 3
    assert executor.moved == ({0: [settings.deadline]} if is_prolonged else {})


def test_with_one_worker_no_trees_are_prolonged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All others would wait for them."""
    both = {**PARAMETERS, "optimizer": Choice(("adam", "boosting"), "adam")}
    monkeypatch.setitem(SPACES, "mlp", SearchSpace("mlp", both))
    monkeypatch.setattr(searching, "PROLONGED_AFTER", 0.05)

    def answer(job: Job) -> Event:
        if job.key == 1 and time.monotonic() < began + 0.5:
            return Event(job.key, "epoch", {"curves": {"val_rmse": [0.01]}})
        return scored(job)

    defaults = SPACES["mlp"].defaults()
    first = [("mlp", {**defaults, "rate": 0.8}), ("mlp", {**defaults, "rate": 0.9, "optimizer": "boosting"})]
    began = time.monotonic()
    settings = Settings(
        "random", SPACES, RMSE, RunFolder(tmp_path), 0, 4, False, 1, began + 4.0, None, first, boosts=False
    )
    executor = Instant(answer, workers=1)
    search(settings, executor=executor, tracker=MemoryTracker(), reporter=Silent())
    assert executor.moved == {}


def test_the_first_model_may_be_a_little_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "LEAST_SECONDS", 0.2)
    monkeypatch.setattr(searching, "GRACE_SECONDS", 0.1)
    began = time.monotonic()

    def answer(job: Job) -> Event | None:
        return scored(job) if time.monotonic() > began + 2.5 else None

    late, _ = run(tmp_path / "late", answer, seconds=1.2, workers=2, boosts=False)
    assert [trial.status for trial in late.trials] == ["finished", "finished"]

    began = time.monotonic()

    def one_in_time(job: Job) -> Event | None:
        return scored(job) if job.key == 0 else answer(job)

    in_time, _ = run(tmp_path / "in time", one_in_time, seconds=1.2, workers=2, trials=2, boosts=False)
    assert [(trial.status, trial.reason) for trial in in_time.trials] == [("finished", ""), ("failed", "timeout")]


def test_trees_that_have_fallen_behind_have_no_more_than_their_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = {**PARAMETERS, "optimizer": Choice(("adam", "boosting"), "adam")}
    monkeypatch.setitem(SPACES, "mlp", SearchSpace("mlp", both))
    monkeypatch.setattr(searching, "PROLONGED_AFTER", 0.05)
    share: list[float] = []

    def answer(job: Job) -> Event:
        now = time.monotonic()
        if job.key == 0:
            share[:] = [job.until]
        if job.key < 2 and now < began + 0.8:
            of_other = 0.45 if now < began + 0.4 else 0.35
            return Event(job.key, "epoch", {"curves": {"val_rmse": [0.4 if job.key == 0 else of_other]}})
        return scored(job)

    defaults = SPACES["mlp"].defaults()
    first = [("mlp", {**defaults, "rate": 0.9, "optimizer": "boosting"}), ("mlp", {**defaults, "rate": 0.8})]
    began = time.monotonic()
    settings = Settings(
        "random", SPACES, RMSE, RunFolder(tmp_path), 0, 6, False, 2, began + 6.0, None, first, boosts=False
    )
    executor = Instant(answer, workers=2)
    search(settings, executor=executor, tracker=MemoryTracker(), reporter=Silent())
    assert executor.moved == {0: [settings.deadline, *share]}


def test_a_first_trial_has_time_to_be_compiled_however_short_the_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "LEAST_FIRST_SECONDS", 200.0)
    seen: list[float] = []

    def answer(job: Job) -> Event:
        seen.append(job.until - time.monotonic())
        return scored(job)

    run(tmp_path, answer, trials=4, seconds=300.0, boosts=False)
    assert seen[0] == pytest.approx(200, abs=5)


def test_begins_with_the_given_settings_each_in_its_share_of_the_time_and_unpruned(tmp_path: Path) -> None:
    rest = {"batch_size": 64, "epochs": 90}
    rates = (("mlp", 0.9), ("gone", 0.5), ("mlp", 0.1), ("mlp", 0.8))
    first = [(family, {"rate": rate, **rest}) for family, rate in rates]
    jobs: dict[int, tuple[Job, float]] = {}

    def answer(job: Job) -> Event:
        jobs.setdefault(job.key, (job, job.until - time.monotonic()))
        return scored(job)

    run(tmp_path, answer, trials=40, seconds=300.0, prune=True, first=first)
    del jobs[BOOSTING_KEY]
    assert [job.params["rate"] for job, _ in jobs.values()][:4] == [0.9, 0.1, 0.8, 0.5]
    assert [job.family for job, _ in jobs.values()][:4] == ["mlp", "mlp", "mlp", "linear"]
    assert [share for _, share in jobs.values()][:4] == pytest.approx([120, 120, 120, 150], abs=5)
    assert not any(job.bars for job, _ in list(jobs.values())[:4])
    assert any(job.bars for job, _ in jobs.values())


def test_a_worker_that_gives_no_sign_of_life_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "SILENCE_SECONDS", 0.3)
    began: dict[int, float] = {}

    def answer(job: Job) -> Event | None:
        if job.key == 1:
            return None
        if job.key == 2 and time.monotonic() < began.setdefault(2, time.monotonic()) + 1.0:
            return Event(2, "epoch", {"curves": {}})
        return scored(job)

    outcome, _ = run(tmp_path, answer, trials=4)
    assert [trial.status for trial in outcome.trials] == ["finished", "failed", "finished", "finished"]
    assert outcome.trials[1].reason == "timeout"
    assert "no sign of life" in outcome.trials[1].message


def test_ends_what_hangs_when_the_time_is_up(tmp_path: Path) -> None:
    began = time.monotonic()
    outcome, tracker = run(tmp_path, lambda job: scored(job) if job.key < 2 else None, trials=None, seconds=2.0)
    assert time.monotonic() - began < 4
    assert [trial.status for trial in outcome.trials] == ["finished", "finished", "failed"]
    assert outcome.trials[2].reason == "timeout"
    assert tracker.trials("trial_ended")[-1].reason == "timeout"


def test_a_slow_baseline_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "LEAST_BOOSTING_SECONDS", 0.1)
    outcome, _ = run(
        tmp_path, lambda job: None if job.key == BOOSTING_KEY else scored(job), trials=2, seconds=2.0, workers=2
    )
    assert outcome.baselines[0].message == "not finished in its share of the time"
    assert len(finished(outcome.trials)) == 2


def test_a_baseline_that_could_not_finish_is_not_begun(tmp_path: Path) -> None:
    outcome, _ = run(tmp_path, scored, trials=2, seconds=4.0)
    assert outcome.baselines[0].message == "not tried, since there is too little time"
    assert len(finished(outcome.trials)) == 2


def test_an_interrupt_keeps_what_is_finished(tmp_path: Path) -> None:
    def answer(job: Job) -> Event | None:
        if job.key == 3:
            raise EarlyEnd
        return scored(job)

    outcome, tracker = run(tmp_path, answer)
    assert outcome.interrupted
    assert [trial.status for trial in outcome.trials] == ["finished"] * 3 + ["failed"]
    assert outcome.trials[3].reason == "interrupted"
    assert len(tracker.trials("trial_ended")) == 4


def test_weights_of_weak_trials_are_forgotten(tmp_path: Path) -> None:
    def answer(job: Job) -> Event:
        if job.key != BOOSTING_KEY:
            job.folder.mkdir(parents=True, exist_ok=True)
            (job.folder / "weights.npz").touch()
        return scored(job)

    outcome, _ = run(tmp_path, answer, trials=20)
    kept = {int(path.parent.name) for path in tmp_path.glob("trials/*/weights.npz")}
    assert kept == {trial.number for trial in candidates(outcome.trials)}
    assert {trial.number for trial in finished(outcome.trials)[:10]} <= kept < set(range(20))


@pytest.mark.parametrize("workers", [1, 3])
def test_never_starts_more_trials_than_asked(tmp_path: Path, workers: int) -> None:
    outcome, _ = run(tmp_path, scored, trials=5, workers=workers)
    assert len(outcome.trials) == 5
    assert all(isinstance(trial, Trial) and trial.status == "finished" for trial in outcome.trials)


def test_a_full_disk_ends_the_search_and_costs_no_trial(tmp_path: Path) -> None:
    def answer(job: Job) -> Event:
        return Event(job.key, "failed", reason="disk", message="The disk is full.") if job.key == 2 else scored(job)

    with pytest.raises(EnvironmentFault, match=r"^The disk is full\.$"):
        run(tmp_path, answer)
    assert [trial.number for trial in RunFolder(tmp_path).trials()] == [0, 1]
    assert (RunFolder(tmp_path).of_trial(2) / "setting.json").exists()


@pytest.mark.parametrize(
    ("trials", "said"), [(8, ["The time was too short for another trial. Give more --time."]), (1, [])]
)
def test_a_run_that_goes_on_says_if_it_had_no_time_for_a_trial(tmp_path: Path, trials: int, said: list[str]) -> None:
    earlier = [Trial(0, "linear", DEFAULTS, "finished", 0.5, seconds=10.0)]
    reporter = Notes()
    outcome, _ = run(tmp_path, scored, seconds=0.5, trials=trials, boosts=False, earlier=earlier, reporter=reporter)
    assert (len(outcome.trials), reporter.notes) == (1, said)


def test_keeps_no_time_for_what_is_trained_again_already(tmp_path: Path) -> None:
    earlier = [Trial(0, "mlp", DEFAULTS, "finished", 0.0, seconds=20.0, place=Place(1, 1))]
    seen: list[float] = []

    def answer(job: Job) -> Event:
        seen.append(job.until - time.monotonic())
        return scored(job)

    RunFolder(tmp_path).of_trial(0).mkdir(parents=True)
    (RunFolder(tmp_path).of_trial(0) / REFITTED).touch()
    run(tmp_path, answer, seconds=100.0, trials=3, growth=1.0, boosts=False, earlier=earlier)
    assert seen[-1] == pytest.approx(100, abs=8)
