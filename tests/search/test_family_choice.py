"""Which family the next trial belongs to."""

from __future__ import annotations

from collections import Counter

from automl.search._families import draw_family, family_in_turn
from automl.trial import Trial

FAMILIES = ["linear", "mlp", "resnet"]


def trials(**objectives: list[float | None]) -> list[Trial]:
    """Trials of each family in turn: finished with an objective, or failed with None."""
    rows = [(family, score) for family, scores in objectives.items() for score in scores]
    return [
        Trial(number, family, {}, "failed", reason="oom")
        if score is None
        else Trial(number, family, {}, "finished", objective=score)
        for number, (family, score) in enumerate(rows)
    ]


def drawn(tried: list[Trial]) -> Counter[str]:
    return Counter(draw_family(FAMILIES, tried, seed=seed) for seed in range(1000))


def test_every_family_has_its_first_trial_in_the_given_order() -> None:
    assert draw_family(FAMILIES, [], seed=0) == "linear"
    assert draw_family(FAMILIES, trials(linear=[0.1]), seed=0) == "mlp"
    assert draw_family(FAMILIES, [*trials(resnet=[0.1]), Trial(1, "linear", {})], seed=0) == "mlp"


def test_a_family_is_drawn_by_its_share_of_the_best_quarter() -> None:
    # The best 3 of 12 are two of mlp and one of resnet; with one that all share: 1/3, 7/3 and 4/3 of 4.
    tried = trials(linear=[9.0, 8.0, 7.0, 6.0], mlp=[0.1, 0.2, 5.0, 5.5], resnet=[0.3, 3.0, 4.0, 4.5])
    counts = drawn(tried)
    assert abs(counts["linear"] - 1000 / 12) < 30
    assert abs(counts["mlp"] - 7000 / 12) < 50
    assert abs(counts["resnet"] - 4000 / 12) < 50


def test_a_family_that_always_fails_is_drawn_least_and_still_drawn() -> None:
    counts = drawn(trials(linear=[None] * 20, mlp=[0.1] * 20, resnet=[0.2] * 20))
    assert 0 < counts["linear"] < 150


def test_families_are_drawn_evenly_until_something_has_finished() -> None:
    counts = drawn([Trial(number, family, {}) for number, family in enumerate(FAMILIES)])
    assert all(abs(counts[family] - 1000 / 3) < 60 for family in FAMILIES)


def test_in_turn_each_family_gets_as_many_trials() -> None:
    tried: list[Trial] = []
    for number in range(7):
        tried.append(Trial(number, family_in_turn(FAMILIES, tried, seed=0), {}))
    assert [trial.family for trial in tried] == ["linear", "mlp", "resnet"] * 2 + ["linear"]
