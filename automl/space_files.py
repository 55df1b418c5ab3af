"""Search spaces as people write them: YAML files, and `--set mlp.learning_rate=1e-4..1e-2` on the command line."""

from __future__ import annotations

import dataclasses
import difflib
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from automl import plugins, yaml_files
from automl.errors import InputError, unknown
from automl.resources import folder
from automl.space import Choice, Float, Int, Parameter, SearchSpace, Value
from automl.trial import ROUNDS_PER_EPOCH

# A file beside those of the families.
PORTFOLIO = "portfolio"
FACTS = ("rows", "categories", "large categories", "columns")
TOP_KEYS = (
    "summary",
    "tasks",
    "suits",
    "on_request",
    "most_weight",
    "parameters",
    "defaults_for",
    "extends",
    "family",
)
KEYS = {
    "float": ("type", "low", "high", "default", "log", "when", "points"),
    "int": ("type", "low", "high", "default", "log", "when", "points"),
    "choice": ("type", "values", "default", "when", "default_up_to_rows"),
}


@dataclass(frozen=True)
class SpaceFile:
    """A family's YAML file: what it is, which tasks and tables it suits, and what may vary.

    `suits` bounds facts of the table, for example {"rows": {"min": 50}}; `defaults_for` gives tasks, and metrics that
    decide, defaults of their own, for example {"regress": {"learning_rate": 0.2}}; what is fixed is then fixed at
    another value. A family `on_request` is tried only when it is named, and its trials get at most `most_weight` of an
    ensemble.
    """

    family: str
    summary: str
    tasks: tuple[str, ...]
    suits: Mapping[str, Mapping[str, int]]
    space: SearchSpace
    defaults_for: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)
    on_request: bool = False
    most_weight: float = 1.0

    def for_table(self, *, task: str, rows: int, metric: str = "") -> SearchSpace:
        """The space with the defaults for this task, this metric and a table of so many rows."""
        own = {**self.defaults_for.get(task, {}), **self.defaults_for.get(metric, {})}
        fitted = {
            name: _with_default(parameter, own[name]) if name in own else parameter
            for name, parameter in self.space.for_rows(rows).parameters.items()
        }
        return SearchSpace(self.space.name, fitted)


def _is_fixed(parameter: Parameter) -> bool:
    return isinstance(parameter, Choice) and len(parameter.values) == 1


def _with_default(parameter: Parameter, default: Value) -> Parameter:
    """The hyperparameter with another default, if it may have that; what is fixed is fixed there."""
    if _is_fixed(parameter):
        return Choice((default,), default, parameter.when)
    return dataclasses.replace(parameter, default=default) if default in parameter else parameter  # type: ignore[arg-type]


@cache
def read_space(family: str) -> SpaceFile:
    """The file that comes with a family.

    Raises:
        InputError: there is no such file, or something in it is wrong.
    """
    path = path_of(family)
    return _space_file(_load(path), path, default_family=family)


def path_of(family: str) -> Path:
    """Where the file is that comes with a family: in `search_spaces`, or beside a module of another distribution.

    Raises:
        InputError: there is no such family, or no file beside its module.
    """
    paths = {path.stem: path for path in folder("search_spaces").glob("*.yaml") if path.stem != PORTFOLIO}
    paths |= {name: place / f"{name}.yaml" for name, place in plugins.folders("families").items()}
    if family not in paths:
        raise unknown("family", family, sorted(paths))
    path = paths[family]
    if not path.is_file():
        raise InputError(f"The family {family!r} comes from a package that lacks {path}. Repair it, or remove it.")
    return path


