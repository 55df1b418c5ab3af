"""Some of the damaged and odd tables of the benchmark; ten thousand are tried by `python tests/benchmarks/fuzz.py`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.fuzz import FOUND, Case, case, outcome

SOME = 10


@pytest.mark.parametrize("first", range(0, 200, SOME))
def test_damaged_and_odd_tables_end_in_an_answer_or_in_an_error_for_people(tmp_path: Path, first: int) -> None:
    came = {number: outcome(case(number), tmp_path) for number in range(first, first + SOME)}
    assert not {number: fault for number, fault in came.items() if fault.startswith("FAULT")}


@pytest.mark.parametrize("what", FOUND)
def test_what_was_found_once_does_not_come_back(tmp_path: Path, what: str) -> None:
    assert outcome(Case(0, *FOUND[what]), tmp_path) in ("an answer", "InputError")


def test_a_number_is_always_the_same_file() -> None:
    assert case(3) == case(3) != case(4)
