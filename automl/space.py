"""Hyperparameters and search spaces: what may vary, within which bounds, and what it is by default."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

Value = int | float | str | bool

# How far from a number another one is drawn that is to be near: the standard deviation, as a share of the range's
# length on the parameter's scale. Of the hyperparameters of a setting, how many then have other values.
NEAR = 0.2
CHANGED = 0.4


@dataclass(frozen=True)
class Float:
    """A real number in [low, high]; on a logarithmic scale if `log`. `points` are its values in a grid."""

    low: float
    high: float
    default: float
    log: bool = False
    when: Mapping[str, Value] = field(default_factory=dict)
    points: tuple[float, ...] = ()

    def sample(self, rng: np.random.Generator) -> float:
        return self.at(rng.random())

    def at(self, position: float) -> float:
        """The value at a position in [0, 1] along the parameter's scale."""
        if self.log:
            return self.nearest(math.exp(math.log(self.low) + position * (math.log(self.high) - math.log(self.low))))
        return self.nearest(self.low + position * (self.high - self.low))

    def near(self, value: Value, rng: np.random.Generator) -> float:
        """A value drawn from a normal distribution around another, reflected at the ends of the range."""
        position = abs(self.position(float(value)) + NEAR * rng.normal())
        return self.at(min(position, max(0.0, 2 - position)))

    def position(self, value: float) -> float:
        """Where a value lies along the parameter's scale, in [0, 1]; the inverse of `at`."""
        low, value, high = (math.log(each) if self.log else each for each in (self.low, value, self.high))
        return (value - low) / (high - low) if high > low else 0.0

    def nearest(self, value: float) -> float:
        """The parameter's value that is nearest to a real number."""
        return min(max(float(value), float(self.low)), float(self.high))

    def grid(self) -> tuple[float, ...]:
        return self.points or tuple(dict.fromkeys(self.at(position) for position in (0.0, 0.5, 1.0)))

    def __contains__(self, value: object) -> bool:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and self.low <= value <= self.high


@dataclass(frozen=True)
class Int:
    """A whole number in [low, high], both ends included; on a logarithmic scale, with low ≥ 1, if `log`."""

    low: int
    high: int
    default: int
    log: bool = False
    when: Mapping[str, Value] = field(default_factory=dict)
    points: tuple[int, ...] = ()

    def sample(self, rng: np.random.Generator) -> int:
        return self.nearest(self.reals().sample(rng))

    def near(self, value: Value, rng: np.random.Generator) -> int:
        """A value drawn from a normal distribution around another, reflected at the ends of the range."""
        return self.nearest(self.reals().near(value, rng))

    def at(self, position: float) -> int:
        """The value nearest to a position in [0, 1] along the parameter's scale."""
        return self.nearest(Float(self.low, self.high, self.default, log=self.log).at(position))

    def nearest(self, value: float) -> int:
        """The parameter's value that is nearest to a real number."""
        return min(max(round(value), self.low), self.high)

    def reals(self) -> Float:
        """The real numbers that round to the range: half a unit more on either side.

        Without it, the ends of the range would have half the chance of their neighbours.
        """
        return Float(self.low - 0.5, self.high + 0.5, self.default, log=self.log)

    def grid(self) -> tuple[int, ...]:
        return self.points or tuple(dict.fromkeys(self.at(position) for position in (0.0, 0.5, 1.0)))

    def __contains__(self, value: object) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and self.low <= value <= self.high


@dataclass(frozen=True)
class Choice:
    """One of a few values. A fixed hyperparameter is a choice of one.

    `default_up_to_rows` gives smaller tables a default of their own: {1000: 64} is 64 for up to 1,000 rows.
    """

    values: tuple[Value, ...]
    default: Value
    when: Mapping[str, Value] = field(default_factory=dict)
    default_up_to_rows: Mapping[int, Value] = field(default_factory=dict)

    def for_rows(self, rows: int) -> Choice:
        """The same choice with the default for a table of so many rows."""
        fitting = [limit for limit in sorted(self.default_up_to_rows) if rows <= limit]
        default = self.default_up_to_rows[fitting[0]] if fitting else self.default
        return Choice(self.values, default, self.when)

    def sample(self, rng: np.random.Generator) -> Value:
        return self.values[int(rng.integers(len(self.values)))]

    def near(self, value: Value, rng: np.random.Generator) -> Value:
        """Of numbers, the same or one of the two on either side; of all others, any."""
        if not all(isinstance(each, (int, float)) and not isinstance(each, bool) for each in self.values):
            return self.sample(rng)
        ordered = sorted(self.values)
        place = ordered.index(value)
        return ordered[int(rng.choice([at for at in range(place - 2, place + 3) if 0 <= at < len(ordered)]))]

    def grid(self) -> tuple[Value, ...]:
        return self.values

    def __contains__(self, value: object) -> bool:
        return any(value == known and type(value) is type(known) for known in self.values)


Parameter = Float | Int | Choice

# A whole number with more values than this is treated as continuous: no search lives to see its last value.
ENDLESS = 100_000


