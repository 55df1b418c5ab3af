"""A run, a trial and a table as MLflow's entities: tags, parameters, metrics, data set."""

from __future__ import annotations

import getpass
import json
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import mlflow
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, Run, RunTag

from automl.diagnostics import Answer, Finding, worst_first
from automl.ensemble import Ensemble
from automl.errors import InputError
from automl.figures import count
from automl.plain import markdown
from automl.records import RunFolder
from automl.tasks import Metric as Objective
from automl.tracking import RunDescription, RunOutcome, store
from automl.trial import Reason, Trial
from automl.versions import installed

# MLflow's limits: characters of a parameter, a tag, and a data set's name and schema.
PARAM, TAG, NAME, SCHEMA = 6000, 5000, 500, 1_000_000

# Enough to tell data sets apart, and short enough for a column.
DIGEST = 12

# In the order in which a person looks at them.
SPLITS = ("val", "test", "train")
# What MLflow calls the kinds of columns; all others are text to it.
TYPES = {"number": "double", "boolean": "boolean", "date": "datetime"}
KILLED: tuple[Reason, ...] = ("killed", "timeout", "interrupted")
# What the names of metrics about overfitting begin with.
OVERFITTING = "overfit/"
VERSIONS = ("python", "automl", "tensorflow", "keras", "optuna", "mlflow")


def tags_of_experiment(objective: Objective) -> dict[str, str]:
    """What MLflow's pages go by: that models are trained here, the metric to draw first, and a view of the run list.

    The list shows no metric by default. `dashboard` opens the view.
    """
    shown = [*(f"{of}_{objective.name}" for of in ("best_val", "best_test", "val", "test")), "generalization_gap"]
    return {
        "mlflow.experimentKind": "custom_model_development",
        "mlflow.experiment.primaryMetric.name": f"val_{objective.name}",
        "mlflow.experiment.primaryMetric.greaterIsBetter": str(objective.greater_is_better),
        **_view(store.VIEW, {"selectedColumns": _columns(shown, ["overfit.verdict"])}),
    }


def view_of_trials(run_id: str, objective: Objective) -> dict[str, str]:
    """A tag for the experiment: the view of a run's trials alone, the best first, with the columns that matter.

    MLflow's nested list cannot be sorted, and a page's address cannot say which columns it has.
    """
    shown = [f"val_{objective.name}", f"test_{objective.name}", "generalization_gap"]
    facets = {
        "searchFilter": f"tags.`mlflow.parentRunId` = '{run_id}'",
        "orderByKey": f"metrics.`val_{objective.name}`",
        "orderByAsc": not objective.greater_is_better,
        "selectedColumns": _columns(shown, ["ensemble_weight", "overfit.verdict"]),
    }
    return _view(_name_of_view(run_id), facets)


def links(experiment_id: str, run_id: str) -> str:
    """Markdown for the run's description: to the view of its trials."""
    query = {"workflowType": "machine_learning", "viewStateShareKey": _name_of_view(run_id)}
    page = f"#/experiments/{experiment_id}/runs?{urlencode(query, quote_via=quote)}"
    return f"[Its trials, the best first]({page}) · [charts]({page}&compareRunsMode=CHART)"


def _name_of_view(run_id: str) -> str:
    return f"{store.VIEW}-{run_id}"


def _columns(metrics: Sequence[str], tags: Sequence[str]) -> list[str]:
    return [
        "attributes.`Duration`",
        *(f"metrics.`{name}`" for name in metrics),
        *(f"tags.`{name}`" for name in tags),
    ]


def _view(name: str, state: Mapping[str, Any]) -> dict[str, str]:
    """The tag that the Share button of MLflow's list would store."""
    return {f"mlflow.sharedViewState.{name}": json.dumps(state)}


def note(summary: str, links: str) -> str:
    """The run's description: the summary, shortened where MLflow would not take all, and the links."""
    room = TAG - len(links) - 2
    kept = summary.rstrip()
    if len(kept) > room:
        kept = kept[:room].rpartition("\n")[0].rstrip() or kept[:room]
    return f"{kept}\n\n{links}"


def tags_of_run(run: RunDescription) -> dict[str, str]:
    """What the parent run is about. If the caller has an active run of its own, it is named, and not joined."""
    target = run.profile.target
    rows = ", ".join(f"{count:,} {part}" for part, count in run.split.items())
    caller = mlflow.active_run()
    tags = {
        "mlflow.note.content": f"{target.task} {markdown(target.name)} of {markdown(run.data)}: rows {rows}.",
        **_source(),
        "kind": "run",
        "data": run.data,
        "digest": run.digest,
        **_test_digest(run),
        "source": store.without_secrets(run.source),
        "task": target.task,
        "target": target.name,
        "objective": run.objective,
        "command": store.without_secrets(run.command),
        **{f"version.{name}": version for name, version in installed().items() if name in VERSIONS},
        **({"started_in_run": caller.info.run_id} if caller else {}),
    }
    return {name: value[:TAG] for name, value in tags.items()}


