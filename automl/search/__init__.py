"""Search: which family to train next, and with which hyperparameters.

`propose` is what a run calls. Each other module without an underscore is one algorithm, called by its file's name:

    suggest(space, tried, *, seed) -> setting or None     a pure function of one family's trials so far
    LEARNS                                                whether their outcomes change what it suggests

`suggest` returns the space's defaults when nothing has been tried, and None when every setting has been.
"""

from automl.search._propose import propose

__all__ = ["propose"]
