"""The report as a page: what it holds, what it must not hold, and what becomes of a section that fails."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import inspect
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from automl.data.histogram import histogram as spread_of
from automl.data.profile import KINDS, LEFT_OUT, profile
from automl.diagnostics import Answer, Finding, NotApplicable
from automl.ensemble import Refit
from automl.errors import InputError
from automl.evaluation import Evaluated
from automl.files import write_record
from automl.options import Options
from automl.records import RunFolder
from automl.reporting import report, sections
from automl.reporting.plots.parallel import BELOW
from automl.resources import folder
from automl.tasks import classify

Recorded = Callable[..., RunFolder]
MEGABYTE = 1_000_000
HOSTILE = ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7*7 }}</style>", "x" * 200, "\u202egnp")


class Page(HTMLParser):
    """What a browser makes of a page: its tags, their attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.text = ""
        self.marks = [0]
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag == "svg":
            self.marks.append(0)
        self.marks[-1] += 1

    def handle_data(self, data: str) -> None:
        self.text += data

    def of(self, tag: str, name: str) -> list[str]:
        return [value for own, key, value in self.attributes if (own, key) == (tag, name)]


def made(run: RunFolder) -> tuple[str, Page]:
    text = report.write(run.path).read_text(encoding="utf-8")
    return text, Page(text)


@pytest.mark.parametrize("task", ["classify", "regress"])
def test_shows_every_section_that_has_something_to_say(recorded: Recorded, task: str) -> None:
    run = recorded(task=task)
    _, page = made(run)
    other = {"classify": "regression", "regress": "classification"}[task]
    assert set(page.of("section", "id")) == set(sections.names()) - {other}
    assert run.log.read_text() == ""
    assert "could not be made" not in page.text


def test_every_section_is_named_in_the_page_and_has_a_template() -> None:
    page = (folder("reports") / "report.html.j2").read_text()
    named = re.findall(r'"(\w+)"', page.split("parts([")[1].split("])")[0])
    templates = {path.name.removesuffix(".html.j2") for path in (folder("reports") / "sections").iterdir()}
    assert sorted(named) == sections.names()
    assert templates == set(sections.names())


