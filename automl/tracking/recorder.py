"""What MLflow is told of a run: a parent run for the fit, and a child run for each of its trials.

Everything goes to explicit run ids through `MlflowClient`; the caller's own active run, tracking URI and autologging
are left alone. Whatever a store throws is raised, and any call may then be made again: what the store has already is
not sent twice.

A run that goes on, or is told again, is recorded in the same parent run where the store still has that, and else,
trials of earlier sessions included, in a new one. The run's folder remembers each store that it was recorded in.
"""

from __future__ import annotations

import json
import math
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlflow import MlflowClient, MlflowException
from mlflow.entities import Metric, Param, Run, RunStatus, RunTag

from automl import files, untrusted
from automl.errors import EnvironmentFault, InputError
from automl.tasks import metric, task
from automl.tracking import RunDescription, RunOutcome, entities, logged_model, registry, store
from automl.trial import Trial

# The most entities that MLflow takes in one request, and the most runs that it gives.
BATCH = 1000
# Tags of a run's outcome, which a later one may not have.
OUTCOME_TAGS = ("finding.", "overfit.", "refit", "best", "ensemble_weight")

_RUN_STATUS = {"finished": "FINISHED", "failed": "FAILED", "interrupted": "KILLED"}
# What a store calls a run and its experiment: `run_id` and `experiment_id`.
Place = dict[str, str]


@dataclass
class Child:
    """A trial's run: when it began and ended, and how far it has been sent; `doubtful` if that is not certain."""

    began: int
    ended: int = 0
    run_id: str = ""
    epochs: int = 0
    described: bool = False
    closed: bool = False
    doubtful: bool = False
    sent_at: float = -math.inf


class Misconfigured(EnvironmentFault):
    """The store will never take the run, however often it is asked."""


