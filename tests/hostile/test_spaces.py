"""Search spaces that are no search spaces."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from automl.errors import InputError
from automl.space_files import read_space, read_user_space

if TYPE_CHECKING:
    from tests.hostile.conftest import Canary

ALIASES = "a: &a [x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)}, *{chr(97 + n)}]\n" for n in range(20)
)
SPACES: dict[str, tuple[Callable[[Canary], str], str]] = {
    "aliases": (lambda _: ALIASES, "aliases"),
    "alias of itself": (lambda _: "parameters: &a\n  b: *a\n", "aliases"),
    "merged alias": (lambda _: "a: &a {b: 1}\nparameters:\n  <<: *a\n", "aliases"),
    "call": (lambda canary: f"parameters: !!python/object/apply:os.system ['touch {canary.trace}']\n", "the tag"),
    "module": (lambda _: "parameters: !!python/module:antigravity\n", "the tag"),
    "name of a function": (lambda _: "parameters: {units: !!python/name:os.system }\n", "the tag"),
    "tag of its own": (lambda _: "parameters: !include /etc/passwd\n", "the tag"),
    "binary": (lambda _: "parameters: {units: !!binary aGVsbG8=}\n", "the tag"),
    "lists without end": (lambda _: "[" * 100_000, "nested too deeply"),
    "mappings without end": (lambda _: "{a: " * 100_000, "nested too deeply"),
    "key twice": (lambda _: "extends: mlp\nparameters:\n  units: 8\n  units: 9\n", "the key 'units' occurs twice"),
    "list for a key": (lambda _: "extends: mlp\nparameters:\n  ? [a]\n  : 1\n", "a key is no single word"),
    "100,000 keys": (lambda _: "".join(f"k{number}: 1\n" for number in range(60_000)), "too many parts"),
    "2 MB": (lambda _: "# " + "x" * 2_000_000, "larger than 1,000,000"),
    "number of a million digits": (lambda _: "parameters: {units: " + "9" * 900_000 + "}", "cannot be read"),
    "two documents": (lambda _: "extends: mlp\n---\nextends: mlp\n", "not valid YAML"),
    "base beside the spaces": (lambda canary: f"extends: ../../../{canary.secret}\n", "There is no family"),
    "base that is itself": (lambda canary: f"extends: {canary.folder.parent / 'space'}\n", "There is no family"),
    "no text": (lambda _: "\x00\x01", "not valid YAML"),
    "unknown key": (lambda _: "extends: mlp\n__import__: os\n", "unknown key '__import__'"),
}


@pytest.mark.parametrize("name", SPACES)
def test_is_refused(tmp_path: Path, canary: Canary, name: str) -> None:
    write, message = SPACES[name]
    (tmp_path / "space.yaml").write_text(write(canary))
    canary.watches = True
    with pytest.raises(InputError, match=message):
        read_user_space(tmp_path / "space.yaml")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "space.yaml")
    with pytest.raises(InputError, match="There is no file"):
        read_user_space(tmp_path / "space.yaml")


def test_no_path_is_a_family() -> None:
    with pytest.raises(InputError, match="There is no family '../search_spaces/mlp'"):
        read_space("../search_spaces/mlp")


def test_a_link_of_the_users_own_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real.yaml").write_text("extends: mlp\nparameters:\n  units: 8\n")
    (tmp_path / "space.yaml").symlink_to(tmp_path / "real.yaml")
    assert read_user_space(tmp_path / "space.yaml").space.parameters["units"].default == 8
