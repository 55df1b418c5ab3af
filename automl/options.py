"""What a user may ask of a fit, with the defaults that a beginner wants."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from automl import cgroups
from automl.errors import InputError
from automl.quality import Quality, quality

DEFAULT_SECONDS = 300.0
LEAST_SECONDS = 5.0
FEW_TRIALS = 10

_TIME = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?")
_LATENCY = re.compile(r"(\d+(?:\.\d+)?)\s*(s|ms|us)?")


@dataclass(frozen=True)
class Options:
    """Everything that `automl fit` can be told.

    Attributes:
        task, target: inferred from the table when None.
        quality: a name of `automl.quality`. What is said in particular counts more.
        search: an algorithm of `automl.search`.
        seconds: the budget for everything; None for no limit.
        trials: the most trials; None for no limit.
        split: shares of train/val/test, for example "0.6/0.2/0.2".
        folds: of a cross-validation; 1 for a holdout, None for what suits the number of rows.
        test: a file with the test rows; `split` then cuts the other rows, without its test share.
        group: a column whose equal values stay on one side of the split.
        time_column: a column that orders the rows: the past trains, the future tests.
        metric: decides between epochs and between trials; None for log loss or RMSE.
        families: only these, or, as "+mlp", these in addition; empty for those that suit the table.
        spaces: YAML files that replace or extend shipped search spaces.
        settings: changes such as "mlp.layers=2,3".
        kinds: kinds of columns that the user knows better, by name.
        single: whether the model is one network alone, and no ensemble.
        max_latency: the most seconds that the model may take to predict a row, one among many; None for no limit.
        balance: whether every class weighs the same in the loss.
        prune: whether weak trials get only a part of their epochs; None for yes if there may be more than ten.
        refit: whether the chosen networks are trained again on all rows; None for what the quality says.
        workers: processes that train at the same time; None for one per core that it may use.
        memory: bytes for all workers together; None for four fifths of what the machine has free.
        out: the run's folder; None for runs/NAME-1, -2, …
        tracking_uri, experiment: where MLflow records the run; None for MLflow's own default and the data's name.
        delimiter, encoding, no_header, skip_bad_lines: how text is read, where what is found out is wrong.
        register: the name under which the model goes into MLflow's registry; None for not at all.
    """

    task: str | None = None
    target: str | None = None
    quality: str = "balanced"
    search: str = "bayesian"
    seconds: float | None = DEFAULT_SECONDS
    trials: int | None = None
    split: str | None = None
    folds: int | None = None
    test: Path | None = None
    group: str | None = None
    time_column: str | None = None
    metric: str | None = None
    families: tuple[str, ...] = ()
    spaces: tuple[Path, ...] = ()
    settings: tuple[str, ...] = ()
    kinds: Mapping[str, str] = field(default_factory=dict)
    single: bool = False
    max_latency: float | None = None
    balance: bool = False
    prune: bool | None = None
    refit: bool | None = None
    workers: int | None = None
    memory: int | None = None
    seed: int = 0
    out: Path | None = None
    tracking_uri: str | None = None
    experiment: str | None = None
    register: str | None = None
    delimiter: str | None = None
    encoding: str | None = None
    no_header: bool = False
    skip_bad_lines: bool = False

    def __post_init__(self) -> None:
        quality(self.quality)
        if self.seconds is not None and self.seconds < LEAST_SECONDS:
            raise InputError(
                f"--time {self.seconds:g}s is too short: loading TensorFlow alone takes {LEAST_SECONDS:g}s."
            )
        for name, number in (("trials", self.trials), ("workers", self.workers), ("folds", self.folds)):
            if number is not None and number < 1:
                raise InputError(f"--{name} {number}: at least 1 is needed.")
        if self.seed < 0:
            raise InputError(f"--seed {self.seed}: give a whole number from 0 up.")
        if self.folds is not None and self.folds > 1 and self.single:
            raise InputError("--folds and --single exclude each other: each fold has a network of its own.")
        if self.folds is not None and self.folds > 1 and self.time_column:
            raise InputError("--folds and --time-column exclude each other: folds would learn from the future.")
        if self.group and self.time_column:
            raise InputError("--group and --time-column exclude each other: choose one way to split.")

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Options:
        """The options that `run.json` describes."""
        known = {name: value for name, value in record.items() if name in {each.name for each in fields(cls)}}
        for name in ("families", "settings"):
            known[name] = tuple(known.get(name, ()))
        for name in ("test", "out"):
            known[name] = Path(known[name]) if known.get(name) is not None else None
        return cls(**{**known, "spaces": tuple(Path(path) for path in known.get("spaces", ()))})

    @property
    def trade(self) -> Quality:
        """What the quality stands for."""
        return quality(self.quality)

    @property
    def most_trials(self) -> int | None:
        """How many settings to try; None for no limit."""
        return self.trials if self.trials is not None else self.trade.trials

    @property
    def is_one_network(self) -> bool:
        """Whether the model is one setting alone, and by default one network."""
        return self.single or not self.trade.combines

    @property
    def prunes(self) -> bool:
        """Whether to prune. Among few trials, none could be told to be weak before most of them are over."""
        return self.prune if self.prune is not None else self.most_trials is None or self.most_trials > FEW_TRIALS

    @property
    def processes(self) -> int:
        """How many workers to use."""
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
        return self.workers or max(1, min([cores, *cgroups.processors()]))


def seconds(time: str | float | None, *, trials: int | None) -> float | None:
    """The budget that `--time` names: "90", "90s", "5m", "1h30m"; five minutes if neither it nor `trials` is given.

    Raises:
        InputError: it is no duration.

    >>> seconds("1h30m", trials=None), seconds(None, trials=10), seconds(None, trials=None)
    (5400.0, None, 300.0)
    """
    if time is None:
        return DEFAULT_SECONDS if trials is None else None
    text = str(time).strip().lower()
    match = _TIME.fullmatch(text)
    if not text or match is None:
        raise InputError(f"--time {time} is no duration. Write for example 90s, 5m or 1h30m.")
    hours, minutes, rest = (float(part or 0) for part in match.groups())
    return 3600 * hours + 60 * minutes + rest


def latency(text: str | float | None) -> float | None:
    """The seconds that `--max-latency` names: "0.5ms", "20us", "0.01s" or a number of seconds.

    Raises:
        InputError: it is no time, or none that is above 0.

    >>> latency("0.5ms"), latency("20us"), latency(2e-05), latency(None)
    (0.0005, 2e-05, 2e-05, None)
    """
    if text is None:
        return None
    written = str(text) if isinstance(text, str) else f"{text:.12f}"
    match = _LATENCY.fullmatch(written.strip().lower())
    if match is None or float(match[1]) <= 0:
        raise InputError(f"--max-latency {text} is no time for a row. Write for example 0.5ms or 20us.")
    return float(match[1]) / {"s": 1, "ms": 1_000, "us": 1_000_000}[match[2] or "s"]


def named_kinds(pairs: Sequence[str]) -> dict[str, str]:
    """The kinds of columns that "zip=category" and the like name.

    Raises:
        InputError: a pair has another form.

    >>> named_kinds(["zip=category"])
    {'zip': 'category'}
    """
    kinds = {}
    for pair in pairs:
        name, equals, kind = pair.rpartition("=")
        if not (name and equals):
            raise InputError(f"--kind {pair} is not of the form COLUMN=KIND, such as zip=category")
        kinds[name] = kind
    return kinds


def several(given: Any) -> tuple[Any, ...]:
    """What was given, one or several of something; a text is one.

    >>> several("mlp"), several(["mlp", "resnet"]), several(3)
    (('mlp',), ('mlp', 'resnet'), (3,))
    """
    return (given,) if isinstance(given, str) or not isinstance(given, Iterable) else tuple(given)


def named_families(given: Any) -> tuple[str, ...]:
    """The families' names, of one text with commas or of several.

    >>> named_families("mlp, resnet"), named_families(["mlp", "+tabm"])
    (('mlp', 'resnet'), ('mlp', '+tabm'))
    """
    return tuple(name.strip() for names in several(given) for name in str(names).split(",") if name.strip())


def column_kinds(kinds: Mapping[Any, Any], dropped: Any) -> dict[str, Any]:
    """What columns are, those to leave out included, by their names as text.

    Args:
        dropped: one column or several.

    Raises:
        InputError: a column is to be left out and something at once.

    >>> column_kinds({"zip": "category"}, ["comment"])
    {'zip': 'category', 'comment': 'dropped'}
    """
    named = {str(name): kind for name, kind in kinds.items()}
    left_out = [str(name) for name in several(dropped)]
    for name in left_out:
        if named.get(name, "dropped") != "dropped":
            raise InputError(f"Column {name!r} is to be dropped, and to be of the kind {named[name]!r}. Ask for one.")
    return {**named, **dict.fromkeys(left_out, "dropped")}


def dropped(kinds: Mapping[str, str]) -> list[str]:
    """The columns to leave out.

    >>> dropped({"zip": "category", "comment": "dropped"})
    ['comment']
    """
    return [name for name, kind in kinds.items() if kind == "dropped"]
