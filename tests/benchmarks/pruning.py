"""What pruning saves and what it loses: settings trained on their rung and on all epochs, then pruned in many orders.

    python tests/benchmarks/pruning.py TABLE [TABLE ...] --settings 30

Every setting is trained both ways whatever the rung says, so that it is known which one would have won. The order in
which a search meets the settings is then drawn again and again: how much worse is the best one that was not pruned, and
which share of the training time was spent? The defaults of each family are never pruned, as in a run.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from automl.execution import launcher, workspace
from automl.options import Options
from automl.pipeline import write_workspace
from automl.preparation import prepare
from automl.search import bars
from automl.space import SearchSpace
from automl.tasks import metric, task
from automl.training.train import TrialFailed, train
from automl.training.workshop import Workshop
from automl.trial import Rung, Trial

ORDERS = 300


@dataclass(frozen=True)
class Known:
    """A setting's trial as it is when nothing is pruned, and the seconds of its rung and of all its epochs."""

    trial: Trial
    objective: float
    rung_seconds: float
    seconds: float


def known_settings(path: str, settings: int) -> tuple[list[Known], dict[str, SearchSpace]]:
    """The defaults of each family and random settings, each trained on its rung and on all epochs."""
    prepared = prepare(path, Options(seconds=None, trials=settings))
    spaces = {candidate.name: candidate.space for candidate in prepared.candidates if candidate.taken}
    rng = np.random.default_rng(1)
    known = []
    with tempfile.TemporaryDirectory() as folder:
        write_workspace(Path(folder), prepared)
        name, examples = workspace.read(Path(folder))
        workshop = Workshop(examples, task(name))
        for number in range(settings):
            family = list(spaces)[number % len(spaces)]
            params = spaces[family].defaults() if number < len(spaces) else spaces[family].sample(rng)
            lowest = bars(spaces[family], int(params["epochs"]), [])
            try:
                # Once for the compiler, which a search pays for once as well.
                train(workshop, family, {**params, "epochs": 1}, metric=metric(None, workshop.task), seed=number)
                began = time.monotonic()
                trained = train(workshop, family, params, metric=metric(None, workshop.task), seed=number)
                seconds = time.monotonic() - began
                began = time.monotonic()
                rungs = []
                for bar in lowest:
                    short = {**params, "epochs": bar.epochs}
                    on_rung = train(workshop, family, short, metric=metric(None, workshop.task), seed=number)
                    assert on_rung.objective is not None
                    rungs.append(Rung(bar.level, bar.epochs, on_rung.objective))
            except TrialFailed:
                continue
            assert trained.objective is not None
            trial = Trial(number, family, params, "finished", trained.objective, rungs=tuple(rungs))
            known.append(Known(trial, trained.objective, time.monotonic() - began, seconds))
    return known, spaces


def pruned(known: list[Known], spaces: dict[str, SearchSpace]) -> tuple[float, float]:
    """The best objective that is left, and the seconds spent, if a search meets the settings in this order."""
    met: list[Trial] = []
    families: set[str] = set()
    best, spent = np.inf, 0.0
    for each in known:
        is_first = each.trial.family not in families
        families.add(each.trial.family)
        passes = True
        if each.trial.rungs and not is_first:
            [bar] = bars(spaces[each.trial.family], int(each.trial.params["epochs"]), met)
            passes = each.trial.rungs[0].objective <= bar.objective
            spent += each.rung_seconds
            met.append(each.trial)
        if passes:
            spent += each.seconds
            best = min(best, each.objective)
    return best, spent


def main() -> None:
    """Prints a row per table, as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="+")
    parser.add_argument("--settings", type=int, default=30)
    asked = parser.parse_args()
    print("| table | settings | best objective | time spent | winner lost | mean loss | 90% of losses below |")
    print("|---|---|---|---|---|---|---|")
    for path in asked.tables:
        known, spaces = known_settings(path, asked.settings)
        rng = np.random.default_rng(0)
        outcomes = [pruned([known[i] for i in rng.permutation(len(known))], spaces) for _ in range(ORDERS)]
        best = min(each.objective for each in known)
        losses = np.array([left - best for left, _ in outcomes])
        share = np.mean([spent for _, spent in outcomes]) / sum(each.seconds for each in known)
        print(
            f"| {Path(path).parent.name} | {len(known)} | {best:.4f} | {share:.0%} | {(losses > 0).mean():.0%} "
            f"| {losses.mean():.4f} | {np.quantile(losses, 0.9):.4f} |",
            flush=True,
        )


if __name__ == "__main__":
    os.environ.update(launcher.ENVIRONMENT)
    main()
