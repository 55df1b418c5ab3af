"""Keras files are opened only when everything in them is of a known, harmless kind.

Keras' safe mode alone has been got round time and again (CVE-2025-1550, CVE-2025-9905, CVE-2026-1462), so the
configuration is read as plain JSON first. It is all that is used of the file: weights come from arrays, and HDF5, which
may point to other files and claim any size (CVE-2026-0897, CVE-2026-1669), is left unread.
"""

from __future__ import annotations

import importlib
import json
import math
import pkgutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from automl import untrusted
from automl.errors import InputError

if TYPE_CHECKING:
    import keras

# The largest that our families have is 100 kB.
LARGEST_CONFIGURATION = 5_000_000
MOST_LAYERS = 5_000
MEMBERS = r"metadata\.json|config\.json|model\.weights\.h5"
OWN_PACKAGE = "automl>"
# A class and the module that Keras writes for it: no other combination is looked up.
KERAS_CLASSES = {
    "Functional": "keras.src.models.functional",
    "DTypePolicy": "keras",
    "__keras_tensor__": None,
    **dict.fromkeys(
        (
            "InputLayer",
            "Dense",
            "Activation",
            "Add",
            "BatchNormalization",
            "Concatenate",
            "LayerNormalization",
            "Multiply",
            "Reshape",
        ),
        "keras.layers",
    ),
    **dict.fromkeys(
        (
            "Constant",
            "GlorotUniform",
            "HeNormal",
            "HeUniform",
            "LecunNormal",
            "Ones",
            "RandomNormal",
            "RandomUniform",
            "Zeros",
        ),
        "keras.initializers",
    ),
}
# Numbers in a configuration that say nothing of a size.
SIZELESS = frozenset({"seed", "shared_object_id"})
LEAST_BOUND = 1_000


def load(path: Path, weights: Sequence[NDArray[Any]], *, width: int = 0) -> keras.Model:
    """The network in a `.keras` file, with these weights, as `keras.Model.get_weights` orders them.

    Args:
        width: of the rows that it is to take, which trees have fewer weights than.

    Raises:
        InputError: the file is damaged, holds anything but the layers that this package writes, or has other weights.
        FileNotFoundError: there is none.
    """
    configuration = _configuration(path)
    own = _own_classes()
    for entry in _descriptions(configuration):
        if not _is_known(entry, own):
            name = entry.get("class_name", entry.get("module"))
            raise InputError(f"{path}: refused, it holds {str(name)[:100]!r}, which no model of this package has.")
    # Keras loops over some numbers and makes room for others, long before there is a weight to compare.
    most = max(LEAST_BOUND, width, sum(weight.size for weight in weights))
    if excess := next((number for number in _numbers(configuration) if not -most <= number <= most), None):
        raise InputError(f"{path}: refused, it holds the number {str(excess)[:20]}, and has fewer inputs and weights.")
    # What Keras keeps of an attempt, it keeps by thread: a failed one leaves nothing behind.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(_built, configuration, weights, path).result()


def _built(configuration: Any, weights: Sequence[NDArray[Any]], path: Path) -> keras.Model:
    import keras
    import tensorflow as tf

    # Where it was trained: graphics cards round differently.
    with tf.device("CPU:0"):
        network = _without_values(configuration, weights, path)
        with keras.StatelessScope():
            pass  # Keras gives variables their first values at the end.
        network.set_weights(list(weights))
    return network


def _without_values(configuration: Any, weights: Sequence[NDArray[Any]], path: Path) -> keras.Model:
    """The network, which the weights fit."""
    import keras

    try:
        # Variables have shapes and no values until these shapes are known to be right.
        with keras.StatelessScope(initialize_variables=False):
            network = keras.saving.deserialize_keras_object({**configuration, "compile_config": None}, safe_mode=True)
        shapes = [tuple(weight.shape) for weight in network.weights]
    # Keras raises errors of any type for what it did not write.
    except Exception as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)[:200]
        raise InputError(f"{path}: cannot be loaded: {reason}") from error
    if not isinstance(network, keras.Model) or not isinstance(network.input, dict):
        raise InputError(f"{path}: refused, it holds no network of this package.")
    given = [weight.shape for weight in weights]
    if shapes != given or any(weight.dtype.kind not in "fiu" for weight in weights):
        raise InputError(f"{path} needs other weights than there are: {_difference(shapes, given)}.")
    return network


def _difference(shapes: Sequence[tuple[int, ...]], given: Sequence[tuple[int, ...]]) -> str:
    if len(shapes) != len(given):
        return f"{len(shapes)} arrays, not {len(given)}"
    wanted, found = next(((one, other) for one, other in zip(shapes, given, strict=True) if one != other), ((), ()))
    return f"one of shape {wanted}, not {found}" if wanted != found else "numbers"


def _is_known(entry: dict[str, Any], own: frozenset[tuple[str, str, str]]) -> bool:
    """Whether Keras, which may import what it does not know, looks up one of our layers or of its own."""
    name, module, registered = (entry.get(key) for key in ("class_name", "module", "registered_name"))
    if isinstance(name, str) and name in KERAS_CLASSES and registered in (None, name):
        return bool(module == KERAS_CLASSES[name])
    return (name, module, registered) in own if isinstance(registered, str) else False


def _own_classes() -> frozenset[tuple[str, str, str]]:
    """The name, the module and the registered name of all in `automl.layers`, which is loaded for it."""
    import keras

    from automl import layers

    for found in pkgutil.iter_modules(layers.__path__):
        importlib.import_module(f"{layers.__name__}.{found.name}")
    known = keras.saving.get_custom_objects()
    return frozenset(
        (kind.__name__, kind.__module__, name)
        for name, kind in known.items()
        if name.startswith(OWN_PACKAGE) and kind.__module__.startswith(f"{layers.__name__}.")
    )


def _configuration(path: Path) -> dict[str, Any]:
    found = dict(untrusted.members(untrusted.content(path), path, names=MEMBERS))
    text = found.get("config.json", b"")
    if len(text) > LARGEST_CONFIGURATION:
        raise InputError(f"{path}: its configuration is too large to be a model of this package.")
    try:
        configuration = json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError):
        raise InputError(f"{path} is damaged: it is no Keras file.") from None
    if not isinstance(configuration, dict) or configuration.get("class_name") != "Functional":
        raise InputError(f"{path}: refused, it holds no network of this package.")
    if sum(1 for _ in _descriptions(configuration)) > MOST_LAYERS:
        raise InputError(f"{path}: refused, it has more layers than any model of this package.")
    return configuration


def _descriptions(content: Any) -> Iterator[dict[str, Any]]:
    """Every object description in a configuration, however deep."""
    for item in _items(content):
        if isinstance(item, dict) and not {"class_name", "module", "registered_name"}.isdisjoint(item):
            yield item


def _numbers(content: Any) -> Iterator[float]:
    """Every number in a configuration that may say how large something is."""
    for item in _items(content):
        values = item.items() if isinstance(item, dict) else enumerate(item)
        for name, value in values:
            if isinstance(value, (int, float)) and name not in SIZELESS:
                yield value if isinstance(value, int) or math.isfinite(value) else math.inf


def _items(content: Any) -> Iterator[dict[str, Any] | list[Any]]:
    pending = [content]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            yield item
            pending.extend(item.values())
        elif isinstance(item, list):
            yield item
            pending.extend(item)
