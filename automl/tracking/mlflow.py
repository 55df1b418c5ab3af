"""Records a run in MLflow while it goes on: a parent run for the fit, and a child run for each of its trials.

Everything goes to explicit run ids through `MlflowClient`; the caller's own active run, tracking URI and autologging
are left alone. Once a run is open, a store that fails costs a warning and never the run: what could not be sent is
kept and sent later, if the store comes back.
"""

from __future__ import annotations

import getpass
import json
import math
import os
import platform
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

# MLflow reads it when it is imported.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

import mlflow
import pandas as pd
from mlflow import MlflowClient, MlflowException
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag

import automl
from automl.errors import EnvironmentFault
from automl.tasks import metric, task
from automl.tracking import RunDescription, RunOutcome, logged_model, store
from automl.tracking.quiet import quiet
from automl.trial import Reason, Trial

SECONDS_BETWEEN_SENDING = 1.0
SECONDS_BETWEEN_ATTEMPTS = 30.0
# Limits of MLflow: entities per batch, characters of a parameter, a tag and a data set's digest and schema.
BATCH, PARAM, TAG, DIGEST, SCHEMA = 1000, 6000, 5000, 36, 1_000_000

KILLED: tuple[Reason, ...] = ("killed", "timeout", "interrupted")
_RUN_STATUS = {"finished": "FINISHED", "failed": "FAILED", "interrupted": "KILLED"}


@dataclass
class _Child:
    """How far a trial's run has been sent."""

    began: int
    run_id: str = ""
    epochs: int = 0
    described: bool = False
    sent_at: float = -math.inf


