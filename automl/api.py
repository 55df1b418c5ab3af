"""The functions that Python programs call."""

from __future__ import annotations

import dataclasses
import os
import time as clock
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automl import options as asked
from automl.errors import InputError, NothingTrained
from automl.figures import count
from automl.memory import size
from automl.options import Options
from automl.plain import plain

if TYPE_CHECKING:
    import pandas as pd

    from automl.data.profile import Profile
    from automl.model import Model
    from automl.resuming import Earlier
    from automl.run import Run


def fit(
    data: str | Path | pd.DataFrame,
    *,
    task: str | None = None,
    target: str | int | None = None,
    time: str | float | None = None,
    trials: int | None = None,
    quality: str = "balanced",
    search: str = "bayesian",
    metric: str | None = None,
    families: str | Sequence[str] = (),
    settings: str | Sequence[str] = (),
    spaces: str | Path | Sequence[str | Path] = (),
    split: str | None = None,
    folds: int | None = None,
    test: str | Path | None = None,
    group: str | int | None = None,
    time_column: str | int | None = None,
    kinds: Mapping[str, str] | Mapping[int, str] | None = None,
    drop: str | int | Sequence[str | int] = (),
    single: bool = False,
    max_latency: str | float | None = None,
    balance: bool = False,
    prune: bool | None = None,
    refit: bool | None = None,
    workers: int | None = None,
    memory: str | float | None = None,
    seed: int = 0,
    out: str | Path | None = None,
    tracking_uri: str | None = None,
    experiment: str | None = None,
    register: str | None = None,
    delimiter: str | None = None,
    encoding: str | None = None,
    no_header: bool = False,
    skip_bad_lines: bool = False,
    quiet: bool = False,
    resume: bool = False,
) -> Run:
    """Searches for the best network for a table, records everything, and saves the best as a model.

    Args:
        data: the path of a table (CSV, Parquet, Feather, JSON) or a data frame; it is not changed.
        task: "classify" or "regress"; by default what the target's values suggest.
        target: the column to predict; by default one called target, label, class or y, else the last.
        time: the budget for everything, as "90s", "5m", "1h30m" or seconds; five minutes unless `trials` is given.
        trials: the most settings to try.
        quality: "fast", "balanced" or "best"; any other argument counts more than what it stands for.
        search: "bayesian", "random", "grid" or "gp".
        metric: what decides between epochs and between trials: log_loss, accuracy, balanced_accuracy, macro_f1, roc_auc
            or average_precision; rmse, mae, median_absolute_error or r2. By default log_loss or rmse.
        families: only these architecture families, "mlp,resnet" or a list; as "+ft_transformer", in addition to those
            that suit the table.
        settings: changes of search spaces, such as "mlp.layers=2,3" or "mlp.learning_rate=1e-4..1e-2".
        spaces: YAML files with search spaces of your own.
        split: shares of train, validation and test rows; "0.6/0.2/0.2" by default.
        folds: of a cross-validation over the training and validation rows; 1 for a holdout. By default 8 or 5 for up to
            6,000 rows, if the time allows to train a handful of settings for each fold.
        test: a file whose rows are the test rows.
        group: a column whose equal values stay on one side of the split.
        time_column: a column that orders the rows: the past trains, the future tests.
        kinds: what columns are, where you know better, for example {"zip": "category"}.
        drop: columns to leave out.
        single: save the best network alone: no folds, no ensemble.
        max_latency: the most time that the model may take to predict a row, one among many, as "0.5ms" or seconds;
            measured on encoded rows and one core.
        balance: give every class the same weight in the loss; probabilities are then no longer calibrated.
        prune: give weak trials only a part of their epochs; by default if there may be more than ten trials.
        refit: train the chosen networks again on all rows, test rows included, when their scores are recorded, as far
            as the time allows; by default with the quality "best". Where there are no folds, "balanced" does so without
            the test rows. False does without either.
        workers: processes that train at once; one per core by default.
        memory: for all workers together, as "4G", "800M" or gigabytes; by default four fifths of what is free.
        seed: with one worker and `trials`, the same seed gives the same run.
        out: the folder for the run's files; runs/NAME-1, -2, … by default.
        tracking_uri, experiment: where MLflow records the run; its own default otherwise.
        register: put the model into MLflow's registry under this name, as champion or challenger.
        delimiter, encoding: of a text file, where what is found out is wrong.
        no_header: whether the first row of a text file is data; its columns are then column_1, column_2 and so on.
        skip_bad_lines: whether to leave out lines of a text file that have too many or too few fields, if they are few.
        quiet: print nothing but notes, on the error stream.
        resume: go on with the newest run of the data's name, or with that in the folder `out`, if there is one; it must
            have been asked for the same, but for time, trials, workers, memory and wider spaces.

    Raises:
        InputError: something is wrong with the data or an argument; nothing has been written.
        EnvironmentFault: the machine lacks something.
        NothingTrained: every trial failed.
    """
    began = clock.monotonic()
    given = Options(
        task=task,
        target=_name(target),
        quality=quality,
        search=search,
        seconds=asked.seconds(time, trials=trials),
        trials=trials,
        split=split,
        folds=folds,
        test=_test_file(test),
        group=_name(group),
        time_column=_name(time_column),
        metric=metric,
        families=asked.named_families(families),
        spaces=tuple(Path(space) for space in asked.several(spaces)),
        settings=asked.several(settings),
        kinds=asked.column_kinds(kinds or {}, drop),
        single=single,
        max_latency=asked.latency(max_latency),
        balance=balance,
        prune=prune,
        refit=refit,
        workers=workers,
        memory=size(memory),
        seed=seed,
        out=Path(out) if out is not None else None,
        tracking_uri=tracking_uri,
        experiment=experiment,
        register=register,
        delimiter=delimiter,
        encoding=encoding,
        no_header=no_header,
        skip_bad_lines=skip_bad_lines,
    )
    if resume:
        return run_or_go_on(data, given, time=time, trials=trials, command="automl.fit", quiet=quiet, began=began)
    return run(data, given, command="automl.fit", quiet=quiet, began=began)


