"""What diagnostics look at, put together from what a fit has."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from automl.data.copies import copies
from automl.data.profile import Profile
from automl.data.split import split_at_random
from automl.data.target import is_known
from automl.diagnostics import Audit, Data, Evidence
from automl.ensemble import Ensemble
from automl.options import Options
from automl.preparation import Prepared
from automl.records import RunFolder
from automl.searching import SearchOutcome
from automl.tasks import FloatArray, Metric, task


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


def of_table(frame: pd.DataFrame, facts: Profile) -> Data:
    """What is known of a table that is only looked at: as a fit would split it by default.

    Args:
        facts: of the frame.

    Raises:
        InputError: its rows cannot be split so.
    """
    judge = task(facts.target.task)
    kept = frame[is_known(frame[facts.target.name])].reset_index(drop=True)
    specification = judge.fit_target(kept[facts.target.name])
    targets = judge.encode_target(kept[facts.target.name], specification)
    classes = targets if judge.PREDICTS == "probabilities" else None
    split = split_at_random(copies(kept, facts.features, facts.target.name), classes=classes)
    return Data(kept, facts, split, judge, specification, targets)


def of_run(
    data: Data,
    prepared: Prepared,
    objective: Metric,
    folder: RunFolder,
    outcome: SearchOutcome,
    best: Ensemble,
    predictions: Mapping[int, Mapping[str, FloatArray]],
    audit: Audit,
) -> Evidence:
    """What is known when the model has been chosen.

    Args:
        predictions: of the trials that it was chosen from.
    """
    return Evidence(
        data=data,
        metric=objective,
        spaces=prepared.spaces,
        trials=outcome.trials,
        baselines=outcome.baselines,
        best=best,
        predictions=predictions,
        baseline_predictions=folder.baseline_predictions(),
        audit=audit,
    )
