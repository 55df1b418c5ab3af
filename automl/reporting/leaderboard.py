"""The leaderboard: every trial and baseline, the best on validation first, as a data frame and as a text table."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from rich.table import Table
from rich.text import Text

from automl.baselines import Baseline
from automl.diagnostics import Answer, worst_first
from automl.ensemble import Ensemble
from automl.figures import aligned, count, seconds
from automl.plain import plain
from automl.reporting.verdict import PARTS
from automl.tasks import Metric
from automl.trial import Trial

TYPES = {
    "rank": "Int64",
    "name": "str",
    "trial": "Int64",
    "family": "str",
    "status": "str",
    "deployable": "bool",
    "val_score": "float64",
    "test_score": "float64",
    "gap": "float64",
    "seconds": "float64",
    "parameters": "Int64",
    "epochs": "Int64",
    "best_epoch": "Int64",
    "reason": "str",
    "message": "str",
    "finding": "str",
}


def leaderboard(
    trials: Sequence[Trial],
    baselines: Sequence[Baseline],
    metric: Metric,
    *,
    ensemble: Ensemble | None = None,
    answers: Mapping[int, Sequence[Answer]] | None = None,
) -> pd.DataFrame:
    """One row per trial and baseline, and one for an ensemble of several trials, the best validation score first.

    Those without a score come last, unranked.

    Args:
        answers: of checks that were asked of trials, by number.

    Columns:
        rank: from 1; <NA> without a validation score.
        name: "#7 mlp", "ensemble of 5" or "baseline: gradient boosting".
        trial, epochs, best_epoch: <NA> for baselines and the ensemble.
        parameters: the trainable weights of one network, of the ensemble those of all; <NA> for baselines.
        status: "finished", "pruned", "failed" or "running".
        deployable: whether the row is a network that a run can save; never a baseline.
        val_score, test_score: of `metric`; test scores rank nothing.
        gap: how much worse the score is on validation than on training rows; negative where it is better.
        reason, message: why there is no score, in one word (trials) and in one line.
        finding: the worst that checks say of the trial, as "warning: It overfits" or "fine"; empty if none was asked.
        train_accuracy, …, val_accuracy, …: every metric on every part.
    """
    rows = [
        *([_of_ensemble(ensemble, metric)] if ensemble is not None and len(ensemble.members) > 1 else []),
        *(_of_trial(trial, metric, (answers or {}).get(trial.number, ())) for trial in trials),
        *(_of_baseline(baseline, metric) for baseline in baselines),
    ]
    ranked = [row for row in rows if math.isfinite(row["val_score"])]
    ranked.sort(key=lambda row: metric.objective(row["val_score"]))
    for rank, row in enumerate(ranked, start=1):
        row["rank"] = rank
    unranked = [row for row in rows if row["rank"] is None]
    measured = dict.fromkeys(
        column for part in PARTS for row in rows for column in row if column.startswith(f"{part}_")
    )
    columns = [*TYPES, *(column for column in measured if column not in TYPES)]
    return pd.DataFrame([*ranked, *unranked], columns=columns).astype(TYPES)


def table(frame: pd.DataFrame, metric: Metric, *, top: int) -> Table:
    """The `top` best networks among the baselines, for a terminal of 80 columns; failures are counted below."""
    shown = Table(
        title=f"Best first, by {metric.title} on validation",
        title_style="bold",
        title_justify="left",
        caption=_caption(frame, top),
        caption_style="",
        caption_justify="left",
        box=None,
        padding=(0, 2, 0, 0),
        pad_edge=False,
    )
    shown.add_column("", justify="right", no_wrap=True)
    shown.add_column("model")
    parts = ["val", "test"] if frame["test_score"].notna().any() else ["val"]
    scores = [*(f"{part}_score" for part in parts), "gap"]
    for heading in (*parts, "gap", "epochs", "time", "weights"):
        shown.add_column(heading, justify="right", no_wrap=True)
    scored = frame[frame["rank"].notna()]
    best = scored[scored["deployable"]].head(top)
    for row in scored[scored["rank"].isin(best["rank"]) | ~scored["deployable"]].to_dict("records"):
        is_network = bool(row["deployable"])
        shown.add_row(
            str(row["rank"]),
            Text(plain(row["name"]), no_wrap=True, overflow="ellipsis"),
            *(aligned(row[column], like=scored["val_score"].iloc[0]) for column in scores),
            f"{row['epochs']:,}" if pd.notna(row["epochs"]) else "",
            seconds(row["seconds"]) if row["seconds"] else "",
            f"{row['parameters']:,}" if pd.notna(row["parameters"]) else "",
            style="bold" if is_network and row["rank"] == best["rank"].iloc[0] else "",
        )
    return shown


def _caption(frame: pd.DataFrame, top: int) -> str:
    networks = frame[frame["trial"].notna()]
    left = int(frame.loc[frame["deployable"], "rank"].notna().sum()) - top
    failed = Counter(networks.loc[networks["status"] == "failed", "reason"])
    reasons = ", ".join(f"{number} {reason}" for reason, number in failed.most_common())
    pruned = int((networks["status"] == "pruned").sum())
    parts = (
        f"{count(left, 'more network')} not shown" if left > 0 else "",
        f"{count(pruned, 'weak trial')} ended early" if pruned else "",
        f"{failed.total():,} failed ({reasons})" if failed else "",
        "Baselines are for comparison and are not saved"
        if (~frame["deployable"] & frame["rank"].notna()).any()
        else "",
    )
    return " ".join(f"{part}." for part in parts if part)


def _of_ensemble(ensemble: Ensemble, metric: Metric) -> dict[str, Any]:
    return {
        **_scored(ensemble, metric),
        "name": ensemble.title,
        "family": "",
        "status": "finished",
        "deployable": True,
        "parameters": ensemble.parameters,
        "reason": "",
        "message": "",
        "finding": "",
    }


def _of_trial(trial: Trial, metric: Metric, answers: Sequence[Answer]) -> dict[str, Any]:
    return {
        **_scored(trial, metric),
        "name": f"#{trial.number} {trial.family}",
        "trial": trial.number,
        "family": trial.family,
        "status": trial.status,
        "deployable": trial.status == "finished",
        "parameters": trial.parameters,
        "epochs": max(map(len, trial.curves.values()), default=0),
        "best_epoch": trial.best_epoch,
        "reason": trial.reason,
        "message": trial.message,
        "finding": _worst(answers),
    }


def _worst(answers: Sequence[Answer]) -> str:
    found = worst_first(answers)
    if found:
        return f"{found[0].severity}: {found[0].title}"
    return "fine" if answers else ""


def _of_baseline(baseline: Baseline, metric: Metric) -> dict[str, Any]:
    return {
        **_scored(baseline, metric),
        "name": f"baseline: {baseline.name}",
        "family": "",
        "status": "finished" if baseline.scores else "failed",
        "deployable": False,
        "reason": "",
        "message": baseline.message,
        "finding": "",
    }


def _scored(tried: Trial | Ensemble | Baseline, metric: Metric) -> dict[str, Any]:
    """The scores of a row, its rank still open; only trials that have finished count."""
    scores = {} if isinstance(tried, Trial) and tried.status != "finished" else tried.scores
    train, val, test = (scores.get(part, {}).get(metric.name, math.nan) for part in PARTS)
    every = {f"{part}_{name}": value for part in PARTS for name, value in scores.get(part, {}).items()}
    return {
        "rank": None,
        "val_score": val,
        "test_score": test,
        "gap": metric.objective(val) - metric.objective(train),
        "seconds": tried.seconds,
        **every,
    }