class MlflowTracker:
    """Records one run.

    Args:
        experiment: the MLflow experiment; by default the data set's name.
        tracking_uri: by default the variable MLFLOW_TRACKING_URI, else mlflow.db in the working folder.
        warn: is told, once, that the store has stopped answering.

    Attributes:
        tracking_uri: where the run is recorded, without passwords.
        run_id, experiment_id: MLflow's names for the run, once it has started.

    Raises:
        EnvironmentFault: the tracking URI names a store that MLflow does not open.
    """

    def __init__(
        self, *, experiment: str | None = None, tracking_uri: str | None = None, warn: Callable[[str], None]
    ) -> None:
        self._uri = store.address(tracking_uri)
        self.tracking_uri = store.without_secrets(self._uri)
        self.run_id = ""
        self.experiment_id = ""
        self._experiment = experiment
        self._warn = warn
        self._warned = False
        self._quiet_until = -math.inf
        self._children: dict[int, _Child] = {}
        self._unsent: dict[int, Trial] = {}
        self._ended = self._failed = 0
        self._best = math.inf

    def start(self, run: RunDescription) -> None:
        """Opens the parent run.

        Raises:
            EnvironmentFault: the store cannot be reached or used.
        """
        self._run = run
        self._metric = metric(run.objective, task(run.profile.target.task))
        with self._faults_explained(), quiet():
            store.check(self._uri)
            with store.one_at_a_time(self._uri):
                self._client = MlflowClient(self._uri)
                self.experiment_id = self._open_experiment(self._experiment or run.data)
            parent = self._client.create_run(self.experiment_id, run_name=run.name, tags=_tags_of_run(run))
            self.run_id = parent.info.run_id
            self._send_batch(self.run_id, params=_params_of_run(run))
        with self._tolerating():
            self._client.log_inputs(self.run_id, [_data_set(run)])
            self._client.log_text(self.run_id, json.dumps(run.profile.to_json(), indent=1), "profile.json")

    def trial_started(self, trial: Trial) -> None:
        """Opens the trial's child run."""
        self._children[trial.number] = _Child(began=_now())
        self._unsent[trial.number] = trial
        self._send_what_is_due()

    def epochs(self, trial: Trial) -> None:
        """Sends the epochs that are new, at most once a second."""
        self._unsent[trial.number] = trial
        self._send_what_is_due()

    def trial_ended(self, trial: Trial) -> None:
        """Sends everything that is known of the trial, and closes its run."""
        self._unsent[trial.number] = trial
        self._ended += 1
        self._failed += trial.status == "failed"
        self._send_what_is_due()
        if trial.objective is not None and trial.objective < self._best:
            self._best = trial.objective
            with self._tolerating():
                self._send_batch(self.run_id, [self._best_so_far()])

    def finish(self, outcome: RunOutcome) -> None:
        """Sends what is left, the outcome and the model, and closes the run."""
        if self._quiet_until > time.monotonic() and not store.answers(self._uri):
            return
        self._quiet_until = -math.inf
        self._send_what_is_due()
        metrics = self._metrics_of(outcome)
        for send in (
            lambda: self._send_batch(self.run_id, metrics, tags=self._tags_of(outcome)),
            lambda: self._send_files(outcome),
            lambda: self._send_model(outcome, metrics),
            lambda: self._close_all(outcome),
        ):
            with self._tolerating():
                send()

    def _open_experiment(self, name: str) -> str:
        found = self._client.get_experiment_by_name(name)
        if found is None:
            file = store.database(self._uri)
            folder = file.parent / store.ARTIFACTS / re.sub(r"[^\w.-]+", "-", name) if file else None
            try:
                return str(self._client.create_experiment(name, artifact_location=str(folder) if folder else None))
            except MlflowException:
                # Another process may have made it meanwhile.
                found = self._client.get_experiment_by_name(name)
                if found is None:
                    raise
        if found.lifecycle_stage == "deleted":
            raise EnvironmentFault(
                f"The MLflow experiment {name!r} is deleted. Restore it (mlflow experiments restore "
                f"--experiment-id {found.experiment_id}), or choose another with --experiment."
            )
        return str(found.experiment_id)

    def _send_what_is_due(self) -> None:
        """Sends trials that ended and trials that were not sent lately, unless the store has just failed."""
        now = time.monotonic()
        for trial in list(self._unsent.values()):
            if time.monotonic() < self._quiet_until:
                return
            child = self._children[trial.number]
            if trial.status == "running" and now - child.sent_at < SECONDS_BETWEEN_SENDING:
                continue
            # A trial that cannot be sent goes to the end, so that it does not keep the others waiting.
            del self._unsent[trial.number]
            self._unsent[trial.number] = trial
            with self._tolerating():
                self._send(trial, child)
                child.sent_at = now
                del self._unsent[trial.number]

    def _send(self, trial: Trial, child: _Child) -> None:
        if not child.run_id:
            child.run_id = self._client.create_run(
                self.experiment_id,
                start_time=child.began,
                run_name=f"{trial.number:04d} {trial.family}",
                tags=_tags_of_child(trial, self._run, parent=self.run_id),
            ).info.run_id
        if trial.status == "running" and not trial.curves:
            return
        metrics = _curve(trial, since=child.epochs)
        params = [] if child.described else _params({"family": trial.family, **trial.params})
        if trial.status == "running":
            self._send_batch(child.run_id, metrics, params)
        else:
            self._send_batch(child.run_id, [*metrics, *self._final(trial)], params, _tags_of_end(trial))
            self._client.set_terminated(child.run_id, status=_status(trial))
        child.epochs = max(map(len, trial.curves.values()), default=child.epochs)
        child.described = True

    def _send_batch(
        self,
        run_id: str,
        metrics: list[Metric] | None = None,
        params: list[Param] | None = None,
        tags: list[RunTag] | None = None,
    ) -> None:
        """One request, or several if there are more metrics than MLflow takes in one."""
        metrics, params, tags = metrics or [], params or [], tags or []
        first = BATCH - len(params) - len(tags)
        self._client.log_batch(run_id, metrics[:first], params, tags)
        for begin in range(first, len(metrics), BATCH):
            self._client.log_batch(run_id, metrics[begin : begin + BATCH])

    def _final(self, trial: Trial) -> list[Metric]:
        values = {f"{split}_{name}": value for split, of in trial.scores.items() for name, value in of.items()}
        train, validation = (trial.scores.get(split, {}).get(self._metric.name) for split in ("train", "val"))
        if train is not None and validation is not None:
            values["generalization_gap"] = self._metric.objective(validation) - self._metric.objective(train)
        values |= {"seconds": trial.seconds, "parameters": trial.parameters, "best_epoch": trial.best_epoch}
        return _metrics(values)

    def _best_so_far(self) -> Metric:
        """The parent's search curve: over the trials that have ended."""
        value = self._metric.score(self._best)
        return Metric(f"best_val_{self._metric.name}", value, _now(), self._ended)

    def _metrics_of(self, outcome: RunOutcome) -> list[Metric]:
        values: dict[str, float] = {"trials": self._ended, "trials_failed": self._failed}
        for name, scores in outcome.baselines.items():
            values |= {
                f"baseline/{name}/{split}_{key}": value for split, of in scores.items() for key, value in of.items()
            }
        metrics = _metrics(values)
        if outcome.best is None:
            return metrics
        search = self._best_so_far()
        best = [Metric(f"best_{m.key}", m.value, m.timestamp, 0) for m in self._final(outcome.best)]
        return [*metrics, *(m for m in best if m.key != search.key), search]

    def _tags_of(self, outcome: RunOutcome) -> list[RunTag]:
        tags = {"mlflow.note.content": outcome.summary} if outcome.summary else {}
        if outcome.best is not None:
            child = self._children[outcome.best.number].run_id
            if child:
                self._client.set_tag(child, "best", "true")
            tags |= {"best_trial": f"{outcome.best.number:04d}", "best_family": outcome.best.family}
        return _tags(tags)

    def _send_files(self, outcome: RunOutcome) -> None:
        board = outcome.leaderboard
        self._client.log_text(self.run_id, board.to_csv(index=False), "leaderboard.csv")
        self._client.log_table(self.run_id, logged_model.plain(board), "leaderboard.json")
        for file in outcome.files:
            self._client.log_artifact(self.run_id, str(file))

    def _send_model(self, outcome: RunOutcome, metrics: list[Metric]) -> None:
        if outcome.bundle is None:
            return
        target = self._run.profile.target
        model_id = logged_model.log(
            self._client,
            experiment_id=self.experiment_id,
            run_id=self.run_id,
            bundle=outcome.bundle,
            example=outcome.example,
            signature=logged_model.signature(
                list(outcome.example.columns), target=self._run.frame[target.name], task_name=target.task
            ),
        )
        self._send_batch(self.run_id, [Metric(m.key, m.value, m.timestamp, m.step, model_id=model_id) for m in metrics])

    def _close_all(self, outcome: RunOutcome) -> None:
        for number, child in self._children.items():
            trial = self._unsent.get(number)
            if child.run_id and trial is not None and trial.status == "running":
                self._client.set_terminated(child.run_id, status="KILLED")
        self._client.set_terminated(self.run_id, status=_RUN_STATUS[outcome.status])
        if self._unsent and self._warned:
            self._warn(f"MLflow lacks {len(self._unsent)} trials; the run's own folder has them all.")

    @contextmanager
    def _faults_explained(self) -> Iterator[None]:
        try:
            yield
        except EnvironmentFault:
            raise
        except Exception as error:
            raise EnvironmentFault(
                f"MLflow cannot record the run at {self.tracking_uri}: {_reason(error)}.\n"
                f"Mend the store, or record in a local file: {store.VARIABLE}={store.DEFAULT}"
            ) from None

    @contextmanager
    def _tolerating(self) -> Iterator[None]:
        """Whatever a store throws must not end a search."""
        try:
            with quiet():
                yield
        except Exception as error:
            self._quiet_until = time.monotonic() + SECONDS_BETWEEN_ATTEMPTS
            if not self._warned:
                self._warned = True
                self._warn(
                    f"MLflow at {self.tracking_uri} failed ({_reason(error)}). Training goes on, and the run's own "
                    "folder keeps everything."
                )


