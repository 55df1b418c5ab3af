"""How often each check of the data finds a planted fault in a real table, and how often it accuses a clean one.

    python tests/benchmarks/planted_faults.py --data FOLDER [--half report] [--checks drift,groups] [--names]

FOLDER holds one folder per table: `data.csv` or `data.csv.gz`, and a `card.json` with its target and task. Thresholds
were tuned on the half "tune" of the tables (every other one by name); the half "report" is for the record.

A warning or a problem is an alarm; of constant columns, and of an order without a clock, a note is one too, since it
is the most that these checks say.
A planted fault counts as found if the alarm names the planted column, where one was planted. Tables that have the fault
by themselves are no clean tables: they are listed below with the reason, and counted apart.
"""

from __future__ import annotations

import argparse
import json
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from automl.data.copies import equal_rows
from automl.data.profile import profile
from automl.data.split import Shares, Split, in_folds, split_at_random
from automl.data.target import is_known
from automl.diagnostics import Data, Finding, checks
from automl.errors import InputError
from automl.preparation import usual_folds
from automl.quality import quality
from automl.tasks import task

TASKS = {"binary": "classify", "multiclass": "classify", "regression": "regress"}
SERIES = {
    "ETTh1": "OT",
    "ETTh2": "OT",
    "au_tourism": "Trips",
    "beijing_pm25": "pm2.5",
    "daily_min_temp": "Temp",
    "nab_machine_temp": "value",
    "nab_nyc_taxi": "value",
    "skab": "Temperature",
}
MOST_ROWS = 20_000
FEWEST_ROWS = 200

# Tables with a fault of their own, by their card or by looking at their rows.
REAL: Mapping[str, Mapping[str, str]] = {
    "target_leak": {"bodyfat": "the target is computed from Density (Siri's formula)"},
    "identifiers": {
        "auto_mpg": "name is that of the car, 305 of 398 different",
        "beijing_pm25": "No counts the rows",
        "communities_crime": "communityname",
        "titanic": "Ticket, 681 of 891 different",
    },
    "groups": {
        "amazon_employee": "MGR_ID is the manager of whom several employees are in the table",
        "boston": "districts of one town share TAX, PTRATIO, RAD, INDUS and ZN",
        "car_msrp": "variants of one Model",
        "meta": "algorithms on one data set share its 18 measures",
        "skab": "series is a run of the test bed",
    },
    "time_order": {
        **dict.fromkeys(SERIES, "a series in the order of time"),
        "bike_sharing": "hours in their order",
        "elec2": "half-hours in their order, by its card",
        "stock": "days in their order, by its card",
    },
    "dirty_labels": {
        "loans_interest": "emp_title has the same job in several spellings",
        "compas": "c_charge_desc has the same charge in several spellings",
        "vowel": "hid and hId are two vowels indeed: only a person can know",
    },
}


def real_fault(code: str, table: Table) -> str:
    """Why a table is no clean one for a check; empty if it is."""
    frame, target = table.frame, table.frame[table.target]
    if code == "rare_classes" and table.is_classes and target.value_counts().min() < 25:
        return "fewer than 25 rows of a class: not five in each fifth"
    if code == "duplicates" and (share := frame.duplicated().mean()) > 0.01:
        return f"{share:.1%} of the rows repeat an earlier one"
    if code == "constant_columns":
        others = len(frame) - frame.drop(columns=table.target).apply(
            lambda cells: cells.value_counts(dropna=False).max()
        )
        if others.min() < 20:
            return f"{others.idxmin()} is the same in all but {others.min()} rows"
    return REAL.get(code, {}).get(table.name, "")


@dataclass(frozen=True)
class Table:
    name: str
    frame: pd.DataFrame
    target: str
    task: str

    def rng(self, fault: str) -> np.random.Generator:
        return np.random.default_rng([zlib.crc32(self.name.encode()), zlib.crc32(fault.encode())])

    def shuffled(self) -> pd.DataFrame:
        return self.frame.sample(frac=1, random_state=1).reset_index(drop=True)

    @property
    def is_classes(self) -> bool:
        return self.task == "classify"


