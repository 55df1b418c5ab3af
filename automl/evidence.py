"""What diagnostics look at, put together from what a fit has."""

from __future__ import annotations

from automl.diagnostics import Audit, Data, Evidence
from automl.ensemble import Ensemble, candidates
from automl.options import Options
from automl.preparation import Prepared
from automl.records import RunFolder
from automl.searching import SearchOutcome
from automl.tasks import Metric


def of_data(prepared: Prepared, options: Options) -> Data:
    """What is known before training."""
    return Data(
        frame=prepared.frame,
        profile=prepared.profile,
        split=prepared.split,
        task=prepared.task,
        specification=prepared.specification,
        targets=prepared.targets,
        seed=options.seed,
        groups=options.group,
        times=options.time_column,
        has_own_test=options.test is not None,
    )


def of_run(
    data: Data,
    prepared: Prepared,
    objective: Metric,
    folder: RunFolder,
    outcome: SearchOutcome,
    best: Ensemble,
    audit: Audit,
) -> Evidence:
    """What is known when the model has been chosen."""
    return Evidence(
        data=data,
        metric=objective,
        spaces={candidate.name: candidate.space for candidate in prepared.candidates if candidate.taken},
        trials=outcome.trials,
        baselines=outcome.baselines,
        best=best,
        predictions={trial.number: folder.predictions(trial) for trial in candidates(outcome.usable)},
        baseline_predictions=folder.baseline_predictions(),
        audit=audit,
    )
