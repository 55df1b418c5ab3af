"""The versions of the packages that a result depends on, without importing them."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

# A TensorFlow for the CPU alone is a distribution of another name.
_DISTRIBUTIONS = {
    "automl": ("automl",),
    "tensorflow": ("tensorflow", "tensorflow-cpu"),
    "keras": ("keras",),
    "numpy": ("numpy",),
    "pandas": ("pandas",),
    "scikit-learn": ("scikit-learn",),
    "optuna": ("optuna",),
    "keras-tuner": ("keras-tuner",),
    "mlflow": ("mlflow",),
}


def installed() -> dict[str, str]:
    """Version by package, Python's own included; "?" for one that was not installed as a distribution."""
    return {"python": platform.python_version(), **{name: _version(names) for name, names in _DISTRIBUTIONS.items()}}


def _version(names: tuple[str, ...]) -> str:
    for name in names:
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return "?"