@dataclass(frozen=True)
class Case:
    """A table with a fault, or without; `test` are rows of a test file, `columns` the planted ones."""

    frame: pd.DataFrame
    columns: tuple[str, ...] = ()
    test: pd.DataFrame | None = None
    split: dict[str, Any] = field(default_factory=dict)


Plant = Callable[[Table, np.random.Generator], Case | None]


def prepared(table: Table, case: Case) -> Data:
    """The data as a fit has it after the split."""
    both = case.frame if case.test is None else pd.concat([case.frame, case.test], ignore_index=True)
    known = is_known(both[table.target])
    is_test = (np.arange(len(both)) >= len(case.frame))[known]
    frame = both[known].reset_index(drop=True)
    facts = profile(frame, target=table.target, task=table.task)
    judge = task(table.task)
    specification = judge.fit_target(frame[table.target])
    targets = judge.encode_target(frame[table.target], specification)
    others = np.flatnonzero(~is_test)
    shares = Shares() if case.test is None else Shares(0.75, 0.25, 0.0)
    together: dict[str, Any] = {
        "copies": equal_rows(frame.iloc[others]).reset_index(drop=True),
        "classes": targets[others] if table.is_classes else None,
    }
    cut = split_at_random(shares=shares, **together)
    rows = len(cut.train) + len(cut.val)
    folds = usual_folds(rows, most_rows=quality("balanced").most_rows_in_folds, seconds=300, workers=2)
    if folds > 1:
        cut = in_folds(cut, folds, **together)
    test = others[cut.test] if case.test is None else np.flatnonzero(is_test)
    split = Split(others[cut.train], others[cut.val], test, cut.how, cut.folds)
    return Data(frame, facts, split, judge, specification, targets, has_own_test=case.test is not None)


# --- planting -------------------------------------------------------------------------------------------------------


def _flipped(cells: pd.Series, share: float, rng: np.random.Generator) -> pd.Series:
    """Some cells replaced by those of other rows."""
    values = cells.to_numpy(dtype=object).copy()
    chosen = rng.random(len(values)) < share
    values[chosen] = rng.permutation(values)[chosen]
    return pd.Series(values, index=cells.index).infer_objects()


def _noisy(table: Table, share: float, rng: np.random.Generator) -> pd.Series:
    """The target with noise: of so many standard deviations, or twice so large a share of other classes' cells."""
    target = table.frame[table.target]
    if table.is_classes:
        return _flipped(target, share, rng)
    return target + rng.normal(size=len(target)) * share * target.std()


def leaked_copy(table: Table, rng: np.random.Generator) -> Case | None:
    return Case(table.frame.assign(remark=table.frame[table.target]), ("remark",))


def leaked_code(table: Table, rng: np.random.Generator) -> Case | None:
    target = table.frame[table.target]
    if table.is_classes:
        codes, classes = pd.factorize(target)
        names = rng.permutation([f"{place * 7 + 13}X" for place in range(len(classes))])
        return Case(table.frame.assign(kind_code=names[codes]), ("kind_code",))
    return Case(table.frame.assign(kind_code=-np.cbrt(target - target.mean())), ("kind_code",))


def leaked_noisy(table: Table, rng: np.random.Generator) -> Case | None:
    return Case(table.frame.assign(estimate=_noisy(table, 0.04 if table.is_classes else 0.1, rng)), ("estimate",))


def leaked_afterwards(table: Table, rng: np.random.Generator) -> Case | None:
    noisy = _noisy(table, 0.3 if table.is_classes else 0.4, rng)
    return Case(table.frame.assign(final_result=noisy), ("final_result",))


