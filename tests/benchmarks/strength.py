"""How strong the models are beside those of other systems: a report from the result files of a comparison.

    python tests/benchmarks/strength.py RESULTS.jsonl… --ours automl --note "2 cores, …" > tests/benchmarks/strength.md

A result is one line of JSON: dataset, task, seed, system, budget (seconds), wall (seconds; it may be missing), and
`error` (1 - ROC AUC, log loss or RMSE on test rows that no system has seen) or `failed` with the reason. All systems of
a table must have had the same rows and the same machine, so results of different machines are not to be mixed.

Improvability is by what share of its own error a system lies behind the best on the table (TabArena, Erickson et al.
2025); a failure counts 100 %. Ranks: 1 is best, failures share the last place; a system that failed on one split of a
table has failed on it. A system that has not been run on all splits of all tables is shown, and has no rank; but where
it is better than ours, that is told. Of a result that is there twice the last one counts, and the report says so.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

COLUMNS = ["dataset", "task", "seed", "system", "budget", "wall", "error"]
MEASURES = {"binary": "1 - ROC AUC", "multiclass": "log loss", "regression": "RMSE"}
# A difference smaller than this share of the error is no loss to speak of.
LEVEL = 0.005


def report(rows: pd.DataFrame, *, ours: str, note: str) -> Iterator[str]:
    """The lines of the report, in Markdown; the note says how the results came about."""
    yield "# Strength"
    yield ""
    if note:
        yield note
        yield ""
    for budget, of_budget in rows.groupby("budget"):
        seeds = of_budget["seed"].nunique()
        yield f"## {budget:g} seconds, {seeds} split{'s' * (seeds > 1)} of each table"
        yield ""
        runs = of_budget.pivot_table(index=["task", "dataset", "seed"], columns="system", aggfunc="size").notna()
        was_run = runs.groupby(level=["task", "dataset"]).any()
        errors = _mean_errors(of_budget).reindex(index=was_run.index, columns=was_run.columns)
        partly = [str(system) for system in runs if not runs[system].all()]
        yield from _totals(errors.drop(columns=partly), of_budget)
        for system in partly:
            yield f"{system} was run on {runs[system].sum()} of {len(runs)} splits, and has no rank."
            yield ""
        if repeats := int(of_budget["times"].sum()) - len(of_budget):
            yield f"{repeats} results were there more than once; the last one counts."
            yield ""
        if ours in errors:
            yield from _duels(errors, ours)
        yield from _tables(errors, of_budget, was_run)
        if ours in errors and ours not in partly:
            yield from _losses(errors, ours)


def _mean_errors(rows: pd.DataFrame) -> pd.DataFrame:
    """Of all splits of a table; NaN where one of them failed."""
    has_failed = rows["error"].isna().groupby([rows[name] for name in ("task", "dataset", "system")]).transform("any")
    return rows.assign(error=rows["error"].mask(has_failed)).pivot_table(
        index=["task", "dataset"], columns="system", values="error", dropna=False
    )


def _totals(errors: pd.DataFrame, rows: pd.DataFrame) -> Iterator[str]:
    ranks = errors.rank(axis=1, na_option="bottom")
    behind = _improvability(errors)
    wall = rows.groupby("system")["wall"].agg(["median", "max"]).reindex(errors.columns)
    totals = pd.DataFrame(
        {
            "mean rank": ranks.mean().round(2),
            "± standard error": ranks.sem().round(2),
            "improvability, %": (100 * behind.mean()).round(1),
            "best on": errors.eq(errors.min(axis=1), axis=0).sum(),
            "failed on": errors.isna().sum(),
            "median wall, s": wall["median"].round(0),
            "longest wall, s": wall["max"].round(0),
        }
    )
    totals = totals.dropna(axis="columns", how="all").astype(object).where(totals.notna(), "-")
    yield from _markdown(totals.sort_values("mean rank").rename_axis("system").reset_index())


def _duels(errors: pd.DataFrame, ours: str) -> Iterator[str]:
    """Ours against each other system, on the tables where both have a result."""
    lines = []
    for system in errors.columns.drop(ours):
        # Of no error there is no ratio.
        both = errors.loc[(errors[[ours, system]] > 0).all(axis=1), [ours, system]]
        if both.empty:
            continue
        ratio = both[ours] / both[system]
        lines.append(
            {
                f"{ours} against": system,
                "tables": len(both),
                "better on": int((ratio < 1).sum()),
                "error ratio, geometric mean": round(float(np.exp(np.log(ratio).mean())), 3),
                "median": round(float(ratio.median()), 3),
                "range": f"{ratio.min():.2f} to {ratio.max():.2f}",
            }
        )
    yield from _markdown(pd.DataFrame(lines))


def _tables(errors: pd.DataFrame, rows: pd.DataFrame, was_run: pd.DataFrame) -> Iterator[str]:
    """Each table's errors, the best in bold, with the standard deviation over splits where there are several."""
    spread = rows.pivot_table(index=["task", "dataset"], columns="system", values="error", aggfunc="std")
    lines = []
    for task, dataset in errors.index:
        own = errors.loc[(task, dataset)]
        cells = {"table": dataset, "error": MEASURES.get(task, task)}
        for system, error in own.items():
            deviation = spread[system].get((task, dataset)) if system in spread else None
            shown = f"{error:.4g}" if pd.notna(error) else "failed" if was_run.loc[(task, dataset), system] else "-"
            if deviation is not None and not pd.isna(deviation):
                shown += f" ± {deviation:.2g}"
            cells[str(system)] = f"**{shown}**" if error == own.min() else shown
        lines.append(cells)
    yield from _markdown(pd.DataFrame(lines))


