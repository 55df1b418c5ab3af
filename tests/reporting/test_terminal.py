"""A run as people see it, on a terminal and in a pipe."""

from __future__ import annotations

import dataclasses
import re
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from automl.baselines import BOOSTING, CONSTANT, Baseline
from automl.data.profile import profile
from automl.data.split import Split
from automl.diagnostics import Finding
from automl.ensemble import Ensemble, Refit
from automl.families import Candidate
from automl.reporting import Before, Plan, Progress, Reporter, Result, _result
from automl.reporting.silent import Silent
from automl.reporting.terminal import Terminal
from automl.space import SearchSpace
from automl.tasks import classify
from automl.trial import Trial

LOG_LOSS = classify.METRICS["log_loss"]
PLAN = Plan("bayesian", 300.0, 40, 2, LOG_LOSS)
SPLIT = Split(np.arange(2400), np.arange(2400, 3200), np.arange(3200, 4000), "at random")
BASELINES = [
    Baseline(CONSTANT, {part: {"log_loss": 0.69} for part in ("train", "val", "test")}),
    Baseline(BOOSTING, {part: {"log_loss": 0.35} for part in ("train", "val", "test")}, 1.4),
]
ORDER = ("first", "second", "third", "fourth", "fifth")


@dataclasses.dataclass
class Screen:
    terminal: Terminal
    file: StringIO

    @property
    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.file.getvalue().splitlines())

    @property
    def last_view(self) -> str:
        """What is drawn since the view was last cleared, without colours."""
        return re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", self.file.getvalue().rpartition("\x1b[2K")[2])


def screen(*, terminal: bool = False, quiet: bool = False, width: int = 80) -> Screen:
    file = StringIO()
    return Screen(Terminal(Console(file=file, width=width, height=30, force_terminal=terminal), quiet=quiet), file)


def running(number: int, *curve: float) -> Trial:
    return Trial(number, "mlp", {}, curves={"loss": list(curve), "val_log_loss": list(curve)})


def ended(number: int, val: float, *, family: str = "mlp") -> Trial:
    return Trial(
        number,
        family,
        {},
        status="finished",
        objective=val,
        scores={"train": {"log_loss": val - 0.08}, "val": {"log_loss": val}, "test": {"log_loss": val + 0.01}},
        curves={"loss": [0.5] * 12},
        seconds=1.26,
        parameters=33_410,
    )


def failed(number: int, message: str = "The loss is not a number in epoch 3.", family: str = "mlp") -> Trial:
    return Trial(number, family, {}, status="failed", reason="nan", message=message)


def searching(*trials: Trial, baselines: tuple[Baseline, ...] = ()) -> Progress:
    return Progress("searching", trials, baselines, 192.0)


def result(*trials: Trial, interrupted: bool = False, split: Split = SPLIT, folder: str = "runs/penguins-1") -> Result:
    best = min((trial for trial in trials if trial.objective is not None), key=lambda t: t.objective or 0, default=None)
    return Result(
        Path(folder),
        LOG_LOSS,
        split,
        trials,
        BASELINES,
        None if best is None else Ensemble.of(best),
        302.0,
        interrupted,
        "",
        classify.METRICS,
        "The model overfits mildly: test log loss 0.3100.",
        [
            *(Finding("dull", "note", f"The {place} note", "Because.") for place in ORDER),
            Finding("target_leak", "problem", "Column x gives the target away", "Because.", "Leave it out."),
        ],
    )


def test_a_pipe_gets_one_line_per_trial_once() -> None:
    piped = screen()
    piped.terminal.families([Candidate("wide_deep", SearchSpace("wide_deep", {}), taken=True, why="")])
    piped.terminal.search(PLAN)
    before = piped.text
    for _ in range(3):
        piped.terminal.progress(searching(ended(0, 0.3), running(1, 0.5)))
    piped.terminal.progress(searching(ended(0, 0.3), ended(1, 0.31), failed(2, family="resnet"), ended(3, 0.2831)))
    assert piped.text.removeprefix(before).strip().splitlines() == [
        "trial 0    mlp        val log loss   0.3000   12 epochs    1.3 s   (best)",
        "trial 1    mlp        val log loss   0.3100   12 epochs    1.3 s",
        "trial 2    resnet     failed: The loss is not a number in epoch 3.",
        "trial 3    mlp        val log loss   0.2831   12 epochs    1.3 s   (best)",
    ]
    assert "\x1b" not in piped.text


def test_of_a_run_that_goes_on_only_what_is_new_is_told() -> None:
    piped = screen()
    before = Before([ended(0, 0.3), failed(1)], 1, 26.4)
    piped.terminal.search(dataclasses.replace(PLAN, before=before))
    assert "Resumed   2 trials kept, 1 starts again; 0:26 used before" in piped.text
    told = piped.text
    piped.terminal.progress(searching(ended(0, 0.3), failed(1), ended(2, 0.31), ended(3, 0.29)))
    assert piped.text.removeprefix(told).strip().splitlines() == [
        "trial 2    mlp  val log loss   0.3100   12 epochs    1.3 s",
        "trial 3    mlp  val log loss   0.2900   12 epochs    1.3 s   (best)",
    ]


@pytest.mark.parametrize("trials", [(), (ended(0, 0.3),)])
def test_after_an_interruption_the_first_command_is_to_go_on(trials: tuple[Trial, ...]) -> None:
    piped = screen()
    piped.terminal.result(result(*trials, interrupted=True, folder="runs/my data-1"))
    assert "Next      automl resume 'runs/my data-1'" in piped.text


def test_a_pipe_gets_baselines_and_changes_of_activity() -> None:
    piped = screen()
    piped.terminal.search(PLAN)
    before = piped.text
    late = Baseline(BOOSTING, message="not finished in its share of the time")
    piped.terminal.progress(searching(baselines=(BASELINES[0],)))
    piped.terminal.progress(searching(baselines=(BASELINES[0], late)))
    piped.terminal.progress(Progress("saving the best model", [], (BASELINES[0], late), None))
    assert piped.text.removeprefix(before).strip().splitlines() == [
        "baseline: constant  val log loss 0.6900",
        "baseline: gradient boosting  not finished in its share of the time",
        "saving the best model",
    ]


def test_a_long_reason_stays_on_one_line_of_a_pipe() -> None:
    piped = screen()
    piped.terminal.search(PLAN)
    piped.terminal.progress(searching(failed(0, "word " * 40 + "end")))
    assert piped.text.splitlines()[-1].endswith("word end")


def test_a_terminal_shows_time_left_the_best_and_the_last_trials() -> None:
    tty = screen(terminal=True)
    tty.terminal.search(PLAN)
    tty.terminal.progress(searching(*(ended(n, 0.4 - n / 100) for n in range(6)), failed(6), running(7, 0.9, 0.8)))
    lines = [line.rstrip() for line in tty.last_view.splitlines()]
    tty.terminal.close()
    assert "Searching   3:12 left   6 finished, 1 failed, 1 running" in lines
    assert "Best so far   #5 mlp   validation log loss 0.3500   12 epochs   1.3 s" in lines
    assert lines[-6:] == [
        "    2  mlp       0.3800      12  1.3 s",
        "    3  mlp       0.3700      12  1.3 s",
        "    4  mlp       0.3600      12  1.3 s",
        "    5  mlp       0.3500      12  1.3 s  best",
        "    6  mlp                    0         failed: The loss is not a number in epo…",
        "    7  mlp       0.8000       2         running",
    ]


def test_a_terminal_is_redrawn_a_few_times_a_second_only() -> None:
    tty = screen(terminal=True)
    tty.terminal.search(PLAN)
    tty.terminal.progress(searching(running(0, 0.5)))
    drawn = len(tty.file.getvalue())
    for _ in range(50):
        tty.terminal.progress(searching(running(0, 0.5)))
    assert len(tty.file.getvalue()) == drawn
    tty.terminal.close()


def test_a_terminal_shows_a_new_activity_at_once() -> None:
    tty = screen(terminal=True)
    tty.terminal.search(PLAN)
    tty.terminal.progress(searching(ended(0, 0.3)))
    tty.terminal.progress(Progress("saving the best model", [ended(0, 0.3)], [], None))
    view = tty.last_view
    tty.terminal.close()
    assert view.startswith("Saving the best model   1 finished, 0 failed, 0 running")


@pytest.mark.parametrize("width", [20, 40, 80])
def test_a_view_is_never_wider_than_the_terminal(width: int) -> None:
    tty = screen(terminal=True, width=width)
    tty.terminal.search(PLAN)
    tty.terminal.progress(searching(ended(0, 0.3), failed(1, "word " * 40), *(running(n, 0.5) for n in range(2, 12))))
    lines = tty.last_view.splitlines()
    tty.terminal.close()
    assert len(lines) >= 8
    assert max(map(len, lines[-8:])) <= width


def test_gives_the_cursor_back() -> None:
    tty = screen(terminal=True)
    tty.terminal.search(PLAN)
    tty.terminal.progress(searching(running(0, 0.5)))
    assert "\x1b[?25l" in tty.text
    assert "\x1b[?25h" not in tty.text
    tty.terminal.close()
    tty.terminal.close()
    assert tty.text.count("\x1b[?25h") == 1


def test_tells_what_the_table_holds() -> None:
    frame = pd.DataFrame({"x": np.arange(40) ** 2, "species": ["Adelie", "Gentoo", "Gentoo", "Gentoo"] * 10})
    split = Split(np.arange(24), np.arange(24, 32), np.arange(32, 40), "at random, every class in proportion")
    piped = screen()
    piped.terminal.data(profile(frame), name="penguins", notes=("2 columns were renamed.",), split=split)
    assert "Data      penguins: 40 rows, 1 column (1 number)" in piped.text
    assert "Target    species, 2 classes (Gentoo: 30, Adelie: 10)" in piped.text
    assert "Split     24 train, 8 validation, 8 test rows; at random, every class in" in piped.text
    assert "Note      2 columns were renamed." in piped.text
    assert "Note      The target is the last column, 'species'. Choose another with" in piped.text
    assert "Warning   Only 40 rows: the scores have wide margins." in piped.text


def test_counts_rows_once_that_train_and_validate_in_turn() -> None:
    frame = pd.DataFrame({"x": np.arange(40) ** 2, "y": ["a", "b"] * 20})
    known = np.arange(32)
    split = Split(known, known, np.arange(32, 40), "at random, in 8 folds", folds=known % 8)
    piped = screen()
    piped.terminal.data(profile(frame), name="t", notes=(), split=split)
    assert "Split     32 train and validation, 8 test rows; at random, in 8 folds" in piped.text


def test_cuts_notes_that_would_fill_the_screen() -> None:
    frame = pd.DataFrame({"x": np.arange(40) ** 2, "y": ["a", "b"] * 20})
    piped = screen()
    piped.terminal.data(profile(frame), name="t", notes=("many " * 1000,), split=SPLIT)
    assert 50 < piped.text.count("many") < 70
    assert "…" in piped.text


def test_lists_families_with_the_reason() -> None:
    piped = screen()
    piped.terminal.families(
        [
            Candidate("mlp", SearchSpace("mlp", {}), taken=True, why="344 rows"),
            Candidate("resnet", SearchSpace("resnet", {}), taken=False, why="it wants at least 500 rows"),
        ]
    )
    assert piped.text.splitlines() == [
        "Families  mlp     taken     344 rows",
        "          resnet  left out  it wants at least 500 rows",
    ]


def test_says_how_it_searches() -> None:
    piped = screen(width=120)
    piped.terminal.search(PLAN)
    piped.terminal.search(Plan("grid", None, None, 1, classify.METRICS["accuracy"], 120))
    assert piped.text.splitlines() == [
        "Search    bayesian for the lowest log loss on validation; 5:00 in all, at most 40 trials, 2 workers",
        "Search    grid for the highest accuracy on validation; a grid of 120 settings, 1 worker",
    ]


def test_says_what_is_done_for_the_quality() -> None:
    piped = screen(width=120)
    piped.terminal.search(dataclasses.replace(PLAN, quality="fast", refit_rows=1200))
    assert piped.text.splitlines()[1:] == [
        "Quality   fast: one setting, no folds, no ensemble",
        "Refit     in the end, the chosen networks on all 1,200 rows, within the time",
    ]


def test_says_whose_the_scores_are() -> None:
    shown = screen()
    told = result(ended(0, 0.3))
    assert told.best is not None
    shown.terminal.result(dataclasses.replace(told, best=dataclasses.replace(told.best, refit=Refit(1200, (0,)))))
    before, _, after = shown.text.partition("It was then trained again on all 1,200 rows")
    assert "ROC AUC" in before or "log loss" in before
    assert "the scores are those" in after


@pytest.mark.parametrize("terminal", [False, True])
def test_ends_with_the_leaderboard_the_verdict_and_the_next_commands(terminal: bool) -> None:
    shown = screen(terminal=terminal)
    shown.terminal.search(PLAN)
    trials = [*(ended(number, 0.3 + number / 100) for number in range(8)), failed(8)]
    shown.terminal.progress(searching(*trials))
    shown.terminal.result(result(*trials))
    text = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", shown.text)
    assert "Done. 9 trials (1 failed), 5:02 in all." in text
    assert re.search(r" 1  #0 mlp +0\.3000  0\.3100  0\.0800 +12  1\.3 s +33,410", text)
    assert "baseline: gradient boosting" in text
    assert "#5 mlp" not in text.partition("Best first")[2]
    assert re.search(r"train +validation +test\s+log loss +0\.2200 +0\.3000 +0\.3100", text)
    assert "The model overfits mildly: test log loss 0.3100." in text
    assert re.search(r"^Problem +Column x gives the target away *\n +Leave it out\. *$", text, flags=re.MULTILINE)
    assert "1 more finding in the run's findings.json" in text
    assert "The fifth note" not in text
    assert text.rstrip().splitlines()[-3:] == [
        "Next      automl predict runs/penguins-1 new.csv --out predictions.csv",
        "          automl leaderboard runs/penguins-1",
        "          automl ui",
    ]
    assert max(map(len, text.splitlines())) <= 80


def test_commands_can_be_copied_whatever_the_folder_is_called() -> None:
    piped = screen()
    piped.terminal.result(result(ended(0, 0.3), folder="runs/my table; " + "x" * 90))
    assert f"automl predict 'runs/my table; {'x' * 90}' new.csv --out predictions.csv" in piped.text


@pytest.mark.parametrize(
    ("tracking", "command"),
    [
        ("sqlite:////p/my db.db", ["automl ui --tracking-uri 'sqlite:////p/my db.db'"]),
        ("postgresql://host/runs", ["automl ui --tracking-uri postgresql://host/runs"]),
        # Nobody could follow it.
        ("postgresql://***@host/runs", []),
        # They show their runs themselves.
        ("http://host:5000", []),
        ("databricks", []),
    ],
)
def test_the_dashboard_is_that_of_the_runs_store(tracking: str, command: list[str]) -> None:
    assert dashboards(tracking) == command


def test_the_dashboard_of_this_folder_needs_no_address(in_folder: Path) -> None:
    assert dashboards(f"sqlite:///{in_folder}/mlflow.db") == ["automl ui"]
    assert dashboards(f"sqlite:///{in_folder.parent}/mlflow.db") == [
        f"automl ui --tracking-uri sqlite:///{in_folder.parent}/mlflow.db"
    ]


def dashboards(tracking: str) -> list[str]:
    """The commands that open a page, after a run that was recorded there."""
    told = _result.commands(dataclasses.replace(result(ended(0, 0.3)), tracking=tracking))
    return [command for command in told if command.startswith("automl ui")]


def test_speaks_of_validation_where_there_is_no_test() -> None:
    trial = dataclasses.replace(ended(0, 0.3), scores={"train": {"log_loss": 0.2}, "val": {"log_loss": 0.3}})
    piped = screen()
    piped.terminal.result(result(trial, split=dataclasses.replace(SPLIT, test=np.arange(0))))
    assert re.search(r"train +validation\n", piped.text)
    assert not re.search(r"validation +test", piped.text.partition("The model: ")[2])


def test_says_that_you_ended_it() -> None:
    piped = screen()
    piped.terminal.result(result(ended(0, 0.3), interrupted=True))
    assert "Interrupted by you. 1 trial, 5:02 in all." in piped.text


def test_says_why_nothing_was_trained() -> None:
    piped = screen()
    killed = Trial(2, "mlp", {}, status="failed", reason="killed", message="A worker was killed.")
    piped.terminal.result(result(killed, failed(0), failed(1, "The loss is not a number in epoch 9.")))
    assert "Done: nothing was trained. 3 trials (3 failed), 5:02 in all." in piped.text
    assert "2 ×  nan     The loss is not a number in epoch 3.\n1 ×  killed  A worker was killed." in piped.text
    assert "automl predict" not in piped.text
    assert "less runs/penguins-1/log.txt" in piped.text


def test_says_that_no_trial_was_started() -> None:
    piped = screen()
    piped.terminal.result(result())
    assert "No trial was started. Give more --time." in piped.text


@pytest.mark.parametrize("terminal", [False, True])
def test_foreign_text_is_harmless(terminal: bool) -> None:
    evil = "\x1b[31m[red]a\u202e:bomb:[/red]"
    frame = pd.DataFrame({evil: [f"{evil}{row % 3}" for row in range(40)], "y": [evil, "b"] * 20})
    shown = screen(terminal=terminal)
    shown.terminal.data(profile(frame), name=evil, notes=(evil,), split=dataclasses.replace(SPLIT, how=evil))
    shown.terminal.families([Candidate("mlp", SearchSpace("mlp", {}), taken=True, why=evil)])
    shown.terminal.search(PLAN)
    shown.terminal.note(evil)
    shown.terminal.progress(searching(failed(0, evil), ended(1, 0.3)))
    shown.terminal.result(result(failed(0, evil), ended(1, 0.3), folder=evil))
    assert "\x1b[31m[" not in shown.text
    assert "\u202e" not in shown.text
    assert shown.text.count("[31m[red]a:bomb:[/red]") >= 6


def test_quiet_shows_notes_only() -> None:
    silenced = screen(quiet=True, terminal=True)
    silenced.terminal.search(PLAN)
    silenced.terminal.progress(searching(ended(0, 0.3)))
    silenced.terminal.result(result(ended(0, 0.3)))
    silenced.terminal.close()
    assert silenced.text == ""
    silenced.terminal.note("MLflow cannot be reached.")
    assert "MLflow cannot be reached." in silenced.text


def test_quiet_notes_are_on_the_error_stream(capsys: pytest.CaptureFixture[str]) -> None:
    Terminal(quiet=True).note("MLflow cannot be reached.")
    Terminal().note("It can.")
    output, error = capsys.readouterr()
    assert "cannot" in error and "can." in output
    assert "cannot" not in output and "can." not in error


def test_a_note_stands_above_the_view() -> None:
    tty = screen(terminal=True)
    tty.terminal.search(PLAN)
    tty.terminal.progress(searching(running(0, 0.5)))
    tty.terminal.note("MLflow cannot be reached.")
    view = tty.last_view
    tty.terminal.close()
    assert view.index("MLflow cannot be reached.") < view.index("Searching")


def test_silence_is_complete(capsys: pytest.CaptureFixture[str]) -> None:
    reporter: Reporter = Silent()
    reporter.note("a")
    reporter.families([])
    reporter.search(PLAN)
    reporter.progress(searching(ended(0, 0.3)))
    reporter.result(result(ended(0, 0.3)))
    reporter.close()
    assert capsys.readouterr() == ("", "")
