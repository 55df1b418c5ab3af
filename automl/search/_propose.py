"""The next trial of a run: its family and its setting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from automl import plugins
from automl.search._families import draw_family, family_in_turn
from automl.space import SearchSpace, Value
from automl.trial import HALVED, Trial


def propose(
    algorithm: str,
    spaces: Mapping[str, SearchSpace],
    tried: Sequence[Trial],
    *,
    seed: int,
    first: Sequence[tuple[str, Mapping[str, Value]]] = (),
) -> tuple[str, dict[str, Value]] | None:
    """The family and the setting of the next trial; None if every setting of every family has been tried.

    A pure function of its arguments: the same trials, running ones included, give the same proposal, so a run
    that is resumed goes on as it would have. It begins with the given settings; the first other trial of a family that
    is not among them has its defaults.

    Args:
        algorithm: "bayesian", "gp", "grid", "random" or another module of this package.
        spaces: the search space of each family, in the order in which the families are first tried.
        tried: the run's trials of all families; the order does not matter.
        seed: 0 or more.
        first: families and settings to begin with.

    Raises:
        InputError: there is no such algorithm.
    """
    module = plugins.load("search", algorithm, noun="search algorithm")
    for family, beginning in first:
        if family in spaces and not any(is_setting(trial, family, beginning) for trial in tried):
            return family, dict(beginning)
    choose = draw_family if module.LEARNS else family_in_turn
    # What was tried with smaller batches than asked for tells of the setting that was asked for, which is in the space.
    in_order = [replace(trial, params=trial.asked) for trial in sorted(tried, key=lambda trial: trial.number)]
    families = list(spaces)
    while families:
        family = choose(families, in_order, seed=seed)
        own = [trial for trial in in_order if trial.family == family]
        setting = module.suggest(spaces[family], own, seed=seed)
        if setting is not None:
            return family, setting
        families.remove(family)
    return None


def is_setting(trial: Trial, family: str, setting: Mapping[str, Value]) -> bool:
    """Whether a trial is of the setting; want of memory may have made its batches smaller."""
    own = trial.asked
    if trial.asked_batch is None and trial.message.startswith(HALVED):
        # Runs of earlier versions keep the smaller batch alone.
        own = {**own, "batch_size": setting["batch_size"]}
    return trial.family == family and own == setting