def leaked_by_gaps(table: Table, rng: np.random.Generator) -> Case | None:
    """A number that is filled in only for the rows of the rarer class of two."""
    target = table.frame[table.target]
    if not table.is_classes or target.nunique() != 2:
        return None
    yes = target == target.value_counts().index[-1]
    cells = np.where(yes & (rng.random(len(target)) < 0.97), rng.normal(50, 10, len(target)), np.nan)
    return Case(table.frame.assign(refund=cells), ("refund",))


def identifying_codes(table: Table, rng: np.random.Generator) -> Case | None:
    numbers = rng.permutation(len(table.frame))
    numbers[: max(1, len(numbers) // 100)] = numbers[-1]
    return Case(table.frame.assign(ticket=[f"C-{number:06d}" for number in numbers]), ("ticket",))


def identifying_row_numbers(table: Table, rng: np.random.Generator) -> Case | None:
    return Case(table.frame.assign(entry=rng.permutation(len(table.frame)) + 1000), ("entry",))


def identifying_numbers_with_gaps(table: Table, rng: np.random.Generator) -> Case | None:
    numbers = rng.integers(10**7, 10**8, len(table.frame)).astype(float)
    numbers[rng.random(len(numbers)) < 0.02] = np.nan
    return Case(table.frame.assign(customer_no=numbers), ("customer_no",))


def copies_in_test_file(table: Table, rng: np.random.Generator) -> Case | None:
    frame, test = _cut(table.frame, rng)
    copies = frame.sample(n=len(test) // 10, random_state=int(rng.integers(1 << 30)))
    return Case(frame, test=pd.concat([test.iloc[len(copies) :], copies], ignore_index=True))


def copies_with_new_ids(table: Table, rng: np.random.Generator) -> Case | None:
    copies = table.frame.sample(frac=0.3, random_state=int(rng.integers(1 << 30)))
    both = pd.concat([table.frame, copies], ignore_index=True)
    return Case(both.assign(entry_id=[f"e{number}" for number in rng.permutation(len(both))]))


def shifted_test_file(table: Table, rng: np.random.Generator) -> Case | None:
    """Two columns measured otherwise: numbers 0.6 standard deviations higher, three in ten categories replaced."""
    frame, test = _cut(table.frame, rng)
    features = [
        name
        for name in frame.columns
        if name != table.target
        and frame[name].nunique() > 2
        and (pd.api.types.is_float_dtype(frame[name].dtype) or frame[name].nunique() < 0.5 * len(frame))
    ]
    if not features:
        return None
    chosen = tuple(rng.choice(features, size=min(2, len(features)), replace=False).tolist())
    for name in chosen:
        if pd.api.types.is_numeric_dtype(test[name].dtype):
            test[name] = test[name] + 0.6 * frame[name].std()
        else:
            commonest = frame[name].value_counts().index[0]
            test[name] = test[name].where(rng.random(len(test)) > 0.3, commonest)
    return Case(frame, chosen, test=test)


def selected_test_file(table: Table, rng: np.random.Generator) -> Case | None:
    """A test file of rows that are high in one column: seven in ten rows of it come from the upper half."""
    numbers = table.frame.drop(columns=table.target).select_dtypes("number")
    numbers = numbers.loc[:, (numbers.nunique() > 10) & (numbers.isna().mean() < 0.1)]
    # Half of the rows can be in the upper half only where values differ.
    numbers = numbers.loc[:, ((numbers > numbers.median()).mean() - 0.5).abs() < 0.2]
    if not len(numbers.columns):
        return None
    name = str(rng.choice(numbers.columns))
    upper = (numbers[name] > numbers[name].median()).to_numpy()
    weight = np.where(upper, 0.85, 0.15)
    chosen = rng.choice(len(upper), size=len(upper) // 4, replace=False, p=weight / weight.sum())
    is_test = np.isin(np.arange(len(upper)), chosen)
    return Case(table.frame[~is_test], test=table.frame[is_test].reset_index(drop=True))


def _cut(frame: pd.DataFrame, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    is_test = rng.random(len(frame)) < 0.25
    return frame[~is_test].reset_index(drop=True), frame[is_test].reset_index(drop=True)


def _wandering(table: Table, rng: np.random.Generator) -> pd.DataFrame:
    """Shuffled rows, whose target follows what changes slowly from row to row beside what the features tell."""
    frame = table.shuffled()
    steps = rng.normal(size=len(frame))
    state = np.zeros(len(frame))
    for row in range(1, len(frame)):
        state[row] = 0.9 * state[row - 1] + np.sqrt(1 - 0.9**2) * steps[row]
    target = frame[table.target]
    if not table.is_classes:
        return frame.assign(**{table.target: target + state * target.std()})
    classes = target.value_counts().index
    followed = np.where(state > 0, classes[0], classes[1])
    return frame.assign(**{table.target: target.where(rng.random(len(frame)) < 0.5, pd.Series(followed))})


def wandering_target(table: Table, rng: np.random.Generator) -> Case | None:
    return Case(_wandering(table, rng))


def wandering_with_dates(table: Table, rng: np.random.Generator) -> Case | None:
    """Rows with dates, not in their order."""
    frame = _wandering(table, rng)
    dates = pd.date_range("2021-03-01", periods=len(frame), freq="3h").strftime("%Y-%m-%d %H:%M")
    frame = frame.assign(seen_on=dates)
    return Case(frame.sample(frac=1, random_state=2).reset_index(drop=True), ("seen_on",))


def _visits(table: Table, rng: np.random.Generator) -> tuple[pd.DataFrame, np.ndarray] | None:
    """Every row is an entity that is measured four times with a little noise, and always has the same target.

    None where no column is a measurement: visits would be exact copies, which stay on one side of the split anyway.
    """
    numbers = table.frame.drop(columns=table.target).select_dtypes("number")
    measured = [name for name in numbers.columns if numbers[name].nunique() > 20]
    if not measured:
        return None
    rows = rng.permutation(len(table.frame))[: max(60, min(len(table.frame), 2_000) // 4)]
    entity = rng.permutation(np.repeat(np.arange(len(rows)), 4))
    frame = table.frame.iloc[rows[entity]].reset_index(drop=True)
    for name in frame.columns:
        if name in measured:
            noise = 0.1 * table.frame[name].std() * rng.normal(size=len(frame))
            is_whole = pd.api.types.is_integer_dtype(frame[name].dtype)
            frame[name] = frame[name] + (np.round(noise).astype(int) if is_whole else noise)
        elif name != table.target:
            frame[name] = _flipped(frame[name], 0.03, rng)
    return frame, entity


def visits_of_named(table: Table, rng: np.random.Generator) -> Case | None:
    if (visits := _visits(table, rng)) is None:
        return None
    frame, entity = visits
    return Case(frame.assign(patient=[f"P{number:04d}" for number in entity]), ("patient",))


def visits_of_numbered(table: Table, rng: np.random.Generator) -> Case | None:
    if (visits := _visits(table, rng)) is None:
        return None
    frame, entity = visits
    codes = rng.choice(90_000, size=entity.max() + 1, replace=False) + 10_000
    return Case(frame.assign(household=codes[entity]), ("household",))


def thinned_class(table: Table, rng: np.random.Generator) -> Case | None:
    """All but six rows of the rarest class are gone."""
    if not table.is_classes:
        return None
    rarest = table.frame[table.target].value_counts().index[-1]
    rows = np.flatnonzero((table.frame[table.target] == rarest).to_numpy())
    kept = ~np.isin(np.arange(len(table.frame)), rng.permutation(rows)[6:])
    return Case(table.frame[kept].reset_index(drop=True))


def added_class(table: Table, rng: np.random.Generator) -> Case | None:
    """Two rows have a class of their own."""
    if not table.is_classes:
        return None
    frame = table.frame.astype({table.target: object})
    other = 99 if pd.api.types.is_numeric_dtype(table.frame[table.target].dtype) else "other"
    frame.loc[rng.choice(len(frame), 2, replace=False), table.target] = other
    return Case(frame.infer_objects())


def dirty_category(table: Table, rng: np.random.Generator) -> Case | None:
    """One cell in ten of a column has another case, or underscores."""
    features = table.frame.drop(columns=table.target).select_dtypes(["object", "string"])
    names = [
        name
        for name in features.columns
        if 2 < features[name].nunique() < 50 and features[name].dropna().str.contains("[A-Za-z]{2}").mean() > 0.9
    ]
    if not names:
        return None
    name = str(rng.choice(names))
    return Case(table.frame.assign(**{name: _rewritten(table.frame[name], rng)}), (name,))


def dirty_target(table: Table, rng: np.random.Generator) -> Case | None:
    target = table.frame[table.target]
    if not table.is_classes or pd.api.types.is_numeric_dtype(target.dtype) or not target.str.contains("[A-Za-z]").all():
        return None
    return Case(table.frame.assign(**{table.target: _rewritten(target, rng)}), (table.target,))


def _rewritten(cells: pd.Series, rng: np.random.Generator) -> pd.Series:
    other = cells.str.swapcase() if rng.random() < 0.5 else " " + cells.str.capitalize().str.replace(" ", "_") + "."
    return cells.where(rng.random(len(cells)) > 0.1, other)


def constant(table: Table, rng: np.random.Generator) -> Case | None:
    return Case(table.frame.assign(version="v2"), ("version",))


def nearly_constant(table: Table, rng: np.random.Generator) -> Case | None:
    cells = np.zeros(len(table.frame))
    cells[rng.choice(len(cells), 2, replace=False)] = [1, 3]
    return Case(table.frame.assign(flag=cells), ("flag",))


PLANTS: Mapping[str, tuple[Plant, ...]] = {
    "target_leak": (leaked_copy, leaked_code, leaked_noisy, leaked_afterwards, leaked_by_gaps),
    "identifiers": (identifying_codes, identifying_row_numbers, identifying_numbers_with_gaps),
    "duplicates": (copies_in_test_file, copies_with_new_ids),
    "drift": (shifted_test_file, selected_test_file),
    "time_order": (wandering_target, wandering_with_dates),
    "groups": (visits_of_named, visits_of_numbered),
    "rare_classes": (thinned_class, added_class),
    "dirty_labels": (dirty_category, dirty_target),
    "constant_columns": (constant, nearly_constant),
}


# --- clean tables ---------------------------------------------------------------------------------------------------


def as_published(table: Table, rng: np.random.Generator) -> Case | None:
    return Case(table.frame)


def in_random_order(table: Table, rng: np.random.Generator) -> Case | None:
    return Case(table.shuffled())


def random_test_file(table: Table, rng: np.random.Generator) -> Case | None:
    frame, test = _cut(table.frame, rng)
    return Case(frame, test=test)


def with_classes(table: Table, rng: np.random.Generator) -> Case | None:
    return Case(table.frame) if table.is_classes else None


def with_categories(table: Table, rng: np.random.Generator) -> Case | None:
    return Case(table.frame) if len(table.frame.select_dtypes(["object", "string"]).columns) else None


CLEAN: Mapping[str, tuple[Plant, ...]] = {
    "duplicates": (as_published, random_test_file),
    "drift": (random_test_file,),
    "time_order": (in_random_order,),
    "rare_classes": (with_classes,),
    "dirty_labels": (with_categories,),
}


# --- counting -------------------------------------------------------------------------------------------------------


def is_alarm(answer: object, case: Case) -> bool:
    """Whether the answer accuses the data, and names a planted column if there is one."""
    if not isinstance(answer, Finding):
        return False
    # The most that these two say of such data; a note on dates alone accuses nothing.
    is_loud_note = answer.code == "constant_columns" or "alike" in answer.figures
    loud = ("note", "warning", "problem") if is_loud_note else ("warning", "problem")
    return answer.severity in loud and (not case.columns or bool(set(case.columns) & set(answer.columns)))


def tables(folder: Path, *, half: str) -> Iterator[Table]:
    """Tables to classify or regress with at least 200 rows; of larger ones, 20,000 neighbouring rows."""
    paths = sorted(path.parent for path in folder.glob("*/card.json"))
    place = 0
    for path in paths:
        card = json.loads((path / "card.json").read_text())
        series = SERIES.get(path.name)
        if card["task"] not in TASKS and series is None:
            continue
        place += 1
        if half != ("tune" if place % 2 else "report"):
            continue
        frame = pd.read_csv(next(path.glob("data.csv*")), low_memory=False)
        target = series or card["target"]
        frame = frame[is_known(frame[target])].head(MOST_ROWS).reset_index(drop=True)
        if len(frame) >= FEWEST_ROWS and frame[target].nunique() > 1:
            yield Table(path.name, frame, target, TASKS.get(card["task"], "regress"))


Counts = dict[str, tuple[int, list[str]]]


def count(code: str, every: list[Table], plants: tuple[Plant, ...], *, wanted: bool) -> Counts:
    """By plant: how many tables it could be planted in, and those where the answer was not as wanted."""
    check = checks("data")[code]
    result = {}
    for plant in plants:
        tried, wrong = 0, []
        for table in every:
            case = plant(table, table.rng(plant.__name__))
            if case is None:
                continue
            try:
                data = prepared(table, case)
            except InputError:
                continue
            tried += 1
            if is_alarm(check.check(data), case) is not wanted:
                wrong.append(table.name)
        result[plant.__name__] = (tried, wrong)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--half", choices=["tune", "report"], default="report")
    parser.add_argument("--checks", default=",".join(PLANTS))
    parser.add_argument("--names", action="store_true", help="name the tables that were missed or accused")
    arguments = parser.parse_args()
    every = list(tables(arguments.data, half=arguments.half))
    print(f"# {len(every)} tables of the half {arguments.half!r}\n")
    print("| check | planted found / planted | false alarms / clean tables | real faults said / known | seconds |")
    print("|---|---|---|---|---|")
    remarks = []
    for code in arguments.checks.split(","):
        began = time.perf_counter()
        known = [table for table in every if real_fault(code, table)]
        clean = [table for table in every if not real_fault(code, table)]
        plain = [table for table in every if table.name not in SERIES]
        planted = count(code, plain if code in ("time_order", "groups", "drift") else every, PLANTS[code], wanted=True)
        accused = count(code, clean, CLEAN.get(code, (as_published,)), wanted=False)
        said = count(code, known, (random_test_file if code == "duplicates" else as_published,), wanted=True)
        cells = [_ratio(planted, right=True), _ratio(accused, right=False), _ratio(said, right=True)]
        print(f"| {code} | {' | '.join(cells)} | {time.perf_counter() - began:.0f} |", flush=True)
        for what, wrong in (("missed", planted), ("accused", accused), ("known, but not said", said)):
            remarks += [
                f"{code}, {plant}: {what} {len(names)} of {tried}: {', '.join(names)}"
                for plant, (tried, names) in wrong.items()
            ]
        if code == "time_order":
            ordered = count(code, clean, (as_published,), wanted=False)["as_published"]
            remarks.append(f"{code}, as published: accused {len(ordered[1])} of {ordered[0]}: {', '.join(ordered[1])}")
        remarks += [f"{code}: {table.name} has it: {real_fault(code, table)}" for table in known]
    if arguments.names:
        print("", *remarks, sep="\n")


def _ratio(result: Mapping[str, tuple[int, list[str]]], *, right: bool) -> str:
    tried = sum(number for number, _ in result.values())
    wrong = sum(len(names) for _, names in result.values())
    return f"{tried - wrong if right else wrong} / {tried}"


if __name__ == "__main__":
    main()