def resume(
    path: str | Path,
    data: str | Path | pd.DataFrame | None = None,
    *,
    time: str | float | None = None,
    trials: str | int | None = None,
    settings: str | Sequence[str] = (),
    workers: int | None = None,
    memory: str | float | None = None,
    tracking_uri: str | None = None,
    quiet: bool = False,
) -> Run:
    """Goes on with a run that ended early, however that was, or gives one that is finished more time or trials.

    Trials that are recorded stay as they are, and those that were running start again. With one worker and a seed it
    comes to what it would have come to without the interruption.

    Args:
        path: the run's folder.
        data: its table, if that was a data frame, or is a file that is now elsewhere.
        time: of all sessions together, as for `fit`, or with a plus, "+10m", as much more.
        trials: of all sessions together, or "+20" for as many more.
        settings: further changes of search spaces. Trials beside a space stay on the leaderboard.
        workers, memory, tracking_uri: as for `fit`; by default those of before. An address with a password has to be
            given again, here or in the variable MLFLOW_TRACKING_URI, since passwords are not kept.
        quiet: print nothing but notes, on the error stream.

    Raises:
        InputError: there is no run, it is of other data, or another process writes it.
        EnvironmentFault: the machine lacks something.
        NothingTrained: every trial failed.
    """
    more = {
        "time": time,
        "trials": trials,
        "settings": asked.several(settings),
        "workers": workers,
        "memory": size(memory),
        "tracking_uri": tracking_uri,
    }
    return go_on(path, data, more, command="automl.resume", quiet=quiet, began=clock.monotonic())


