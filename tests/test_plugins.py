"""Modules that other distributions add."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from automl import families, plugins
from automl.errors import InputError
from automl.space_files import read_space

SPACE = "summary: New.\ntasks: [classify]\nparameters:\n  optimizer: adam\n  units: {type: int, low: 1, high: 9}\n"

Distribution = Callable[..., Path]


@pytest.fixture
def distribution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Distribution]:
    """Installs a package `guests` with one module that is a plug-in."""

    def install(kind: str, name: str, code: str = "") -> Path:
        package = tmp_path / "guests"
        package.mkdir()
        (package / "__init__.py").touch()
        (package / f"{name}.py").write_text(code)
        facts = tmp_path / "guests-1.0.dist-info"
        facts.mkdir()
        (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: guests\nVersion: 1.0\n")
        (facts / "entry_points.txt").write_text(f"[automl.{kind}]\n{name} = guests.{name}\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        _forget()
        return package

    yield install
    for module in [name for name in sys.modules if name.partition(".")[0] == "guests"]:
        del sys.modules[module]
    monkeypatch.undo()
    _forget()


def _forget() -> None:
    for cached in (plugins.names, plugins.load, plugins._added, read_space):
        cached.cache_clear()


def test_a_family_brings_its_search_space(distribution: Distribution) -> None:
    package = distribution("families", "squares", "GUEST = True")
    (package / "squares.yaml").write_text(SPACE)
    assert "squares" in families.names()
    assert list(read_space("squares").space.parameters) == ["optimizer", "units"]
    assert "guests.squares" not in sys.modules
    assert plugins.load("families", "squares", noun="family").GUEST


def test_a_family_without_a_search_space_is_named(distribution: Distribution) -> None:
    distribution("families", "squares")
    with pytest.raises(InputError, match="'squares' comes from a package that lacks .*guests/squares.yaml"):
        families.names()


@pytest.mark.parametrize(("kind", "noun"), [("search", "search algorithm"), ("diagnostics", "check")])
def test_a_module_stands_beside_the_own_ones(distribution: Distribution, kind: str, noun: str) -> None:
    own = plugins.names(kind)
    distribution(kind, "zigzag", "GUEST = True")
    assert plugins.names(kind) == sorted([*own, "zigzag"])
    assert plugins.load(kind, "zigzag", noun=noun).GUEST
    assert plugins.load(kind, own[0], noun=noun).__name__ == f"automl.{kind}.{own[0]}"


def test_what_is_not_there_is_said_with_what_is() -> None:
    with pytest.raises(InputError, match="zigzag.*bayesian"):
        plugins.load("search", "zigzag", noun="search algorithm")
