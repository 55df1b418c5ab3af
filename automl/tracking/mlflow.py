"""Records a run in MLflow while it goes on, and never at its expense.

A thread of its own tells the store what `recorder.py` has to say. A store that does not answer or fails costs a warning
and never the run: what could not be sent is kept and sent later, if the store comes back, or by another tracker that is
told of the same run (`automl sync`).
"""

from __future__ import annotations

import math
import shlex
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from automl.errors import EnvironmentFault
from automl.tracking import RunDescription, RunOutcome, entities, store
from automl.tracking.quiet import quiet
from automl.tracking.recorder import Misconfigured, Recorder
from automl.trial import Trial

SECONDS_BETWEEN_SENDING = 1.0
SECONDS_BETWEEN_ATTEMPTS = 30.0
# Who ends a run before it has come to anything does not wait longer for a store that is being opened.
CLOSE_SECONDS = 2.0
# A store that takes longer to open counts as one that does not answer: MLflow tries for minutes.
LONGEST_OPENING = 30.0


class MlflowTracker:
    """Records one run, without ever keeping the search waiting for a store.

    Args:
        experiment: the MLflow experiment; by default the data set's name.
        tracking_uri: by default the variable MLFLOW_TRACKING_URI, else mlflow.db in the working folder.
        own: the address of the run's own store, where this is a further one that gets it; None where this is its own.
        register: the name under which the model goes into the registry; None for not at all.
        warn: is told, in the caller's thread, that the store has failed (once), and what became of the registration.

    Attributes:
        tracking_uri: where the run is recorded, without passwords.
        lacks: why the store does not have everything, or empty once `finish` has sent all of it.

    Raises:
        EnvironmentFault: the tracking URI names a store that MLflow does not open.
    """

    def __init__(
        self,
        *,
        experiment: str | None = None,
        tracking_uri: str | None = None,
        own: str | None = None,
        register: str | None = None,
        warn: Callable[[str], None],
    ) -> None:
        self._uri = store.address(tracking_uri)
        self.tracking_uri = store.without_secrets(self._uri)
        self.lacks = "it was not told how the run ended"
        self._own = own
        self._experiment = experiment
        self._register = register
        self._opening: threading.Thread | None = None
        self._fault: EnvironmentFault | None = None
        self._warn = warn
        self._complaint = ""
        self._complained = False
        self._is_open = False
        # What follows is shared with the sending thread.
        self._change = threading.Condition()
        self._unsent: dict[int, Trial] = {}
        self._sender: threading.Thread | None = None
        self._hurry = False
        self._failing_until = -math.inf
        self._is_over = False
        # The status of a run that ended before its store was open, and when it ended.
        self._ending: tuple[str, int | None] | None = None

    @property
    def run_id(self) -> str:
        """MLflow's name for the parent run; empty before `start`, and as long as the store could not be opened."""
        self._wait_for_opening()
        return self._recorder.run_id if self._opening is not None else ""

    @property
    def experiment_id(self) -> str:
        """MLflow's name for the experiment, like `run_id`."""
        self._wait_for_opening()
        return self._recorder.experiment_id if self._opening is not None else ""

    @property
    def sent(self) -> Counter[str]:
        """How many trials were sent to their end, and how many models."""
        return self._recorder.sent if self._opening is not None else Counter()

    def start(self, run: RunDescription) -> None:
        """Opens the parent run, in a thread: a new database takes seconds, in which the first trial may begin.

        What nothing but another configuration can mend is raised by the next call for a trial; in a run that goes on,
        it is a warning.
        """
        self._run = run
        self._recorder = Recorder(
            self._uri,
            run,
            own=self._own,
            # MLflow knows the caller's active run in the caller's thread alone.
            tags=entities.tags_of_run(run),
            experiment=self._experiment,
            register=self._register,
            say=self._warn,
        )
        self._unsent |= {trial.number: trial for trial in run.trials}
        self._patience_ends = time.monotonic() + LONGEST_OPENING
        self._opening = threading.Thread(target=self._try_to_open, name="mlflow opening", daemon=True)
        self._opening.start()

    def _try_to_open(self) -> None:
        try:
            with quiet():
                parent = self._recorder.open()
            self._is_open = True
            self._attempt(self._recorder.describe, parent)
            if self._ending is not None:
                self._is_over = True
                self._attempt(self._recorder.close, *self._ending)
        except Misconfigured as fault:
            self._fault = fault
        except Exception as error:  # noqa: BLE001  a store's libraries may raise anything
            self._has_failed(error)

    def _wait_for_opening(self) -> None:
        if self._opening is not None and self._opening is not threading.current_thread():
            self._opening.join(max(0.0, self._patience_ends - time.monotonic()))

    @property
    def _is_opening(self) -> bool:
        """Whether the first attempt to open the store still goes on, in its own thread."""
        thread = self._opening
        return thread is not None and thread.is_alive() and thread is not threading.current_thread()

    def trial_started(self, trial: Trial) -> None:
        """Opens the trial's child run."""
        self._recorder.begin(trial.number)
        self._hand_over(trial)

    def epochs(self, trial: Trial) -> None:
        """Sends the epochs that are new, at most once a second."""
        self._hand_over(trial)

    def trial_ended(self, trial: Trial) -> None:
        """Sends everything that is known of the trial, and closes its run."""
        self._recorder.end(trial.number)
        self._hand_over(trial)

    def finish(self, outcome: RunOutcome) -> None:
        """Sends what is left, the outcome and the model, and closes the run."""
        self.wait()
        self._is_over = True
        if self._fault is not None:
            self.lacks = str(self._fault)
            self._tell_fault()
            return
        self._failing_until = -math.inf
        self._complaint = ""
        self._send_until_done()
        if self._is_open:
            all_sent = not self._unsent and self._attempt(self._recorder.send_outcome, outcome)
            # A run that lacks something, such as files for which there is no place, is over all the same.
            if all_sent or store.answers(self._uri):
                self._attempt(self._recorder.close, outcome.status, outcome.ended)
        else:
            self._ending = (outcome.status, outcome.ended)
        self.lacks = self._complaint = self._complaint or ("" if self._is_open else "does not answer")
        self._tell_complaint()

    def wait(self) -> None:
        """Returns when everything that the tracker was told has been sent, or the store has failed."""
        self._wait_for_opening()
        with self._change:
            self._hurry = True
            self._change.notify()
            sender = self._sender
        if sender is not None:
            sender.join()

    def close(self) -> None:
        """Marks a run that something broke off as failed, and its children as killed."""
        if not self._is_over:
            self._ending = ("failed", None)
        if self._opening is not None:
            self._opening.join(CLOSE_SECONDS)
        # An opening that still goes on takes note that nobody waits for it.
        if not self._is_opening and not self._is_over and self._is_open:
            self._is_over = True
            self._attempt(self._recorder.close, "failed", None)

    def _hand_over(self, trial: Trial) -> None:
        """Leaves the trial, as it is now, to the sending thread, and wakes or starts that."""
        if self._fault is not None:
            if not self._run.resumed:
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
            if not self._is_open and time.monotonic() >= self._failing_until and not self._is_opening:
                self._try_to_open()
            with self._change:
                if not self._is_open or not self._unsent or time.monotonic() < self._failing_until:
                    self._sender = None
                    return
                trial = next(filter(self._is_due, self._unsent.values()), None)
                if trial is None:
                    self._change.wait(SECONDS_BETWEEN_SENDING / 4)
                    continue
                del self._unsent[trial.number]
            if not self._attempt(self._recorder.send, trial):
                self._recorder.doubt(trial.number)
                with self._change:
                    # At the end, so that one trial which cannot be sent does not keep the others waiting.
                    self._unsent.setdefault(trial.number, trial)

    def _is_due(self, trial: Trial) -> bool:
        waited = time.monotonic() - self._recorder.sent_at(trial.number)
        return self._hurry or trial.status != "running" or waited >= SECONDS_BETWEEN_SENDING

    def _attempt(self, send: Callable[..., None], *arguments: Any) -> bool:
        """Whether it could be sent. Whatever a store throws must not end a search."""
        try:
            with quiet():
                send(*arguments)
        except Exception as error:  # noqa: BLE001  as above
            self._has_failed(error)
            return False
        return True

    def _has_failed(self, error: Exception) -> None:
        self._failing_until = time.monotonic() + SECONDS_BETWEEN_ATTEMPTS
        answers = store.answers(self._uri)
        self._complaint = self._complaint or (f"failed ({store.reason(error)})" if answers else "does not answer")

    def _tell_fault(self) -> None:
        if not self._complained:
            self._complained = True
            self._warn(str(self._fault))

    def _tell_complaint(self) -> None:
        if self._complaint and not self._complained:
            self._complained = True
            folder = self._run.keeps.parent if self._run.keeps is not None else "RUN"
            self._warn(
                f"MLflow at {self.tracking_uri} {self._complaint}. The run's own folder keeps everything; what is "
                f"missing is sent if the store comes back, or later by: automl sync {shlex.quote(str(folder))}"
            )