def _tags_of_run(run: RunDescription) -> dict[str, str]:
    target = run.profile.target
    caller = mlflow.active_run()
    rows = ", ".join(f"{count:,} {part}" for part, count in run.split.items())
    tags = {
        "mlflow.note.content": f"{target.task} `{target.name}` of {run.data} ({rows}).",
        "mlflow.user": _user(),
        "mlflow.source.name": "automl",
        "mlflow.source.type": "LOCAL",
        "kind": "run",
        "data": run.data,
        "digest": run.digest,
        "source": store.without_secrets(run.source),
        "task": target.task,
        "target": target.name,
        "objective": run.objective,
        "command": store.without_secrets(run.command),
        **{f"version.{name}": version for name, version in _versions().items()},
    }
    if caller is not None:
        tags["started_in_run"] = caller.info.run_id
    return {name: value[:TAG] for name, value in tags.items()}


def _tags_of_child(trial: Trial, run: RunDescription, *, parent: str) -> dict[str, str]:
    return {
        "mlflow.parentRunId": parent,
        "mlflow.user": _user(),
        "mlflow.source.name": "automl",
        "mlflow.source.type": "LOCAL",
        "kind": "trial",
        "run": run.name,
        "data": run.data,
        "digest": run.digest,
        "task": run.profile.target.task,
        "family": trial.family,
    }


