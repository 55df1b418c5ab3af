"""Keras files are opened only when everything in them is of a known, harmless kind.

Keras' safe mode alone has been got round time and again (CVE-2025-1550, CVE-2025-9905, CVE-2026-1462), so the
configuration is read as plain JSON first.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automl.errors import InputError

if TYPE_CHECKING:
    import keras

LARGEST_CONFIGURATION = 50_000_000
OWN_PACKAGE = "automl>"
KERAS_CLASSES = frozenset(
    {
        "Functional",
        "InputLayer",
        "Dense",
        "Activation",
        "Add",
        "BatchNormalization",
        "Concatenate",
        "LayerNormalization",
        "Multiply",
        "Reshape",
        "DTypePolicy",
        # Initializers and arguments.
        "Constant",
        "GlorotUniform",
        "HeNormal",
        "HeUniform",
        "LecunNormal",
        "Ones",
        "RandomNormal",
        "RandomUniform",
        "Zeros",
        "__keras_tensor__",
        "__numpy__",
        "__tensor__",
    }
)


def load(path: Path) -> keras.Model:
    """The network in a `.keras` file.

    Raises:
        InputError: the file is damaged, or holds anything but the layers that this package writes.
    """
    for entry in _classes(_configuration(path)):
        name, module, registered = entry.get("class_name"), entry.get("module"), entry.get("registered_name")
        own = isinstance(registered, str) and registered.startswith(OWN_PACKAGE)
        of_keras = name in KERAS_CLASSES and (module is None or str(module).split(".")[0] in ("keras", "builtins"))
        if not (own or of_keras):
            raise InputError(f"{path}: refused, it holds {str(name)!r}, which no model of this package has.")

    import keras

    import automl.layers.categories
    import automl.layers.dropout  # noqa: F401  Registers the layers that a file may hold.

    try:
        network = keras.saving.load_model(path, compile=False, safe_mode=True)
    except (ValueError, TypeError, OSError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: cannot be loaded: {str(error).splitlines()[0][:200]}") from error
    assert isinstance(network, keras.Model)
    return network


def _configuration(path: Path) -> Any:
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo("config.json").file_size > LARGEST_CONFIGURATION:
                raise InputError(f"{path}: its configuration is too large to be a model of this package.")
            return json.loads(archive.read("config.json"))
    except FileNotFoundError:
        raise InputError(f"There is no file {path}.") from None
    except (OSError, KeyError, ValueError, RecursionError, zipfile.BadZipFile):
        raise InputError(f"{path} is damaged: it is no Keras file.") from None


def _classes(content: Any) -> Iterator[dict[str, Any]]:
    """Every object description in a configuration, however deep."""
    pending = [content]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            if "class_name" in item:
                yield item
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)
