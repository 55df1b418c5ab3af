"""How much more is wanted of a run: in all, or on top of what it has had."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from automl import options as asking
from automl.errors import InputError
from automl.figures import clock, count
from automl.options import Options
from automl.resuming._earlier import Earlier
from automl.resuming._identity import identity


def wanted(
    earlier: Earlier,
    *,
    time: str | float | None = None,
    trials: str | int | None = None,
    settings: Sequence[str] = (),
    workers: int | None = None,
    memory: int | None = None,
    tracking_uri: str | None = None,
) -> tuple[Earlier, Options]:
    """What `automl resume` asks for: what the run was asked for, and more.

    Args:
        time, trials: in all, or with a plus as many more.
        settings: further changes of the search spaces.

    Raises:
        InputError: no time, no number, or a change of a run in which nothing is left to do.
    """
    before = earlier.options
    options = dataclasses.replace(
        before,
        settings=(*before.settings, *settings),
        workers=workers or before.workers,
        memory=memory or before.memory,
        # Older runs keep the address as it was typed, relative to some folder, and where they were recorded as a whole.
        tracking_uri=tracking_uri or earlier.tracking_uri or before.tracking_uri,
        out=None,
    )
    options = within(options, earlier, time=time, trials=trials)
    changed = dataclasses.replace(earlier, respaced=bool(settings))
    changes = {"--set": settings, "--workers": workers, "--memory": memory}
    if any(changes.values()) and is_over(changed, options):
        named = " and ".join(name for name, value in changes.items() if value)
        raise InputError(
            f"{_ended(earlier)} {named} alone would change nothing: "
            "give it more --time or --trials, too, such as --trials +20."
        )
    return changed, options


def within(
    options: Options, earlier: Earlier, *, time: str | float | None = None, trials: str | int | None = None
) -> Options:
    """The options with the limits of the run: those that it had, in all or with a plus as many more.

    Who gives more of one wants to go on: the other limit, if that is what had ended the run, is none any more. The
    number of folds stays, which time and workers would otherwise decide.

    Raises:
        InputError: no time, or no number.
    """
    before = earlier.options
    seconds, most = before.seconds, before.trials
    if time is not None:
        seconds = _total(time, had=max(before.seconds or 0.0, earlier.seconds), parse=_seconds)
    if trials is not None:
        most = _total(trials, had=max(before.most_trials or 0, len(earlier.trials)), parse=_number)
    full = before.most_trials is not None and len(earlier.trials) >= before.most_trials
    if time is not None and trials is None and full:
        most = None
        if before.trade.trials is not None and seconds != before.seconds:
            raise InputError(f"--quality {before.quality} is {before.trade.says}. For more: {_more(earlier)}")
    late = before.seconds is not None and earlier.seconds >= before.seconds
    if trials is not None and time is None and (late or (earlier.state == "finished" and not full)):
        seconds = None
    options = dataclasses.replace(options, seconds=seconds, trials=most)
    if options.folds is None and not options.single and not options.time_column:
        options = dataclasses.replace(options, folds=earlier.asked["folds"] or 1)
    return options


def _total(given: str | float, *, had: Any, parse: Callable[[str], Any]) -> Any:
    text = str(given).strip()
    return had + parse(text[1:]) if text.startswith("+") else parse(text)


def _seconds(text: str) -> float:
    return asking.seconds(text, trials=None) or 0.0


def _number(text: str) -> int:
    if not text.isdecimal():
        raise InputError(f"--trials {text} is no number of trials. Write 50, or +20 for as many more.")
    return int(text)


def is_over(earlier: Earlier, options: Options) -> bool:
    """Whether there is nothing left to do."""
    before = earlier.options
    more = _exceeds(options.seconds, before.seconds) or _exceeds(options.most_trials, before.most_trials)
    return earlier.state in ("finished", "failed") and not (more or earlier.damage or _may_succeed(earlier, options))


def _exceeds(limit: float | None, other: float | None) -> bool:
    return other is not None and (limit is None or limit > other)


def _may_succeed(earlier: Earlier, options: Options) -> bool:
    """Whether a run all of whose trials failed before its limits were reached is asked for something else now."""
    before = earlier.options
    alike = options.memory == before.memory and options.processes == before.processes and not earlier.respaced
    if earlier.state != "failed" or alike:
        return False
    full = options.most_trials is not None and len(earlier.trials) >= options.most_trials
    # Trials that start again were cut off when the time was up.
    is_cut_off = len(earlier.ended) < len(earlier.trials)
    late = options.seconds is not None and (is_cut_off or earlier.seconds >= options.seconds)
    return not full and not late


def nothing_left(earlier: Earlier) -> str:
    """What a person is told then, with what to type."""
    instead = " (or with --trials +20)" if earlier.options.trade.trials is None else ""
    return f"{_ended(earlier)} To go on{instead}: {_more(earlier)}"


def check_spaces_stay(earlier: Earlier, asked: Mapping[str, Any]) -> None:
    """Refuses search spaces of the user's own for a run in which nothing is left to do.

    Args:
        asked: what `run.json` would say.

    Raises:
        InputError: they are other ones than before, which alone would change nothing.
    """
    own = asked["options"]["settings"] or asked["options"]["spaces"]
    if own and identity(asked)["spaces"] != identity(earlier.asked)["spaces"]:
        most = max(earlier.options.most_trials or 0, len(earlier.trials)) + 20
        raise InputError(
            f"{_ended(earlier)} Other search spaces (--set, --space) alone would change nothing: "
            f"give it more --time or --trials in all, too, such as --trials {most}."
        )


def _more(earlier: Earlier) -> str:
    """What to type, so that there is something left to do."""
    # A quality of few settings tries no more of them in more time.
    limit = "--time +10m" if earlier.options.trade.trials is None else "--trials +10"
    return f"automl resume {shlex.quote(str(earlier.folder.path))} {limit}"


def _ended(earlier: Earlier) -> str:
    return f"{earlier.folder.path} is {earlier.state}: {count(len(earlier.trials), 'trial')}, {clock(earlier.seconds)}."
