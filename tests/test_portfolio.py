"""The settings that a search begins with."""

from __future__ import annotations

import pytest
import yaml

from automl import plugins
from automl.portfolio import FILE, first_settings
from automl.resources import folder
from automl.space_files import change, read_space

SPACES = {name: read_space(name).for_table(task="classify", rows=1000) for name in plugins.names("families")}


@pytest.mark.parametrize("rows", [100, 10_000, 1_000_000])
def test_every_shipped_setting_is_one_of_its_family(rows: int) -> None:
    groups = yaml.safe_load((folder("search_spaces") / FILE).read_text())
    entries = next(group["settings"] for group in groups if rows <= group.get("most_rows", rows))
    settings = list(first_settings(SPACES, rows=rows))
    assert len(settings) == len(entries) > 0
    for family, setting in settings:
        assert setting in SPACES[family]


@pytest.mark.parametrize("rows", [100, 10_000, 1_000_000])
def test_few_trials_begin_with_what_did_best_alone(rows: int) -> None:
    groups = yaml.safe_load((folder("search_spaces") / FILE).read_text())
    alone = next(group["alone"] for group in groups if rows <= group.get("most_rows", rows))
    together = list(first_settings(SPACES, rows=rows))
    few = list(first_settings(SPACES, rows=rows, trials=1))
    assert few[0][0] == alone["family"] != "linear"
    assert all(few[0][1][name] == value for name, value in alone.items() if name != "family")
    assert few[1:] == [setting for setting in together if setting != few[0]]
    assert list(first_settings(SPACES, rows=rows, trials=len(together))) == together


def test_what_the_user_has_narrowed_is_left_out() -> None:
    spaces = {name: read_space(name).space for name in ("mlp", "linear")}
    before = [family for family, _ in first_settings(spaces, rows=1000)]
    spaces["mlp"] = change(read_space("mlp"), ["layers=7"]).space
    narrowed = list(first_settings(spaces, rows=1000))
    assert before.count("linear") == [family for family, _ in narrowed].count("linear") > 0
    assert all(setting["layers"] == 7 for family, setting in narrowed if family == "mlp")
    assert list(first_settings({}, rows=1000)) == []