def go_on(
    path: str | Path,
    data: str | Path | pd.DataFrame | None,
    more: Mapping[str, Any],
    *,
    command: str,
    quiet: bool,
    began: float,
) -> Run:
    """`resume` with what it is asked for put together."""
    from automl import resuming
    from automl.records import RunFolder

    folder = RunFolder(Path(path))
    with resuming.locked(folder):
        earlier, options = resuming.wanted(resuming.read(folder), **more)
        return _go_on(earlier, data, options, command=command, quiet=quiet, began=began)


def run_or_go_on(
    data: str | Path | pd.DataFrame,
    options: Options,
    *,
    time: str | float | None,
    trials: int | None,
    command: str,
    quiet: bool,
    began: float,
) -> Run:
    """`fit(resume=True)` with its options put together: goes on with a run if there is one."""
    from automl import resuming

    folder = resuming.find(data, options.out)
    if folder is None:
        return run(data, options, command=command, quiet=quiet, began=began)
    with resuming.locked(folder):
        earlier = resuming.read(folder)
        options = resuming.within(options, earlier, time=time, trials=trials)
        if resuming.is_over(earlier, options):
            from automl import pipeline

            pipeline.check(data, options, earlier, command=command)
        return _go_on(earlier, data, options, command=command, quiet=quiet, began=began)


def _go_on(
    earlier: Earlier,
    data: str | Path | pd.DataFrame | None,
    options: Options,
    *,
    command: str,
    quiet: bool,
    began: float,
) -> Run:
    from automl import resuming
    from automl.reporting.console import Patient
    from automl.run import Run

    if resuming.is_over(earlier, options):
        # It may have been killed when all was written, before it had cleared up.
        resuming.clear_up(earlier)
        if earlier.state == "failed":
            raise NothingTrained(resuming.nothing_left(earlier))
        if not quiet:
            # On one line however long it is, since it ends with a command to copy.
            Patient().print(plain(resuming.nothing_left(earlier)), markup=False, highlight=False, soft_wrap=True)
        return Run(earlier.folder.path)
    table = resuming.data_of(earlier, data)
    uri = resuming.tracking_uri(options.tracking_uri, earlier.tracking_uri)
    options = dataclasses.replace(options, tracking_uri=uri)
    return run(table, options, command=command, quiet=quiet, began=began - earlier.seconds, earlier=earlier)


def run(
    data: str | Path | pd.DataFrame,
    options: Options,
    *,
    command: str,
    quiet: bool,
    began: float,
    earlier: Earlier | None = None,
) -> Run:
    """`fit` with its options put together, shown on the terminal and recorded in MLflow.

    Args:
        began: on the monotonic clock; of a run that goes on, as much earlier as its time is used.
        earlier: what there is of such a run.
    """
    from automl.execution.launcher import Launcher

    launcher = Launcher()
    from automl import pipeline
    from automl.reporting.terminal import Terminal
    from automl.tracking import Tracker
    from automl.tracking.store import without_secrets

    reporter = Terminal(quiet=quiet)

    def open_tracker() -> Tracker:
        from automl.tracking.mlflow import MlflowTracker

        return MlflowTracker(
            experiment=options.experiment,
            tracking_uri=options.tracking_uri,
            register=options.register,
            warn=reporter.note,
        )

    services = pipeline.Services(launcher, reporter, open_tracker, without_secrets(command))
    return pipeline.fit(data, options, services, began=began, earlier=earlier)


def rehearse(data: str | Path | pd.DataFrame, options: Options, *, quiet: bool, began: float) -> None:
    """Shows on the terminal what `run` would do, and what it would take by a short measurement; writes nothing."""
    from automl.execution.launcher import Launcher

    launcher = Launcher()
    from automl import rehearsal
    from automl.reporting.console import Patient
    from automl.reporting.terminal import Terminal

    console = Patient(quiet=quiet)
    services = rehearsal.Services(launcher, Terminal(console, quiet=quiet), console.print)
    rehearsal.rehearse(data, options, services, began=began)


