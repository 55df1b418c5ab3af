"""Models made to run code, read other files, or fill the memory: with manifests that are right, since who spoils a
model also seals it.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import pandas as pd
import pytest

from automl import model
from automl.errors import InputError

if TYPE_CHECKING:
    from tests.hostile.conftest import Canary

Spoil = Callable[[Path, "Canary"], object]
Seal = Callable[..., None]
NETWORK, WEIGHTS = "network-0000.keras", "network-0000.npz"
ROWS = pd.DataFrame({"length": [0.5, None], "colour": ["red", "blue"]})


class Bomb:
    """What a pickle makes of it is a call."""

    def __init__(self, code: str) -> None:
        self.code = code

    def __reduce__(self) -> tuple[Any, ...]:
        return eval, (self.code,)


def members_of(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def pack(path: Path, members: dict[str, bytes], *, compression: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def with_layer(entry: Callable[[Canary], dict[str, Any]]) -> Spoil:
    """Puts an object description in the place of the last layer's."""

    def spoil(bundle: Path, canary: Canary) -> None:
        members = members_of(bundle / NETWORK)
        config = json.loads(members["config.json"])
        layers = config["config"]["layers"]
        layers[-1] = {**{key: layers[-1][key] for key in ("name", "inbound_nodes")}, **entry(canary)}
        pack(bundle / NETWORK, {**members, "config.json": json.dumps(config).encode()})

    return spoil


def with_config(change: Callable[[dict[str, Any], Canary], object]) -> Spoil:
    """Changes the configuration in place."""

    def spoil(bundle: Path, canary: Canary) -> None:
        members = members_of(bundle / NETWORK)
        config = json.loads(members["config.json"])
        change(config, canary)
        pack(bundle / NETWORK, {**members, "config.json": json.dumps(config).encode()})

    return spoil


def with_members(change: Callable[[Canary], dict[str, bytes]], *, of: str = NETWORK) -> Spoil:
    """Puts members into an archive, or others in their place."""
    return lambda bundle, canary: pack(bundle / of, {**members_of(bundle / of), **change(canary)})


def number(schema: dict[str, Any]) -> dict[str, Any]:
    """The first column of numbers."""
    return next(column for column in schema["columns"] if column["kind"] == "number")


def with_schema(change: Callable[[dict[str, Any]], object]) -> Spoil:
    """Changes schema.json in place."""

    def spoil(bundle: Path, canary: Canary) -> None:
        schema = json.loads((bundle / "schema.json").read_text())
        change(schema)
        (bundle / "schema.json").write_text(json.dumps(schema))

    return spoil


def layer(name: str, module: str | None = "keras.layers", *, registered: str | None = None, **config: Any) -> Any:
    return lambda canary: {
        "class_name": name,
        "module": module,
        "registered_name": registered,
        "config": {
            "name": "odd",
            **{key: str(canary.secret) if value == "SECRET" else value for key, value in config.items()},
        },
    }


def function(name: str, module: str) -> Callable[[Canary], dict[str, Any]]:
    return lambda canary: {"class_name": "function", "module": module, "config": name, "registered_name": name}


def dense(config: dict[str, Any]) -> dict[str, Any]:
    """The configuration of the first dense layer."""
    return next(entry["config"] for entry in config["config"]["layers"] if entry["class_name"] == "Dense")


def duplicated(bundle: Path, canary: Canary) -> None:
    members = members_of(bundle / NETWORK)
    pack(bundle / NETWORK, {**members, "CONFIG.JSON": b"{}"})
    (bundle / NETWORK).write_bytes((bundle / NETWORK).read_bytes().replace(b"CONFIG.JSON", b"config.json"))


