"""What control groups leave a process: its own, and those that this is in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from automl import cgroups, memory
from automl.options import Options

MB = 2**20
Groups = Callable[[str, Mapping[str, str | int]], None]


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Groups:
    """Makes them up: which this process is in, as /proc/self/cgroup says it, and the files below /sys/fs/cgroup."""
    monkeypatch.setattr(cgroups, "_MEMBERSHIP", tmp_path / "cgroup")
    monkeypatch.setattr(cgroups, "_ROOT", tmp_path / "groups")

    def make(membership: str, written: Mapping[str, str | int]) -> None:
        (tmp_path / "cgroup").write_text(f"{membership}\n")
        for name, content in written.items():
            path = tmp_path / "groups" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{content}\n")

    return make


def test_what_the_kernel_gives_back_is_free(groups: Groups) -> None:
    used: dict[str, str | int] = {
        "memory.max": 40 * MB,
        "memory.current": 39 * MB,
        "memory.stat": f"anon 1\ninactive_file {35 * MB}",
    }
    groups("0::/", used)
    assert memory.available() == 36 * MB


def test_what_the_kernel_gives_back_is_free_in_version_1(groups: Groups) -> None:
    used: dict[str, str | int] = {
        "memory/memory.limit_in_bytes": 40 * MB,
        "memory/memory.usage_in_bytes": 39 * MB,
        "memory/memory.stat": f"inactive_file 1\ntotal_inactive_file {35 * MB}",
    }
    groups("4:memory:/\n0::/", used)
    assert memory.available() == 36 * MB


@pytest.mark.parametrize(("own", "outer"), [("20", "90"), ("max", "20"), ("90", "20")])
def test_the_narrowest_of_all_groups_counts(groups: Groups, own: str, outer: str) -> None:
    most = {"own": own, "outer": outer}
    limits = {name: text if text == "max" else int(text) * MB for name, text in most.items()}
    slurm = {"job/memory.max": limits["outer"], "job/memory.current": 5 * MB}
    step = {"job/step/memory.max": limits["own"], "job/step/memory.current": 5 * MB}
    groups("0::/job/step", {**slurm, **step})
    assert memory.available() == 15 * MB


def test_a_container_may_not_see_where_its_group_is(groups: Groups) -> None:
    used: dict[str, str | int] = {"memory/memory.limit_in_bytes": 40 * MB, "memory/memory.usage_in_bytes": 9 * MB}
    groups("4:memory:/docker/0123", used)
    assert memory.available() == 31 * MB


def test_a_group_that_has_more_than_it_may_leaves_nothing(groups: Groups) -> None:
    groups("0::/", {"memory.max": 40 * MB, "memory.current": 41 * MB})
    assert memory.available() == 0


@pytest.mark.parametrize(
    ("membership", "written", "expected"),
    [
        ("0::/", {"cpu.max": "150000 100000"}, [2]),
        ("0::/", {"cpu.max": "max 100000"}, []),
        ("0::/a/b", {"a/cpu.max": "300000 100000", "a/b/cpu.max": "50000 100000"}, [1, 3]),
        ("3:cpu,cpuacct:/", {"cpu/cpu.cfs_quota_us": "200000", "cpu/cpu.cfs_period_us": "100000"}, [2]),
        ("3:cpu,cpuacct:/", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, []),
        ("3:cpuset:/", {"cpu/cpu.cfs_quota_us": "200000", "cpu/cpu.cfs_period_us": "100000"}, []),
    ],
)
def test_knows_the_processors_whose_time_there_is(
    groups: Groups, membership: str, written: Mapping[str, str], expected: list[int]
) -> None:
    groups(membership, written)
    assert cgroups.processors() == expected


def test_there_are_as_many_workers_as_processors_whose_time_there_is(groups: Groups) -> None:
    groups("0::/", {"cpu.max": "100000 100000"})
    assert Options().processes == 1
    assert Options(workers=3).processes == 3


def test_a_system_may_have_no_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroups, "_MEMBERSHIP", tmp_path / "none")
    assert (cgroups.free_memory(), cgroups.processors()) == ([], [])
