"""What the README promises."""

from __future__ import annotations

import re
from pathlib import Path

import automl
from automl.figures import clock
from automl.options import seconds
from automl.resources import folder
from automl.space_files import KEYS, TOP_KEYS, read_user_space

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
ON_SPACES = (folder("search_spaces") / "README.md").read_text(encoding="utf-8")


def test_what_it_calls_from_python_is_there_and_all_that_is() -> None:
    blocks = "\n".join(re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL))
    code = re.sub(r'"[^"]*"', "", blocks)
    homes = {"automl": automl, "run": automl.Run, "model": automl.Model}
    named = {(home, name) for home in homes for name in re.findall(rf"\b{home}\.(\w+)", code)}
    assert [f"{home}.{name}" for home, name in sorted(named) if not hasattr(homes[home], name)] == []
    public = {("automl", name) for name in automl.__all__ if name.islower()}
    public |= {
        ("model", name) for name, own in vars(automl.Model).items() if callable(own) and not name.startswith("_")
    }
    assert public <= named


def test_the_first_command_makes_the_others_work() -> None:
    first = README.partition("```sh\n")[2].partition("```")[0]
    assert re.search(r"-m venv \.venv && \. \.venv/bin/activate && pip install .* && automl fit ", first)


def test_a_dry_run_names_its_time_as_the_readme_does() -> None:
    assert f'"In {clock(seconds("1h", trials=None) or 0)}, ' in README


def test_what_it_says_of_search_spaces_can_be_used(tmp_path: Path) -> None:
    for text in (README, ON_SPACES):
        (tmp_path / "my.yaml").write_text(text.partition("```yaml\n")[2].partition("```")[0], encoding="utf-8")
        space = read_user_space(tmp_path / "my.yaml").space.parameters
        assert space["layers"].grid() == (2,)
        assert "dropout" in space
    assert {
        key for key in {*TOP_KEYS, *(key for keys in KEYS.values() for key in keys)} if key not in ON_SPACES
    } == set()
    shown = re.findall(r"^\| `(\{type: .*?\})`", ON_SPACES, flags=re.MULTILINE)
    assert len(shown) == len(KEYS)
    for line in shown:
        (tmp_path / "whole.yaml").write_text(f"family: mlp\nparameters:\n  layers: {line}\n", encoding="utf-8")
        assert list(read_user_space(tmp_path / "whole.yaml").space.parameters) == ["layers"]