def overlapping(bundle: Path, canary: Canary) -> None:
    """Every array claims the bytes of the first: a kilobyte stands for any number of them."""
    pack(bundle / WEIGHTS, {f"000.{number:04d}.npy": b"x" * 10_000 if not number else b"" for number in range(50)})
    stored = bytearray((bundle / WEIGHTS).read_bytes())
    place = 0
    while (place := stored.find(b"PK\x01\x02", place)) >= 0:
        struct.pack_into("<II", stored, place + 20, 10_000, 10_000)
        struct.pack_into("<I", stored, place + 42, 0)
        place += 4
    (bundle / WEIGHTS).write_bytes(stored)


def linked_member(canary: Canary) -> dict[str, bytes]:
    return {"../../../etc/link": str(canary.secret).encode()}


def compressed(bundle: Path, canary: Canary) -> None:
    members = {**members_of(bundle / NETWORK), "config.json": b" " * 50_000_000}
    pack(bundle / NETWORK, members, compression=zipfile.ZIP_DEFLATED)


def array_bytes(header: str) -> bytes:
    text = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def object_array(canary: Canary) -> dict[str, bytes]:
    buffer = io.BytesIO()
    np.save(buffer, np.array([Bomb(canary.code)], dtype=object), allow_pickle=True)
    return {"000.0000.npy": buffer.getvalue()}


def bare_pickle(canary: Canary) -> dict[str, bytes]:
    return {"000.0000.npy": pickle.dumps(Bomb(canary.code))}


def bytes_of_hdf5(fill: Callable[[h5py.File], object]) -> bytes:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        fill(file)
    return buffer.getvalue()


def replaced_by_link(name: str) -> Spoil:
    def spoil(bundle: Path, canary: Canary) -> None:
        (bundle / name).rename(bundle.parent / f"moved-{name}")
        (bundle / name).symlink_to(bundle.parent / f"moved-{name}")

    return spoil


def replaced_by_pipe(bundle: Path, canary: Canary) -> None:
    (bundle / WEIGHTS).unlink()
    os.mkfifo(bundle / WEIGHTS)


def replaced_by_device(bundle: Path, canary: Canary) -> None:
    (bundle / "schema.json").unlink()
    (bundle / "schema.json").symlink_to("/dev/zero")


