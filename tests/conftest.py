"""What several tests share."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

# The thread pools of NumPy and Keras would otherwise each ask for both cores, and two tests at once for four. OpenBLAS
# looks when it is loaded.
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", TF_NUM_INTRAOP_THREADS="1", TF_NUM_INTEROP_THREADS="1")

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from automl.records import RunFolder
    from automl.training.workshop import Workshop

# Who starts the tests in the background of a shell has them ignore Ctrl-C, and with them the programs that they try.
signal.signal(signal.SIGINT, signal.default_int_handler)
# `tests.benchmarks` is found also without `python -m`, and after the package that is installed.
sys.path.append(str(Path(__file__).parents[1]))
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
# The same examples every time, and none too slow for a machine that is busy.
hypothesis.settings.register_profile("ours", deadline=None, derandomize=True)
hypothesis.settings.load_profile("ours")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with a slow test come first: of two processes that share the files, neither waits for long in the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(autouse=True)
def the_same_draws() -> None:
    """What a test draws without a seed, new weights for one, is the same every time."""
    random.seed(0)
    if "keras" in sys.modules:
        sys.modules["keras"].utils.set_random_seed(0)


@pytest.fixture
def flowers() -> pd.DataFrame:
    """Three classes that two measurements and a colour tell apart, with gaps and an unlabelled row. 151 rows."""
    rng = np.random.default_rng(7)
    kinds = np.repeat(["rose", "tulip", "daisy"], 50)
    centres = {"rose": 0.0, "tulip": 3.0, "daisy": 6.0}
    length = np.array([centres[kind] for kind in kinds]) + rng.normal(size=150)
    width = rng.normal(size=150)
    width[::10] = np.nan
    colour = np.where(kinds == "rose", "red", np.where(rng.random(150) < 0.5, "yellow", "white"))
    frame = pd.DataFrame({"length": length, "width": width, "colour": colour, "kind": kinds})
    frame.loc[150] = [1.0, 1.0, "red", None]
    return frame.sample(frac=1, random_state=3).reset_index(drop=True)


@pytest.fixture
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _workshop_of(frame: pd.DataFrame, target: str) -> Workshop:
    """The table as a worker has it, split and encoded as a run does it."""
    from automl.data.copies import equal_rows
    from automl.data.profile import profile
    from automl.data.split import split_at_random
    from automl.encoding import table
    from automl.encoding.numbers import Scaling
    from automl.tasks import task
    from automl.training.examples import Examples, Part
    from automl.training.workshop import Workshop

    frame = frame[frame[target].notna()].reset_index(drop=True)
    facts = profile(frame, target=target)
    judge = task(facts.target.task)
    specification = judge.fit_target(frame[target])
    targets = judge.encode_target(frame[target], specification)
    split = split_at_random(equal_rows(frame))
    encoding = table.fit(frame.iloc[split.train], facts)
    scalings: tuple[Scaling, ...] = ("quantile", "robust", "none")
    encoded = {scaling: table.apply(encoding, frame, scaling=scaling) for scaling in scalings}
    parts = {
        name: Part({scaling: arrays.take(rows) for scaling, arrays in encoded.items()}, targets[rows])
        for name, rows in split.parts().items()
    }
    weights = np.ones(len(split.train), dtype=np.float32)
    return Workshop(Examples(parts, weights, specification, encoding.sizes), judge)


@pytest.fixture
def workshop(flowers: pd.DataFrame) -> Workshop:
    """Three kinds of flowers."""
    return _workshop_of(flowers, "kind")


@pytest.fixture
def regression() -> Workshop:
    """A curved surface of two numbers."""
    rng = np.random.default_rng(5)
    left, right = rng.uniform(-2, 2, size=(2, 400))
    price = 1000 + 50 * (np.sin(left) * right + 0.05 * rng.normal(size=400))
    return _workshop_of(pd.DataFrame({"left": left, "right": right, "price": price}), "price")


@pytest.fixture
def recorded(tmp_path: Path) -> Callable[..., RunFolder]:
    """Records of a run that was never made: `recorded("run", names={"length": "a hostile name"})`."""

    def record(name: str = "run", **choices: Any) -> RunFolder:
        return _recorded(tmp_path / name, **choices)

    return record


def _recorded(
    path: Path,
    *,
    task: str = "classify",
    names: dict[str, str] | None = None,
    rows: int = 150,
    columns: int = 3,
    trials: int = 12,
    skill: float = 2.0,
    luck: int = 0,
    seed: int = 0,
) -> RunFolder:
    """Everything that a run leaves for its report.

    Args:
        names: other names for the columns "length" and "colour", the target "kind", its class "rose" and the data
            "flowers".
        skill: of the model; 0 is guessing. Its mistakes are a matter of `luck`.
        seed: of the split.
    """
    from automl.baselines import BOOSTING, CONSTANT, Baseline
    from automl.data.copies import equal_rows
    from automl.data.profile import profile
    from automl.data.split import split_at_random
    from automl.diagnostics import Finding, NotApplicable
    from automl.ensemble import Ensemble, Member
    from automl.evaluation import Importance, WeakSpot, evaluate
    from automl.records import Outcome, RunFolder
    from automl.tasks import metric, scores
    from automl.tasks import task as task_of
    from automl.trial import Rung, Trial

    called = {name: name for name in ("length", "colour", "kind", "rose", "flowers")} | (names or {})
    rng = np.random.default_rng(3)
    labels = np.array([called["rose"], "tulip", "daisy"])
    frame = pd.DataFrame(
        {
            called["length"]: rng.normal(size=rows),
            called["colour"]: rng.choice(["red", "white", "<b>"], rows),
            **{f"column_{number}": rng.normal(size=rows) for number in range(columns - 2)},
            called["kind"]: rng.choice(labels, rows) if task == "classify" else rng.normal(size=rows),
        }
    )
    facts = profile(frame, target=called["kind"], task=task)
    judge = task_of(task)
    specification = judge.fit_target(frame[called["kind"]])
    targets = judge.encode_target(frame[called["kind"]], specification)
    split = split_at_random(equal_rows(frame), seed=seed)
    rng = np.random.default_rng([luck, 4])
    if task == "classify":
        raw = skill * np.eye(3)[targets] + rng.normal(size=(rows, 3))
        predictions = np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True)
    else:
        predictions = skill / 2 * targets + 0.3 * rng.normal(size=rows)
    objective = metric(None, judge)
    parts = {part: targets[rows] for part, rows in split.parts().items()}
    scored = {part: scores(judge, parts[part], predictions[rows]) for part, rows in split.parts().items()}
    reached = objective.objective(scored["val"][objective.name])
    curve = [1.0, 0.7, 0.6, 0.65]
    curves = {"loss": curve, f"train_{objective.name}": curve, f"val_{objective.name}": curve}
    made = [
        Trial(
            number,
            "mlp",
            {
                "layers": 1 + number % 3,
                "learning_rate": 1e-3 * (1 + number),
                "activation": ("relu", "selu")[number % 2],
            },
            "finished",
            reached + 0.01 * number,
            scored,
            curves,
            seconds=1.5,
            parameters=1000,
            best_epoch=3,
        )
        for number in range(trials)
    ]
    setting: dict[str, int | float | str] = {"layers": 2, "learning_rate": 1e-2, "activation": "relu"}
    pruned = Trial(trials, "mlp", setting, "pruned", rungs=(Rung(0, 3, reached + 0.3),), curves=curves)
    failed = Trial(trials + 1, "mlp", setting, "failed", reason="nan", message="The loss is <not> a number.")
    members = tuple(Member(number, "mlp", setting, 0.5, 1000, 1, 5000.0) for number in (0, 1))
    best = Ensemble(members, 1.0, reached, scored, 3.0)
    path.mkdir()
    folder = RunFolder(path)
    folder.log.touch()
    space = {
        "layers": {"low": 1, "high": 4, "log": False},
        "learning_rate": {"low": 1e-4, "high": 1e-1, "log": True},
        "activation": {"values": ["relu", "selu"]},
        "batch_size": {"values": [64]},
    }
    asked = {
        "command": f"automl fit {called['flowers']}.csv",
        "began": "2026-01-02T03:04:05+00:00",
        "versions": {"python": "3.11", "automl": "0.1.0"},
        "data": {"name": called["flowers"], "source": f"{called['flowers']}.csv", "digest": "0123abcd"},
        "notes": ["Read with ';' between cells."],
        "target": called["kind"],
        "classes": specification.get("labels", []),
        "task": task,
        "metric": objective.name,
        "split": {"how": split.how, **{part: len(own) for part, own in split.parts().items()}},
        "folds": None,
        "options": {"seed": seed, "seconds": 60.0, "workers": None, "search": "bayesian", "settings": []},
        "families": [
            {"name": "mlp", "taken": True, "why": f"{rows} rows", "summary": "Plain."},
            {"name": "resnet", "taken": False, "why": "not named", "summary": "Deep."},
        ],
        "spaces": {"mlp": space},
    }
    folder.write_start(asked, facts, split)
    for trial in (*made, pruned, failed):
        folder.write_trial(trial)
    naive = judge.constant(targets, specification)
    constant = {part: scores(judge, own, naive[None].repeat(len(own), axis=0)) for part, own in parts.items()}
    folder.write_baselines([Baseline(CONSTANT, constant), Baseline(BOOSTING, message="not tried")])
    folder.write_ensemble(best)
    answers = {part: predictions[rows] for part, rows in split.parts().items()}
    folder.write_evaluation(evaluate(best, {0: answers, 1: answers}, parts, split.parts()))
    folder.write_outcome(Outcome("finished", 61.5, {"resnet": "it takes too long"}))
    folder.write_findings(
        "The model generalises.",
        [
            Finding("target_leak", "fine", "No column gives the target away", "The best one alone reaches little."),
            Finding("drift", "note", "Test rows are a little different", "By so much.", "Look at them.", {"auc": 0.61}),
            Finding("duplicates", "problem", f"{called['length']} is copied", "It is.", "Remove it."),
            NotApplicable("groups", "No column names an entity."),
        ],
    )
    folder.write_importance([Importance(called["length"], 0.4, 0.05), Importance(called["colour"], -0.01, 0.02)])
    folder.write_weak_spots([WeakSpot(f"{called['colour']} is 'red'", 12, 0.5, 0.2)])
    return folder


@pytest.fixture
def mlflow_server(tmp_path: Path) -> Callable[[int], AbstractContextManager[str]]:
    """MLflow's own server on a port, with a store in the test's folder: `with mlflow_server(port) as uri`."""

    @contextmanager
    def serving(port: int) -> Iterator[str]:
        with (tmp_path / "server.log").open("a") as log:
            server = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "mlflow",
                    "server",
                    "--host",
                    "127.0.0.1",
                    "--port",
                    str(port),
                    "--workers",
                    "1",
                ],
                env={
                    **os.environ,
                    "MLFLOW_BACKEND_STORE_URI": f"sqlite:///{tmp_path}/server.db",
                    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
                },
                cwd=tmp_path,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        uri = f"http://127.0.0.1:{port}"
        try:
            deadline = time.monotonic() + 120
            while time.monotonic() < deadline:
                try:
                    urllib.request.urlopen(f"{uri}/health").close()
                    break
                except OSError:
                    assert server.poll() is None, (tmp_path / "server.log").read_text()
                    time.sleep(0.2)
            yield uri
        finally:
            # Without a word, and with all its processes.
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()

    return serving


@pytest.fixture
def free_port() -> int:
    """A port of this computer at which nothing listens, below those that the system gives to others meanwhile."""
    # Tests have the same seed, and some run at the same time.
    for port in random.SystemRandom().sample(range(20_000, 32_000), 100):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    pytest.fail("No port is free.")