def sync(run: str | Path, *, tracking_uri: str | None = None) -> str:
    """Sends MLflow what it lacks of a run that is over, and says in a sentence what that was.

    What is there already stays and is not sent again; where the run is not there at all, all of it is sent.

    Args:
        run: the run's folder.
        tracking_uri: by default the run's own store. Another one gets the run, too, and does not become its own.

    Raises:
        InputError: there is no run, or another process writes it.
        EnvironmentFault: MLflow cannot be reached, or refuses; what was sent until then stays.
    """
    from automl import resuming
    from automl.errors import EnvironmentFault
    from automl.records import RunFolder
    from automl.tracking import recorded
    from automl.tracking.mlflow import MlflowTracker

    folder = RunFolder(Path(run))
    with resuming.locked(folder):
        options = Options.from_json(folder.asked()["options"])
        own = resuming.recorded_at(folder) or options.tracking_uri
        said: list[str] = []
        tracker = MlflowTracker(
            experiment=options.experiment,
            tracking_uri=resuming.tracking_uri(tracking_uri, own),
            own=own,
            register=options.register,
            warn=said.append,
        )
        tracker.start(recorded.description(folder, trials=folder.trials()))
        tracker.finish(recorded.outcome(folder))
        if tracker.lacks:
            raise EnvironmentFault(
                f"MLflow at {tracker.tracking_uri} does not have all of {folder.path}: it {tracker.lacks}.\n"
                "Whatever it got stays there. Try again when it works: nothing is sent twice."
            )
    parts = [count(tracker.sent["trials"], "trial")] * bool(tracker.sent["trials"])
    parts += ["the model"] * bool(tracker.sent["models"])
    sent = f"{' and '.join(parts)} sent now" if parts else "nothing was missing"
    return " ".join([f"MLflow at {tracker.tracking_uri} has all of {folder.path}: {sent}.", *said])


def load(path: str | Path) -> Model:
    """The model of a run's folder (or of its `model` folder), ready to predict from raw rows.

    Raises:
        InputError: there is no model, or it is damaged.
    """
    from automl import model

    return model.load(path)


def report(run: str | Path, *, out: str | Path | None = None) -> Path:
    """Makes the report of a run's folder anew, in that folder or at `out`, and returns where it is.

    It needs neither the data nor TensorFlow.

    Raises:
        InputError: there is no run, or its records are damaged.
        EnvironmentFault: the report cannot be written.
    """
    from automl.run import Run

    return Run(run).report(out)


def profile(
    data: str | Path | pd.DataFrame,
    *,
    target: str | int | None = None,
    task: str | None = None,
    kinds: Mapping[str, str] | Mapping[int, str] | None = None,
    drop: str | int | Sequence[str | int] = (),
    delimiter: str | None = None,
    encoding: str | None = None,
    no_header: bool = False,
    skip_bad_lines: bool = False,
) -> Profile:
    """What a table holds: the kind of each column, the target, and what to look out for. Loads no TensorFlow.

    Its arguments are those of `fit`.

    Raises:
        InputError: something is wrong with the data.
    """
    import pandas as pd

    from automl.data import profile as profiling
    from automl.data import read as reading

    known = asked.column_kinds(kinds or {}, drop)
    if isinstance(data, pd.DataFrame):
        table = reading.from_frame(data, left_out=asked.dropped(known))
    else:
        table = reading.read(
            data,
            delimiter=delimiter,
            encoding=encoding,
            has_header=not no_header,
            skip_bad_lines=skip_bad_lines,
            left_out=asked.dropped(known),
        )
    return profiling.profile(
        table.frame,
        target=_name(target),
        task=task,
        kinds=known,
        repeated=table.repeated,
        unnamed=table.unnamed,
        categories=table.categories,
    )


def _name(column: str | int | None) -> str | None:
    """What the column is called in a table that has been read."""
    return None if column is None else str(column)


def _test_file(test: object) -> Path | None:
    if test is None or isinstance(test, (str, os.PathLike)):
        return None if test is None else Path(test)
    raise InputError(
        f"The test rows must be the path of a file, not {type(test).__name__!r}. "
        "Save them as one, or score the model on them: automl.fit(…).model.score(frame)."
    )