def read_user_space(path: str | Path) -> SpaceFile:
    """A user's own file; with `extends: mlp` it changes the shipped space, hyperparameter by hyperparameter.

    Raises:
        InputError: the file is missing or something in it is wrong.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"There is no file {str(path)!r}. Give --space a YAML file; 'automl families mlp' prints one.")
    return _space_file(_load(path), path, default_family=path.stem)


def change(file: SpaceFile, settings: Iterable[str]) -> SpaceFile:
    """The file after `name=3`, `name=relu,gelu` or `name=1e-4..1e-2` for hyperparameters of its family.

    Of several settings of one hyperparameter the last counts.

    Raises:
        InputError: there is no such hyperparameter, or it cannot take such values.
    """
    parameters = dict(file.space.parameters)
    told = set()
    for setting in settings:
        name, _, values = setting.partition("=")
        if name not in parameters:
            raise unknown("hyperparameter", name, parameters, where=f"--set {file.family}.{setting}")
        # Values that an earlier setting has left of a range no longer say that its scale is logarithmic.
        original = file.space.parameters[name]
        parameters[name] = _changed(original, values.strip(), where=f"--set {file.family}.{setting}")
        if _is_fixed(original) or _is_fixed(parameters[name]):
            told.add(name)
    changed = {name for name, parameter in parameters.items() if parameter is not file.space.parameters[name]}
    parameters |= _in_step(parameters, changed)
    # No task and no metric fixes anew what the user has fixed.
    defaults_for = {
        what: {name: value for name, value in own.items() if name not in told}
        for what, own in file.defaults_for.items()
    }
    return dataclasses.replace(file, space=SearchSpace(file.family, parameters), defaults_for=defaults_for)


def _in_step(parameters: Mapping[str, Parameter], changed: Collection[str]) -> dict[str, Parameter]:
    """As many epochs as a change of the rounds of trees asks for, or as many rounds as one of their epochs does."""
    if "rounds" not in parameters or len({"rounds", "epochs"} & {*changed}) != 1:
        return {}
    rounds, epochs = (_largest(parameters[name]) for name in ("rounds", "epochs"))
    if "rounds" in changed:
        needed = math.ceil(rounds / ROUNDS_PER_EPOCH)
        return {"epochs": _fixed(needed, None, "")} if needed > epochs else {}
    needed = math.ceil(epochs) * ROUNDS_PER_EPOCH
    return {"rounds": _fixed(needed, None, "")} if needed > rounds else {}


def _largest(parameter: Parameter) -> float:
    return max(map(float, parameter.values)) if isinstance(parameter, Choice) else parameter.high


def split_settings(settings: Sequence[str], families: Iterable[str]) -> dict[str, list[str]]:
    """`mlp.layers=3` and the like, sorted by family.

    Raises:
        InputError: a setting has another form, or names no family.
    """
    known = list(families)
    by_family: dict[str, list[str]] = {}
    for setting in settings:
        target, equals, _ = setting.partition("=")
        family, dot, name = target.partition(".")
        if not (equals and dot and name):
            raise InputError(f"--set {setting} is not of the form FAMILY.NAME=VALUES, such as mlp.layers=2,3")
        if family not in known:
            raise unknown("family", family, known, where=f"--set {setting}")
        by_family.setdefault(family, []).append(setting.partition(".")[2])
    return by_family


def _load(path: Path) -> dict[str, Any]:
    content = yaml_files.read(path)
    if not isinstance(content, dict):
        raise InputError(f"{path.name} holds no search space. It needs at least 'parameters:' and one name under it.")
    return content


def _space_file(content: Mapping[str, Any], path: Path, *, default_family: str) -> SpaceFile:
    where = path.name
    _check_keys(content, TOP_KEYS, where)
    base = read_space(str(content["extends"])) if "extends" in content else None
    family = str(content.get("family", base.family if base else default_family))
    given = content.get("parameters") or {}
    if not isinstance(given, dict) or not (given or base):
        raise InputError(f"{where}: 'parameters' must name at least one hyperparameter.")
    parameters = dict(base.space.parameters) if base else {}
    for name, facts in given.items():
        if base and name not in parameters:
            raise unknown("hyperparameter", str(name), parameters, where=where)
        parameters[str(name)] = _parameter(facts, f"{where}: {name}", parameters.get(str(name)))
    _check_conditions(parameters, where)
    tasks = tuple(content.get("tasks") or (base.tasks if base else ("classify", "regress")))
    return SpaceFile(
        family,
        str(content.get("summary") or (base.summary if base else "")),
        tuple(str(task) for task in tasks),
        _suits(content["suits"] or {}, where) if "suits" in content else (base.suits if base else {}),
        SearchSpace(family, parameters),
        _defaults_for(content.get("defaults_for") or {}, parameters, where)
        if "defaults_for" in content or base is None
        else {
            task: {name: value for name, value in own.items() if name not in given}
            for task, own in base.defaults_for.items()
        },
        bool(content.get("on_request", base.on_request if base else False)),
        _most_weight(content["most_weight"], where) if "most_weight" in content else base.most_weight if base else 1.0,
    )


def _most_weight(given: Any, where: str) -> float:
    if isinstance(given, bool) or not isinstance(given, (int, float)) or not 0 < given <= 1:
        raise InputError(f"{where}: most_weight is {given!r}. Give a share of the ensemble above 0, at most 1.")
    return float(given)


def _check_keys(content: Mapping[Any, Any], known: Sequence[str], where: str) -> None:
    for key in content:
        if key not in known:
            close = difflib.get_close_matches(str(key), known, n=1)
            raise InputError(
                f"{where}: unknown key {str(key)!r}."
                + (f" Did you mean {close[0]!r}?" if close else "")
                + f" Known: {', '.join(known)}."
            )


def _suits(suits: Any, where: str) -> dict[str, dict[str, int]]:
    if not isinstance(suits, dict):
        raise InputError(f"{where}: 'suits' must be a mapping, for example {{rows: {{min: 50}}}}.")
    _check_keys(suits, FACTS, f"{where}: suits")
    for fact, bounds in suits.items():
        if not isinstance(bounds, dict):
            raise InputError(f"{where}: suits.{fact} must be a mapping with min or max.")
        _check_keys(bounds, ("min", "max"), f"{where}: suits.{fact}")
        for bound, value in bounds.items():
            _number(value, f"{where}: suits.{fact}.{bound}")
    return suits


def _defaults_for(content: Any, parameters: Mapping[str, Parameter], where: str) -> dict[str, dict[str, Value]]:
    if not isinstance(content, dict) or not all(isinstance(own, dict) for own in content.values()):
        raise InputError(f"{where}: 'defaults_for' must be a mapping, for example {{regress: {{layers: 2}}}}.")
    for task, own in content.items():
        for name, value in own.items():
            if name not in parameters:
                raise unknown("hyperparameter", str(name), parameters, where=f"{where}: defaults_for.{task}")
            if value not in parameters[name] and not _is_fixed(parameters[name]):
                raise InputError(f"{where}: defaults_for.{task}.{name} is {value!r}, which the search never tries.")
    return {
        str(task): {
            name: _alike(value, parameters[name].default, f"{where}: defaults_for.{task}.{name}")
            for name, value in own.items()
        }
        for task, own in content.items()
    }


def _alike(value: Any, other: Value, where: str) -> Value:
    """The value, if it is of the kind of the other one."""
    checked = _value(value, where)
    if isinstance(other, float) and type(checked) is int:
        return float(checked)
    if type(checked) is not type(other):
        raise InputError(f"{where} is {value!r}, and not of the kind of {other!r}.{_hint(value)}")
    return checked


def _parameter(facts: Any, where: str, base: Parameter | None) -> Parameter:
    """A hyperparameter; a plain value fixes it, and what is not said stays as in `base`."""
    if not isinstance(facts, dict):
        return _fixed(_value(facts, where), base, where)
    kind = facts.get("type") or {Float: "float", Int: "int", Choice: "choice"}.get(type(base))
    if kind not in KEYS:
        raise unknown("type", str(kind), KEYS, where=where)
    _check_keys(facts, KEYS[kind], where)
    before = (
        dataclasses.asdict(base) if base and {Float: "float", Int: "int", Choice: "choice"}[type(base)] == kind else {}
    )
    merged = {**before, **{key: value for key, value in facts.items() if key != "type"}}
    when = _condition(merged.get("when") or {}, where)
    if kind == "choice":
        return _choice(merged, facts, where, when)
    return _range(kind, merged, facts, where, when)


def _choice(merged: Mapping[str, Any], facts: Mapping[str, Any], where: str, when: Mapping[str, Value]) -> Choice:
    values = merged.get("values")
    if not isinstance(values, (list, tuple)) or not values:
        raise InputError(f"{where}.values must be a list such as [relu, gelu].")
    checked = tuple(_value(value, f"{where}.values") for value in values)
    default = _value(merged.get("default", checked[0]), f"{where}.default")
    if default not in checked and "default" in facts:
        raise InputError(f"{where}.default is {default!r}, which is not among the values {list(checked)}.")
    by_rows = merged.get("default_up_to_rows") or {}
    if not isinstance(by_rows, dict):
        raise InputError(f"{where}.default_up_to_rows must be a mapping such as {{1000: 64}}.")
    for limit, value in by_rows.items():
        _number(limit, f"{where}.default_up_to_rows")
        if value not in checked and "default_up_to_rows" in facts:
            raise InputError(f"{where}.default_up_to_rows: {value!r} is not among the values {list(checked)}.")
    # A default that the file itself gives counts for every table, unless it gives both.
    own = "default_up_to_rows" in facts or "default" not in facts
    known = {limit: value for limit, value in by_rows.items() if own and value in checked}
    return Choice(checked, default if default in checked else checked[0], when, known)


def _range(
    kind: str, merged: Mapping[str, Any], facts: Mapping[str, Any], where: str, when: Mapping[str, Value]
) -> Float | Int:
    for bound in ("low", "high"):
        if bound not in merged:
            raise InputError(f"{where} lacks {bound!r}. Write for example {{type: {kind}, low: 1, high: 4}}.")
    low, high = (_number(merged[bound], f"{where}.{bound}") for bound in ("low", "high"))
    log = bool(merged.get("log", False))
    if low > high:
        raise InputError(f"{where}: low ({low}) is above high ({high}). Swap them.")
    if log and low <= 0:
        raise InputError(f"{where}: a logarithmic range must begin above 0, not at {low}.")
    default = _number(merged.get("default", _middle(low, high, log)), f"{where}.default")
    if kind == "int" and "default" not in merged:
        default = round(default)
    if not low <= default <= high:
        if "default" in facts:
            raise InputError(f"{where}.default is {default}, outside of {low} to {high}.")
        default = min(max(default, low), high)
    points = tuple(_number(point, f"{where}.points") for point in merged.get("points") or ())
    if kind == "float":
        inside = tuple(float(point) for point in points if low <= point <= high)
        return Float(float(low), float(high), float(default), log, when, inside)
    for number in (low, high, default, *points):
        if not float(number).is_integer():
            raise InputError(f"{where}: {number} is not a whole number. Use type: float, or round it.")
    whole = tuple(int(point) for point in points if low <= point <= high)
    return Int(int(low), int(high), int(default), log, when, whole)


def _middle(low: float, high: float, log: bool) -> float:
    return math.sqrt(low * high) if log else (low + high) / 2


def _fixed(value: Value, base: Parameter | None, where: str) -> Choice:
    """A choice of one, with the type that the hyperparameter has otherwise."""
    if isinstance(base, Float) and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if isinstance(base, (Float, Int)) and isinstance(value, (str, bool)):
        raise InputError(f"{where} is {value!r}, not a number.{_hint(value)}")
    if isinstance(base, Int) and isinstance(value, float):
        raise InputError(f"{where} is {value}, not a whole number.")
    return Choice((value,), value, base.when if base else {})


def _condition(when: Any, where: str) -> dict[str, Value]:
    if not isinstance(when, dict):
        raise InputError(f"{where}.when must be a mapping such as {{optimizer: sgd}}.")
    return {str(name): _value(value, f"{where}.when.{name}") for name, value in when.items()}


def _check_conditions(parameters: Mapping[str, Parameter], where: str) -> None:
    earlier: set[str] = set()
    for name, parameter in parameters.items():
        for other in parameter.when:
            if other not in earlier:
                raise InputError(f"{where}: {name}.when names {other!r}, which is no hyperparameter above it.")
        earlier.add(name)


def _value(value: Any, where: str) -> Value:
    if isinstance(value, (int, float, str)):
        if isinstance(value, float) and not math.isfinite(value):
            raise InputError(f"{where} is {value}. Write a finite number.")
        return value
    raise InputError(f"{where} is {value!r}. Write a number or a word (in quotes if YAML reads it otherwise).")


def _number(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InputError(
            f"{where} is the text {value!r}, not a number.{_hint(value)}"
            if isinstance(value, str)
            else f"{where} is {value!r}, not a number."
        )
    if not math.isfinite(value):
        raise InputError(f"{where} is {value}. Write a finite number.")
    return value


def _hint(value: Any) -> str:
    """YAML reads 1e-4 as text: it wants a decimal point."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return ""
    mantissa, _, exponent = f"{number:e}".partition("e")
    return f" Write {float(mantissa)}e{int(exponent)}."


