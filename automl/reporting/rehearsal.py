"""A dry run as text: what would be searched, what each family's defaults take, and what a fit would come to."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from automl.data.profile import Profile
from automl.families import Candidate
from automl.figures import clock, count
from automl.plain import plain
from automl.reporting import Plan
from automl.reporting.profile import LABEL_WIDTH, columns, labelled, remarks
from automl.space import Choice, Parameter, SearchSpace, Value

WIDTH = 80
# From here on, one would have to count the digits.
MANY = 1_000_000
DAY = 86_400
YEAR = 365.25 * DAY
# A space at which textwrap breaks no line.
_UNBROKEN = "\xa0"


@dataclass(frozen=True)
class Probe:
    """What training a family's defaults takes.

    Attributes:
        compile_seconds: what a trial takes beside its epochs.
        epoch_seconds: what each of its epochs takes.
        parameters: the number of trainable weights.
        memory: the most bytes that the worker has had, TensorFlow included.
        failure: why nothing could be measured; empty if it was.
    """

    family: str
    space: SearchSpace
    compile_seconds: float = math.nan
    epoch_seconds: float = math.nan
    parameters: int = 0
    memory: int = 0
    failure: str = ""

    @property
    def trial_seconds(self) -> float:
        """What a trial of the defaults takes if it is not stopped early."""
        return self.compile_seconds + int(self.space.defaults()["epochs"]) * self.epoch_seconds


@dataclass(frozen=True)
class Forecast:
    """What a fit would come to if every trial took as long as its family's defaults.

    Attributes:
        families: how many there are to try.
        prunes: whether weak trials would get only a part of their epochs.
        affordable: how many trials the budget is enough for; None without a budget.
        trials_seconds: what all of `plan.trials` take, from start to end; None without that limit.
        grid_seconds: what the whole grid takes; None where it is not searched.
    """

    plan: Plan
    families: int
    prunes: bool
    affordable: float | None = None
    trials_seconds: float | None = None
    grid_seconds: float | None = None


def scope(profile: Profile, candidates: Sequence[Candidate]) -> RenderableType:
    """The columns with their kinds, and what the hyperparameters of each taken family may be."""
    taken = [candidate for candidate in candidates if candidate.taken]
    width = WIDTH - 2 - max(LABEL_WIDTH, *(len(candidate.name) for candidate in taken))
    shown = labelled()
    shown.add_row("Spaces", Text("low..high or a,b,c, and the default in brackets"))
    for candidate in taken:
        described = "; ".join(
            _described(name, parameter).replace(" ", _UNBROKEN)
            for name, parameter in candidate.space.reachable().items()
        )
        lines = textwrap.wrap(described, width, break_on_hyphens=False)
        shown.add_row(Text(candidate.name), Text("\n".join(lines).replace(_UNBROKEN, " ")))
    return Group(Padding(columns(profile), (1, 0)), shown)


def figures(probes: Sequence[Probe]) -> RenderableType:
    """One row per family, for a terminal of 80 columns; why some could not be measured is said below."""
    shown = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    # The one column that may shrink.
    shown.add_column("family")
    for heading in ("tuned", "grid points", "weights", "compile s", "s/epoch", "s/trial", "memory"):
        shown.add_column(heading, justify="right", no_wrap=True)
    for probe in probes:
        shown.add_row(
            Text(probe.family, no_wrap=True, overflow="ellipsis"),
            f"{sum(len(p.grid()) > 1 for p in probe.space.reachable().values())}",
            _amount(probe.space.grid_size()),
            *(["–"] * 5 if probe.failure else _measured(probe)),
        )
    failures = [f"{probe.family} could not be measured: {probe.failure}" for probe in probes if probe.failure]
    return Group(shown, *([Padding(remarks([], failures), (1, 0, 0, 0))] if failures else []))


def outlook(forecast: Forecast) -> str:
    """How long the whole grid takes, and how many trials the budget is enough for or how long those asked for take."""
    plan = forecast.plan
    workers = count(plan.workers, "worker")
    shorter = "pruning and early stopping make it" if forecast.prunes else "early stopping makes it"
    most = min((limit for limit in (plan.trials, plan.grid_size) if limit is not None), default=math.inf)
    sentences = []
    if plan.grid_size is not None and forecast.grid_seconds is not None:
        settings = _plural(plan.grid_size, "setting")
        time = _span(forecast.grid_seconds)
        sentences.append(f"The whole grid of {settings} takes {workers} about {time} at the defaults' length.")
    if plan.seconds is not None and forecast.affordable is not None and forecast.affordable < most:
        number = f"about {count(_rounded(forecast.affordable), 'trial')}" if forecast.affordable >= 1 else "no trial"
        tries = f"{workers} {'tries' if plan.workers == 1 else 'try'} {number} of the defaults' length"
        is_enough = forecast.affordable >= forecast.families
        consequence = f"{shorter} more" if is_enough else "fewer than there are families, so trials get fewer epochs"
        sentences.append(f"In {clock(plan.seconds)}, {tries}; {consequence}.")
    elif plan.trials is not None and plan.trials == most and forecast.trials_seconds is not None:
        take = f"{'takes' if plan.trials == 1 else 'take'} {workers} about {_span(forecast.trials_seconds)}"
        sentences.append(f"{count(plan.trials, 'trial')} of the defaults' length {take}; {shorter} less.")
    return " ".join(sentences) or "No family could be measured, so nothing can be said of the time that a fit takes."


def _described(name: str, parameter: Parameter) -> str:
    """For example "momentum 0.8,0.9 (0.9) if optimizer=sgd", as `--set` would have it."""
    values = (
        ",".join(_text(value) for value in parameter.values)
        if isinstance(parameter, Choice)
        else f"{_text(parameter.low)}..{_text(parameter.high)}{' log' if parameter.log else ''}"
    )
    is_fixed = isinstance(parameter, Choice) and len(parameter.values) == 1
    default = "" if is_fixed else f" ({_text(parameter.default)})"
    conditions = " and ".join(f"{other}={_text(value)}" for other, value in parameter.when.items())
    return plain(f"{name} {values}{default}{' if ' + conditions if conditions else ''}")


def _text(value: Value) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _measured(probe: Probe) -> list[str]:
    return [
        f"{probe.parameters:,}",
        f"{probe.compile_seconds:.1f}",
        f"{probe.epoch_seconds:.3f}",
        f"{probe.trial_seconds:,.1f}",
        f"{probe.memory / 2**20:,.0f} MB",
    ]


def _amount(number: int) -> str:
    """A number of any size: "1,152" or "1.2e9"."""
    return f"{number:,}" if number < MANY else f"{number:.1e}".replace("e+0", "e").replace("e+", "e")


def _plural(number: int, noun: str) -> str:
    """`count` for a number of any size."""
    return f"{_amount(number)} {noun}{'' if number == 1 else 's'}"


def _rounded(number: float) -> int:
    """The first two digits of a number; it was never better known."""
    return int(float(f"{number:.1e}")) if number >= 10 else int(number)


def _span(seconds: float) -> str:
    """A time of any length: "3:20", "12 days" or "3.1e6 years"."""
    if seconds < DAY:
        return clock(seconds)
    return _plural(round(seconds / DAY), "day") if seconds < YEAR else _plural(round(seconds / YEAR), "year")
