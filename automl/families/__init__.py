"""Architecture families: one file and one search space each, and the choice among them by what the table holds.

Every family module offers `build(inputs, *, layers, units, …) -> KerasTensor`: its keyword arguments are the
hyperparameters of its YAML file. On top comes a `Dense` layer for the raw outputs, or the layer class that the module
calls `HEAD`; with None, `build` makes them itself. Importing this package loads no Keras.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from automl import plugins
from automl.data.profile import Profile
from automl.encoding.categories import FEW_VALUES
from automl.errors import InputError, unknown
from automl.space import Choice, SearchSpace
from automl.space_files import SpaceFile, read_space
from automl.trial import TREE_OPTIMIZERS

# Before a family's name: with the others, and not instead of them.
ADDED = "+"


@dataclass(frozen=True)
class Candidate:
    """A family as a run considers it: taken or left out, and why, in a few words.

    `summary` says in a sentence or two what it is; its trials get at most `most_weight` of an ensemble.
    """

    name: str
    space: SearchSpace
    taken: bool
    why: str
    summary: str = ""
    most_weight: float = 1.0

    @property
    def grows_trees(self) -> bool:
        """Whether its networks are made of trees, and do not learn by gradient steps."""
        optimizer = self.space.parameters["optimizer"]
        return isinstance(optimizer, Choice) and set(optimizer.values) <= set(TREE_OPTIMIZERS)


def names() -> list[str]:
    """Every family there is, the simplest first: by the number of hyperparameters, then by name."""
    return sorted(plugins.names("families"), key=lambda name: (len(read_space(name).space.parameters), name))


def candidates(
    profile: Profile,
    *,
    only: Sequence[str] = (),
    files: Mapping[str, SpaceFile] | None = None,
    metric: str = "",
) -> list[Candidate]:
    """Every family with the verdict on it, in the order in which they are tried.

    Args:
        only: the families that the user named; they are taken whatever the profile says. With a plus sign before the
            name, in addition to those that suit.
        files: spaces that replace the shipped ones, by family.
        metric: that decides, where it is not the task's usual one.

    Raises:
        InputError: a named family does not exist, or none is left.
    """
    known = names()
    named = {name.removeprefix(ADDED): name.startswith(ADDED) for name in only}
    for name in named:
        if name not in known:
            raise unknown("family", name, known)
    keeps_others = all(named.values())
    judged = []
    for name in known:
        file = (files or {}).get(name) or read_space(name)
        if name in named:
            taken, why = True, "named by you"
        else:
            taken, why = _judge(file, profile) if keeps_others else (False, "not named")
        space = file.for_table(task=profile.target.task, rows=profile.rows, metric=metric)
        judged.append(Candidate(name, space, taken, why, file.summary, file.most_weight))
    if not any(candidate.taken for candidate in judged):
        reasons = "; ".join(f"{candidate.name}: {candidate.why}" for candidate in judged)
        raise InputError(f"No family suits this table ({reasons}). Name one with --families.")
    return judged


def _judge(file: SpaceFile, profile: Profile) -> tuple[bool, str]:
    """Whether a family suits the table, by the `tasks`, `suits` and `on_request` of its file."""
    if file.on_request:
        return False, "only when you name it"
    if profile.target.task not in file.tasks:
        return False, f"it does not {profile.target.task}"
    facts = {
        "rows": profile.rows,
        "categories": profile.count("category"),
        "large categories": sum(c.kind == "category" and c.distinct > FEW_VALUES for c in profile.columns),
        "columns": len(profile.used),
    }
    for fact, bounds in file.suits.items():
        if facts[fact] < bounds.get("min", 0):
            return False, f"it wants {bounds['min']:,} or more {fact}, the table has {facts[fact]:,}"
        if facts[fact] > bounds.get("max", float("inf")):
            return False, f"it takes at most {bounds['max']:,} {fact}, the table has {facts[fact]:,}"
    return True, ", ".join(f"{facts[fact]:,} {fact}" for fact in file.suits) or "suits every table"
