"""How many steps a training takes when the time is short."""

from __future__ import annotations

import time

import pytest

from automl.training.timetable import Timetable


def timetable(seconds: float, *, planned: int = 1000, steps_per_epoch: int = 100) -> Timetable:
    return Timetable(time.monotonic() + seconds, steps_per_epoch, planned)


def test_keeps_its_plan_while_there_is_time() -> None:
    plan = timetable(1000.0)
    for _ in range(10):
        plan.ran(plan.next_steps(), 0.1)
    assert plan.planned == 1000


def test_plans_what_the_time_allows() -> None:
    plan = timetable(10.0)
    plan.ran(1, 5.0)  # The first call compiles.
    plan.ran(20, 2.0)
    # 0.1 s per step and a third of it for measuring, in nine tenths of the ten seconds.
    assert plan.planned == pytest.approx(21 + 9 / 0.1333, abs=2)
    plan.measured(30.0)  # The first measurement compiles, too.
    assert plan.planned == pytest.approx(21 + 9 / 0.1333, abs=2)
    plan.measured(10.0)
    assert plan.planned == pytest.approx(21 + 9 / 0.2, abs=2)


def test_what_does_not_compile_is_planned_by_its_first_step() -> None:
    plan = Timetable(time.monotonic() + 21.0, 1, 80, compiles=False)
    plan.ran(1, 2.0)
    # Measuring is taken to cost a third of a step.
    assert plan.planned == 1 + 7
    plan.measured(1.0)
    assert plan.planned == 1 + 6


def test_keeps_the_time_to_score_the_network() -> None:
    def planned(scoring: float) -> int:
        plan = Timetable(time.monotonic() + 20.0, 1, 80, compiles=False, scoring=scoring)
        plan.ran(1, 0.5)
        plan.measured(0.5)
        return plan.planned

    assert planned(0.0) == 1 + 17
    assert planned(10.0) == 1 + 12


def test_makes_no_plan_of_the_first_moments() -> None:
    plan = timetable(10.0)
    plan.ran(1, 5.0)
    plan.ran(1, 0.2)
    assert plan.planned == 1000
    plan.ran(10, 0.1)
    assert plan.planned < 1000


def test_a_slow_beginning_is_forgotten_by_half_of_the_plan() -> None:
    plan = timetable(10.0)
    plan.ran(1, 0.1)
    plan.ran(1, 1.0)
    short = plan.planned
    assert short < 20
    plan.ran(1, 0.01)
    assert short < plan.planned < 1000


def test_the_second_half_of_a_plan_never_becomes_longer() -> None:
    plan = timetable(10.0)
    plan.ran(1, 0.1)
    plan.ran(15, 7.5)
    short = plan.planned
    assert short / 2 < 16 < short < 40
    plan.ran(3, 0.0)
    assert plan.planned == short


def test_a_slow_moment_ends_no_schedule_in_its_second_half() -> None:
    def after(seconds: float) -> Timetable:
        plan = timetable(10.0, planned=100, steps_per_epoch=10)
        plan.ran(1, 0.1)
        plan.ran(59, 3.4)
        for measured in (0.2, 0.2, 0.2, seconds):
            plan.measured(measured)
        return plan

    usual, one_is_slow = after(0.2), after(5.0)
    assert usual.planned == one_is_slow.planned == 100


def test_a_plan_that_does_not_fit_becomes_shorter_to_the_end() -> None:
    plan = timetable(10.0, planned=100, steps_per_epoch=10)
    plan.ran(1, 0.1)
    plan.ran(59, 3.4)
    plan.ran(10, 6.0)
    assert 70 <= plan.planned < 100


def test_more_time_makes_a_plan_longer_however_far_it_is() -> None:
    plan = timetable(10.0)
    plan.ran(1, 0.1)
    plan.ran(15, 7.5)
    short = plan.planned
    plan.move(plan.until - 5)
    assert plan.planned < short
    plan.move(plan.until + 105)
    assert plan.planned == pytest.approx(16 + 0.9 * 110 / 0.667, abs=5)
    assert plan.until == pytest.approx(time.monotonic() + 110, abs=1)


def test_a_plan_is_never_longer_than_what_was_asked() -> None:
    plan = timetable(10.0, planned=100)
    plan.ran(1, 0.1)
    plan.ran(1, 1.0)
    assert plan.planned < 20
    for _ in range(40):
        plan.ran(1, 0.02)
    assert 20 < plan.planned <= 100
    for _ in range(40):
        plan.ran(1, 0.02)
    assert plan.planned == 100


def test_a_call_lasts_half_a_second_and_ends_with_the_epoch() -> None:
    plan = timetable(1000.0)
    assert plan.next_steps() == 1
    plan.ran(1, 3.0)
    assert plan.pace is None
    assert plan.next_steps() == 1
    plan.ran(1, 0.01)
    assert plan.next_steps() == 50
    plan.ran(50, 0.5)
    assert plan.next_steps() == 48


def test_is_over_when_the_time_is_up() -> None:
    assert timetable(-1.0).is_over
    assert not timetable(10.0).is_over
    done = timetable(10.0, planned=1)
    done.ran(1, 0.0)
    assert done.is_over
