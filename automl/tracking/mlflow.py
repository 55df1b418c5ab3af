"""Records a run in MLflow while it goes on: a parent run for the fit, and a child run for each of its trials.

Everything goes to explicit run ids through `MlflowClient`; the caller's own active run, tracking URI and autologging
are left alone. Once a run is open, a store that fails costs a warning and never the run: what could not be sent is
kept and sent later, if the store comes back.

A run that goes on is recorded in the same parent run where that is still there, and else, trials of earlier sessions
included, in a new one.
"""

from __future__ import annotations

import json
import math
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from mlflow import MlflowClient, MlflowException
from mlflow.entities import Metric, Param, Run, RunStatus, RunTag

from automl import files
from automl.errors import EnvironmentFault, InputError
from automl.tasks import metric, task
from automl.tracking import RunDescription, RunOutcome, entities, logged_model, registry, store
from automl.tracking.quiet import quiet
from automl.trial import Trial

SECONDS_BETWEEN_SENDING = 1.0
SECONDS_BETWEEN_ATTEMPTS = 30.0
# Who ends a run before it has come to anything does not wait longer for a store that is being opened.
CLOSE_SECONDS = 2.0
# The most entities that MLflow takes in one request, and the most runs that it gives.
BATCH = 1000
# Tags of a run's outcome, which a later one may not have.
OUTCOME_TAGS = ("finding.", "overfit.", "refit", "best")

_RUN_STATUS = {"finished": "FINISHED", "failed": "FAILED", "interrupted": "KILLED"}


@dataclass
class _Child:
    """A trial's run: when it began and ended, and how far it has been sent."""

    began: int
    ended: int = 0
    run_id: str = ""
    epochs: int = 0
    described: bool = False
    closed: bool = False
    sent_at: float = -math.inf