def _changed(parameter: Parameter, values: str, *, where: str) -> Parameter:
    """The hyperparameter after `3`, `relu,gelu` or `1e-4..1e-2`."""
    if not values:
        raise InputError(f"{where} gives no value.")
    low, dots, high = values.partition("..")
    if dots:
        base = _spanned(parameter, where) if isinstance(parameter, Choice) else parameter
        return _parameter({"low": _typed(low, where), "high": _typed(high, where)}, where, base)
    given = [_typed(value, where) for value in values.split(",")]
    if isinstance(parameter, Float):
        given = [float(value) if isinstance(value, int) and not isinstance(value, bool) else value for value in given]
    kinds = {type(value) for value in (parameter.values if isinstance(parameter, Choice) else (parameter.default,))}
    for value in given:
        if type(value) not in kinds and not (kinds == {float} and type(value) is int):
            raise InputError(f"{where}: {value!r} is not of the kind that it takes, such as {parameter.default!r}.")
    default = parameter.default if parameter.default in given else given[0]
    by_rows = parameter.default_up_to_rows if isinstance(parameter, Choice) else {}
    kept = {limit: value for limit, value in by_rows.items() if value in given}
    return Choice(tuple(given), default, parameter.when, kept)


def _spanned(choice: Choice, where: str) -> Float | Int:
    """The range from the least to the greatest of the numbers."""
    numbers = [value for value in choice.values if isinstance(value, (int, float)) and not isinstance(value, bool)]
    if len(numbers) < len(choice.values):
        raise InputError(f"{where}: a choice of words takes values, not a range: {', '.join(map(str, choice.values))}.")
    if all(isinstance(number, int) for number in numbers):
        return Int(int(min(numbers)), int(max(numbers)), int(choice.default), when=choice.when)
    return Float(min(numbers), max(numbers), float(choice.default), when=choice.when)


def _typed(text: str, where: str) -> Value:
    """A number where the text is one, else the text."""
    text = text.strip()
    for read in (int, float):
        try:
            value = read(text)
        except ValueError:
            continue
        if not math.isfinite(value):
            raise InputError(f"{where}: {text} is not a finite number.")
        return value
    return text
