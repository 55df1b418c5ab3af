"""Keras files are opened only when everything in them is of a known, harmless kind.

Keras' safe mode alone has been got round time and again (CVE-2025-1550, CVE-2025-9905, CVE-2026-1462), so the
configuration is read as plain JSON first.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
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
    configuration = _configuration(path)
    own = _own_layers()

    import keras

    for entry in _classes(configuration):
        name, module = entry.get("class_name"), entry.get("module")
        of_keras = name in KERAS_CLASSES and (module is None or str(module).split(".")[0] in ("keras", "builtins"))
        # Keras imports `module` for a registered name that it does not know, so the name must be one that it knows.
        if not (of_keras or entry.get("registered_name") in own):
            raise InputError(f"{path}: refused, it holds {str(name)!r}, which no model of this package has.")
    try:
        network = keras.saving.load_model(path, compile=False, safe_mode=True)
    except (ValueError, TypeError, OSError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: cannot be loaded: {str(error).splitlines()[0][:200]}") from error
    assert isinstance(network, keras.Model)
    return network


def _own_layers() -> frozenset[str]:
    """The registered names of all layers in `automl.layers`, which are loaded for it."""
    import keras

    from automl import layers

    for found in pkgutil.iter_modules(layers.__path__):
        importlib.import_module(f"{layers.__name__}.{found.name}")
    return frozenset(name for name in keras.saving.get_custom_objects() if name.startswith(OWN_PACKAGE))


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
