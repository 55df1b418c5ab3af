from __future__ import annotations

from automl.tracking import RunDescription, RunOutcome, Tracker
from automl.tracking.memory import MemoryTracker
from automl.trial import Trial


def test_keeps_every_call_in_order(described: RunDescription, trials: list[Trial], outcome: RunOutcome) -> None:
    memory = MemoryTracker()
    tracker: Tracker = memory
    tracker.start(described)
    tracker.trial_started(trials[0])
    tracker.epochs(trials[0])
    tracker.trial_ended(trials[0])
    tracker.finish(outcome)
    assert [name for name, _ in memory.calls] == ["start", "trial_started", "epochs", "trial_ended", "finish"]
    assert memory.runs == [described]
    assert memory.trials("trial_ended") == [trials[0]]
    assert memory.outcomes == [outcome]
