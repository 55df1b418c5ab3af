"""From what the user gave to encoded arrays: read, profile, choose families, split, encode."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automl import plugins
from automl.data import columns as cells
from automl.data import read as reading
from automl.data.codes import with_codes
from automl.data.copies import copies
from automl.data.files import STANDARD_INPUT
from automl.data.profile import Profile, profile, repeated_rows
from automl.data.split import Rows, Shares, Split, in_folds, split_at_random, split_by_time
from automl.data.target import is_known
from automl.encoding import table
from automl.encoding.numbers import Scaling
from automl.encoding.table import Arrays, Encoding
from automl.errors import InputError, unknown
from automl.families import Candidate, candidates, names
from automl.options import Options, dropped
from automl.space import Choice, SearchSpace
from automl.space_files import SpaceFile, change, read_space, read_user_space, split_settings
from automl.tasks import Specification, Task, task

# The numbers of folds that a fit uses by itself.
FOLDS = (8, 5)
# What a usual training takes: epochs, and seconds per row and epoch. So many of them have to fit into the time.
EPOCHS, ROW_SECONDS = 64, 30e-6
LEAST_TRIALS = 6


@dataclass(frozen=True)
class Prepared:
    """All that a search starts from.

    Attributes:
        path: of the table's file, absolute; None for a data frame, or for what is piped in.
        writing: how the tables that the model is given are to be read.
        frame: the rows with a known target; row numbers of the split count in it.
        targets: shape (rows,), encoded by the task.
        weights: shape (rows,), with mean 1 over the training rows.
        encoded: the features of all rows, by scaling; "none" is for trees.
    """

    name: str
    source: str
    path: Path | None
    digest: str
    frame: pd.DataFrame
    profile: Profile
    notes: tuple[str, ...]
    writing: reading.Writing
    split: Split
    task: Task
    specification: Specification
    targets: NDArray[np.generic]
    weights: NDArray[np.float32]
    encoding: Encoding
    encoded: dict[str, Arrays]
    candidates: list[Candidate]

    @property
    def spaces(self) -> dict[str, SearchSpace]:
        """What is searched: the spaces of the families that were taken, in their order."""
        return {candidate.name: candidate.space for candidate in self.candidates if candidate.taken}

    @property
    def most_weights(self) -> dict[str, float]:
        """The most of an ensemble that families may get, for those with such a limit."""
        return {own.name: own.most_weight for own in self.candidates if own.taken and own.most_weight < 1}


def prepare(data: str | Path | pd.DataFrame, options: Options) -> Prepared:
    """Reads and understands the data. Nothing is written and nothing trained.

    Raises:
        InputError: something is wrong with the data or the options; the message says what.
    """
    plugins.load("search", options.search, noun="search algorithm")
    files = _space_files(options)
    whole, test_rows, read = _read(data, options)
    facts = profile(
        whole,
        target=options.target,
        task=options.task,
        kinds=options.kinds,
        repeated=read.repeated,
        unnamed=read.unnamed,
        categories=read.categories,
        deciding=read.frame if len(test_rows) else None,
    )
    known = is_known(whole[facts.target.name])
    is_test = np.flatnonzero(np.isin(np.flatnonzero(known), test_rows))
    if options.test is not None and not len(is_test):
        raise InputError(f"{options.test} has no row with a value in {facts.target.name!r}. Add the target's values.")
    frame = whole[known].reset_index(drop=True)
    judge = task(facts.target.task)
    specification = judge.fit_target(frame[facts.target.name])
    targets = judge.encode_target(frame[facts.target.name], specification)
    facts = _without_helpers(facts, frame, options)
    split = _split(frame, facts, targets, is_test, options)
    facts = with_codes(facts, frame, _of_rows(targets, split.train), told=options.kinds)
    chosen = candidates(facts, only=options.families, files=files, metric=options.metric or "")
    encoding = table.fit(frame.iloc[split.train], facts)
    scalings = _scalings(chosen)
    return Prepared(
        name=read.name,
        source="data frame" if isinstance(data, pd.DataFrame) else str(data),
        path=None if isinstance(data, pd.DataFrame) or str(data) == STANDARD_INPUT else Path(data).absolute(),
        digest=read.digest,
        frame=frame,
        profile=facts,
        notes=read.notes,
        writing=read.writing,
        split=split,
        task=judge,
        specification=_of_training(judge, specification, frame, split, facts),
        targets=targets,
        weights=_weights(targets, split.train, facts, balance=options.balance),
        encoding=encoding,
        encoded={scaling: table.apply(encoding, frame, scaling=scaling) for scaling in scalings},
        candidates=chosen,
    )


def _of_rows(targets: NDArray[np.generic], rows: Rows) -> NDArray[np.float64]:
    """The targets of these rows, and NaN for others."""
    own = np.full(len(targets), np.nan)
    own[rows] = targets[rows]
    return own


def _space_files(options: Options) -> dict[str, SpaceFile]:
    """Search spaces that differ from the shipped ones, by family."""
    changed: dict[str, SpaceFile] = {}
    for path in options.spaces:
        file = read_user_space(path)
        if file.family not in names():
            raise InputError(
                f"{unknown('family', file.family, names(), where=path.name)} Write 'family: mlp' or 'extends: mlp'"
                " into it, or name the file after its family."
            )
        if file.family in changed:
            raise InputError(f"{path} is the second --space for the family {file.family!r}. Put both into one file.")
        _check_complete(file, where=path.name)
        changed[file.family] = file
    for family, settings in split_settings(options.settings, names()).items():
        changed[family] = change(changed.get(family) or read_space(family), settings)
    return changed


def _check_complete(file: SpaceFile, *, where: str) -> None:
    """The space has every hyperparameter of the family that one of its settings needs."""
    own = file.space.parameters
    both = SearchSpace(file.family, {**read_space(file.family).space.parameters, **own})
    lacking = [name for name in both.reachable() if name not in own]
    if lacking:
        raise InputError(
            f"{where} lacks hyperparameters of {file.family!r}: {', '.join(lacking)}. "
            f"Write 'extends: {file.family}' into it, and they stay as shipped."
        )


def _read(data: str | Path | pd.DataFrame, options: Options) -> tuple[pd.DataFrame, Rows, reading.Table]:
    """All rows, the numbers of those from the test file, and how the main table was read."""
    form: dict[str, Any] = {
        "delimiter": options.delimiter,
        "encoding": options.encoding,
        "has_header": not options.no_header,
        "skip_bad_lines": options.skip_bad_lines,
    }
    if str(options.test) == STANDARD_INPUT:
        raise InputError("--test takes no - : test rows cannot be piped in. Save them as a file, and give its path.")
    left_out = dropped(options.kinds)
    if isinstance(data, pd.DataFrame):
        read = reading.from_frame(data, left_out=left_out)
    else:
        read = reading.read(data, **form, left_out=left_out)
    if options.test is None:
        return read.frame, np.empty(0, dtype=np.int64), read
    test = reading.read(options.test, **form, left_out=left_out, like=read.writing)
    lacking = [name for name in read.frame.columns if name not in {*test.frame.columns, *left_out}]
    if lacking:
        raise InputError(f"{options.test} lacks columns of the training table: {', '.join(map(repr, lacking[:10]))}.")
    both = pd.concat([read.frame, test.frame.reindex(columns=read.frame.columns)], ignore_index=True)
    notes = (*read.notes, *test.notes, f"Test rows come from {options.test}.")
    return both, np.arange(len(read.frame), len(both)), dataclasses.replace(read, notes=notes)


def _split(
    frame: pd.DataFrame, facts: Profile, targets: NDArray[np.generic], test_rows: Rows, options: Options
) -> Split:
    shares = Shares.parse(options.split) if options.split else Shares()
    if len(test_rows):
        rest = shares.train + shares.val
        shares = Shares(shares.train / rest, shares.val / rest, 0.0)
    others = np.setdiff1d(np.arange(len(frame)), test_rows)
    kept = frame.iloc[others].reset_index(drop=True)
    if options.time_column is not None:
        cut = split_by_time(_times(kept[options.time_column], facts), shares=shares)
    else:
        together: dict[str, Any] = {
            "copies": copies(kept, facts.features, facts.target.name),
            "classes": np.asarray(targets[others]) if facts.target.task == "classify" else None,
            "groups": pd.Series(cells.labels(kept[options.group]), name=options.group) if options.group else None,
            "seed": options.seed,
        }
        cut = split_at_random(shares=shares, **together)
        cut = _in_folds(cut, together, options)
    test = test_rows if len(test_rows) else others[cut.test]
    how = cut.how + (", test from its own file" * bool(len(test_rows)))
    return Split(others[cut.train], others[cut.val], test, how, cut.folds)


def _in_folds(cut: Split, together: dict[str, Any], options: Options) -> Split:
    """As many folds as the user wants; else as many as are usual, or fewer where too many rows belong together."""
    if options.folds is not None:
        return in_folds(cut, options.folds, **together) if options.folds > 1 else cut
    rows = len(cut.train) + len(cut.val)
    most_rows = 0 if options.is_one_network else options.trade.most_rows_in_folds
    usual = usual_folds(rows, most_rows=most_rows, seconds=options.seconds, workers=options.processes)
    for folds in range(usual, 1, -1):
        with suppress(InputError):
            return in_folds(cut, folds, **together)
    return cut


def usual_folds(rows: int, *, most_rows: int, seconds: float | None, workers: int) -> int:
    """How many folds so many rows are cut into; 1 stands for a holdout, which larger tables can afford.

    Where rows are few, each fold's networks should lack few of them. But every setting has to be trained for each fold,
    and a search that has no time for a handful of settings is better off with networks that train once.

    Args:
        most_rows: of a table that is cut into folds at all.
        seconds: the budget; None for no limit.
    """
    if rows > most_rows:
        return 1
    affordable = float("inf") if seconds is None else seconds * workers / LEAST_TRIALS
    return next((folds for folds in FOLDS if (folds - 1) * rows * EPOCHS * ROW_SECONDS <= affordable), 1)


def _times(column: pd.Series, facts: Profile) -> pd.Series:
    # A column that is left out may split the rows all the same.
    described = next(known for known in facts.columns if known.name == column.name)
    is_date = bool(cells.is_date(column) or described.kind == "date" or described.date_format)
    kind = "date" if is_date else "number"
    unread = cells.unread(column, kind, date_format=described.date_format)
    if unread.cells and unread.cells == unread.known:
        raise InputError(f"The time column {column.name!r} holds neither dates nor numbers.")
    if unread.cells:
        examples = ", ".join(repr(text[:40]) for text in unread.examples)
        raise InputError(
            f"The time column {column.name!r} holds cells that are no {kind}: {unread.cells:,} ({examples}). "
            "Correct or remove these rows."
        )
    values = cells.dates(column, date_format=described.date_format) if is_date else cells.numbers(column)
    return pd.Series(values, name=column.name)


def _without_helpers(facts: Profile, frame: pd.DataFrame, options: Options) -> Profile:
    """The group column tells which entity a row belongs to: a model that learned it would know no new entity."""
    for option, column in (("--group", options.group), ("--time-column", options.time_column)):
        if column is not None and column not in frame.columns:
            raise unknown("column", column, [str(name) for name in frame.columns])
        if column == facts.target.name:
            raise InputError(f"{column!r} is the target, so it cannot split the rows. Choose another {option}.")
    if options.group is None:
        return facts
    columns = tuple(
        dataclasses.replace(column, kind="identifier", why="groups the rows")
        if column.name == options.group
        else column
        for column in facts.columns
    )
    facts = dataclasses.replace(facts, columns=columns)
    return dataclasses.replace(facts, duplicates=repeated_rows(frame, facts))


def _scalings(chosen: Sequence[Candidate]) -> list[Scaling]:
    """The encodings that the spaces may ask for, and the plain one for trees, which know missing values."""
    wanted: dict[Scaling, None] = {"none": None}
    for candidate in chosen:
        parameter = candidate.space.parameters["scaling"]
        if candidate.taken and isinstance(parameter, Choice):
            allowed: tuple[Scaling, ...] = ("none",) if candidate.grows_trees else ("quantile", "robust")
            for value in parameter.values:
                if value not in allowed:
                    raise unknown("scaling", str(value), allowed, where=candidate.name)
                wanted |= {scaling: None for scaling in allowed if scaling == value}
    return list(wanted)


def _of_training(
    judge: Task, specification: Specification, frame: pd.DataFrame, split: Split, facts: Profile
) -> Specification:
    """Classes are those of all rows; means and ranges are learned from the training rows alone."""
    if judge.PREDICTS == "probabilities":
        return specification
    return judge.fit_target(frame[facts.target.name].iloc[split.train])


def _weights(targets: NDArray[np.generic], training: Rows, facts: Profile, *, balance: bool) -> NDArray[np.float32]:
    """How much each row counts in the loss: as a training row of its class does."""
    if not balance:
        return np.ones(len(targets), dtype=np.float32)
    if facts.target.task != "classify":
        raise InputError("--balance weighs classes, and a regression has none. Leave it out.")
    classes = targets.astype(np.int64)
    counts = np.bincount(classes[training], minlength=int(classes.max()) + 1)
    return (len(training) / (np.count_nonzero(counts) * np.maximum(1, counts)[classes])).astype(np.float32)
