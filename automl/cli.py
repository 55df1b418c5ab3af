"""The command line: arguments in, one call out. Everything heavy is imported by the command that needs it."""

from __future__ import annotations

import io
import json
import os
import select
import shlex
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from automl.errors import AutomlError, EnvironmentFault, InputError
from automl.plain import plain, plain_lines

if TYPE_CHECKING:
    import pandas as pd

    from automl.model import Model

INTERRUPTED = 130
STANDARD_OUTPUT = 1

app = typer.Typer(
    name="automl",
    help="From a table to a trained, checked and deployable neural network.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

# Whether files can be read, their reader finds out, who says more about it.
DataPath = Annotated[
    Path,
    typer.Argument(
        help="CSV (also .gz, .zip, .tsv), Parquet, Feather or JSON; - for what is piped in.", readable=False
    ),
]
RunPath = Annotated[Path, typer.Argument(help="A run's folder, such as runs/data-1.")]
Delimiter = Annotated[str | None, typer.Option(help="The sign between cells; found out by default.")]
Encoding = Annotated[str | None, typer.Option(help="The text encoding; found out by default.")]
TargetName = Annotated[
    str | None,
    typer.Option(help="The column to predict; by default one called target, label, class or y, else the last one."),
]
TaskName = Annotated[str | None, typer.Option(help="classify or regress; by the target's values by default.")]
Kinds = Annotated[
    list[str] | None, typer.Option("--kind", help="What a column is, for example zip=category. Repeatable.")
]
Drop = Annotated[
    list[str] | None, typer.Option("--drop", help="A column to leave out, for example comment. Repeatable.")
]
NoHeader = Annotated[bool, typer.Option("--no-header", help="The first row is data: columns are column_1, column_2, …")]
SkipBadLines = Annotated[
    bool, typer.Option("--skip-bad-lines", help="Leave out lines with too many or too few fields.")
]
FillMissing = Annotated[bool, typer.Option("--fill-missing", help="Take columns that the table lacks as empty.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


@app.command()
def fit(
    data: DataPath,
    task: TaskName = None,
    target: TargetName = None,
    time: Annotated[
        str | None, typer.Option(help="Budget for everything: 90s, 5m, 1h30m. Default 5m; none with --trials alone.")
    ] = None,
    trials: Annotated[int | None, typer.Option(help="The most settings to try.")] = None,
    quality: Annotated[
        str, typer.Option(help="fast (one setting), balanced, or best (folds for larger tables, too; --refit).")
    ] = "balanced",
    search: Annotated[str, typer.Option(help="bayesian, random, grid or gp.")] = "bayesian",
    metric: Annotated[
        str | None, typer.Option(help="What decides, for example roc_auc or mae; log_loss or rmse by default.")
    ] = None,
    families: Annotated[
        str | None, typer.Option(help="Only these: mlp,resnet; or these, too: +ft_transformer.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="Change a space: mlp.layers=2,3 or mlp.learning_rate=1e-4..1e-2.")
    ] = None,
    space: Annotated[list[Path] | None, typer.Option(help="A search space of your own (YAML). Repeatable.")] = None,
    split: Annotated[str | None, typer.Option(help="Shares of train/val/test; 0.6/0.2/0.2 by default.")] = None,
    test: Annotated[Path | None, typer.Option(help="A file with the test rows.", readable=False)] = None,
    group: Annotated[str | None, typer.Option(help="Rows with equal values here stay on one side.")] = None,
    folds: Annotated[
        int | None, typer.Option(help="Of a cross-validation; 1 for a holdout. Small tables have folds.")
    ] = None,
    time_column: Annotated[str | None, typer.Option(help="Orders the rows: the past trains, the future tests.")] = None,
    kind: Kinds = None,
    drop: Drop = None,
    single: Annotated[
        bool, typer.Option("--single", help="Save the best network alone: no folds, no ensemble.")
    ] = False,
    max_latency: Annotated[
        str | None, typer.Option(help="The most time for a row, one among many: 0.5ms, 20us.")
    ] = None,
    balance: Annotated[
        bool, typer.Option("--balance", help="Every class weighs the same (spoils the probabilities).")
    ] = False,
    prune: Annotated[
        bool | None,
        typer.Option("--prune/--no-prune", help="Give weak trials few epochs; done unless --trials is ten or less."),
    ] = None,
    refit: Annotated[
        bool | None,
        typer.Option(
            "--refit/--no-refit",
            help="Train the chosen networks again on all rows, test rows included; or never on more rows.",
        ),
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Trials at the same time; one per core by default.")] = None,
    memory: Annotated[
        str | None, typer.Option(help="For all workers together: 4G, 800M. Default: four fifths of what is free.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Makes a run repeatable (with one worker and --trials).")] = 0,
    out: Annotated[Path | None, typer.Option(help="The run's folder; runs/NAME-1, -2, … by default.")] = None,
    tracking_uri: Annotated[
        str | None, typer.Option(help="MLflow store; MLFLOW_TRACKING_URI or mlflow.db here by default.")
    ] = None,
    experiment: Annotated[str | None, typer.Option(help="MLflow experiment; the data's name by default.")] = None,
    register: Annotated[str | None, typer.Option(help="Put the model into MLflow's registry under this name.")] = None,
    delimiter: Delimiter = None,
    encoding: Encoding = None,
    no_header: NoHeader = False,
    skip_bad_lines: SkipBadLines = False,
    resume_run: Annotated[
        bool,
        typer.Option("--resume", help="Go on with the newest run of the data's name (or that in --out), if any."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the spaces and what a fit would take; write nothing.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but notes and errors.")] = False,
    debug: Debug = False,
) -> None:
    """Find, train and save the best model for a table: a network, or an ensemble of some."""
    from automl import api
    from automl.clock import process_start
    from automl.memory import size
    from automl.options import Options, column_kinds, latency, named_families, named_kinds, seconds

    options = Options(
        task=task,
        target=target,
        quality=quality,
        search=search,
        seconds=seconds(time, trials=trials),
        trials=trials,
        split=split,
        folds=folds,
        test=test,
        group=group,
        time_column=time_column,
        metric=metric,
        families=named_families(families or ()),
        spaces=tuple(space or ()),
        settings=tuple(settings or ()),
        kinds=column_kinds(named_kinds(kind or ()), drop or ()),
        single=single,
        max_latency=latency(max_latency),
        balance=balance,
        prune=prune,
        refit=refit,
        workers=workers,
        memory=size(memory),
        seed=seed,
        out=out,
        tracking_uri=tracking_uri,
        experiment=experiment,
        register=register,
        delimiter=delimiter,
        encoding=encoding,
        no_header=no_header,
        skip_bad_lines=skip_bad_lines,
    )
    if dry_run and resume_run:
        raise InputError("--dry-run and --resume exclude each other: a dry run writes nothing.")
    if dry_run:
        api.rehearse(data, options, quiet=quiet, began=process_start())
        return
    command, began = shlex.join(["automl", *sys.argv[1:]]), process_start()
    if resume_run:
        run = api.run_or_go_on(data, options, time=time, trials=trials, command=command, quiet=quiet, began=began)
    else:
        run = api.run(data, options, command=command, quiet=quiet, began=began)
    if run.interrupted:
        raise typer.Exit(INTERRUPTED)


@app.command()
def resume(
    run: RunPath,
    time: Annotated[str | None, typer.Option(help="In all (20m), or as much more (+10m).")] = None,
    trials: Annotated[str | None, typer.Option(help="In all (50), or as many more (+20).")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="Change a space: mlp.layers=1..8. All trials are kept.")
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Trials at the same time; as before by default.")] = None,
    memory: Annotated[str | None, typer.Option(help="For all workers together; as before by default.")] = None,
    tracking_uri: Annotated[
        str | None, typer.Option(help="MLflow store; as before by default. Passwords are not kept: give it again.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but notes and errors.")] = False,
    debug: Debug = False,
) -> None:
    """Go on with a run that was interrupted, or give it more time or trials."""
    from automl import api
    from automl.clock import process_start
    from automl.memory import size

    more = {
        "time": time,
        "trials": trials,
        "settings": tuple(settings or ()),
        "workers": workers,
        "memory": size(memory),
        "tracking_uri": tracking_uri,
    }
    command = shlex.join(["automl", *sys.argv[1:]])
    if api.go_on(run, None, more, command=command, quiet=quiet, began=process_start()).interrupted:
        raise typer.Exit(INTERRUPTED)


@app.command()
def predict(
    run: RunPath,
    data: DataPath,
    out: Annotated[Path | None, typer.Option(help="Write CSV here; to the terminal by default.")] = None,
    proba: Annotated[bool, typer.Option("--proba", help="Add a column per class with its probability.")] = False,
    excel_safe: Annotated[
        bool, typer.Option("--excel-safe", help="For a spreadsheet: ' before texts that it would run as formulas.")
    ] = False,
    delimiter: Delimiter = None,
    encoding: Encoding = None,
    no_header: NoHeader = False,
    skip_bad_lines: SkipBadLines = False,
    fill_missing: FillMissing = False,
    debug: Debug = False,
) -> None:
    """Predict rows of a table with a run's model."""
    from automl import model
    from automl.data import read as reading
    from automl.files import write_out
    from automl.spreadsheet import without_formulas

    table = reading.read(
        data,
        delimiter=delimiter,
        encoding=encoding,
        has_header=not no_header,
        skip_bad_lines=skip_bad_lines,
        may_be_empty=True,
        like=model.writing(run),
    )
    loaded = model.load(run)
    _note(*table.notes, *loaded.notes(table.frame))
    answer = loaded.answer(_completed(loaded, table.frame) if fill_missing else table.frame, probabilities=proba)
    text = (without_formulas(answer) if excel_safe else answer).to_csv(index=False)
    if out is None:
        # A program gets what it is; a terminal would obey some of it.
        sys.stdout.write(plain_lines(text) if sys.stdout.isatty() else text)
        return
    write_out(out, text)
    typer.echo(f"{len(table.frame):,} predictions of {loaded.target_name!r} are in {plain(str(out))}")


@app.command()
def evaluate(
    run: RunPath,
    data: DataPath,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    delimiter: Delimiter = None,
    encoding: Encoding = None,
    no_header: NoHeader = False,
    skip_bad_lines: SkipBadLines = False,
    fill_missing: FillMissing = False,
    debug: Debug = False,
) -> None:
    """Score a run's model on labelled rows."""
    from automl import model
    from automl.data import read as reading
    from automl.data.target import is_known
    from automl.reporting.scores import score_lines

    table = reading.read(
        data,
        delimiter=delimiter,
        encoding=encoding,
        has_header=not no_header,
        skip_bad_lines=skip_bad_lines,
        like=model.writing(run),
    )
    loaded = model.load(run)
    _note(*table.notes, *loaded.notes(table.frame))
    scored = loaded.score(_completed(loaded, table.frame) if fill_missing else table.frame)
    if as_json:
        typer.echo(_json(scored))
        return
    rows = int(is_known(table.frame[loaded.target_name], loaded.target.get("labels", ())).sum())
    for line in score_lines(scored, task_name=loaded.task, rows=rows, source=str(data)):
        typer.echo(plain(line))


@app.command()
def leaderboard(
    run: RunPath,
    top: Annotated[int, typer.Option(help="How many rows to show.")] = 20,
    as_csv: Annotated[bool, typer.Option("--csv", help="Every column, for programs.")] = False,
    debug: Debug = False,
) -> None:
    """Show a run's trials and baselines, best first. The gap is how much worse validation is than training."""
    from automl.reporting.console import Patient
    from automl.reporting.leaderboard import table
    from automl.reporting.refit import again
    from automl.run import Run

    made = Run(run)
    if as_csv:
        text = made.leaderboard.to_csv(index=False)
        sys.stdout.write(plain_lines(text) if sys.stdout.isatty() else text)
        return
    console = Patient()
    console.print(table(made.leaderboard, made.metric, top=top))
    if made.ensemble is not None and (says := again(made.ensemble)):
        console.print(f"\n{says}", markup=False, highlight=False)


@app.command()
def report(
    run: RunPath,
    out: Annotated[
        Path | None, typer.Option(help="Write it here; to report.html in the run's folder by default.")
    ] = None,
    debug: Debug = False,
) -> None:
    """Make a run's report anew, as one HTML file."""
    from automl import api

    typer.echo(f"The report is in {plain(str(api.report(run, out=out)))}")


@app.command()
def sync(
    run: RunPath,
    tracking_uri: Annotated[str | None, typer.Option(help="MLflow store; the run's own by default.")] = None,
    debug: Debug = False,
) -> None:
    """Send MLflow what it lacks of a run, after it could not be reached."""
    from automl import api

    typer.echo(api.sync(run, tracking_uri=tracking_uri))


@app.command()
def compare(
    one: RunPath,
    other: RunPath,
    debug: Debug = False,
) -> None:
    """Show two runs side by side."""
    from automl.reporting.compare import compare as compared
    from automl.reporting.compare import show
    from automl.reporting.console import Patient

    Patient().print(show(compared(one, other)))


@app.command()
def profile(
    data: DataPath,
    task: TaskName = None,
    target: TargetName = None,
    kind: Kinds = None,
    drop: Drop = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    delimiter: Delimiter = None,
    encoding: Encoding = None,
    no_header: NoHeader = False,
    skip_bad_lines: SkipBadLines = False,
    debug: Debug = False,
) -> None:
    """Describe a table: its columns, target and pitfalls."""
    from automl.data import profile as profiling
    from automl.data import read as reading
    from automl.diagnostics import ask, to_json, worst_first
    from automl.evidence import of_table
    from automl.options import column_kinds, dropped, named_kinds

    kinds = column_kinds(named_kinds(kind or ()), drop or ())
    table = reading.read(
        data,
        delimiter=delimiter,
        encoding=encoding,
        has_header=not no_header,
        skip_bad_lines=skip_bad_lines,
        left_out=dropped(kinds),
    )
    facts = profiling.profile(
        table.frame,
        target=target,
        task=task,
        repeated=table.repeated,
        unnamed=table.unnamed,
        categories=table.categories,
        kinds=kinds,
    )
    try:
        answers = ask("data", of_table(table.frame, facts))
    except InputError:
        answers = []
        _note("The checks of the data are left out: the rows are too few for parts to train, to validate and to test.")
    if as_json:
        told = {**facts.to_json(), "findings": [to_json(answer) for answer in answers]}
        typer.echo(_json(told))
        return
    from automl.reporting.console import Patient
    from automl.reporting.findings import table as table_of_findings
    from automl.reporting.profile import show

    console = Patient()
    console.print(show(facts, name=table.name, notes=table.notes))
    if found := worst_first(answers):
        console.print()
        console.print(table_of_findings(found))


@app.command()
def families(
    name: Annotated[str | None, typer.Argument(help="A family, to print its search space.")] = None,
    debug: Debug = False,
) -> None:
    """List the families, or print one's search space."""
    from automl import families as known
    from automl.space_files import path_of, read_space

    if name is not None:
        read_space(name)
        # What is printed into a file of another name is still of this family.
        space = path_of(name).read_text(encoding="utf-8")
        typer.echo(f"family: {name}\n{space}", nl=False)
        return
    beside = 2 + max(map(len, known.names()))
    for family in known.names():
        summary = textwrap.wrap(read_space(family).summary, 80 - beside)
        typer.echo(f"{family:<{beside}}" + f"\n{'':<{beside}}".join(summary))
    typer.echo("\nOne family's search space: automl families mlp")


@app.command()
def ui(
    port: Annotated[int | None, typer.Option(help="5000 by default, or the next free one.")] = None,
    tracking_uri: Annotated[
        str | None, typer.Option(help="MLflow store; MLFLOW_TRACKING_URI or mlflow.db here by default.")
    ] = None,
    debug: Debug = False,
) -> None:
    """Serve MLflow's dashboard of this folder's runs until Ctrl-C; its address is printed."""
    from automl.tracking.dashboard import serve

    raise typer.Exit(serve(port=port, tracking_uri=tracking_uri, announce=typer.echo))


@app.callback(invoke_without_command=True)
def version(
    show: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """From a table to a trained, checked and deployable neural network."""
    if show:
        from automl import __version__

        typer.echo(f"automl {__version__}")
        raise typer.Exit


def _completed(loaded: Model, frame: pd.DataFrame) -> pd.DataFrame:
    """The rows with the columns that they lack, empty; says which."""
    whole = loaded.completed(frame)
    if added := [str(name) for name in whole.columns if name not in frame.columns]:
        _note(f"Columns that the table lacks count as empty: {', '.join(map(repr, added))}.")
    return whole


def _note(*notes: str) -> None:
    """Tells on the error stream what was found out or done without asking: the other one may go into a file."""
    for note in notes:
        typer.echo(f"automl: {plain(note)}", err=True)


def main() -> None:
    """Runs the command line and ends the process.

    Exit codes: 0 done, 2 the user's input, 3 the environment, 4 nothing trained, 130 interrupted.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that cannot show "…" or "R²" gets a question mark, not a traceback.
            stream.reconfigure(errors="replace")
    code = _exit_code()
    try:
        sys.stdout.flush()
    except OSError as error:
        # Of what could not be written, and was told, some is still waiting.
        code = code or _refused(error)
    # To dismantle all that is loaded would take a second of the user's budget.
    os._exit(code)


def _json(content: Any) -> str:
    """JSON for programs, in which nothing acts on a terminal: what cannot be seen is escaped."""
    from automl.files import json_text

    return "".join(
        char if char.isprintable() or char == "\n" else json.dumps(char)[1:-1] for char in json_text(content)
    )


def _exit_code() -> int:
    """Runs the command line; what went wrong is on the error stream."""
    try:
        app()
    except (SystemExit, KeyboardInterrupt) as ended:
        if interrupt := _interrupt(ended):
            return _told(str(interrupt) or "Interrupted.", INTERRUPTED)
        if isinstance(ended.__context__, BrokenPipeError):
            # Of which typer makes an exit without words, too.
            return _refused(ended.__context__)
        return ended.code if isinstance(ended, SystemExit) and isinstance(ended.code, int) else 0
    except AutomlError as error:
        _show_traceback_if_wanted()
        return _told(str(error), error.exit_code)
    except MemoryError:
        _show_traceback_if_wanted()
        return _told("The memory is used up. Use fewer --workers or fewer rows.", EnvironmentFault.exit_code)
    except OSError as error:
        _show_traceback_if_wanted()
        return _refused(error)
    return 0


def _refused(error: OSError) -> int:
    """Tells what the system has refused. That nobody reads our output any more, as after `head`, is no fault."""
    if isinstance(error, BrokenPipeError) and _reader_is_gone():
        return 0
    place = f" {error.filename}:" if error.filename else ""
    return _told(f"The system refused:{place} {error.strerror or error}", EnvironmentFault.exit_code)


def _reader_is_gone() -> bool:
    output = select.poll()
    # Asked for nothing, it tells of errors alone.
    output.register(STANDARD_OUTPUT, 0)
    return bool(output.poll(0))


def _interrupt(ended: BaseException | None) -> KeyboardInterrupt | None:
    """The Ctrl-C that ended the command line, of which typer makes an exit without words."""
    while ended is not None and not isinstance(ended, KeyboardInterrupt):
        ended = ended.__cause__ or ended.__context__
    return ended


def _show_traceback_if_wanted() -> None:
    if "--debug" in sys.argv:
        import traceback

        traceback.print_exc()


def _told(message: str, code: int) -> int:
    print(f"automl: {plain_lines(message)}", file=sys.stderr)
    return code
