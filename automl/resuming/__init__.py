"""Going on with a run: what an earlier session has left, whether it is of the same run, and how much more is wanted.

with locked(folder):
earlier, options = wanted(read(folder), time="+10m")
check(earlier, asked, split)                            before anything is written
tidy(earlier)
"""

from automl.resuming._check import check, check_columns
from automl.resuming._earlier import (
    Earlier,
    clear_up,
    data_of,
    find,
    is_afresh,
    read,
    recorded,
    recorded_at,
    tidy,
    tracking_uri,
)
from automl.resuming._identity import fingerprint, identity
from automl.resuming._limits import check_spaces_stay, is_over, nothing_left, wanted, within
from automl.resuming._lock import locked

__all__ = [
    "Earlier",
    "check",
    "check_columns",
    "check_spaces_stay",
    "clear_up",
    "data_of",
    "find",
    "fingerprint",
    "identity",
    "is_afresh",
    "is_over",
    "locked",
    "nothing_left",
    "read",
    "recorded",
    "recorded_at",
    "tidy",
    "tracking_uri",
    "wanted",
    "within",
]
