"""How often the checks of trainings and runs find a planted fault on real tables, and how often they accuse sound runs.

    python -m tests.benchmarks.planted_trainings --data FOLDER [--tables 20] [--faults too_large,dying] [--names]

FOLDER is as for `planted_faults.py`. Real networks are trained in this process, a few settings for a fixed number of
epochs, so that neither the clock nor other programs change what comes out. Of each table, two thirds of the rows and a
thousand at most.

A planted fault counts as found if one of the checks that should tell of it answers with at least the severity that is
named, and as untold where all of them say that they cannot tell. What is too large, too little or too fast for one
table is not for another: such a fault counts as harmless where the model does no worse on new rows than one with the
usual settings. A sound run is accused by every warning and problem. Where the rows that are left over, five thousand at
most, are tested instead of the run's own and the same check says the same, the accusation is right: what nobody had
planted was there. This tells bad luck from truth; a check that is wrong for all rows would be confirmed as well. What
columns and seeds mean is not measured here.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automl.baselines import BOOSTING, CONSTANT, Baseline
from automl.diagnostics import SEVERITIES, Answer, Audit, Evidence, Finding, ask
from automl.diagnostics._resampled import resampled
from automl.ensemble import candidates, choose
from automl.errors import InputError
from automl.evidence import of_data
from automl.execution import workspace
from automl.execution.boosting import boost
from automl.options import Options
from automl.pipeline import write_workspace
from automl.preparation import prepare
from automl.search.random import suggest
from automl.tasks import metric, scores
from automl.training.activity import activity
from automl.training.train import TrialFailed, train
from automl.training.workshop import Workshop
from automl.trial import LayerActivity, Trial
from tests.benchmarks.planted_faults import Table, tables

MOST_ROWS, FEWEST_ROWS, MOST_LEFT_OVER = 1_000, 300, 5_000
SETTINGS = 3
USUAL = ("mlp.epochs=40", "mlp.patience=12")
# Standard errors beyond which a model is worse than another.
SURE = 1.645
ALARMS = ("warning", "problem")
# What they say depends on the rows that are tested, so that other rows can confirm it.
CONFIRMABLE = (
    "underfitting",
    "generalisation_gap",
    "better_than_default",
    "calibration",
    "weak_spots",
    "winners_curse",
)


@dataclass(frozen=True)
class Run:
    """What is trained: `test` are rows of a test file; `temperature` distorts the probabilities of the model."""

    frame: pd.DataFrame
    settings: tuple[str, ...] = USUAL
    test: pd.DataFrame | None = None
    folds: int = 1
    temperature: float = 0.0
    planted: frozenset[int] = field(default_factory=frozenset)


@dataclass(frozen=True)
class Fault:
    """A way to spoil a run, and who should tell of it: any of the checks, with at least that severity.

    Attributes:
        may_be_harmless: whether it counts only where it makes the model worse than a usual one.
    """

    plant: Callable[[Table, np.random.Generator], Run | None]
    checks: tuple[str, ...]
    severity: str = "warning"
    may_be_harmless: bool = False


def shuffled_labels(table: Table, rng: np.random.Generator) -> Run:
    target = rng.permutation(table.frame[table.target].to_numpy())
    return Run(table.frame.assign(**{table.target: target}))


def too_large(table: Table, rng: np.random.Generator) -> Run:
    """Millions of weights and nothing that holds them, on 200 rows or half of them; judged on all others."""
    fixed = "layers=4 units=512 activation=relu normalization=none dropout=0 weight_decay=0 learning_rate=0.001"
    kept = rng.permutation(len(table.frame)) < min(200, len(table.frame) // 2)
    return Run(
        table.frame[kept].reset_index(drop=True),
        (*(f"mlp.{each}" for each in fixed.split()), "mlp.epochs=40", "mlp.patience=40"),
        test=table.frame[~kept].reset_index(drop=True),
    )


def too_little(table: Table, rng: np.random.Generator) -> Run:
    return Run(table.frame, ("mlp.epochs=3", "mlp.learning_rate=0.0003..0.001"))


def drifted_test(table: Table, rng: np.random.Generator) -> Run | None:
    """Two columns of the test file are measured otherwise, by one standard deviation."""
    frame, test = cut(table.frame, rng)
    numbers = [
        str(name) for name in frame.select_dtypes("number") if name != table.target and frame[name].nunique() > 10
    ]
    if not numbers:
        return None
    for name in rng.choice(numbers, size=min(2, len(numbers)), replace=False):
        test[name] = test[name] + frame[name].std()
    return Run(frame, test=test)


def easy_test(table: Table, rng: np.random.Generator) -> Run | None:
    """Of the rows for the test, the third that a forest finds hardest is left out."""
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
    from sklearn.model_selection import cross_val_predict

    features = pd.get_dummies(table.frame.drop(columns=table.target)).astype(float)
    features = features.fillna(features.median()).fillna(0.0)
    if features.shape[1] > 500:
        return None
    if table.is_classes:
        truth = pd.factorize(table.frame[table.target])[0]
        if np.bincount(truth).min() < 5:
            return None
        forest = RandomForestClassifier(100, random_state=0)
        said = cross_val_predict(forest, features, truth, cv=5, method="predict_proba")
        hard = 1 - said[np.arange(len(truth)), truth]
    else:
        truth = table.frame[table.target].to_numpy(float)
        hard = np.abs(cross_val_predict(RandomForestRegressor(100, random_state=0), features, truth, cv=5) - truth)
    is_test = rng.random(len(truth)) < 0.3
    kept = hard <= np.quantile(hard[is_test], 0.67)
    return Run(table.frame[~is_test].reset_index(drop=True), test=table.frame[is_test & kept].reset_index(drop=True))


def large_steps(table: Table, rng: np.random.Generator) -> Run:
    """Learning rates a hundred times as large as usual."""
    return Run(table.frame, (*USUAL, "mlp.learning_rate=0.1..0.5", "mlp.optimizer=adam", "mlp.schedule=constant"))


def dying(table: Table, rng: np.random.Generator) -> Run:
    """ReLUs without normalisation, and steps a thousand times as large as usual."""
    fixed = "layers=3 units=128 activation=relu normalization=none optimizer=adam schedule=constant"
    return Run(table.frame, (*USUAL, *(f"mlp.{each}" for each in fixed.split()), "mlp.learning_rate=0.5..3.0"))


def flipped_labels(table: Table, rng: np.random.Generator) -> Run | None:
    """Eight labels in a hundred are those of another class."""
    if not table.is_classes:
        return None
    labels = table.frame[table.target].to_numpy(dtype=object).copy()
    classes = pd.unique(labels)
    flipped = np.flatnonzero(rng.random(len(labels)) < 0.08)
    for row in flipped:
        labels[row] = rng.choice([label for label in classes if label != labels[row]])
    frame = table.frame.assign(**{table.target: pd.Series(labels, index=table.frame.index).infer_objects()})
    return Run(frame, folds=5, planted=frozenset(flipped.tolist()))


def overconfident(table: Table, rng: np.random.Generator) -> Run | None:
    """The model's probabilities are sharpened: an odds of 3 becomes one of 27."""
    return Run(table.frame, folds=5, temperature=1 / 3) if table.is_classes else None