class Recorder:
    """Tells one store of one run.

    Args:
        uri: of the store, with its passwords.
        own: the address of the run's own store, where this is a further one that gets it; None where this is its own.
        tags: of the parent run.
        experiment: the MLflow experiment; by default the data set's name.
        register: the name under which the model goes into the registry; None for not at all.
        say: is told what became of the registration.

    Attributes:
        run_id, experiment_id: MLflow's names for the parent run and its experiment; empty before `open`.
        sent: how many trials were sent to their end, and how many models.
    """

    def __init__(
        self,
        uri: str,
        run: RunDescription,
        *,
        own: str | None,
        tags: dict[str, str],
        experiment: str | None,
        register: str | None,
        say: Callable[[str], None],
    ) -> None:
        self._uri = uri
        self._run = run
        self._tags = tags
        self._experiment = experiment
        self._register = register
        self._say = say
        self._metric = metric(run.objective, task(run.profile.target.task))
        self._children: dict[int, Child] = {}
        self._ended = self._failed = self._pruned = 0
        self._best = math.inf
        self.tracking_uri = store.without_secrets(uri)
        self._own = own or self.tracking_uri
        self.run_id = ""
        self.experiment_id = ""
        self.sent = Counter[str]()
        # By address; this store comes first, in which the run is looked for.
        self._places = {self.tracking_uri: self._place, **_places(run.keeps)}
        self._keep()
        for trial in run.trials:
            ended = run.ended.get(trial.number) or entities.now()
            self._children[trial.number] = Child(ended - round(1000 * trial.seconds), ended)

    def begin(self, number: int) -> None:
        """Notes that a trial has begun."""
        self._children[number] = Child(began=entities.now())

    def end(self, number: int) -> None:
        """Notes that a trial has ended."""
        self._children[number].ended = entities.now()

    def doubt(self, number: int) -> None:
        """Notes that nobody knows how much of what was sent of a trial has arrived."""
        self._children[number].doubtful = True

    def sent_at(self, number: int) -> float:
        """When something was sent of a trial, on the monotonic clock; minus infinity if nothing was."""
        return self._children[number].sent_at

    def open(self) -> Run:
        """Opens the parent run and returns it: that of earlier sessions, where it is still there, or else a new one.

        Raises:
            Misconfigured: the store will never take the run.
        """
        store.check(self._uri)
        with store.one_at_a_time(self._uri):
            store.fill(self._uri, make_tables)
            self._client = self._new_client()
            parent = self._parent_before()
            if parent is None:
                self.experiment_id = self._open_experiment(self._experiment or self._run.data)
        if parent is not None:
            self._open_again(parent)
        elif self.run_id:
            parent = self._client.get_run(self.run_id)
        else:
            parent = self._client.create_run(
                self.experiment_id, start_time=self._run.began, run_name=self._run.name, tags=self._tags
            )
            self.run_id = parent.info.run_id
        self._keep()
        return parent

    def _new_client(self) -> MlflowClient:
        try:
            return MlflowClient(self._uri)
        except MlflowException as error:
            raise Misconfigured(
                f"MLflow cannot record the run at {self.tracking_uri}: {store.reason(error)}.\n"
                f"Mend the store, or record in a local file: {store.VARIABLE}={store.DEFAULT}"
            ) from None

    def _parent_before(self) -> Run | None:
        """The parent run of the earlier sessions; None if there is none in this store, or it has been deleted."""
        # What is known of other stores, too: a database, and a server in front of it, are one with two addresses.
        for run_id in filter(None, (place.get("run_id") for place in self._places.values())):
            try:
                parent = self._client.get_run(run_id)
            except MlflowException as error:
                if error.error_code not in store.NOT_THERE:
                    raise
                continue
            if parent.info.lifecycle_stage == "active":
                return parent
        return None

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
            raise Misconfigured(
                f"The MLflow experiment {name!r} is deleted. Restore it (mlflow experiments restore "
                f"--experiment-id {found.experiment_id}), or choose another with --experiment."
            )
        return str(found.experiment_id)

    def _open_again(self, parent: Run) -> None:
        """Goes on in a parent run: what its children have of trials that have ended stays, all others are killed."""
        run_id, self.experiment_id = parent.info.run_id, parent.info.experiment_id
        self._client.update_run(run_id, status="RUNNING")
        for name in parent.data.tags:
            if name.startswith(OUTCOME_TAGS):
                self._client.delete_tag(run_id, name)
        resumed = {"command": self._tags["command"], "resumed": str(self._run.resumed)} if self._run.resumed else {}
        self._send_batch(run_id, tags=entities.tags(resumed))
        ended = {trial.number: trial for trial in self._run.trials}
        before = [(child, ended.get(entities.number_of(child))) for child in self._children_of(run_id)]
        for child, trial in before:
            if trial is not None and entities.is_of(child, trial):
                self._take_over(child, trial)
        for child, trial in before:
            has_ended = RunStatus.is_terminated(RunStatus.from_string(child.info.status))
            # What ended as killed may lack the trial's end only because the store did not take it.
            may_go_on = child.info.status == "KILLED" or not has_ended
            if may_go_on and trial and self._is_missing(trial) and self._is_of(child, trial):
                self._children[trial.number] = Child(
                    child.info.start_time,
                    child.info.start_time + round(1000 * trial.seconds),
                    child.info.run_id,
                    doubtful=True,
                )
            elif not has_ended:
                self._client.set_terminated(child.info.run_id, status="KILLED")
        self.run_id = run_id

    def _take_over(self, child: Run, trial: Trial) -> None:
        """Notes that a child run has all of its trial."""
        if self._children[trial.number].closed:
            return
        self._children[trial.number] = Child(
            child.info.start_time, child.info.end_time, child.info.run_id, described=True, closed=True
        )
        self._tally(trial)
        for name in child.data.tags:
            if name.startswith(OUTCOME_TAGS):
                self._client.delete_tag(child.info.run_id, name)

    def _is_missing(self, trial: Trial) -> bool:
        """Whether no child run is known that has the trial."""
        return not self._children[trial.number].run_id

    def _is_of(self, child: Run, trial: Trial) -> bool:
        """Whether an unfinished child run is of the trial's last attempt: it may have been started more than once."""
        result = entities.metrics(entities.final(trial, self._metric))
        # Epochs tell less: those of a long training were sent as they came, where a short one was kept in the end.
        if result and all(child.data.metrics.get(own.key) == own.value for own in result):
            return True
        for name in child.data.metrics:
            curve, values = name.partition("epoch/")[2], []
            if curve:
                values = trial.curves.get(curve, [])
            for point in self._client.get_metric_history(child.info.run_id, name) if curve else ():
                if not (0 < point.step <= len(values) and values[point.step - 1] == point.value):
                    return False
        return True

    def _children_of(self, run_id: str, which: str = "") -> Iterator[Run]:
        token = None
        while True:
            page = self._client.search_runs(
                [self.experiment_id],
                f"tags.mlflow.parentRunId = '{run_id}'{which}",
                max_results=BATCH,
                page_token=token,
            )
            yield from page
            token = page.token
            if not token:
                return

    def _keep(self) -> None:
        """Notes where the run is recorded."""
        if self.run_id:
            self._places[self.tracking_uri] = self._place
        if self._run.keeps is not None:
            files.write_record(self._run.keeps, {"tracking_uri": self._own, "stores": self._places})

    @property
    def _place(self) -> Place:
        return {"experiment_id": self.experiment_id, "run_id": self.run_id}

    def describe(self, parent: Run) -> None:
        """Sends what was asked for and the table's facts, where the parent run lacks them."""
        if not parent.data.params:
            self._send_batch(self.run_id, params=entities.params_of_run(self._run))
        if not (parent.inputs and parent.inputs.dataset_inputs):
            self._client.log_inputs(self.run_id, [entities.data_set(self._run)])
            self._client.log_text(self.run_id, json.dumps(self._run.profile.to_json(), indent=1), "profile.json")

    def send(self, trial: Trial) -> None:
        """Sends what is new of a trial; everything in one batch if it has ended already."""
        child = self._children[trial.number]
        if child.closed:
            return
        name = entities.name_of(trial)
        if child.doubtful and not child.run_id:
            # The store may have made it, and failed to say so.
            open_ones = list(self._children_of(self.run_id, f" AND run_name = '{name}' AND status = 'RUNNING'"))
            child.run_id = open_ones[0].info.run_id if open_ones else ""
        if not child.run_id:
            child.run_id = self._client.create_run(
                self.experiment_id,
                start_time=child.began,
                run_name=name,
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
        if child.doubtful:
            metrics = self._unknown(child.run_id, metrics)
        params = [] if child.described else entities.params_of_trial(trial)
        self._send_batch(child.run_id, metrics, params, entities.tags_of_end(trial))
        child.epochs = max(map(len, trial.curves.values()), default=child.epochs)
        child.described, child.doubtful = True, False
        if has_ended:
            self._client.set_terminated(child.run_id, status=entities.status(trial), end_time=child.ended)
            child.closed = True
            self.sent["trials"] += 1
            self._count(trial)

    def _unknown(self, run_id: str, metrics: Sequence[Metric]) -> list[Metric]:
        """Those that the store does not have yet."""
        known = {
            (name, point.step)
            for name in {metric.key for metric in metrics}
            for point in self._client.get_metric_history(run_id, name)
        }
        return [metric for metric in metrics if (metric.key, metric.step) not in known]

    def _count(self, trial: Trial) -> None:
        """Draws the parent's search curve: the best score so far over the trials that have ended."""
        if self._tally(trial):
            self._send_batch(self.run_id, self._best_so_far())

    def _best_so_far(self) -> list[Metric]:
        """The last point of the search curve; none if no trial has a score."""
        if not math.isfinite(self._best):
            return []
        # MLflow draws one section of charts per name before the slash, in alphabetical order.
        name = f"all_trials/best_val_{self._metric.name}"
        return [Metric(name, self._metric.score(self._best), entities.now(), self._ended)]

    def _tally(self, trial: Trial) -> bool:
        """Counts a trial that has ended; returns whether it is the best so far."""
        self._ended += 1
        self._failed += trial.status == "failed"
        self._pruned += trial.status == "pruned"
        if trial.objective is None or trial.objective >= self._best:
            return False
        self._best = trial.objective
        return True

    def send_outcome(self, outcome: RunOutcome) -> None:
        """Sends what the run has come to, with its files and its model."""
        counts = {"trials": self._ended, "trials_failed": self._failed, "trials_pruned": self._pruned}
        best = entities.metrics(entities.of_best(outcome, self._metric))
        others = entities.metrics({**entities.of_baselines(outcome), **counts, **entities.figures(outcome.answers)})
        parent = self._client.get_run(self.run_id)
        self.describe(parent)
        known = parent.data.metrics
        new = [each for each in (*best, *others, *self._best_so_far()) if known.get(each.key) != each.value]
        for name, view in entities.view_of_trials(self.run_id, self._metric).items():
            self._client.set_experiment_tag(self.experiment_id, name, view)
        self._send_batch(self.run_id, new, tags=self._tags_of(outcome))
        self._judge_trials(outcome)
        self._send_files(outcome)
        self._send_model(outcome, best)

    def _tags_of(self, outcome: RunOutcome) -> list[RunTag]:
        links = entities.links(self.experiment_id, self.run_id)
        tags = {"mlflow.note.content": entities.note(outcome.summary, links)} if outcome.summary else {}
        if outcome.best is not None:
            tags |= {
                "refit": entities.refit(outcome.best),
                "best": outcome.best.title,
                "best_families": ", ".join(dict.fromkeys(member.family for member in outcome.best.members)),
            }
        return entities.tags({**tags, **entities.findings(outcome.answers)})

    def _judge_trials(self, outcome: RunOutcome) -> None:
        """Marks the members of the model, and the leading trials with what checks say of them."""
        weights = {member.trial: member.weight for member in outcome.best.members} if outcome.best else {}
        for number in sorted({*weights, *outcome.of_trials}):
            child, answers = self._children[number].run_id, outcome.of_trials.get(number, ())
            tags = entities.findings(answers)
            if number in weights:
                tags["ensemble_weight"] = f"{weights[number]:.3f}"
            if child:
                known = self._client.get_run(child).data.metrics
                gap = entities.metrics(entities.overfitting(answers))
                new = [each for each in gap if known.get(each.key) != each.value]
                self._send_batch(child, new, tags=entities.tags(tags))

    def _send_files(self, outcome: RunOutcome) -> None:
        board = outcome.leaderboard
        shown = logged_model.plain(board)
        if board.empty:
            pass
        elif any(file.path == "leaderboard.json" for file in self._client.list_artifacts(self.run_id)):
            # MLflow would add the rows to those of the session before.
            self._client.log_text(self.run_id, shown.to_json(orient="split", index=False), "leaderboard.json")
        else:
            self._client.log_table(self.run_id, shown, "leaderboard.json")
        for file in outcome.files:
            self._client.log_artifact(self.run_id, str(file))
        for plot in outcome.plots:
            self._client.log_artifact(self.run_id, str(plot), "plots")

    def _send_model(self, outcome: RunOutcome, metrics: list[Metric]) -> None:
        if outcome.bundle is None:
            return
        place = {"experiment_id": self.experiment_id, "run_id": self.run_id}
        model_id = logged_model.find(self._client, bundle=outcome.bundle, **place)
        if not model_id:
            model_id = logged_model.log(self._client, bundle=outcome.bundle, example=outcome.example, **place)
            of_model = [Metric(m.key, m.value, m.timestamp, m.step, model_id=model_id) for m in metrics]
            self._send_batch(self.run_id, of_model)
            self.sent["models"] += 1
        if outcome.evaluated is None:
            return
        registry.keep(self._client, outcome.evaluated, run_id=self.run_id, model_id=model_id)
        if self._register is not None:
            self._say(
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

    def close(self, status: str, ended: int | None) -> None:
        """Ends the parent run, and marks children that have not ended as killed."""
        for child in self._children.values():
            if child.run_id and not child.closed:
                self._client.set_terminated(child.run_id, status="KILLED")
        self._client.set_terminated(self.run_id, status=_RUN_STATUS[status], end_time=ended)

    def _send_batch(
        self, run_id: str, metrics: Sequence[Metric] = (), params: Sequence[Param] = (), tags: Sequence[RunTag] = ()
    ) -> None:
        """One request, or several if there are more metrics than MLflow takes in one."""
        first = BATCH - len(params) - len(tags)
        self._client.log_batch(run_id, metrics[:first], params, tags)
        for begin in range(first, len(metrics), BATCH):
            self._client.log_batch(run_id, metrics[begin : begin + BATCH])


def _places(keeps: Path | None) -> dict[str, Place]:
    """Where a run is recorded, by the address of the store; empty if that is not known."""
    if keeps is None:
        return {}
    try:
        kept = files.read_record(keeps)
        if "stores" not in kept:
            # An older file, which knows one.
            kept = {"stores": {kept["tracking_uri"]: {name: kept[name] for name in ("experiment_id", "run_id")}}}
        return dict(untrusted.checked(dict[str, Place], kept["stores"], keeps))
    except (OSError, TypeError, KeyError, InputError):
        return {}


def make_tables(uri: str) -> None:
    """Makes MLflow's tables in an empty database, which takes seconds."""
    from mlflow.store.db.utils import _initialize_tables, create_sqlalchemy_engine

    engine = create_sqlalchemy_engine(uri)
    try:
        _initialize_tables(engine)
    finally:
        engine.dispose()
