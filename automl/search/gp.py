"""Bayesian search by KerasTuner's oracle: a Gaussian process and the upper confidence bound (Srinivas et al. 2010)."""

from __future__ import annotations

import statistics
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from threadpoolctl import threadpool_limits

from automl.greetings import load_tensorflow
from automl.search._outcome import outcome
from automl.search._untried import draw_untried, first_untried, generator
from automl.space import Choice, Float, Parameter, SearchSpace, Value
from automl.trial import Params, Trial

if TYPE_CHECKING:
    import keras_tuner

LEARNS = True
RANDOM_TRIALS = 8


def suggest(space: SearchSpace, tried: Sequence[Trial], *, seed: int) -> dict[str, Value] | None:
    """The defaults first, then random draws until 8 trials have finished, then what the Gaussian process suggests.

    None if every setting of the space has been tried. Trials whose settings are outside the space teach nothing.
    """
    if not tried:
        return space.defaults()
    rng = generator(space, tried, seed=seed)
    drawn = draw_untried(space, tried, rng)
    within = [trial for trial in tried if trial.params in space]
    if drawn is None or sum(outcome(trial) is not None for trial in within) < RANDOM_TRIALS:
        return drawn
    oracle = _oracle(space, within, seed=int(rng.integers(1, 2**31)))
    # On one thread, which is no slower for matrices as small as these, and leaves the other cores to training.
    with warnings.catch_warnings(), threadpool_limits(1):
        # The length scale reaches its bound where the scores do not depend on anything yet, which is no fault.
        warnings.simplefilter("ignore", ConvergenceWarning)
        told = oracle.populate_space("next")["values"]
    return first_untried([_setting(space, told)], tried) or drawn


def _oracle(space: SearchSpace, tried: Sequence[Trial], *, seed: int) -> keras_tuner.oracles.BayesianOptimizationOracle:
    """KerasTuner's oracle in the state that it has after these trials. It writes no files unless told to save."""
    load_tensorflow()
    import keras_tuner  # Here because it loads TensorFlow, which takes six seconds.

    hyperparameters = keras_tuner.HyperParameters()
    for name, parameter in _tunable(space).items():
        _register(hyperparameters, name, parameter)
    oracle = keras_tuner.oracles.BayesianOptimizationOracle(
        objective=keras_tuner.Objective("objective", "min"),
        num_initial_points=1,
        hyperparameters=hyperparameters,
        seed=seed,
    )
    for trial, score in zip(tried, _scores(tried), strict=True):
        told = hyperparameters.copy()
        told.values = _values(space, trial.params)
        record = keras_tuner.engine.trial.Trial(told, trial_id=str(trial.number), status="COMPLETED")
        record.score = score
        oracle.trials[record.trial_id] = record
    oracle.gpr = _Process(oracle.gpr.set_params(normalize_y=False))
    return oracle


class _Process:
    """The oracle's Gaussian process, predicting without scikit-learn's checks of what it is given.

    The oracle looks for the best setting by some 20,000 predictions of one row each, and the checks are most of
    their time. Algorithm 2.1 of Rasmussen and Williams 2006, as in scikit-learn.
    """

    def __init__(self, regressor: GaussianProcessRegressor) -> None:
        self.regressor = regressor

    def fit(self, rows: NDArray[np.float64], scores: NDArray[np.float64]) -> None:
        self.regressor.fit(rows, scores)

    def predict(
        self, rows: NDArray[np.float64], return_std: Literal[True]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        fitted = self.regressor
        near = fitted.kernel_(rows, fitted.X_train_)  # (rows, trials)
        explained = solve_triangular(fitted.L_, near.T, lower=True, check_finite=False)  # (trials, rows)
        variance = fitted.kernel_.diag(rows) - np.square(explained).sum(axis=0)
        return near @ fitted.alpha_, np.sqrt(np.maximum(variance, 0.0))


def _scores(tried: Sequence[Trial]) -> list[float]:
    """What the oracle is told of each trial: its objective, standardised, the worst ones cut off.

    None counts as further above the median than the best is below, because one diverged training would make all
    others look the same. That bound is also what trials are told to have that run ("constant liar") or have failed;
    the oracle's own way with running trials needs the process that it fitted for the suggestion before.
    """
    outcomes = [outcome(trial) for trial in tried]
    known = [score for score in outcomes if score is not None]
    worst = 2 * statistics.median(known) - min(known)
    told = np.array([worst if score is None else min(score, worst) for score in outcomes])
    scores: list[float] = ((told - told.mean()) / (told.std() or 1.0)).tolist()
    return scores


def _tunable(space: SearchSpace) -> dict[str, Parameter]:
    """The parameters that have more than one value; to the process the others would be room that it never explored."""
    return {name: parameter for name, parameter in space.reachable().items() if not _is_fixed(parameter)}


def _is_fixed(parameter: Parameter) -> bool:
    return len(parameter.values) == 1 if isinstance(parameter, Choice) else parameter.low == parameter.high


def _register(hyperparameters: keras_tuner.HyperParameters, name: str, parameter: Parameter) -> None:
    """Adds the parameter to KerasTuner's space, without its condition: `_values` fills in what is inactive."""
    if isinstance(parameter, Choice):
        # By position: KerasTuner wants all values of one type, and makes numbers of booleans.
        hyperparameters.Int(name, 0, len(parameter.values) - 1)
        return
    add = hyperparameters.Float if isinstance(parameter, Float) else hyperparameters.Int
    add(name, parameter.low, parameter.high, sampling="log" if parameter.log else "linear")


def _values(space: SearchSpace, params: Params) -> dict[str, Value]:
    """A setting as KerasTuner has it. An inactive parameter has its default, which is what the oracle would take."""

    def value(name: str, parameter: Parameter) -> Value:
        own = params.get(name, parameter.default)
        return parameter.values.index(own) if isinstance(parameter, Choice) else own

    return {name: value(name, parameter) for name, parameter in _tunable(space).items()}


def _setting(space: SearchSpace, values: Mapping[str, Any]) -> dict[str, Value]:
    """KerasTuner's values as a setting. They may lie beside the range by a rounding error."""

    def value(name: str) -> Value:
        parameter = space.parameters[name]
        if name not in values:
            return parameter.default
        return parameter.values[values[name]] if isinstance(parameter, Choice) else parameter.nearest(values[name])

    return space.build(value)