def sound(table: Table, rng: np.random.Generator) -> Run:
    frame, test = cut(table.frame, rng)
    return Run(frame, test=test)


def sound_in_folds(table: Table, rng: np.random.Generator) -> Run:
    return dataclasses.replace(sound(table, rng), folds=5)


FAULTS: Mapping[str, Fault] = {
    "shuffled_labels": Fault(shuffled_labels, ("underfitting",), "problem"),
    "too_large": Fault(too_large, ("generalisation_gap", "learning_curve"), "note", may_be_harmless=True),
    "too_little": Fault(
        too_little, ("learning_curve", "underfitting", "better_than_default"), "note", may_be_harmless=True
    ),
    "drifted_test": Fault(drifted_test, ("drift",)),
    "easy_test": Fault(easy_test, ("lucky_split",)),
    "large_steps": Fault(
        large_steps,
        ("learning_curve", "early_stopping", "dead_units", "underfitting", "better_than_default"),
        "note",
        may_be_harmless=True,
    ),
    "dying": Fault(dying, ("dead_units",), "note"),
    "flipped_labels": Fault(flipped_labels, ("label_noise",)),
    "overconfident": Fault(overconfident, ("calibration",), may_be_harmless=True),
}
SOUND = {"sound": sound, "sound_in_folds": sound_in_folds}