def _tags_of_end(trial: Trial) -> list[RunTag]:
    return _tags({"reason": trial.reason, "message": trial.message, "stopped": trial.stopped})


def _params_of_run(run: RunDescription) -> list[Param]:
    target = run.profile.target
    rows = {f"rows_{part}": count for part, count in run.split.items()}
    known = {"data": run.data, "task": target.task, "target": target.name, "objective": run.objective}
    return _params({**known, **rows, "columns": len(run.profile.columns), **run.settings})


def _data_set(run: RunDescription) -> DatasetInput:
    """Made from facts that are known; `mlflow.data.from_pandas` reads every cell again, half a second for 50,000 rows."""
    missing = {column.name: column.missing for column in run.profile.columns}
    columns = [
        {"name": name, "type": _column_type(run.frame[name]), "required": not missing.get(name)} for name in run.frame
    ]
    schema = json.dumps({"mlflow_colspec": columns})
    local = "://" not in run.source and os.path.exists(run.source)
    return DatasetInput(
        Dataset(
            name=run.data[:500],
            digest=run.digest[:DIGEST],
            source_type="local" if local else "code",
            source=json.dumps({"uri": os.path.abspath(run.source)} if local else {"tags": {"source": run.source}}),
            schema=schema if len(schema) < SCHEMA else None,
            profile=json.dumps({"num_rows": len(run.frame), "num_elements": int(run.frame.size)}),
        ),
        [InputTag("mlflow.data.context", "training")],
    )


def _column_type(column: pd.Series) -> str:
    types = pd.api.types
    if types.is_bool_dtype(column.dtype):
        return "boolean"
    if types.is_integer_dtype(column.dtype):
        return "long"
    if types.is_numeric_dtype(column.dtype):
        return "double"
    return "datetime" if types.is_datetime64_any_dtype(column.dtype) else "string"


def _curve(trial: Trial, *, since: int) -> list[Metric]:
    """The points of all curves from epoch `since` on; their names differ from those of the final metrics."""
    now = _now()
    return [
        Metric(f"epoch/{name}", float(value), now, epoch)
        for name, values in trial.curves.items()
        for epoch, value in enumerate(values[since:], start=since + 1)
        if math.isfinite(value)
    ]


def _status(trial: Trial) -> str:
    if trial.status == "finished":
        return "FINISHED"
    return "KILLED" if trial.reason in KILLED else "FAILED"


def _metrics(values: Mapping[str, float]) -> list[Metric]:
    """MLflow shows infinity as 1.8e308; what is not finite is left out."""
    now = _now()
    return [Metric(name, float(value), now, 0) for name, value in values.items() if math.isfinite(value)]


def _params(values: Mapping[str, Any]) -> list[Param]:
    return [Param(name, str(value)[:PARAM]) for name, value in values.items()]


def _tags(values: Mapping[str, str]) -> list[RunTag]:
    return [RunTag(name, value[:TAG]) for name, value in values.items() if value]


def _versions() -> dict[str, str]:
    tensorflow = logged_model.installed("tensorflow") or logged_model.installed("tensorflow-cpu")
    others = {name: logged_model.installed(name) for name in ("keras", "optuna", "mlflow")}
    known = {"python": platform.python_version(), "automl": automl.__version__, "tensorflow": tensorflow, **others}
    return {name: version for name, version in known.items() if version}


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


def _reason(error: Exception) -> str:
    """One line, without secrets."""
    first = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return store.without_secrets(first)[:200].rstrip(".")


def _now() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000