@dataclass(frozen=True)
class SearchSpace:
    """The named hyperparameters of one family, in the order of its file.

    A parameter with a condition (`when: {optimizer: sgd}`) is active only while the named, earlier parameters
    have these values; settings hold the active parameters alone.
    """

    name: str
    parameters: Mapping[str, Parameter]

    def for_rows(self, rows: int) -> SearchSpace:
        """The space with the defaults for a table of so many rows."""
        fitted = {name: p.for_rows(rows) if isinstance(p, Choice) else p for name, p in self.parameters.items()}
        return SearchSpace(self.name, fitted)

    def defaults(self) -> dict[str, Value]:
        """The setting that trial 0 of the family uses."""
        return self.with_values({})

    def with_values(self, values: Mapping[str, Value]) -> dict[str, Value]:
        """The defaults, but for these values; whether they lie in the space is not checked."""
        return self.build(lambda name: values.get(name, self.parameters[name].default))

    def sample(self, rng: np.random.Generator) -> dict[str, Value]:
        """A setting drawn at random, each parameter on its own scale."""
        return self.build(lambda name: self.parameters[name].sample(rng))

    def near(self, setting: Mapping[str, Value], rng: np.random.Generator) -> dict[str, Value]:
        """A setting with most of the values of another one, which lies in the space, and the others near its own."""

        def value(name: str) -> Value:
            parameter = self.parameters[name]
            own = setting.get(name, parameter.default)
            return parameter.near(own, rng) if rng.random() < CHANGED else own

        return self.build(value)

    def build(self, choose: Callable[[str], Value]) -> dict[str, Value]:
        """The setting whose active parameters have the values that `choose` gives for their names."""
        setting: dict[str, Value] = {}
        for name in self.parameters:
            if self.is_active(name, setting):
                setting[name] = choose(name)
        return setting

    def is_active(self, name: str, setting: Mapping[str, Value]) -> bool:
        """Whether the parameter's condition holds in the setting."""
        return all(setting.get(other) == value for other, value in self.parameters[name].when.items())

    def __contains__(self, setting: object) -> bool:
        if not isinstance(setting, Mapping):
            return False
        active = {name for name in self.parameters if self.is_active(name, setting)}
        return set(setting) == active and all(setting[name] in self.parameters[name] for name in active)

    def grid(self) -> Iterator[dict[str, Value]]:
        """Every setting of the grid, each once, the last parameter varying fastest."""
        return map(self.grid_at, range(self.grid_size()))

    def grid_size(self) -> int:
        """How many settings `grid` has, counted without making them."""
        return self._count({}, list(self.parameters))

    def grid_at(self, index: int) -> dict[str, Value]:
        """Setting number `index` of `grid`, counted from 0, without making those before it.

        Raises:
            IndexError: the grid has no such setting.
        """
        if not 0 <= index < self.grid_size():
            raise IndexError(f"{self.name} has no grid setting {index}; it has {self.grid_size()}")
        setting: dict[str, Value] = {}
        names = list(self.parameters)
        for position, name in enumerate(names):
            if not self.is_active(name, setting):
                continue
            values, rest = self._grids[name], names[position + 1 :]
            if name in self._deciding:
                for value in values:
                    setting[name] = value
                    below = self._count(setting, rest)
                    if index < below:
                        break
                    index -= below
            else:
                chosen, index = divmod(index, self._count(setting, rest))
                setting[name] = values[chosen]
        return setting

    def reachable(self) -> dict[str, Parameter]:
        """The parameters that some setting has: where the optimizer is fixed to adam, sgd's momentum is in none."""
        found: dict[str, Parameter] = {}
        for name, parameter in self.parameters.items():
            if all(other in found and _may_be(found[other], value) for other, value in parameter.when.items()):
                found[name] = parameter
        return found

    def finite(self) -> SearchSpace | None:
        """A space of choices whose grid is every setting of this one; None if there is no end of settings."""
        choices: dict[str, Parameter] = {}
        for name, parameter in self.reachable().items():
            values = _every_value(parameter)
            if values is None:
                return None
            choices[name] = Choice(tuple(values), parameter.default, when=parameter.when)
        return SearchSpace(self.name, choices)

    @cached_property
    def _grids(self) -> dict[str, tuple[Value, ...]]:
        return {name: parameter.grid() for name, parameter in self.parameters.items()}

    @cached_property
    def _deciding(self) -> set[str]:
        """The parameters that some condition reads."""
        return {other for parameter in self.parameters.values() for other in parameter.when}

    def _count(self, chosen: Mapping[str, Value], names: list[str]) -> int:
        """Multiplies where no condition reads the value, and branches where one does."""
        size = 1
        for position, name in enumerate(names):
            if not self.is_active(name, chosen):
                continue
            if name in self._deciding:
                rest = names[position + 1 :]
                return size * sum(self._count({**chosen, name: value}, rest) for value in self._grids[name])
            size *= len(self._grids[name])
        return size


def _may_be(parameter: Parameter, value: Value) -> bool:
    return value in (parameter.values if isinstance(parameter, Choice) else parameter)


def _every_value(parameter: Parameter) -> Sequence[Value] | None:
    if isinstance(parameter, Choice):
        return parameter.values
    if parameter.low == parameter.high:
        return (parameter.at(0.0),)
    if isinstance(parameter, Float) or parameter.high - parameter.low >= ENDLESS:
        return None
    return range(parameter.low, parameter.high + 1)