def cut(frame: pd.DataFrame, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    is_test = rng.random(len(frame)) < 0.25
    return frame[~is_test].reset_index(drop=True), frame[is_test].reset_index(drop=True)


def trained(table: Table, run: Run, folder: Path) -> Evidence | None:
    """The evidence of a run as a fit would have it; None if nothing could be trained."""
    test = None
    if run.test is not None:
        test = folder / "test.csv"
        run.test.to_csv(test, index=False)
    options = Options(
        target=table.target,
        task=table.task,
        families=("mlp",),
        settings=run.settings,
        folds=run.folds,
        test=test,
        seconds=None,
        trials=SETTINGS,
    )
    prepared = prepare(run.frame, options)
    data = of_data(prepared, options)
    objective = metric(None, prepared.task)
    write_workspace(folder / "encoded", prepared)
    workshop = Workshop(workspace.read(folder / "encoded")[1], prepared.task)
    trials: list[Trial] = []
    predictions, activities = {}, {}
    while len(trials) < SETTINGS:
        number = len(trials)
        params = suggest(prepared.spaces["mlp"], trials, seed=0)
        if params is None:
            break
        trial = Trial(number, "mlp", params, "failed")
        try:
            made = train(workshop, "mlp", params, metric=objective, seed=number)
        except TrialFailed:
            trials.append(trial)
            continue
        kept = (
            "objective",
            "scores",
            "curves",
            "best_epoch",
            "place",
            "parameters",
            "stopped",
            "rows_per_second",
            "temperature",
        )
        trials.append(dataclasses.replace(trial, status="finished", **{name: getattr(made, name) for name in kept}))
        predictions[number] = made.predictions
        activities[number] = activity_of(workshop, trial, made.weights[0])
    considered = candidates(trials)
    if not considered:
        return None
    targets = {part: prepared.targets[rows] for part, rows in prepared.split.parts().items()}
    best = choose(
        considered,
        predictions,
        targets,
        task=prepared.task,
        metric=objective,
        networks=prepared.split.number_of_folds,
    )
    if run.temperature:
        best = dataclasses.replace(best, temperature=best.temperature * run.temperature)
    naive = prepared.task.constant(targets["train"], prepared.specification)
    constant = {part: scores(prepared.task, own, naive[None].repeat(len(own), 0)) for part, own in targets.items()}
    boosted = boost(prepared.task, workshop.examples, seed=0)
    return Evidence(
        data,
        objective,
        prepared.spaces,
        trials,
        [Baseline(CONSTANT, constant), Baseline(BOOSTING, boosted["scores"], boosted["seconds"])],
        best,
        predictions,
        {BOOSTING: boosted["predictions"]},
        audit=Audit(activity=activities),
    )


def activity_of(workshop: Workshop, trial: Trial, weights: object) -> list[LayerActivity]:
    network = workshop.network(trial.family, trial.params)
    network.set_weights(weights)
    return activity(workshop, network, trial.params)


def known_of(table: Table, run: Run | None) -> Evidence | None:
    """The evidence of a run; None where there is no such run."""
    if run is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        try:
            return trained(table, run, Path(folder))
        except InputError:
            return None


def findings(known: Evidence, *, of_data: bool = False) -> list[Finding]:
    """What the checks of trainings and runs say, and those of the data if asked."""
    said: list[Answer] = [*ask("training", known), *ask("run", known), *(ask("data", known.data) if of_data else ())]
    return [answer for answer in said if isinstance(answer, Finding)]


def is_harmless(known: Evidence, table: Table, run: Run) -> bool:
    """Whether the model is not worse on new rows than a usual one, by more than chance explains."""
    usual = known_of(table, dataclasses.replace(run, settings=USUAL, temperature=0.0))
    assert usual is not None
    part = known.unseen
    samples = resampled(known, part, [known.blended[part], usual.blended[part]])
    worse = [objectives(known, own) for own in samples.T]
    difference = worse[0] - worse[1]
    return bool(difference.mean() <= SURE * difference.std())


def objectives(known: Evidence, scores: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.array([known.metric.objective(score) for score in scores])


def usable(data: Path, *, half: str) -> Iterator[tuple[Table, pd.DataFrame]]:
    """The tables with the rows that runs are made of, and those that are left over."""
    for table in tables(data, half=half):
        if len(table.frame) >= FEWEST_ROWS and len(table.frame.columns) <= 60:
            frame = table.shuffled()
            most = min(MOST_ROWS, 2 * len(frame) // 3)
            left_over = frame[most : most + MOST_LEFT_OVER].reset_index(drop=True)
            yield dataclasses.replace(table, frame=frame.head(most)), left_over


def print_found(name: str, every: Sequence[Table]) -> list[str]:
    """A line on how often a fault was found. Returns where it was missed."""
    fault, began = FAULTS[name], time.perf_counter()
    tried, untold, harmless, missed, by = 0, 0, 0, [], Counter[str]()
    for table in every:
        run = fault.plant(table, table.rng(name))
        known = known_of(table, run)
        if run is None or known is None:
            continue
        if fault.may_be_harmless and is_harmless(known, table, run):
            harmless += 1
            continue
        said = findings(known, of_data="drift" in fault.checks)
        if not {one.code for one in said} & set(fault.checks):
            untold += 1
            continue
        tried += 1
        least = SEVERITIES.index(fault.severity)
        found = [one for one in said if one.code in fault.checks and SEVERITIES.index(one.severity) >= least]
        by.update(one.code for one in found)
        if not found:
            told = ", ".join(f"{one.code} {dict(one.figures)}" for one in said if one.code in fault.checks)
            missed.append(f"{table.name} ({told})")
    told = ", ".join(f"{code} {number}" for code, number in by.items())
    seconds = time.perf_counter() - began
    print(
        f"| {name} | {told} | {tried - len(missed)} / {tried} | {harmless} | {untold} | {seconds:.0f} |",
        flush=True,
    )
    return [f"{name}: missed {one}" for one in missed]


def print_accused(names: Sequence[str], every: Sequence[tuple[Table, pd.DataFrame]]) -> list[str]:
    """A table on how often each check accuses sound runs. Returns the accusations."""
    wrongly, rightly, tried, remarks = Counter[str](), Counter[str](), 0, []
    for name in names:
        for table, left_over in every:
            run = SOUND[name](table, table.rng(name))
            accusations = alarms(table, run)
            if accusations is None:
                continue
            tried += 1
            confirmed: set[str] = set()
            if {one.code for one in accusations} & set(CONFIRMABLE):
                again = alarms(table, dataclasses.replace(run, test=left_over)) or []
                confirmed = {one.code for one in again} & set(CONFIRMABLE)
            for one in accusations:
                (rightly if one.code in confirmed else wrongly)[one.code] += 1
                how = "rightly" if one.code in confirmed else "wrongly"
                remarks.append(f"{name}: {table.name} is {how} accused by {one.code}: {one.title} {dict(one.figures)}")
    print("\n| check | wrongly accused / sound runs | rightly accused |\n|---|---|---|")
    for code in sorted({*wrongly, *rightly, *(code for fault in FAULTS.values() for code in fault.checks)}):
        print(f"| {code} | {wrongly[code]} / {tried} | {rightly[code]} |", flush=True)
    return remarks


def alarms(table: Table, run: Run) -> list[Finding] | None:
    """The warnings and problems of a run; None where there is no such run."""
    known = known_of(table, run)
    return None if known is None else [one for one in findings(known) if one.severity in ALARMS]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--half", choices=["tune", "report"], default="report")
    parser.add_argument("--tables", type=int, default=20)
    parser.add_argument("--faults", default=",".join([*FAULTS, *SOUND]))
    parser.add_argument("--names", action="store_true", help="name the tables that were missed or accused")
    arguments = parser.parse_args()
    every = list(islice(usable(arguments.data, half=arguments.half), arguments.tables))
    asked = arguments.faults.split(",")
    print(f"# {len(every)} tables of the half {arguments.half!r}\n")
    print("| planted | found by | found / planted | harmless | untold | seconds |\n|---|---|---|---|---|---|")
    remarks = []
    for name in [name for name in asked if name in FAULTS]:
        remarks += print_found(name, [table for table, _ in every])
    if sounds := [name for name in asked if name in SOUND]:
        remarks += print_accused(sounds, every)
    if arguments.names:
        print("", *remarks, sep="\n")


if __name__ == "__main__":
    main()