NOT_OURS = "refused, it holds"
REFUSED: dict[str, tuple[Spoil, str]] = {
    # Code in the network's configuration.
    "lambda": (
        with_layer(layer("Lambda", function={"class_name": "__lambda__", "config": {"value": ["eA==", None, None]}})),
        NOT_OURS,
    ),
    "function os.system": (with_layer(function("system", "os")), NOT_OURS),
    "function of Keras (CVE-2025-8747)": (with_layer(function("get_file", "keras.utils")), NOT_OURS),
    "enable_unsafe_deserialization": (with_layer(function("enable_unsafe_deserialization", "keras.config")), NOT_OURS),
    "known class, other module (CVE-2025-1550)": (with_layer(layer("Dense", "os", units=2)), NOT_OURS),
    "known class, inner module": (with_layer(layer("Dense", "keras.src.utils.file_utils", units=2)), NOT_OURS),
    "Popen as a layer of ours": (with_layer(layer("Popen", "subprocess", registered="automl>Popen")), NOT_OURS),
    "our layer of another module": (with_layer(layer("Scale", "antigravity", registered="automl>Scale")), NOT_OURS),
    "Keras' layer under our name": (with_layer(layer("Lambda", registered="automl>Scale")), NOT_OURS),
    "our function, not a layer": (with_layer(layer("load", "automl.model", registered="automl>load")), NOT_OURS),
    "TFSMLayer (CVE-2026-1462)": (with_layer(layer("TFSMLayer", filepath="SECRET")), NOT_OURS),
    "StringLookup (CVE-2025-12058)": (with_layer(layer("StringLookup", vocabulary="SECRET")), NOT_OURS),
    "TextVectorization": (with_layer(layer("TextVectorization", vocabulary="SECRET")), NOT_OURS),
    "TorchModuleWrapper": (with_layer(layer("TorchModuleWrapper", module="gASVAAAAAAAA")), NOT_OURS),
    "layer without a module": (with_layer(layer("Lambda", None)), NOT_OURS),
    "lambda as activation": (
        with_config(lambda config, _: dense(config).update(activation={"class_name": "__lambda__", "config": {}})),
        NOT_OURS,
    ),
    "function among the arguments of a layer": (
        with_config(
            lambda config, canary: config["config"]["layers"][-1]["inbound_nodes"][0]["kwargs"].update(
                mask=function("system", "os")(canary)
            )
        ),
        NOT_OURS,
    ),
    "function where Keras compiles": (
        with_config(lambda config, canary: config.update(compile_config={"loss": function("system", "os")(canary)})),
        NOT_OURS,
    ),
    "class in a type specification": (
        with_layer(lambda _: {"class_name": "__typespec__", "config": ["x"], "module": "tensorflow", "spec_name": "x"}),
        NOT_OURS,
    ),
    "no functional network": (
        with_config(lambda config, _: config.update(class_name="Sequential")),
        "holds no network",
    ),
    # Sizes.
    "layer of 10^12 weights": (
        with_config(lambda config, _: dense(config).update(units=10**12)),
        "the number 1000000000000",
    ),
    "layer of more weights than there are": (
        with_config(lambda config, _: dense(config).update(units=900)),
        "needs other weights|cannot be loaded",
    ),
    "number beyond all": (with_config(lambda config, _: dense(config).update(units=float("inf"))), "the number inf"),
    "nested without end": (
        with_members(lambda _: {"config.json": b'{"class_name": "Functional", "config": ' + b"[" * 200_000}),
        "is damaged",
    ),
    "configuration of 6 MB": (with_members(lambda _: {"config.json": b" " * 6_000_000}), "too large"),
    "10,000 layers": (
        with_config(lambda config, _: config["config"].update(more=[{"class_name": "Dense"}] * 10_000)),
        "more layers than any model",
    ),
    "compressed configuration": (compressed, "compressed or encrypted"),
    # Archives.
    "member beside the folder": (with_members(lambda _: {"../../evil.py": b"x"}), "has a member '../../evil.py'"),
    "member with an absolute path": (with_members(lambda canary: {str(canary.trace): b"x"}), "has a member"),
    "member that is a link": (with_members(linked_member), "has a member"),
    "member twice": (duplicated, "repeat or overlap"),
    "assets": (with_members(lambda _: {"assets/vocabulary.txt": b"x"}), "has a member"),
    "no configuration": (lambda bundle, _: pack(bundle / NETWORK, {"metadata.json": b"{}"}), "is damaged"),
    # Weights.
    "array of Python objects": (with_members(object_array, of=WEIGHTS), "an array in it"),
    "pickle for an array": (with_members(bare_pickle, of=WEIGHTS), "an array in it"),
    "array that claims 8 TB": (
        with_members(
            lambda _: {"000.0000.npy": array_bytes("{'descr': '<f8', 'fortran_order': False, 'shape': (10**12,), }")},
            of=WEIGHTS,
        ),
        "an array in it",
    ),
    "array that claims 8 TB in full": (
        with_members(
            lambda _: {
                "000.0000.npy": array_bytes("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }")
            },
            of=WEIGHTS,
        ),
        "an array in it",
    ),
    "array with code for a header": (
        with_members(lambda canary: {"000.0000.npy": array_bytes(canary.code)}, of=WEIGHTS),
        "an array in it",
    ),
    "array beside the folder": (with_members(lambda _: {"../0.npy": b"x"}, of=WEIGHTS), "has a member"),
    "compressed arrays": (
        lambda bundle, _: pack(bundle / WEIGHTS, members_of(bundle / WEIGHTS), compression=zipfile.ZIP_DEFLATED),
        "compressed or encrypted",
    ),
    "overlapping arrays": (overlapping, "repeat or overlap"),
    "arrays of other names": (
        with_members(
            lambda _: {"x.npy": array_bytes("{'descr': '<f8', 'fortran_order': False, 'shape': (0,), }")}, of=WEIGHTS
        ),
        "holds no weights",
    ),
    "no arrays": (lambda bundle, _: pack(bundle / WEIGHTS, {}), "holds no weights"),
    # What schema.json says.
    "schema nested without end": (
        lambda bundle, _: (bundle / "schema.json").write_text("[" * 200_000),
        "is not valid JSON",
    ),
    "format of dates that is none": (
        with_schema(
            lambda s: s["columns"].append(
                {
                    "name": "x",
                    "kind": "date",
                    "format": "%d%d",
                    "first": 0.0,
                    "last": 1.0,
                    "hours": False,
                    "missing": False,
                }
            )
        ),
        "the format '%d%d' is none",
    ),
    "trial that does not exist": (
        with_schema(lambda s: s["facts"]["members"][0].update(trial=7)),
        "network-0007.npz is missing",
    ),
    "trial that is a path": (
        with_schema(lambda s: s["facts"]["members"][0].update(trial="../../0")),
        "trial: Input should",
    ),
    "no members": (with_schema(lambda s: s["facts"].update(members=[])), "facts.members"),
    "task that is a module": (with_schema(lambda s: s.update(task="os")), "There is no task 'os'"),
    "kind of column that is none": (with_schema(lambda s: s["columns"][0].update(kind="__class__")), "columns.0"),
    "scaling that is none": (
        with_schema(lambda s: s["facts"]["members"][0]["params"].update(scaling="__init__")),
        "scaling",
    ),
    "knots that are text": (with_schema(lambda s: number(s).update(knots="1,2,3")), "knots"),
    "not a number": (with_schema(lambda s: number(s).update(median=float("nan"))), "median"),
    "temperature of zero": (with_schema(lambda s: s["facts"].update(temperature=0)), "temperature"),
    "temperature of a member below zero": (
        with_schema(lambda s: s["facts"]["members"][0].update(temperature=-1.0)),
        "temperature",
    ),
    "columns that no network takes": (
        with_schema(lambda s: s["columns"].append(s["columns"][0])),
        "does not fit schema.json",
    ),
    "classes that no network gives": (
        with_schema(lambda s: s["target"].update(classes=["a"] * 9, labels=["a"] * 9)),
        "does not fit schema.json",
    ),
    # Links and other things that are no files.
    "link for the network": (replaced_by_link(NETWORK), "is a link, a pipe or a device"),
    "link for the schema": (replaced_by_link("schema.json"), "is a link, a pipe or a device"),
    "pipe for the weights": (replaced_by_pipe, "is a link, a pipe or a device"),
    "endless device for the schema": (replaced_by_device, "is a link, a pipe or a device"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_is_refused(bundle: Path, canary: Canary, seal: Seal, name: str) -> None:
    spoil, message = REFUSED[name]
    spoil(bundle, canary)
    seal(bundle)
    if name == "pipe for the weights":
        # It has no sum of its own.
        manifest = json.loads((bundle / "manifest.json").read_text())
        manifest["sha256"][WEIGHTS] = "0" * 64
        (bundle / "manifest.json").write_text(json.dumps(manifest))
    canary.watches = True
    with pytest.raises(InputError, match=message):
        model.load(bundle)


MANIFESTS: dict[str, tuple[bytes, str]] = {
    "path out of the folder": (
        b'{"format": 1, "sha256": {"../cage/secret.csv": "%s"}}' % (b"0" * 64),
        "String should match",
    ),
    "absolute path": (b'{"format": 1, "sha256": {"/etc/passwd": "%s"}}' % (b"0" * 64), "String should match"),
    "name with a line's end": (
        b'{"format": 1, "sha256": {"schema.json\\n": "%s"}}' % (b"0" * 64),
        "String should match",
    ),
    "sum that is none": (b'{"format": 1, "sha256": {"schema.json": 7}}', "sha256.schema.json"),
    "nested without end": (b'{"format":' * 100_000, "is not valid JSON"),
    "number of a million digits": (b'{"format": %s}' % (b"9" * 900_000), "is not valid JSON"),
    "2 MB": (b" " * 2_000_000, "larger than 1,000,000 bytes"),
    "list": (b"[]", "is damaged"),
    "format below all": (b'{"format": -1, "sha256": {}}', "greater than or equal to 1"),
    "no schema": (b'{"format": 1, "sha256": {}}', "schema.json was altered"),
    "UTF-16": ('{"format": 1}'.encode("utf-16"), "is not valid JSON"),
}


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest_is_refused(bundle: Path, canary: Canary, name: str) -> None:
    content, message = MANIFESTS[name]
    (bundle / "manifest.json").write_bytes(content)
    canary.watches = True
    with pytest.raises(InputError, match=message):
        model.load(bundle)


def external_link(canary: Canary) -> dict[str, bytes]:
    link = h5py.ExternalLink(str(canary.secret), "/")
    return {"model.weights.h5": bytes_of_hdf5(lambda file: file.__setitem__("layers", link))}


def external_data(canary: Canary) -> dict[str, bytes]:
    place = [(str(canary.secret), 0, 8)]
    return {"model.weights.h5": bytes_of_hdf5(lambda file: file.create_dataset("w", (8,), "u1", external=place))}


def virtual_data(canary: Canary) -> dict[str, bytes]:
    layout = h5py.VirtualLayout((8,), "u1")
    layout[:] = h5py.VirtualSource(str(canary.secret), "w", shape=(8,))
    return {"model.weights.h5": bytes_of_hdf5(lambda file: file.create_virtual_dataset("w", layout))}


def data_of_8_tb(canary: Canary) -> dict[str, bytes]:
    return {"model.weights.h5": bytes_of_hdf5(lambda file: file.create_dataset("w", (10**12,), "f8", chunks=(1000,)))}


def no_hdf5(canary: Canary) -> dict[str, bytes]:
    return {"model.weights.h5": pickle.dumps(Bomb(canary.code))}


def beside(name: str) -> Spoil:
    return lambda bundle, canary: (bundle / name).write_bytes(pickle.dumps(Bomb(canary.code)))


HARMLESS: dict[str, Spoil] = {
    "HDF5 that points to a file": with_members(external_link),
    "HDF5 whose data is elsewhere": with_members(external_data),
    "HDF5 whose data is virtual": with_members(virtual_data),
    "HDF5 that claims 8 TB": with_members(data_of_8_tb),
    "pickle for HDF5": with_members(no_hdf5),
    "pickle beside the model": beside("python_model.pkl"),
    "module beside the model": beside("automl.py"),
    "HDF5 beside the model": beside("model.h5"),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_is_left_unread(sound: Path, bundle: Path, canary: Canary, seal: Seal, name: str) -> None:
    HARMLESS[name](bundle, canary)
    seal(bundle)
    expected = model.load(sound).predict_proba(ROWS)
    canary.watches = True
    pd.testing.assert_frame_equal(model.load(bundle).predict_proba(ROWS), expected)


@pytest.mark.parametrize("name", ["model.h5", "model.keras", "model.pkl", "saved_model"])
def test_a_model_of_another_kind_is_refused(tmp_path: Path, canary: Canary, name: str) -> None:
    path = tmp_path / name
    if name == "saved_model":
        path.mkdir()
        (path / "saved_model.pb").write_bytes(b"x")
    else:
        path.write_bytes(pickle.dumps(Bomb(canary.code)))
    canary.watches = True
    with pytest.raises(InputError, match="holds no model"):
        model.load(path)


def test_the_canary_would_sing(tmp_path: Path, canary: Canary) -> None:
    sung = type(canary)(tmp_path / "another cage")
    sung.trace.touch()
    assert sung.song == ["files were made or deleted"]


def test_the_canary_hears_pickles_and_looks_at_its_secret(canary: Canary) -> None:
    canary.watches = True
    pickle.loads(pickle.dumps(Bomb("1 + 1")))
    canary.secret.read_text()
    heard, canary.acts = [act.split()[0] for act in canary.acts], []
    assert heard == ["pickle.find_class", "open"]
