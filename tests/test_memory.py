"""Sizes of memory, and a limit to what a process may have."""

from __future__ import annotations

import multiprocessing

import numpy as np
import pytest

from automl import memory
from automl.errors import InputError


@pytest.mark.parametrize(("text", "expected"), [("4G", 2**32), ("4", 2**32), (1.5, 3 * 2**29), ("800M", 800 * 2**20)])
def test_reads_sizes(text: str | float, expected: int) -> None:
    assert memory.size(text) == expected


@pytest.mark.parametrize("text", ["much", "4X", "-1G", "", "100M"])
def test_refuses_what_is_no_size_or_too_small(text: str) -> None:
    with pytest.raises(InputError, match=f"--memory {text}"):
        memory.size(text)


def test_knows_what_is_available() -> None:
    assert 2**20 < memory.available() < 2**50


def _allocate(megabytes: int) -> None:
    memory.limit(200 * 2**20)
    try:
        np.ones(megabytes * 2**17)
    except MemoryError:
        raise SystemExit(7) from None


@pytest.mark.parametrize(("megabytes", "code"), [(100, 0), (300, 7)])
def test_limits_what_a_process_may_have(megabytes: int, code: int) -> None:
    process = multiprocessing.get_context("spawn").Process(target=_allocate, args=(megabytes,))
    process.start()
    process.join(60)
    assert process.exitcode == code
