"""What every check must offer, whichever it is."""

from __future__ import annotations

import ast
import inspect
from typing import get_args

import pytest

from automl import diagnostics, plugins
from automl.diagnostics import Answer, Finding, NotApplicable, Stage, from_json, names, to_json


@pytest.mark.parametrize("name", names())
def test_has_a_stage_a_title_and_a_check_of_one_thing(name: str) -> None:
    module = plugins.load("diagnostics", name, noun="check")
    assert module.STAGE in get_args(Stage)
    assert isinstance(module.TITLE, str)
    assert module.TITLE[0].isupper() and not module.TITLE.endswith(".")
    assert len(inspect.signature(module.check).parameters) == 1


@pytest.mark.parametrize("name", names())
def test_signs_its_answers_with_its_file_name(name: str) -> None:
    module = plugins.load("diagnostics", name, noun="check")
    tree = ast.parse(inspect.getsource(module))
    signed = [
        call.args[0]
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id in (Finding.__name__, NotApplicable.__name__)
    ]
    codes = {module.CODE if isinstance(code, ast.Name) else ast.literal_eval(code) for code in signed}
    assert codes == {name}


def test_every_stage_has_its_checks() -> None:
    found = [name for stage in get_args(Stage) for name in diagnostics.checks(stage)]
    assert sorted(found) == names()


@pytest.mark.parametrize(
    "answer",
    [
        Finding("drift", "note", "a title", "measured", "advice", {"auc": 0.7}, ("x", "y")),
        NotApplicable("drift", "there are no test rows"),
    ],
)
def test_answers_survive_json(answer: Answer) -> None:
    assert from_json(to_json(answer)) == answer