def tags_of_trial(trial: Trial, run: RunDescription, *, parent: str) -> dict[str, str]:
    """What a filter of the run list needs to find the child run, which the list may show without its parent."""
    return {
        "mlflow.parentRunId": parent,
        **_source(),
        "kind": "trial",
        "run": run.name,
        "data": run.data,
        "digest": run.digest,
        "task": run.profile.target.task,
        "family": trial.family,
    }


def tags_of_end(trial: Trial) -> list[RunTag]:
    """Why the trial failed or stopped, and which of its trainings counts if that is not the last one."""
    stopped = "pruned" if trial.status == "pruned" else trial.stopped
    return tags({"reason": trial.reason, "message": trial.message, "stopped": stopped, "kept": _kept(trial)})


def _kept(trial: Trial) -> str:
    """The short training that was better than the long one; empty if there is none."""
    if trial.status != "finished" or trial.place is None:
        return ""
    of_rungs = [rung.epochs for rung in trial.rungs if rung.epochs == trial.place.planned]
    return f"the short training of {count(of_rungs[0], 'epoch')}" if of_rungs else ""


def params_of_run(run: RunDescription) -> list[Param]:
    """What was asked for, and how the rows were split."""
    target = run.profile.target
    rows = {f"rows_{part}": count for part, count in run.split.items()}
    known = {"data": run.data, "task": target.task, "target": target.name, "objective": run.objective}
    return params({**known, **rows, "columns": len(run.profile.columns), **run.settings})


def params_of_trial(trial: Trial) -> list[Param]:
    """The family and its hyperparameters."""
    return params({"family": trial.family, **trial.params})


def data_set(run: RunDescription) -> DatasetInput:
    """The table, by facts that are known; `mlflow.data.from_pandas` would read every cell again."""
    target, features = run.profile.target, run.profile.columns
    columns = [
        {"name": column.name, "type": TYPES.get(column.kind, "string"), "required": not column.missing}
        for column in features
    ]
    columns += [{"name": target.name, "type": "double" if target.task == "regress" else "string", "required": True}]
    schema = json.dumps({"mlflow_colspec": columns})
    file = Path(run.source)
    is_file = "://" not in run.source and file.exists()
    return DatasetInput(
        Dataset(
            name=run.data[:NAME],
            digest=run.digest[:DIGEST],
            source_type="local" if is_file else "code",
            source=json.dumps({"uri": str(file.absolute())} if is_file else {"tags": {}}),
            schema=schema if len(schema) < SCHEMA else None,
            profile=json.dumps({"num_rows": run.profile.rows, "num_elements": run.profile.rows * len(columns)}),
        ),
        [InputTag("mlflow.data.context", "training")],
    )


def curve(trial: Trial, *, since: int) -> list[Metric]:
    """The points of all curves after epoch `since`. Their names group the charts, and differ from the final metrics.

    Where epochs of a long training were sent, and a short one is kept, none: they would be of another line.
    """
    if since and _kept(trial):
        return []
    time_sent = now()
    return [
        Metric(f"epoch/{name}", float(value), time_sent, epoch)
        for name, values in trial.curves.items()
        for epoch, value in enumerate(values[since:], start=since + 1)
        if math.isfinite(value)
    ]


def rungs(trial: Trial, objective: Objective) -> list[Metric]:
    """The validation scores of a trial's short trainings, each at its number of epochs."""
    time_sent = now()
    return [
        Metric(f"rung/val_{objective.name}", objective.score(rung.objective), time_sent, rung.epochs)
        for rung in trial.rungs
    ]


def final(trial: Trial, objective: Objective) -> dict[str, float]:
    """What came of a trial; the gap is how much worse the objective is on validation than on training rows."""
    facts = {"seconds": trial.seconds, "parameters": trial.parameters, "best_epoch": trial.best_epoch}
    return {**_scored(trial.scores, objective), **{name: value for name, value in facts.items() if value}}


def of_best(outcome: RunOutcome, objective: Objective) -> dict[str, float]:
    """The model's metrics for the parent run: `best_val_log_loss`, …, `best_seconds`, `best_members`."""
    best = outcome.best
    if best is None:
        return {}
    facts = {
        "seconds": best.seconds,
        "parameters": best.parameters,
        "members": len(best.members),
        "networks": best.networks,
        "rows_per_second": best.rows_per_second,
    }
    return {f"best_{name}": value for name, value in {**_scored(best.scores, objective), **facts}.items()}


