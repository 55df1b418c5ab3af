"""Which hyperparameters made the difference."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from automl.diagnostics import Answer, Evidence, Finding, NotApplicable
from automl.diagnostics._importance import importance
from automl.diagnostics.tuned_parameters import check
from automl.space import Choice, Float, Int, SearchSpace
from automl.trial import Trial

SPACE = SearchSpace(
    "mlp",
    {
        "learning_rate": Float(1e-4, 1e-1, 1e-3, log=True),
        "dropout": Float(0.0, 0.6, 0.2),
        "layers": Int(1, 4, 2),
        "activation": Choice(("relu", "selu", "silu"), "relu"),
        "optimizer": Choice(("adam", "sgd"), "adam"),
        "momentum": Choice((0.8, 0.9, 0.95), 0.9, when={"optimizer": "sgd"}),
    },
)


def tuned(evidence_of: Callable[..., Evidence], error: Any, *, trials: int = 40, seed: int = 0) -> Answer:
    rng = np.random.default_rng(seed)
    settings = [SPACE.sample(rng) for _ in range(trials)]
    x = np.linspace(0, 1, 300)
    return check(
        evidence_of(
            x,
            {number: x + error(setting, rng) for number, setting in enumerate(settings)},
            train=100,
            val=100,
            trials=[Trial(number, "mlp", setting) for number, setting in enumerate(settings)],
            spaces={"mlp": SPACE},
        )
    )


def test_names_the_one_that_decided(evidence_of: Callable[..., Evidence]) -> None:
    for name, error in (
        ("learning_rate", lambda s, rng: abs(np.log10(s["learning_rate"]) + 2.5) + 0.1 * rng.random()),
        ("activation", lambda s, rng: (s["activation"] == "selu") + 0.5 * rng.random()),
    ):
        found = tuned(evidence_of, error)
        assert isinstance(found, Finding)
        assert found.title.startswith(f"What mattered most in mlp: {name}")
        shares = {key: share for key, share in found.figures.items() if not key.endswith("explained")}
        assert max(shares, key=lambda key: shares[key]) == f"mlp.{name}"
        assert abs(sum(shares.values()) - 1) < 1e-6


def test_says_nothing_where_chance_decided(evidence_of: Callable[..., Evidence]) -> None:
    answers = [tuned(evidence_of, lambda s, rng: rng.random(), seed=seed) for seed in range(20)]
    assert sum(isinstance(answer, Finding) for answer in answers) <= 1


def test_says_nothing_of_a_handful_of_trials(evidence_of: Callable[..., Evidence]) -> None:
    few = tuned(evidence_of, lambda s, rng: s["dropout"], trials=19)
    assert isinstance(few, NotApplicable)
    assert isinstance(tuned(evidence_of, lambda s, rng: s["dropout"], trials=20), Finding)


def test_a_seed_may_be_larger_than_scikit_learn_takes() -> None:
    trials = [Trial(number, "mlp", SPACE.sample(np.random.default_rng(number))) for number in range(20)]
    assert sum(importance(SPACE, trials, seed=20240101123).shares.values()) > 0