def test_the_policy_allows_the_page_its_own_style_and_nothing_else(recorded: Recorded) -> None:
    text, page = made(recorded())
    style = text.split("<style>")[1].split("</style>")[0]
    hashed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = next(value for value in page.of("meta", "content") if "default-src" in value)
    assert page.of("meta", "http-equiv") == ["Content-Security-Policy"]
    assert dict(rule.split(" ", 1) for rule in policy.split("; ")) == {
        "default-src": "'none'",
        "style-src": f"'sha256-{hashed}'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    assert page.tags.count("style") == 1
    # Whatever would need a permission that the policy does not give.
    assert not {"script", "img", "iframe", "object", "form"} & set(page.tags)
    assert not [name for _, name, _ in page.attributes if name == "style" or name.startswith("on")]
    links = [value for _, name, value in page.attributes if name in ("href", "src")]
    assert all(link == "data:," or link.removeprefix("#") in sections.names() for link in links)
    assert "url(" not in style


@pytest.mark.parametrize("task", ["classify", "regress"])
@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_names_are_only_text(recorded: Recorded, task: str, hostile: str) -> None:
    plain = made(recorded("plain", task=task))[1]
    names = dict.fromkeys(("length", "kind", "flowers"), hostile) | {"kind": f"{hostile}!", "rose": f"{hostile}?"}
    text, page = made(recorded("hostile", task=task, names=names))
    assert set(page.tags) <= set(plain.tags)
    # A long name has a tooltip, and is turned where it heads a column.
    known = {name for _, name, _ in plain.attributes} | {"title", "transform"}
    assert {name for _, name, _ in page.attributes} <= known
    assert "\u202e" not in text
    assert hostile.lstrip("\u202e")[:17] in page.text
    assert "could not be made" not in page.text


def test_stays_small_however_much_was_tried(recorded: Recorded) -> None:
    run = recorded(task="regress", rows=30_000, columns=300, trials=400)
    text, page = made(run)
    assert len(text) < 3 * MEGABYTE
    assert max(page.marks[1:]) <= 2_000
    assert "260 more columns not shown" in page.text


def test_a_section_that_fails_is_named_and_the_others_stay(recorded: Recorded) -> None:
    run = recorded()
    evaluation = run.evaluation()
    wrong = {part: type(own)(own.rows, own.targets[:3], own.predictions) for part, own in evaluation.items()}
    run.write_evaluation(wrong)
    _, page = made(run)
    assert "This section could not be made (IndexError); log.txt" in page.text
    assert page.text.count("could not be made") == 1
    assert {"classification", "verdict", "leaderboard", "reproduce"} <= set(page.of("section", "id"))
    log = run.log.read_text()
    assert log.startswith("The report's section 'classification' failed:\nTraceback")


def test_the_leaderboard_says_what_was_found_of_a_trial(recorded: Recorded) -> None:
    run = recorded()
    title = "It overfits: 60% of what it <b>learned</b> does not carry over"
    assert "60% of what" not in made(run)[1].text
    answers: list[Answer] = [Finding("generalisation_gap", "warning", title, ".")]
    run.write_findings("", [], {run.trials()[0].number: answers})
    text, page = made(run)
    assert page.text.count("It overfits: 60% of what it <b>learned</b> does not carry over") == 1
    assert title not in text


def test_leaves_out_what_the_run_has_not_recorded(recorded: Recorded) -> None:
    run = recorded()
    for name in ("importance.json", "weak_spots.json", "findings.json", "evaluation.npz", "outcome.json"):
        (run.path / name).unlink()
    _, page = made(run)
    assert not {"importance", "weak_spots", "findings", "classification"} & set(page.of("section", "id"))
    # Without a verdict of the checks, the scores speak.
    assert "Nothing has been checked: test log loss" in page.text


def test_says_how_the_numbers_of_the_verdict_are_to_be_read(recorded: Recorded) -> None:
    run = recorded()
    standard_error, by_folds = "± is one standard error", "a test row by the mean of all folds' networks"
    assert standard_error not in made(run)[1].text
    run.write_findings("The model generalises: test log loss 0.283 ± 0.012.", run.findings()[1])
    page = made(run)[1]
    assert (page.text.count(standard_error), by_folds in page.text) == (1, False)
    write_record(run.path / "run.json", {**run.asked(), "folds": 8})
    assert by_folds in made(run)[1].text


def test_says_nothing_of_test_rows_that_there_are_not(recorded: Recorded) -> None:
    run = recorded()
    with_test = made(run)[0]
    asked = {**run.asked(), "folds": 8}
    split = {part: rows for part, rows in asked["split"].items() if part != "test"}
    write_record(run.path / "run.json", {**asked, "split": split})
    without_test = made(run)[0]
    assert "Test rows decide nothing" in of_section(with_test, "scores")
    assert not [name for name in ("scores", "preparation") if "est rows" in of_section(without_test, name)]


def test_test_rows_that_were_learned_from_in_the_end_are_not_called_unseen(recorded: Recorded) -> None:
    run = recorded()
    best = run.ensemble()
    assert best is not None
    again = tuple(member.trial for member in best.members)
    run.write_ensemble(dataclasses.replace(best, refit=Refit(150, again, with_test=True)))
    said = Page(of_section(made(run)[0], "classification")).text
    assert "no network has learned from" not in said
    assert "which the networks that are judged here had not learned from" in said


def test_says_how_each_kind_of_column_becomes_numbers(recorded: Recorded) -> None:
    run = recorded(task="regress")
    encoded = Page(of_section(made(run)[0], "preparation")).text
    assert "Numbers: the normal score of the rank (quantile); or" in encoded
    assert "Categories: a code for each value" in encoded
    assert "The target: its distance from the mean in standard deviations." in encoded
    assert not re.search("Yes or no|Dates|Texts|missing", encoded)
    days = pd.date_range("2024-01-01", periods=60).strftime("%Y-%m-%d")
    table = {"day": days, "is_new": [True, False, None] * 20, "kind": ["rose", "tulip"] * 30}
    remarks = [f"the {number}th remark on what nobody has said of it before" for number in range(60)]
    facts = profile(pd.DataFrame({**table, "remark": remarks}), target="kind", kinds={"remark": "text"})
    write_record(run.path / "profile.json", facts.to_json())
    encoded = Page(of_section(made(run)[0], "preparation")).text
    assert all(kind in encoded for kind in ("Yes or no: 1 or -1.", "Dates:", "Texts:"))
    assert "Where a cell is missing, a yes or no is 0. If training rows have gaps in numbers," in encoded
    assert "The target: each class has an output, its probability." in encoded
    assert not re.search("Numbers:|Categories:", encoded)


def test_names_the_scalings_that_were_tried(recorded: Recorded) -> None:
    run = recorded()
    for trial in run.trials():
        run.write_trial(dataclasses.replace(trial, params={**trial.params, "scaling": "robust"}))
    encoded = Page(of_section(made(run)[0], "preparation")).text
    assert "Numbers: the distance from the median in interquartile ranges, far values drawn in (robust)." in encoded


def test_every_kind_that_is_encoded_has_its_sentence() -> None:
    from automl.reporting.sections.preparation import ENCODED, MISSING

    assert ENCODED.keys() == MISSING.keys() == {*KINDS} - {*LEFT_OUT}


def test_a_run_without_a_model_tells_why(recorded: Recorded) -> None:
    run = recorded(trials=0)
    for name in ("ensemble.json", "evaluation.npz", "findings.json", "importance.json", "weak_spots.json"):
        (run.path / name).unlink()
    _, page = made(run)
    assert "There is no model: no trial succeeded." in page.text
    assert "The loss is <not> a number." in page.text
    assert "could not be made" not in page.text


def test_the_worst_findings_come_first_and_the_others_are_counted(recorded: Recorded) -> None:
    run = recorded()
    notes = [Finding(f"check_{number}", "note", f"Note {number}", "Why.", "Do.") for number in range(6)]
    run.write_findings("It is well.", [*notes, Finding("leak", "problem", "A leak", "Why.", "Do.")])
    text, page = made(run)
    assert re.findall(r'<article class="finding (\w+)">', text) == ["problem", *["note"] * 4]
    assert "All 7 checks, 2 findings of less weight among them" in page.text
    assert page.text.count("Note 5") == 1


def test_checks_that_found_nothing_or_do_not_apply_are_listed(recorded: Recorded) -> None:
    _, page = made(recorded())
    assert "The model generalises." in page.text
    assert "No column gives the target away" in page.text
    assert "No column names an entity." in page.text
    assert "What to do: Remove it." in page.text


def test_is_made_from_the_folder_alone_without_tensorflow(recorded: Recorded, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    shutil.move(recorded().path, moved)
    program = (
        "import automl, sys; automl.report(sys.argv[1], out=sys.argv[2]); "
        "assert not {'tensorflow', 'keras', 'mlflow', 'sklearn'} & set(sys.modules), 'too much was loaded'"
    )
    place = tmp_path / "page.html"
    done = subprocess.run(
        [sys.executable, "-c", program, str(moved), str(place)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Classifying" in place.read_text()
    assert not (moved / "report.html").exists()


def test_the_command_says_where_the_report_is(recorded: Recorded, tmp_path: Path) -> None:
    run = recorded()
    for arguments, expected in (
        ((), run.path / "report.html"),
        (("--out", str(tmp_path / "a.html")), tmp_path / "a.html"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "automl", "report", str(run.path), *arguments],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stdout) == (0, f"The report is in {expected}\n"), done.stderr
        assert expected.is_file()


def test_the_areas_under_the_curves_are_the_metrics_of_the_task() -> None:
    from automl.reporting.sections.classification import precision_recall, roc

    rng = np.random.default_rng(0)
    targets = rng.integers(2, size=300)
    # Rounded, so that rows are equal.
    likely = np.clip(np.round(0.3 * targets + rng.random(300), 1), 0, 1)
    both = np.stack([1 - likely, likely], axis=1)
    assert roc(targets == 1, likely)[2] == pytest.approx(classify.METRICS["roc_auc"].function(targets, both))
    of_each = [precision_recall(targets == label, both[:, label])[2] for label in (0, 1)]
    assert np.mean(of_each) == pytest.approx(classify.METRICS["average_precision"].function(targets, both))


def test_the_range_of_a_share_is_that_of_wilson() -> None:
    from automl.reporting.sections.classification import wilson

    assert wilson(0.8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert wilson(1.0, 20) == pytest.approx((0.8389, 1.0), abs=1e-4)


def test_the_confusion_matrix_counts_the_rows_of_each_class(recorded: Recorded) -> None:
    run = recorded(skill=0.5)
    known = run.evaluation()["test"]
    labels = run.asked()["classes"]
    chosen = known.predictions.argmax(axis=1)
    text, _ = made(run)
    for true in range(3):
        rows = known.targets == true
        for said in range(3):
            found = int((chosen[rows] == said).sum())
            share = found / rows.sum()
            assert f"<title>{labels[true]} taken for {labels[said]}: {found} of {rows.sum()} rows ({share:.0%})" in text


def test_rare_classes_that_are_taken_for_each_other_are_not_told_to_be_right(recorded: Recorded) -> None:
    run = recorded()
    labels = [f"species {number}" for number in range(40)]
    # Of the commonest 11, ten rows each; of the others two each, of which the second is taken for the next one.
    targets = np.concatenate([np.repeat(np.arange(11), 10), np.repeat(np.arange(11, 40), 2)])
    chosen = np.where((targets < 11) | (np.arange(len(targets)) % 2 == 0), targets, (targets - 11 + 1) % 29 + 11)
    test = Evaluated(np.arange(len(targets)), targets, np.eye(40, dtype=np.float32)[chosen])
    run.write_evaluation({"test": test})
    asked = run.asked()
    split = {**asked["split"], "test": len(targets)}
    write_record(run.path / "run.json", {**asked, "classes": labels, "split": split})
    drawn = of_section(made(run)[0], "classification")
    assert "all others taken for all others: 58 of 58 rows (100%)" in drawn
    note = "What the model gets right lies on the diagonal; but 29 of the 58 rows in its last square"
    assert f"{note} are of one rare class taken for another." in drawn
    assert "rare class" not in of_section(made(recorded("few"))[0], "classification")


def test_errors_beyond_the_bars_are_counted(recorded: Recorded) -> None:
    run = recorded(task="regress", rows=600)
    assert "beyond the bars" not in of_section(made(run)[0], "regression")
    evaluation = run.evaluation()
    targets = evaluation["test"].targets.copy()
    targets[5] += 1000
    run.write_evaluation({**evaluation, "test": dataclasses.replace(evaluation["test"], targets=targets)})
    beyond = spread_of(targets - evaluation["test"].predictions)
    assert beyond is not None
    assert f"{beyond.beyond} rows lie beyond the bars." in of_section(made(run)[0], "regression")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Finding("calibration", "note", "A title", "Why.", figures={"ece": 0.0441}), ["off by 4.4% on average (ECE"]),
        (NotApplicable("calibration", "30 test rows are too few."), []),
    ],
)
def test_probabilities_are_as_far_off_as_the_check_says(recorded: Recorded, answer: Answer, said: list[str]) -> None:
    run = recorded(rows=400)
    run.write_findings("It is well.", [answer])
    drawn = of_section(made(run)[0], "classification")
    assert "Are the probabilities true?" in drawn
    assert re.findall(r"off by \S+ on average \(ECE|ECE\): \S+", drawn) == said


def of_section(text: str, name: str) -> str:
    return text.split(f'<section id="{name}">')[1].split("</section>", maxsplit=1)[0]


def test_the_search_history_marks_pruned_and_failed_trials(recorded: Recorded) -> None:
    drawn = of_section(made(recorded(trials=12))[0], "search_history")
    assert drawn.count('class="dot s1"') == 12
    assert drawn.count('class="dot s1 hollow"') == 1
    assert drawn.count('class="cross s1"') == 1
    assert "#13 mlp failed: The loss is &lt;not&gt; a number." in drawn


def test_a_family_that_was_hardly_tried_gives_way_to_one_that_was(recorded: Recorded) -> None:
    run = recorded(trials=6)
    for trial in run.trials():
        if trial.number in (0, 1):
            run.write_trial(dataclasses.replace(trial, family="resnet"))
    best = run.ensemble()
    assert best is not None
    members = tuple(dataclasses.replace(member, family="resnet") for member in best.members)
    run.write_ensemble(dataclasses.replace(best, members=members))
    assert "mlp: 4 settings" in of_section(made(run)[0], "hyperparameters")


def test_a_hyperparameter_that_was_not_active_lies_below_its_axis(recorded: Recorded) -> None:
    run = recorded(trials=4)
    assert "not used" not in of_section(made(run)[0], "hyperparameters")
    trial = run.trials()[0]
    run.write_trial(dataclasses.replace(trial, params={"layers": 1, "activation": "selu"}))
    drawn = of_section(made(run)[0], "hyperparameters")
    assert drawn.count(">not used<") == 1
    lines = re.findall(r'<polyline class="line[^>]*points="([^"]*)"', drawn)
    below = [line for line in lines if any(point.endswith(f",{BELOW:g}") for point in line.split())]
    assert (len(lines), len(below)) == (4, 1)


def test_draws_the_hyperparameters_that_tell_most_of_the_score(recorded: Recorded) -> None:
    run = recorded(trials=40)
    rng = np.random.default_rng(0)
    asked = run.asked()
    space = {name: {"low": 0.0, "high": 1.0, "log": False} for name in (*(f"noise_{n}" for n in range(9)), "rate")}
    write_record(run.path / "run.json", {**asked, "spaces": {"mlp": space}})
    for trial in run.trials():
        if trial.objective is not None:
            params = {name: float(rng.random()) for name in space}
            # Neither small nor large rates are good.
            write_record(
                run.of_trial(trial.number) / "result.json",
                dataclasses.replace(trial, params=params, objective=(params["rate"] - 0.5) ** 2).to_json(),
            )
    drawn = of_section(made(run)[0], "hyperparameters")
    assert ">rate</text>" in drawn
    assert drawn.count('class="axis"') == 8
    assert "3 hyperparameters that tell less of the score are not drawn" in drawn


def test_temperatures_of_trials_are_told_where_there_are_any(recorded: Recorded) -> None:
    run = recorded()
    for section in ("ensemble", "learning_curves"):
        assert "temperature" not in of_section(made(run)[0], section)
    best = run.ensemble()
    assert best is not None
    run.write_ensemble(
        dataclasses.replace(best, members=(best.members[0], dataclasses.replace(best.members[1], temperature=1.75)))
    )
    run.write_trial(dataclasses.replace(run.trials()[1], temperature=1.75))
    own = of_section(made(run)[0], "ensemble")
    assert '<th class="n">temperature</th>' in own
    assert '<td class="n">1.00</td>' in own
    assert '<td class="n">1.75</td>' in own
    assert "temperature that suits the validation rows" in of_section(made(run)[0], "learning_curves")


def test_an_epoch_is_marked_as_the_best(recorded: Recorded) -> None:
    drawn = of_section(made(recorded())[0], "learning_curves")
    assert drawn.count("best epoch: 3") == 4
    assert drawn.count('class="line val"') == 2


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("run.json", b"{}"),
        ("profile.json", b"[]"),
        ("ensemble.json", b'{"members": 3}'),
        ("evaluation.npz", b"PK\x03\x04"),
        ("findings.json", b'{"verdict": ""}'),
        ("weak_spots.json", b'[{"where": "x"}]'),
    ],
)
def test_damaged_records_are_named_as_such(recorded: Recorded, name: str, content: bytes) -> None:
    run = recorded()
    (run.path / name).write_bytes(content)
    with pytest.raises(InputError, match=f"{run.path / name} is damaged|The records in {run.path} are damaged"):
        report.write(run.path)


