"""Files that are either whole or absent, and records that know themselves."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from automl import files
from automl.errors import EnvironmentFault, InputError

CONTENT = {"number": 3, "name": "Größe", "score": 0.25, "missing": None, "params": {"layers": 2}, "curve": [1.5, 0.5]}


def test_a_record_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    files.write_record(path, CONTENT)
    assert files.read_record(path) == CONTENT
    files.write_record(path, [1, "two", None])
    assert files.read_record(path) == [1, "two", None]


def test_no_altered_bit_of_a_record_goes_unnoticed(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    files.write_record(path, CONTENT)
    whole = path.read_bytes()
    for position in range(len(whole)):
        for bit in range(8):
            altered = bytearray(whole)
            altered[position] ^= 1 << bit
            path.write_bytes(altered)
            try:
                read = files.read_record(path)
            except InputError:
                continue
            # Another blank between two signs says the same.
            assert read == CONTENT, (position, bit)


def test_no_record_is_cut_off_unnoticed(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    files.write_record(path, CONTENT)
    whole = path.read_bytes().rstrip()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError):
            files.read_record(path)


@pytest.mark.parametrize("content", ["{}", "[]", '{"number": 3}', "3"])
def test_what_has_no_sum_is_no_record(tmp_path: Path, content: str) -> None:
    path = tmp_path / "record.json"
    path.write_text(content)
    with pytest.raises(InputError, match="not as it was written"):
        files.read_record(path)


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_fault_of_the_disk_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    path = tmp_path / "file.txt"
    files.write_text(path, "old")

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, step, refuse)
    said = r"file.txt: No space left on device. Free some space, or write elsewhere \(fit, predict and report take "
    with pytest.raises(EnvironmentFault, match=said):
        files.write_text(path, "new")
    assert [(held.name, held.read_text()) for held in tmp_path.iterdir()] == [("file.txt", "old")]


def test_sweeps_what_was_left_unfinished(tmp_path: Path) -> None:
    left = [".run.json.77.part", "trials/0001/.network.77.part.keras", ".model.77.part/.schema.json.77.part"]
    kept = ["run.json", "trials/0001/weights.npz", "part.csv"]
    for name in (*left, *kept):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    files.sweep(tmp_path)
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()) == sorted(kept)


def test_a_place_that_the_user_names_may_be_a_link_or_a_pipe(tmp_path: Path) -> None:
    (tmp_path / "there.csv").touch()
    (tmp_path / "link.csv").symlink_to("there.csv")
    files.write_out(tmp_path / "link.csv", "a,b")
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "there.csv").read_text() == "a,b"
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    files.write_out(tmp_path / "pipe", "c,d")
    assert os.read(reader, 100) == b"c,d"
    os.close(reader)
    assert (tmp_path / "pipe").is_fifo()


def test_a_record_may_name_a_file_whose_name_is_no_text(tmp_path: Path) -> None:
    name = os.fsdecode(b"donn\xe9es.csv")
    files.write_record(tmp_path / "r.json", {"path": name, "é": 1})
    assert files.read_record(tmp_path / "r.json")["path"] == name


def test_content_is_on_the_disk_before_it_gets_its_name_and_the_name_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    flush, rename = os.fsync, Path.replace

    def flushed(descriptor: int) -> None:
        done.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        flush(descriptor)

    def renamed(self: Path, target: Path) -> Path:
        done.append("renamed")
        return rename(self, target)

    monkeypatch.setattr(os, "fsync", flushed)
    monkeypatch.setattr(Path, "replace", renamed)
    files.write_bytes(tmp_path / "a.json", b"1")
    assert done == [f".a.json.{os.getpid()}.part", "renamed", tmp_path.name]
