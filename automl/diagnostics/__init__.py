"""What may be wrong with the data, the training or the search: one file per check, each answering in plain words.

Every check is a module that offers:

    STAGE: "data" (asked before training), "training" (how the networks learned) or "run" (what the search came to)
    TITLE: what it looks for, as a heading: "Target leaks"
    check(evidence) -> Finding or NotApplicable      takes `Data` in the stage "data", else `Evidence`

Test rows are looked at here and decide nothing: what a check says changes no model.
"""

from __future__ import annotations

import dataclasses
import math
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Protocol, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automl import plugins
from automl.baselines import Baseline
from automl.data.profile import Profile
from automl.data.split import Split
from automl.ensemble import Ensemble, blend
from automl.plain import plain_lines
from automl.space import SearchSpace
from automl.tasks import FloatArray, Metric, Specification, Task
from automl.trial import LayerActivity, Trial, finished

Severity = Literal["fine", "note", "warning", "problem"]
Stage = Literal["data", "training", "run"]
# Checks whose findings go without saying where a model has learned nothing.
IMPLIED = ("better_than_default", "weak_spots", "winners_curse", "more_data")
# Asked first, for the case that there is no time for all.
GRAVEST = ("target_leak", "duplicates", "groups", "generalisation_gap", "underfitting")
# What is asked of each leading trial too, as if it were the model: whether its training went well.
OF_TRIALS = ("generalisation_gap", "underfitting", "learning_curve", "early_stopping")
SEVERITIES: tuple[Severity, ...] = ("fine", "note", "warning", "problem")


@dataclass(frozen=True)
class Finding:
    """What a check has found, "fine" included.

    Attributes:
        code: the check's module.
        severity: "note" is worth knowing, "warning" may mislead whoever trusts the scores, "problem" does.
        title: the finding in one line, with the names of what it is about.
        explanation: what was measured and what it means, in sentences for people who do not train networks.
        advice: what to do, with the option to type where there is one; empty if it is fine.
        figures: the numbers behind it, by names that MLflow takes as metrics.
        columns: of the table, which the finding is about.
        rows: of the table, which it is about: counted from 1 among those with a target.
        details: one by one what it sums up, for tables of the report; not kept with the finding.
    """

    code: str
    severity: Severity
    title: str
    explanation: str
    advice: str = ""
    figures: Mapping[str, float] = field(default_factory=dict)
    columns: tuple[str, ...] = ()
    details: tuple[Mapping[str, Any], ...] = ()
    rows: tuple[int, ...] = ()


@dataclass(frozen=True)
class NotApplicable:
    """A check that has no answer here, and why in one sentence.

    Attributes:
        was_skipped: whether it might have had one: there was no time for it, or it failed.
    """

    code: str
    why: str
    was_skipped: bool = False


Answer = Finding | NotApplicable


@dataclass(frozen=True)
class Data:
    """What is known before training.

    Attributes:
        frame: the rows with a known target; `split` numbers them.
        targets: shape (rows,), encoded by the task.
        groups, times: the columns by which the user had the rows split, if any.
        has_own_test: whether the test rows come from a file of their own.
    """

    frame: pd.DataFrame
    profile: Profile
    split: Split
    task: Task
    specification: Specification
    targets: NDArray[Any]
    seed: int = 0
    groups: str | None = None
    times: str | None = None
    has_own_test: bool = False

    @property
    def target(self) -> pd.Series:
        """The target as the table has it."""
        return self.frame[self.profile.target.name]

    def of(self, part: str) -> NDArray[Any]:
        """The encoded targets of a part: "train", "val" or "test"."""
        return self.targets[getattr(self.split, part)]

    def groups_of(self, part: str) -> NDArray[np.int64] | None:
        """The same as `groups_among`, of the rows of a part."""
        return self.groups_among(getattr(self.split, part))

    def groups_among(self, rows: NDArray[np.int64]) -> NDArray[np.int64] | None:
        """The number of each row's group, shape (rows,), a row without a group alone; None without groups."""
        if self.groups is None:
            return None
        numbers = np.asarray(pd.factorize(self.frame[self.groups].iloc[rows])[0], dtype=np.int64)
        alone = numbers < 0
        return np.where(alone, numbers.max(initial=0) + np.cumsum(alone), numbers)


@dataclass(frozen=True)
class Audit:
    """What was measured of the model after the search, for the checks alone. What there was no time for is empty.

    Attributes:
        increases: by column, how much the model's error on validation rows grows when the column is shuffled, once for
            each shuffle.
        fewer_rows: what the leading trial's setting predicts for validation rows if it learns from so large a share of
            its training rows.
        other_seeds: by trial, what its setting predicts for them if it starts from other random numbers.
        activity: by trial, what the hidden layers of each member's first network do.
    """

    increases: Mapping[str, Sequence[float]] = field(default_factory=dict)
    fewer_rows: Mapping[float, FloatArray] = field(default_factory=dict)
    other_seeds: Mapping[int, Sequence[FloatArray]] = field(default_factory=dict)
    activity: Mapping[int, Sequence[LayerActivity]] = field(default_factory=dict)


