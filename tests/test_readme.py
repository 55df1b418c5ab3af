"""What the README promises."""

from __future__ import annotations

import re
from pathlib import Path

import automl
from automl.figures import clock
from automl.options import seconds

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


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