@pytest.mark.parametrize(
    ("options", "source", "call"),
    [
        (Options(), "data frame", "automl.fit(frame)"),
        (Options(target="kind", seconds=None, trials=9), "a.csv", "automl.fit('a.csv', target='kind', trials=9)"),
        (Options(trials=9), "a.csv", "automl.fit('a.csv', trials=9, time=300)"),
        (Options(seconds=90.5, seed=3, out=Path("x")), "it's.csv", 'automl.fit("it\'s.csv", seed=3, time=90.5)'),
        (
            Options(families=("mlp", "tabm"), test=Path("/t.csv"), max_latency=0.0005),
            "a.csv",
            "automl.fit('a.csv', test='/t.csv', families=['mlp', 'tabm'], max_latency=0.0005)",
        ),
        (
            Options(kinds={"zip": "category", "id": "dropped"}, memory=3 * 2**29, refit=False, workers=1),
            "data frame",
            "automl.fit(frame, refit=False, workers=1, kinds={'zip': 'category'}, drop=['id'], memory=1.5)",
        ),
    ],
)
def test_a_run_from_python_is_a_call(recorded: Recorded, options: Options, source: str, call: str) -> None:
    run = recorded()
    asked = run.asked()
    recorded_options = json.loads(json.dumps(dataclasses.asdict(options), default=str))
    changes = {"command": "automl.fit", "data": {**asked["data"], "source": source}, "options": recorded_options}
    write_record(run.path / "run.json", {**asked, **changes})
    page = Page(of_section(made(run)[0], "reproduce"))
    assert call in page.text.splitlines()
    assert "With trials and workers=1 in place of time" in page.text


def test_every_option_is_an_argument_of_fit() -> None:
    from automl.api import fit
    from automl.reporting.sections.reproduce import RENAMED

    arguments = {field.name for field in dataclasses.fields(Options)} - {*RENAMED} | {"time", "kinds", "drop", "memory"}
    assert arguments <= set(inspect.signature(fit).parameters)


def test_a_run_that_went_on_names_what_it_went_on_with(recorded: Recorded) -> None:
    run = recorded()
    later = [{"command": "automl resume runs/a-1 --trials +20", "after_seconds": 26.4}]
    write_record(run.path / "run.json", {**run.asked(), "resumed": later})
    page = Page(of_section(made(run)[0], "reproduce"))
    assert "automl fit flowers.csv" in page.text.splitlines()
    assert "after 0:26: automl resume runs/a-1 --trials +20" in page.text
    assert "automl.fit" not in page.text
    later.append({"command": "automl.resume", "after_seconds": 40.0})
    write_record(run.path / "run.json", {**run.asked(), "resumed": later})
    page = Page(of_section(made(run)[0], "reproduce"))
    assert "after 0:40: automl.resume" in page.text
    assert "automl.fit('flowers.csv', time=60)" in page.text.splitlines()
