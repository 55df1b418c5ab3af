"""Search: which family to train next, and with which hyperparameters.

`propose` is what a run calls, `is_setting` tells a trial by what was proposed, and `bars` says what a trial has to pass
before it gets all of its epochs. Each other module without an underscore is one algorithm, called by its file's name:

    suggest(space, tried, *, seed) -> setting or None     a pure function of one family's trials so far
    LEARNS                                                whether their outcomes change what it suggests

`suggest` returns the space's defaults when nothing has been tried, and None when every setting has been.
"""

from automl.search._halving import bars
from automl.search._propose import is_setting, propose

__all__ = ["bars", "is_setting", "propose"]
