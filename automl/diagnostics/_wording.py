"""Names of columns and values in sentences and commands: they come from strangers."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from automl.data.split import Split
from automl.plain import plain

LONGEST = 40
MOST_NAMED = 3
# Of what is measured after the search: a run does not keep why it lacks some of it.
NOT_MEASURED = "It was not measured: a short or interrupted run has no time for it, and --quality fast does without."


def named(names: Sequence[str]) -> str:
    """At most three names, and how many there are beyond.

    >>> named(["a", "b"]), named(["a", "b", "c", "d", "e"])
    ("'a' and 'b'", "'a', 'b', 'c' and 2 more")
    """
    quoted = [f"'{plain(name, longest=LONGEST)}'" for name in names[:MOST_NAMED]]
    if len(names) > MOST_NAMED:
        return f"{', '.join(quoted)} and {len(names) - MOST_NAMED} more"
    return " and ".join([", ".join(quoted[:-1]), quoted[-1]] if len(quoted) > 1 else quoted)


def more_rows_to_choose_by(split: Split) -> str:
    """What helps where few validation rows have chosen; in folds all rows that there are judge already."""
    if split.folds is None:
        return "More validation rows (--split 0.5/0.3/0.2) or --folds 5 help."
    judging = "all but the test rows" if len(split.test) else "all of them"
    return f"More rows help: in folds, {judging} judge already."


def option(flag: str, name: str) -> str:
    """What to type: `--group patient` or `--drop 'blood type'`; the whole name, since a cut one names no column.

    >>> option("--drop", "blood type")
    "--drop 'blood type'"
    """
    return f"{flag} {shlex.quote(plain(name))}"


def options(flag: str, names: Sequence[str]) -> str:
    """What to type for at most three columns."""
    return " ".join(option(flag, name) for name in names[:MOST_NAMED])