def _losses(errors: pd.DataFrame, ours: str) -> Iterator[str]:
    """Where another system is better, and by how much, the worst first."""
    behind = _improvability(errors)[ours].sort_values(ascending=False)
    lost = behind[behind > LEVEL]
    yield f"{ours} loses on {len(lost)} of {len(errors)} tables by more than {LEVEL:.1%} of its own error:"
    yield ""
    for task, dataset in lost.index:
        own = errors.loc[(task, dataset)]
        if pd.isna(own[ours]):
            yield f"* {dataset}: it failed"
            continue
        better = ", ".join(
            f"{system} {1 - error / own[ours]:.1%}" for system, error in own.sort_values().items() if error < own[ours]
        )
        measure = f"{MEASURES.get(task, task)} {own[ours]:.4g}"
        yield f"* {dataset} ({measure}): {lost[(task, dataset)]:.1%} behind the best; better by: {better}"
    yield ""


def _improvability(errors: pd.DataFrame) -> pd.DataFrame:
    best = errors.min(axis=1)
    return errors.sub(best, axis=0).div(errors.where(errors > 0)).where(errors.notna(), 1.0).fillna(0.0)


def _markdown(table: pd.DataFrame) -> Iterator[str]:
    yield "| " + " | ".join(map(str, table.columns)) + " |"
    yield "|" + "---|" * len(table.columns)
    for row in table.itertuples(index=False):
        yield "| " + " | ".join(f"{cell:g}" if isinstance(cell, float) else str(cell) for cell in row) + " |"
    yield ""


def results(paths: Sequence[Path]) -> pd.DataFrame:
    """All results; of a run that was repeated, the last one, and how many `times` it is there."""
    lines = [json.loads(line) for path in paths for line in path.read_text().splitlines() if line]
    rows = pd.DataFrame(lines).reindex(columns=COLUMNS)
    rows["error"] = rows["error"].where(np.isfinite(rows["error"]))
    key = ["dataset", "seed", "system", "budget"]
    rows["times"] = rows.groupby(key)["system"].transform("size")
    return rows.drop_duplicates(key, keep="last")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, nargs="+")
    parser.add_argument("--ours", default="automl")
    parser.add_argument("--note", default="", help="how the results came about")
    arguments = parser.parse_args()
    print("\n".join(report(results(arguments.results), ours=arguments.ours, note=arguments.note)))