class MlflowTracker:
    """Records one run. A thread of its own sends what trials report, so that the search never waits for a store.

    Args:
        experiment: the MLflow experiment; by default the data set's name.
        tracking_uri: by default the variable MLFLOW_TRACKING_URI, else mlflow.db in the working folder.
        register: the name under which the model goes into the registry; None for not at all.
        warn: is told, in the caller's thread, that the store has failed (once), and what became of the registration.

    Attributes:
        tracking_uri: where the run is recorded, without passwords.

    Raises:
        EnvironmentFault: the tracking URI names a store that MLflow does not open.
    """

    def __init__(
        self,
        *,
        experiment: str | None = None,
        tracking_uri: str | None = None,
        register: str | None = None,
        warn: Callable[[str], None],
    ) -> None:
        self._uri = store.address(tracking_uri)
        self.tracking_uri = store.without_secrets(self._uri)
        self._run_id = ""
        self._experiment_id = ""
        self._experiment = experiment
        self._register = register
        self._opening: threading.Thread | None = None
        self._fault: EnvironmentFault | None = None
        self._warn = warn
        self._complaint = ""
        self._complained = False
        self._children: dict[int, _Child] = {}
        self._ended = self._failed = self._pruned = 0
        self._best = math.inf
        # What follows is shared with the sending thread.
        self._change = threading.Condition()
        self._unsent: dict[int, Trial] = {}
        self._sender: threading.Thread | None = None
        self._hurry = False
        self._failing_until = -math.inf
        self._is_closed = False
        self._is_given_up = False

    @property
    def run_id(self) -> str:
        """MLflow's name for the parent run; empty before `start`, and where the store could not be opened."""
        self._wait_for_opening()
        return self._run_id

    @property
    def experiment_id(self) -> str:
        """MLflow's name for the experiment, like `run_id`."""
        self._wait_for_opening()
        return self._experiment_id

    def start(self, run: RunDescription) -> None:
        """Opens the parent run, in a thread: a new database takes seconds, in which the first trial may begin.

        What goes wrong in there is raised by the next call for a trial; in a run that goes on, it is a warning.

        Raises:
            EnvironmentFault: the store of a new run cannot be reached.
        """
        self._run = run
        self._metric = metric(run.objective, task(run.profile.target.task))
        try:
            store.check(self._uri)
        except EnvironmentFault as fault:
            if not self._run.goes_on:
                raise
            self._fault = fault
            self._tell_fault()
            return
        # MLflow knows the caller's active run in the caller's thread alone.
        tags = entities.tags_of_run(run)
        self._opening = threading.Thread(target=self._open, args=(tags,), name="mlflow opening", daemon=True)
        self._opening.start()

    def _open(self, tags: Mapping[str, str]) -> None:
        try:
            with self._faults_explained(), quiet():
                with store.one_at_a_time(self._uri):
                    store.fill(self._uri, make_tables)
                    self._client = MlflowClient(self._uri)
                    parent = self._parent_before()
                    if parent is None:
                        self._experiment_id = self._open_experiment(self._experiment or self._run.data)
                if parent is None:
                    self._open_parent(tags)
                else:
                    self._open_again(parent, tags)
            if self._is_given_up and not self._is_closed:
                self._attempt(self._close_all, "failed")
        except EnvironmentFault as fault:
            self._fault = fault

    def _open_parent(self, tags: Mapping[str, str]) -> None:
        parent = self._client.create_run(self._experiment_id, run_name=self._run.name, tags=tags)
        self._send_batch(parent.info.run_id, params=entities.params_of_run(self._run))
        self._run_id = parent.info.run_id
        if self._run.keeps is not None:
            kept = {"tracking_uri": self.tracking_uri, "experiment_id": self._experiment_id, "run_id": self._run_id}
            files.write_record(self._run.keeps, kept)
        self._send_again(self._run.trials)
        self._attempt(self._send_data)

    def _parent_before(self) -> Run | None:
        """The parent run of the earlier sessions; None if there is none in this store, or it has been deleted."""
        try:
            kept = files.read_record(self._run.keeps) if self._run.keeps is not None else {}
            parent = self._client.get_run(str(kept["run_id"]))
        except (OSError, TypeError, KeyError, InputError, MlflowException):
            return None
        return parent if parent.info.lifecycle_stage == "active" else None

    def _open_again(self, parent: Run, tags: Mapping[str, str]) -> None:
        """Goes on in a parent run: children of trials that have ended stay, and all others are closed as killed."""
        self._run_id, self._experiment_id = parent.info.run_id, parent.info.experiment_id
        self._client.update_run(self._run_id, status="RUNNING")
        for name in parent.data.tags:
            if name.startswith(OUTCOME_TAGS):
                self._client.delete_tag(self._run_id, name)
        resumed = int(parent.data.tags.get("resumed", 0)) + 1
        self._send_batch(self._run_id, tags=entities.tags({"command": tags["command"], "resumed": str(resumed)}))
        ended = {trial.number: trial for trial in self._run.trials}
        for child in self._children_before():
            trial = ended.get(entities.number_of(child))
            if trial is not None and entities.is_of(child, trial):
                del ended[trial.number]
                self._children[trial.number] = _Child(
                    child.info.start_time, child.info.end_time, child.info.run_id, described=True, closed=True
                )
                self._tally(trial)
                if "ensemble_weight" in child.data.tags:
                    self._client.delete_tag(child.info.run_id, "ensemble_weight")
            elif not RunStatus.is_terminated(RunStatus.from_string(child.info.status)):
                self._client.set_terminated(child.info.run_id, status="KILLED")
        self._send_again(list(ended.values()))

    def _children_before(self) -> Iterator[Run]:
        token = None
        while True:
            page = self._client.search_runs(
                [self._experiment_id],
                f"tags.mlflow.parentRunId = '{self._run_id}'",
                max_results=BATCH,
                page_token=token,
            )
            yield from page
            token = page.token
            if not token:
                return

    def _send_again(self, trials: Sequence[Trial]) -> None:
        """Leaves trials of earlier sessions, of which the store knows nothing, to the sending thread."""
        now = entities.now()
        with self._change:
            for trial in trials:
                self._children[trial.number] = _Child(now - round(1000 * trial.seconds), now)
                self._unsent[trial.number] = trial

    def _wait_for_opening(self) -> None:
        if self._opening is not None and self._opening is not threading.current_thread():
            self._opening.join()

    def trial_started(self, trial: Trial) -> None:
        """Opens the trial's child run."""
        self._children[trial.number] = _Child(began=entities.now())
        self._hand_over(trial)

    def epochs(self, trial: Trial) -> None:
        """Sends the epochs that are new, at most once a second."""
        self._hand_over(trial)

    def trial_ended(self, trial: Trial) -> None:
        """Sends everything that is known of the trial, and closes its run."""
        self._children[trial.number].ended = entities.now()
        self._hand_over(trial)

    def finish(self, outcome: RunOutcome) -> None:
        """Sends what is left, the outcome and the model, and closes the run."""
        self.wait()
        if self._fault is not None:
            self._tell_fault()
            return
        if store.answers(self._uri):
            self._failing_until = -math.inf
            self._send_until_done()
            self._attempt(self._send_outcome, outcome)
            self._attempt(self._close_all, outcome.status)
        else:
            self._complaint = self._complaint or "has stopped answering"
        self._tell_complaint()

    def wait(self) -> None:
        """Returns when everything that the tracker was told has been sent, or the store has failed."""
        with self._change:
            self._hurry = True
            self._change.notify()
            sender = self._sender
        if sender is not None:
            sender.join()
        self._wait_for_opening()

    def close(self) -> None:
        """Marks a run that something broke off as failed, and its children as killed."""
        self._is_given_up = True
        if self._opening is not None:
            self._opening.join(CLOSE_SECONDS)
            if self._opening.is_alive():
                # It takes note that nobody waits for it.
                return
        if self._run_id and not self._is_closed:
            self._attempt(self._close_all, "failed")

    def _open_experiment(self, name: str) -> str:
        found = self._client.get_experiment_by_name(name)
        if found is None:
            file = store.database(self._uri)
            # MLflow's default would be a folder `mlruns` in the working folder, wherever the database is.
            folder = str(file.parent / store.ARTIFACTS / re.sub(r"[^\w-]+", "-", name)) if file else None
            try:
                tags = entities.tags_of_experiment(self._metric)
                return str(self._client.create_experiment(name, artifact_location=folder, tags=tags))
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

    def _hand_over(self, trial: Trial) -> None:
        """Leaves the trial, as it is now, to the sending thread, and wakes or starts that."""
        if self._fault is not None:
            if not self._run.goes_on:
                raise self._fault
            self._tell_fault()
            return
        with self._change:
            self._unsent[trial.number] = trial
            self._change.notify()
            if self._sender is None and time.monotonic() >= self._failing_until:
                self._sender = threading.Thread(target=self._send_until_done, name="mlflow sender", daemon=True)
                self._sender.start()
        self._tell_complaint()

    def _send_until_done(self) -> None:
        """Sends trials until none is left or the store fails; those that run, at most once a second each."""
        self._wait_for_opening()
        while self._fault is None:
            with self._change:
                if not self._unsent or time.monotonic() < self._failing_until:
                    self._sender = None
                    return
                trial = next(filter(self._is_due, self._unsent.values()), None)
                if trial is None:
                    self._change.wait(SECONDS_BETWEEN_SENDING / 4)
                    continue
                del self._unsent[trial.number]
            if not self._attempt(self._send, trial, self._children[trial.number]):
                with self._change:
                    # At the end, so that one trial which cannot be sent does not keep the others waiting.
                    self._unsent.setdefault(trial.number, trial)

    def _is_due(self, trial: Trial) -> bool:
        waited = time.monotonic() - self._children[trial.number].sent_at
        return self._hurry or trial.status != "running" or waited >= SECONDS_BETWEEN_SENDING

    def _send(self, trial: Trial, child: _Child) -> None:
        """Sends what is new of a trial; everything in one batch if it has ended already."""
        if not child.run_id:
            child.run_id = self._client.create_run(
                self.experiment_id,
                start_time=child.began,
                run_name=f"{trial.number:04d} {trial.family}",
                tags=entities.tags_of_trial(trial, self._run, parent=self.run_id),
            ).info.run_id
        child.sent_at = time.monotonic()
        has_ended = trial.status != "running"
        if not has_ended and not trial.curves:
            return
        final = entities.metrics(entities.final(trial, self._metric)) if has_ended else []
        if has_ended:
            final += entities.rungs(trial, self._metric)
        metrics = [*final, *entities.curve(trial, since=child.epochs)]
        params = [] if child.described else entities.params_of_trial(trial)
        self._send_batch(child.run_id, metrics, params, entities.tags_of_end(trial))
        child.epochs = max(map(len, trial.curves.values()), default=child.epochs)
        child.described = True
        if has_ended:
            self._client.set_terminated(child.run_id, status=entities.status(trial), end_time=child.ended)
            child.closed = True
            self._count(trial)

    def _count(self, trial: Trial) -> None:
        """Draws the parent's search curve: the best score so far over the trials that have ended."""
        if self._tally(trial):
            score = self._metric.score(self._best)
            # MLflow draws one section of charts per name before the slash, in alphabetical order.
            name = f"all_trials/best_val_{self._metric.name}"
            self._send_batch(self.run_id, [Metric(name, score, entities.now(), self._ended)])

    def _tally(self, trial: Trial) -> bool:
        """Counts a trial that has ended; returns whether it is the best so far."""
        self._ended += 1
        self._failed += trial.status == "failed"
        self._pruned += trial.status == "pruned"
        if trial.objective is None or trial.objective >= self._best:
            return False
        self._best = trial.objective
        return True

    def _send_batch(
        self, run_id: str, metrics: Sequence[Metric] = (), params: Sequence[Param] = (), tags: Sequence[RunTag] = ()
    ) -> None:
        """One request, or several if there are more metrics than MLflow takes in one."""
        first = BATCH - len(params) - len(tags)
        self._client.log_batch(run_id, metrics[:first], params, tags)
        for begin in range(first, len(metrics), BATCH):
            self._client.log_batch(run_id, metrics[begin : begin + BATCH])

    def _send_data(self) -> None:
        self._client.log_inputs(self.run_id, [entities.data_set(self._run)])
        self._client.log_text(self.run_id, json.dumps(self._run.profile.to_json(), indent=1), "profile.json")

    def _send_outcome(self, outcome: RunOutcome) -> None:
        counts = {"trials": self._ended, "trials_failed": self._failed, "trials_pruned": self._pruned}
        best = entities.metrics(entities.of_best(outcome, self._metric))
        others = entities.metrics({**entities.of_baselines(outcome), **counts, **entities.figures(outcome.answers)})
        self._send_batch(self.run_id, [*best, *others], tags=self._tags_of(outcome))
        self._send_files(outcome)
        self._send_model(outcome, best)

    def _tags_of(self, outcome: RunOutcome) -> list[RunTag]:
        tags = {"mlflow.note.content": outcome.summary} if outcome.summary else {}
        if outcome.best is not None:
            for member in outcome.best.members:
                child = self._children[member.trial].run_id
                if child:
                    self._client.set_tag(child, "ensemble_weight", f"{member.weight:.3f}")
            tags |= {
                "refit": entities.refit(outcome.best),
                "best": outcome.best.title,
                "best_families": ", ".join(dict.fromkeys(member.family for member in outcome.best.members)),
            }
        return entities.tags({**tags, **entities.findings(outcome.answers)})

    def _send_files(self, outcome: RunOutcome) -> None:
        board = outcome.leaderboard
        self._client.log_text(self.run_id, board.to_csv(index=False), "leaderboard.csv")
        shown = logged_model.plain(board)
        if any(file.path == "leaderboard.json" for file in self._client.list_artifacts(self.run_id)):
            # MLflow would add the rows to those of the session before.
            self._client.log_text(self.run_id, shown.to_json(orient="split", index=False), "leaderboard.json")
        else:
            self._client.log_table(self.run_id, shown, "leaderboard.json")
        if outcome.evaluated is not None:
            self._client.log_artifact(self.run_id, str(outcome.evaluated))
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
        if self._register is not None and outcome.evaluated is not None:
            self._warn(
                registry.register(
                    self._client,
                    self._register,
                    run_id=self.run_id,
                    model_id=model_id,
                    verdict=outcome.verdict,
                    metric=self._metric,
                    evaluated=outcome.evaluated,
                )
            )

    def _close_all(self, status: str) -> None:
        for child in self._children.values():
            if child.run_id and not child.closed:
                self._client.set_terminated(child.run_id, status="KILLED")
        self._client.set_terminated(self.run_id, status=_RUN_STATUS[status])
        self._is_closed = True

    @contextmanager
    def _faults_explained(self) -> Iterator[None]:
        try:
            yield
        except EnvironmentFault:
            raise
        except Exception as error:  # noqa: BLE001  a store's libraries may raise anything
            raise EnvironmentFault(
                f"MLflow cannot record the run at {self.tracking_uri}: {_reason(error)}.\n"
                f"Mend the store, or record in a local file: {store.VARIABLE}={store.DEFAULT}"
            ) from None

    def _attempt(self, send: Callable[..., None], *arguments: Any) -> bool:
        """Whether it could be sent. Whatever a store throws must not end a search."""
        try:
            with quiet():
                send(*arguments)
        except Exception as error:  # noqa: BLE001  as above
            self._failing_until = time.monotonic() + SECONDS_BETWEEN_ATTEMPTS
            answers = store.answers(self._uri)
            self._complaint = self._complaint or (f"failed ({_reason(error)})" if answers else "has stopped answering")
            return False
        return True

    def _tell_fault(self) -> None:
        if not self._complained:
            self._complained = True
            self._warn(str(self._fault))

    def _tell_complaint(self) -> None:
        if self._complaint and not self._complained:
            self._complained = True
            self._warn(f"MLflow at {self.tracking_uri} {self._complaint}. The run's own folder keeps everything.")


def make_tables(uri: str) -> None:
    """Makes MLflow's tables in an empty database, which takes seconds."""
    from mlflow.store.db.utils import _initialize_tables, create_sqlalchemy_engine

    engine = create_sqlalchemy_engine(uri)
    try:
        _initialize_tables(engine)
    finally:
        engine.dispose()


def _reason(error: Exception) -> str:
    """One line, without secrets and without SQLAlchemy's remarks on its own work."""
    lines = (re.sub(r"^\([\w.]+\)|^\(raised as .*", "", line).strip() for line in str(error).splitlines())
    return store.without_secrets(next(filter(None, lines), type(error).__name__))[:200].rstrip(".")
