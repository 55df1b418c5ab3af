"""What the tests of hostile files share: a canary that must not sing, and a model to spoil."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from automl import files, model
from automl.ensemble import Member

# What a process does that runs a command, calls somebody or makes an object of a pickle. NumPy's and Python's own
# modules are imported all the time, so imports count only for the canary's own.
ACTS = {
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
    "subprocess.Popen",
    "socket.connect",
    "socket.getaddrinfo",
    "pickle.find_class",
    "webbrowser.open",
}
SECRET = "the-canary-sings"


class Canary:
    """A cage with a secret in it, and what was done while it was watched.

    Attributes:
        secret: a file that hostile files point to; nobody is to read, change or delete it.
        trace: a file that hostile code would make.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder, self.secret, self.trace = folder, folder / "secret.csv", folder / "trace"
        self.secret.write_text(f"a,b\n{SECRET},1\n")
        self.acts: list[str] = []
        self.watches = False

    @property
    def code(self) -> str:
        """Python that would sing."""
        return f"__import__('os').system('touch {self.trace}')"

    def heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.watches:
            return
        if event in ACTS:
            self.acts.append(f"{event} {arguments}"[:300])
        elif event == "open" and str(arguments[0]).startswith(str(self.folder)):
            self.acts.append(f"{event} {arguments}")

    @property
    def song(self) -> list[str]:
        """Everything that should not have happened."""
        self.watches = False
        told = list(self.acts)
        if {path.name for path in self.folder.iterdir()} != {"secret.csv"}:
            told.append("files were made or deleted")
        elif self.secret.read_text() != f"a,b\n{SECRET},1\n":
            told.append("the secret was changed")
        if "CANARY" in os.environ:
            told.append("the environment was changed")
        return told


_CANARIES: list[Canary] = []


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    # When Python ends, it takes the list away before the hook.
    for canary in _CANARIES or ():
        canary.heard(event, arguments)


sys.addaudithook(_hook)


@pytest.fixture
def canary(tmp_path: Path) -> Iterator[Canary]:
    """A canary that is watched until the test ends, when it must not have sung."""
    made = Canary(tmp_path / "cage")
    _CANARIES.append(made)
    yield made
    _CANARIES.remove(made)
    assert made.song == []


@pytest.fixture(scope="session")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of flowers."""
    import numpy as np
    import pandas as pd

    from automl.data.profile import profile
    from automl.encoding import table
    from automl.space_files import read_space
    from automl.tasks import task
    from automl.training.network import build_network
    from automl.weights import named

    folder = tmp_path_factory.mktemp("sound")
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(
        {"length": rng.normal(size=60), "colour": ["red", "white"] * 30, "kind": ["rose", "tulip"] * 30}
    )
    facts = profile(frame, target="kind")
    encoding = table.fit(frame, facts)
    params = {**read_space("mlp").space.defaults(), "units": 8, "layers": 1}
    network = build_network(
        "mlp", params, width=table.width(encoding, scaling="quantile"), sizes=encoding.sizes, outputs=2
    )
    network.save(folder / "network.keras")
    files.write_arrays(folder / "network.npz", named([network.get_weights()]))
    model.save(
        folder / "model",
        networks={0: (folder / "network.keras", folder / "network.npz")},
        task="classify",
        target=task("classify").fit_target(frame["kind"]),
        encoding=encoding,
        facts={"members": [asdict(Member(0, "mlp", params, 1.0, 1, 1))], "temperature": 1.0},
    )
    return folder / "model"


@pytest.fixture
def bundle(sound: Path, tmp_path: Path) -> Path:
    """A sound model, to be spoiled."""
    return Path(shutil.copytree(sound, tmp_path / "model"))


def seal(bundle: Path, **changes: Any) -> None:
    """Gives the model a manifest that is right, as whoever has spoiled it would."""
    manifest = json.loads((bundle / "manifest.json").read_text())
    sums = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in bundle.iterdir()
        if path.is_file() and path.name in manifest["sha256"]
    }
    (bundle / "manifest.json").write_text(json.dumps({**manifest, "sha256": sums, **changes}))


@pytest.fixture(name="seal")
def _seal() -> Callable[..., None]:
    """`seal`, for tests, which cannot import from here."""
    return seal