def refit(best: Ensemble) -> str:
    """For a tag: how many members have learned from more rows since the metrics were taken; empty if none was to."""
    if best.refit is None:
        return ""
    members = f"{len(best.refit.trials)} of {len(best.members)} members"
    rows = f"all {best.refit.rows} rows" if best.refit.with_test else f"the {best.refit.rows} of train and val"
    return f"{members} on {rows}; metrics are those of before"


def findings(answers: Sequence[Answer]) -> dict[str, str]:
    """For tags: how bad each finding is, and its title; what is fine has none, overfitting excepted."""
    told = {finding.code: f"{finding.severity}: {finding.title}" for finding in worst_first(answers)}
    gap = next((a for a in answers if isinstance(a, Finding) and a.code == "generalisation_gap"), None)
    named = {f"finding.{code}": text for code, text in told.items()}
    return {"overfit.verdict": gap.title, **named} if gap else named


def figures(answers: Sequence[Answer]) -> dict[str, float]:
    """For metrics: `overfit/gap` and its like, and `finding/CHECK.FIGURE` of every other check."""
    return {
        f"{OVERFITTING if answer.code == 'generalisation_gap' else f'finding/{answer.code}.'}{name}": value
        for answer in answers
        if isinstance(answer, Finding)
        for name, value in answer.figures.items()
    }


def overfitting(answers: Sequence[Answer]) -> dict[str, float]:
    """Those of `figures` that tell of overfitting: as many as a chart each of trials leaves room for."""
    return {name: value for name, value in figures(answers).items() if name.startswith(OVERFITTING)}


def of_baselines(outcome: RunOutcome) -> dict[str, float]:
    """`baseline/NAME val_log_loss` and so on; on new rows only, since the list is long."""
    return {
        f"baseline/{name} {key}": value
        for name, scores in outcome.baselines.items()
        for key, value in _by_split(scores).items()
        if not key.startswith("train_")
    }


def status(trial: Trial) -> str:
    """MLflow's word for how a trial ended."""
    if trial.status == "finished":
        return "FINISHED"
    return "KILLED" if trial.status == "pruned" or trial.reason in KILLED else "FAILED"


def name_of(trial: Trial) -> str:
    """What the child run is called."""
    return f"{trial.number:04d} {trial.family}"


def number_of(child: Run) -> int:
    """Of the trial that a child run is about; -1 if it is about none."""
    number = child.info.run_name.partition(" ")[0]
    return int(number) if number.isdecimal() else -1


def is_of(child: Run, trial: Trial) -> bool:
    """Whether a child run has all of a trial that has ended: runs of a trial that was broken off say less."""
    told = {name: child.data.tags.get(name, "") for name in ("reason", "stopped")}
    own = {tag.key: tag.value for tag in tags_of_end(trial)}
    same = all(told[name] == own.get(name, "") for name in told)
    return same and child.info.status == status(trial) and ("family" in child.data.params)


def metrics(values: Mapping[str, float]) -> list[Metric]:
    """Metrics without an epoch. What is not finite is left out: MLflow would show infinity as 1.8e308."""
    time_sent = now()
    return [Metric(name, float(value), time_sent, 0) for name, value in values.items() if math.isfinite(value)]


def params(values: Mapping[str, Any]) -> list[Param]:
    """Values as text; what was not given is left out."""
    return [Param(name, str(value)[:PARAM]) for name, value in values.items() if value is not None]


def tags(values: Mapping[str, str]) -> list[RunTag]:
    """Those that are not empty."""
    return [RunTag(name, value[:TAG]) for name, value in values.items() if value]


def now() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def _scored(scores: Mapping[str, Mapping[str, float]], objective: Objective) -> dict[str, float]:
    values = _by_split(scores)
    train, validation = (scores.get(split, {}).get(objective.name) for split in ("train", "val"))
    if train is not None and validation is not None:
        values["generalization_gap"] = objective.objective(validation) - objective.objective(train)
    return values


def _by_split(scores: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    return {f"{split}_{name}": value for split in SPLITS for name, value in scores.get(split, {}).items()}


def _test_digest(run: RunDescription) -> dict[str, str]:
    """That of the file with the test rows, if there is one: the run's own digest is that of the other rows alone."""
    try:
        digest = RunFolder(run.keeps.parent).asked()["data"].get("test") if run.keeps is not None else None
    except InputError:
        return {}
    return {"test_digest": digest} if digest else {}


def _source() -> dict[str, str]:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = "unknown"
    return {"mlflow.user": user, "mlflow.source.name": "automl", "mlflow.source.type": "LOCAL"}