@dataclass(frozen=True)
class Evidence:
    """What is known when the search is over and the model chosen.

    Attributes:
        spaces: by family, what was searched.
        predictions: by trial, then part: of the ensemble's candidates, the best trials.
        baseline_predictions: by baseline, then part.
    """

    data: Data
    metric: Metric
    spaces: Mapping[str, SearchSpace]
    trials: Sequence[Trial]
    baselines: Sequence[Baseline]
    best: Ensemble
    predictions: Mapping[int, Mapping[str, FloatArray]]
    baseline_predictions: Mapping[str, Mapping[str, FloatArray]] = field(default_factory=dict)
    audit: Audit = field(default_factory=Audit)

    @property
    def unseen(self) -> Literal["val", "test"]:
        """The part that tells how the model does on new rows: validation rows only where there are no test rows."""
        return "test" if len(self.data.split.test) else "val"

    @cached_property
    def blended(self) -> Mapping[str, FloatArray]:
        """What the model predicts, by part."""
        members = self.best.members
        return {
            part: blend(
                [self.predictions[member.trial][part] for member in members],
                [member.weight for member in members],
                temperature=self.best.temperature,
            )
            for part in self.data.split.parts()
        }

    def of(self, trial: Trial) -> Evidence:
        """What is known if one of the ensemble's candidates alone were the model."""
        return dataclasses.replace(self, best=Ensemble.of(trial))

    @property
    def leader(self) -> Trial:
        """The trial with the greatest weight in the model."""
        return next(trial for trial in self.trials if trial.number == self.best.members[0].trial)


class Check(Protocol):
    """What a module of this package offers."""

    STAGE: Stage
    TITLE: str

    def check(self, evidence: Any) -> Answer: ...


def checks(stage: Stage) -> dict[str, Check]:
    """The checks of a stage by their codes."""
    every = {name: cast("Check", plugins.load("diagnostics", name, noun="check")) for name in names()}
    return {name: check for name, check in every.items() if stage == check.STAGE}


def names() -> list[str]:
    """The codes of all checks."""
    return plugins.names("diagnostics")


def ask(stage: Stage, about: Data | Evidence, *, log: Path | None = None, until: float = math.inf) -> list[Answer]:
    """The answers of a stage's checks, one of each.

    A check that fails costs its answer and not the run: it says so, and the traceback goes to the file `log`.

    Args:
        until: when no further check is begun, on the monotonic clock.
    """
    in_turn = sorted(checks(stage).items(), key=lambda item: item[0] not in GRAVEST)
    return [_answer(code, check, about, log, until) for code, check in in_turn]


def ask_of_trials(about: Evidence, *, log: Path | None = None, until: float = math.inf) -> dict[int, list[Answer]]:
    """By trial, what the checks of its training say, for the ensemble's candidates.

    Args:
        until: when no further trial is begun, on the monotonic clock: the best ones come first.
    """
    asked = {code: check for code, check in checks("training").items() if code in OF_TRIALS}
    answers: dict[int, list[Answer]] = {}
    for trial in finished(about.trials):
        if trial.number in about.predictions and time.monotonic() < until:
            alone = about.of(trial)
            answers[trial.number] = [_answer(code, check, alone, log, math.inf) for code, check in asked.items()]
    return answers


def _answer(code: str, check: Check, about: Data | Evidence, log: Path | None, until: float) -> Answer:
    if time.monotonic() >= until:
        return NotApplicable(code, "There was too little time for it. Give more --time.", was_skipped=True)
    try:
        return check.check(about)
    except Exception as error:  # noqa: BLE001  whatever a table may bring about
        if log is not None:
            with log.open("a", encoding="utf-8") as file:
                file.write(plain_lines(f"The check {code} failed:\n{traceback.format_exc()}"))
        why = f"The check itself failed ({type(error).__name__}); the log has the details."
        return NotApplicable(code, why, was_skipped=True)


def worst_first(answers: Sequence[Answer]) -> list[Finding]:
    """The findings that are not fine; of equal severity, in the order of the answers.

    Of a model that has learned nothing, what follows from that is left out.
    """
    found = [answer for answer in answers if isinstance(answer, Finding) and answer.severity != "fine"]
    if any(finding.code == "underfitting" and finding.severity == "problem" for finding in found):
        found = [finding for finding in found if finding.code not in IMPLIED]
    return sorted(found, key=lambda finding: -SEVERITIES.index(finding.severity))


def skipped(answers: Sequence[Answer]) -> list[str]:
    """What nobody has looked for, as the headings of the checks that were skipped."""
    codes = [answer.code for answer in answers if isinstance(answer, NotApplicable) and answer.was_skipped]
    return [cast("Check", plugins.load("diagnostics", code, noun="check")).TITLE for code in codes]


def to_json(answer: Answer) -> dict[str, Any]:
    """A dictionary for `json`."""
    if isinstance(answer, NotApplicable):
        return {"code": answer.code, "not_applicable": answer.why, "was_skipped": answer.was_skipped}
    return {
        "code": answer.code,
        "severity": answer.severity,
        "title": answer.title,
        "explanation": answer.explanation,
        "advice": answer.advice,
        "figures": {name: float(value) for name, value in answer.figures.items()},
        "columns": list(answer.columns),
        "rows": list(answer.rows),
    }


def from_json(record: Mapping[str, Any]) -> Answer:
    """The answer that `to_json` described; JSON has no NaN, so null stands for it in figures."""
    if "not_applicable" in record:
        return NotApplicable(record["code"], record["not_applicable"], record.get("was_skipped", False))
    figures = {name: math.nan if value is None else value for name, value in record["figures"].items()}
    listed = {"columns": tuple(record["columns"]), "rows": tuple(record.get("rows", ()))}
    return Finding(**{**record, "figures": figures, **listed})
