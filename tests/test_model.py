"""The saved model: what it predicts, and what it refuses to load."""

from __future__ import annotations

import copy
import dataclasses
import json
import multiprocessing
import pickle
import shutil
import subprocess
import sys
import zipfile
from dataclasses import asdict
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from automl import files, keras_files, model
from automl.cli import app
from automl.data.profile import profile
from automl.data.read import Writing
from automl.encoding import table
from automl.ensemble import Member
from automl.errors import InputError
from automl.space_files import read_space
from automl.tasks import task
from automl.training.network import build_network
from automl.weights import by_network, named

FOLDS = 2


@pytest.fixture
def bundle(flowers: pd.DataFrame, tmp_path: Path) -> Path:
    """An untrained model of flowers."""
    return saved(flowers, tmp_path)


def saved(flowers: pd.DataFrame, tmp_path: Path) -> Path:
    facts = profile(flowers, target="kind")
    known = flowers[flowers["kind"].notna()]
    encoding = table.fit(known, facts)
    target = task("classify").fit_target(known["kind"])
    params = {**read_space("mlp").space.defaults(), "units": 32}
    members = []
    networks = {}
    for trial, weight, temperature in ((3, 0.75, 1.0), (12, 0.25, 0.5)):
        made = [
            build_network(
                "mlp", params, width=table.width(encoding, scaling="quantile"), sizes=encoding.sizes, outputs=3
            )
            for _ in range(FOLDS)
        ]
        made[0].save(tmp_path / f"{trial}.keras")
        files.write_arrays(tmp_path / f"{trial}.npz", named([network.get_weights() for network in made]))
        networks[trial] = (tmp_path / f"{trial}.keras", tmp_path / f"{trial}.npz")
        members.append(Member(trial, "mlp", params, weight, parameters=1, networks=FOLDS, temperature=temperature))
    bundle = tmp_path / "run" / "model"
    model.save(
        bundle,
        networks=networks,
        task="classify",
        target=target,
        encoding=encoding,
        facts={"members": [asdict(member) for member in members], "temperature": 2.0},
    )
    return bundle


def test_predicts_raw_rows(bundle: Path, flowers: pd.DataFrame) -> None:
    loaded = model.load(bundle)
    probabilities = loaded.predict_proba(flowers)
    assert list(probabilities.columns) == ["daisy", "rose", "tulip"]
    assert probabilities.index.equals(flowers.index)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert loaded.predict(flowers).tolist() == probabilities.idxmax(axis=1).tolist()


def test_is_the_weighted_mean_of_all_folds_of_its_members(bundle: Path, flowers: pd.DataFrame) -> None:
    loaded = model.load(bundle)
    arrays = table.apply(loaded.encoding, flowers, scaling="quantile")
    inputs = {"numbers": arrays.numbers, "codes": arrays.codes}
    mean = np.zeros((len(flowers), 3))
    for trial, weight, sharpness in ((3, 0.75, 1), (12, 0.25, 2)):
        every = by_network(files.read_arrays(bundle / f"network-{trial:04d}.npz"))
        network = keras_files.load(bundle / f"network-{trial:04d}.keras", every[0])
        for weights in every:
            network.set_weights(weights)
            raw = np.asarray(network(inputs), dtype=np.float64)
            powers = np.exp(sharpness * (raw - raw.max(axis=1, keepdims=True)))
            mean += weight / FOLDS * powers / powers.sum(axis=1, keepdims=True)
    cooled = np.sqrt(mean) / np.sqrt(mean).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(loaded.predict_proba(flowers), cooled, rtol=1e-5)


def test_is_found_from_within(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in (bundle, bundle.parent):
        monkeypatch.chdir(folder)
        model.check(".")


def test_is_found_in_its_runs_folder(bundle: Path, flowers: pd.DataFrame) -> None:
    here, there = (model.load(path).predict_proba(flowers) for path in (bundle, bundle.parent))
    pd.testing.assert_frame_equal(here, there)


def test_takes_unseen_values_gaps_and_no_rows_at_all(bundle: Path, flowers: pd.DataFrame) -> None:
    loaded = model.load(bundle)
    strange = pd.DataFrame({"length": ["n/a", "7"], "width": [None, np.inf], "colour": ["ultraviolet", None]})
    assert np.isfinite(loaded.predict_proba(strange)).all(axis=None)
    assert loaded.predict(flowers[:0]).shape == (0,)
    assert loaded.predict_proba(flowers[:0]).shape == (0, 3)


def test_columns_that_are_missing_may_be_taken_as_empty(bundle: Path, flowers: pd.DataFrame) -> None:
    loaded = model.load(bundle)
    fewer = flowers.drop(columns=["width", "colour"])
    with pytest.raises(InputError, match="lacks 2 columns"):
        loaded.predict(fewer)
    empty = flowers.assign(width=None, colour=None)
    pd.testing.assert_frame_equal(loaded.predict_proba(loaded.completed(fewer)), loaded.predict_proba(empty))
    assert loaded.completed(flowers).columns.tolist() == flowers.columns.tolist()


def test_scores_labelled_rows_and_leaves_out_the_others(bundle: Path, flowers: pd.DataFrame) -> None:
    loaded = model.load(bundle)
    scores = loaded.score(flowers)
    assert set(scores) == set(task("classify").METRICS)
    assert scores == pytest.approx(loaded.score(flowers[flowers["kind"].notna()]), nan_ok=True)
    with pytest.raises(InputError, match="lacks the target 'kind'"):
        loaded.score(flowers.drop(columns="kind"))


@pytest.mark.parametrize("kinds", [["-"], ["-", "1"]])
def test_a_class_may_be_called_like_what_is_missing(flowers: pd.DataFrame, in_folder: Path, kinds: list[str]) -> None:
    renamed = flowers.assign(kind=flowers["kind"].map({"daisy": "-", "rose": "1", "tulip": "3a"}))
    bundle = saved(renamed, in_folder)
    labelled = renamed[renamed["kind"].isin(kinds)]
    loaded = model.load(bundle)
    chances = loaded.predict_proba(labelled).to_dict("records")
    of_truth = [own[kind] for own, kind in zip(chances, labelled["kind"], strict=True)]
    assert loaded.score(labelled)["log_loss"] == pytest.approx(-np.log(of_truth).mean())
    labelled.to_csv("labelled.csv", index=False)
    done = CliRunner().invoke(app, ["evaluate", str(bundle), "labelled.csv"])
    assert done.stdout.startswith(f"{len(labelled)} rows of labelled.csv")


def test_a_class_that_pandas_has_read_as_nothing_is_not_left_out_of_the_score(
    bundle: Path, flowers: pd.DataFrame
) -> None:
    known = flowers[flowers["kind"].notna()]
    target = task("classify").fit_target(known["kind"].replace("rose", "None"))
    loaded = dataclasses.replace(model.load(bundle), target=target)
    with pytest.raises(InputError, match="'kind' has empty cells and no 'None', .* keep_default_na=False"):
        loaded.score(known.replace("rose", None))
    assert np.isfinite(loaded.score(known.replace("rose", "None"))["log_loss"])


def test_texts_are_numbers_with_the_decimal_comma_of_the_training_table(bundle: Path, flowers: pd.DataFrame) -> None:
    loaded = model.load(bundle)
    loaded = dataclasses.replace(loaded, facts={**loaded.facts, "decimal": ",", "texts": ["colour", "kind"]})
    points = flowers.head(20).assign(length=[f"{value:.3f}" for value in flowers["length"].head(20)])
    commas = points.assign(length=points["length"].str.replace(".", ","))
    pd.testing.assert_frame_equal(loaded.predict_proba(commas), loaded.predict_proba(points))


def test_the_row_of_a_target_that_is_no_number_is_that_of_the_table(bundle: Path, flowers: pd.DataFrame) -> None:
    target = task("regress").fit_target(flowers["length"])
    loaded = dataclasses.replace(model.load(bundle), task="regress", target=target)
    with pytest.raises(InputError, match="is no number in row 3: 'abc'"):
        loaded.score(flowers[40:43].assign(length=["", "1.5", "abc"]))


def test_answers_with_a_column_for_each_class(bundle: Path, flowers: pd.DataFrame) -> None:
    loaded = model.load(bundle)
    assert (loaded.target_name, loaded.classes) == ("kind", ["daisy", "rose", "tulip"])
    assert list(loaded.answer(flowers).columns) == ["prediction"]
    answer = loaded.answer(flowers, probabilities=True)
    assert list(answer.columns) == ["prediction", "daisy", "rose", "tulip"]
    pd.testing.assert_frame_equal(answer[["daisy", "rose", "tulip"]], loaded.predict_proba(flowers))


def test_a_regression_has_no_probabilities(bundle: Path, flowers: pd.DataFrame) -> None:
    loaded = model.load(bundle)
    object.__setattr__(loaded, "task", "regress")
    assert loaded.classes is None
    with pytest.raises(InputError, match="no probabilities"):
        loaded.predict_proba(flowers)


@pytest.mark.parametrize("name", ["network-0003.keras", "network-0012.npz", "schema.json"])
def test_an_altered_file_is_named(bundle: Path, name: str) -> None:
    content = (bundle / name).read_bytes()
    (bundle / name).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(InputError, match=f"{name} was altered or damaged"):
        model.load(bundle)
    (bundle / name).unlink()
    with pytest.raises(InputError, match=f"{name} is missing"):
        model.load(bundle)


def test_says_how_its_tables_are_read(bundle: Path) -> None:
    needed = frozenset({"length", "width", "colour", "kind"})
    assert model.writing(bundle) == Writing(".", frozenset(), {}, needed)
    schema = files.read_json(bundle / "schema.json")
    schema["facts"] |= {"decimal": ",", "texts": ["country"], "words": {"country": ["NA"]}}
    files.write_json(bundle / "schema.json", schema)
    manifest = files.read_json(bundle / "manifest.json")
    manifest["sha256"]["schema.json"] = files.sha256(bundle / "schema.json")
    files.write_json(bundle / "manifest.json", manifest)
    assert model.writing(bundle) == Writing(",", frozenset({"country"}), {"country": ["NA"]}, needed)


def test_a_newer_format_asks_for_an_upgrade(bundle: Path) -> None:
    manifest = json.loads((bundle / "manifest.json").read_text())
    (bundle / "manifest.json").write_text(json.dumps({**manifest, "format": 99}))
    said = r"has format 99; this automl reads up to 2\. Install a newer automl from where you got this one\."
    with pytest.raises(InputError, match=said):
        model.load(bundle)
    (bundle / "manifest.json").write_text("{")
    with pytest.raises(InputError, match=r"manifest.json is damaged"):
        model.load(bundle)


def test_says_where_there_is_a_model_when_there_is_none(bundle: Path) -> None:
    with pytest.raises(InputError, match="There is no run .*Runs with a model: .*run"):
        model.load(bundle.parent.parent / "rum")
    with pytest.raises(InputError, match="holds no model"):
        model.load(bundle.parent.parent)


def save_one(bundle: Path, **facts: object) -> None:
    """Of what the model in `bundle` was made of, another one, of one member."""
    schema = json.loads((bundle / "schema.json").read_text())
    model.save(
        bundle,
        networks={7: (bundle.parent.parent / "3.keras", bundle.parent.parent / "3.npz")},
        task="classify",
        target=schema["target"],
        encoding=table.Encoding(tuple(schema["columns"])),
        facts={"members": [{**schema["facts"]["members"][0], "trial": 7}], "temperature": 1.0, **facts},
    )


def test_a_saved_model_replaces_the_one_before(bundle: Path) -> None:
    save_one(bundle)
    assert [member["trial"] for member in model.load(bundle).facts["members"]] == [7]
    assert [path.name for path in bundle.parent.iterdir()] == ["model"]
    names = {path.name for path in bundle.iterdir()}
    assert names == {"network-0007.keras", "network-0007.npz", "schema.json", "manifest.json"}


def test_what_could_not_be_loaded_replaces_nothing(bundle: Path) -> None:
    with pytest.raises(InputError, match=r"schema.json is damaged: facts.temperature"):
        save_one(bundle, temperature=1000.0)
    assert [member["trial"] for member in model.load(bundle).facts["members"]] == [3, 12]


@pytest.mark.parametrize(
    "columns",
    [
        [{"name": f"x{number}", "kind": "boolean", "missing": False} for number in range(1_500)],
        [{"name": "x", "kind": "text", "idf": [1.0] * 1_024, "scale": 1.0}],
    ],
    ids=["1500 columns", "text"],
)
def test_trees_of_a_wide_table_have_few_weights(tmp_path: Path, columns: list[dict[str, object]]) -> None:
    encoding = table.Encoding(tuple(columns))
    params = {**read_space("boosted_trees").space.defaults(), "rounds": 1, "leaves": 2}
    network = build_network("boosted_trees", params, width=table.width(encoding, scaling="none"), sizes=(), outputs=2)
    network.save(tmp_path / "0.keras")
    files.write_arrays(tmp_path / "0.npz", named([network.get_weights()]))
    model.save(
        tmp_path / "model",
        networks={0: (tmp_path / "0.keras", tmp_path / "0.npz")},
        task="classify",
        target={"name": "y", "labels": ["a", "b"], "classes": ["a", "b"]},
        encoding=encoding,
        facts={"members": [asdict(Member(0, "boosted_trees", params, 1.0, 1, 1))], "temperature": 1.0},
    )
    rows = pd.DataFrame({column["name"]: ["true", "false"] for column in columns})
    assert model.load(tmp_path / "model").predict_proba(rows).to_numpy().tolist() == [[0.5, 0.5]] * 2


def test_can_be_copied_and_given_to_other_processes(
    bundle: Path, flowers: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(bundle.parent)
    loaded = model.load("model")
    monkeypatch.chdir("/")
    for twin in (copy.deepcopy(loaded), pickle.loads(pickle.dumps(loaded))):
        pd.testing.assert_frame_equal(twin.predict_proba(flowers), loaded.predict_proba(flowers))


def test_a_forked_process_does_not_wait_for_ever(bundle: Path, capfd: pytest.CaptureFixture[str]) -> None:
    model.load(bundle)
    process = multiprocessing.get_context("fork").Process(target=model.load, args=(bundle,))
    process.start()
    process.join(60)
    process.kill()
    assert "forked from one that has loaded a model, and TensorFlow would hang in it" in capfd.readouterr().err


@pytest.mark.slow
def test_computes_on_the_processor_whatever_the_device_of_the_users_own_work(
    bundle: Path, flowers: pd.DataFrame, tmp_path: Path
) -> None:
    flowers.to_pickle(tmp_path / "flowers.pickle")
    # A second processor that is none stands for a graphics card, which would have the user's work by itself.
    program = f"""
import pandas as pd, tensorflow as tf
from automl import model
(processor,) = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)
tf.debugging.set_log_device_placement(True)
rows = pd.read_pickle({str(tmp_path / "flowers.pickle")!r})
with tf.device("CPU:1"):
    loaded = model.load({str(bundle)!r})
    loaded.predict(rows[:1]), loaded.predict(pd.concat([rows] * 60))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    placed = [line for line in (done.stdout + done.stderr).splitlines() if "/device:" in line]
    assert len(placed) > 100
    assert [line for line in placed if "device:CPU:0" not in line] == []


def test_refuses_a_network_with_code_in_it(tmp_path: Path) -> None:
    inputs = keras.Input((2,))
    keras.Model(inputs, keras.layers.Lambda(lambda rows: rows * 2)(inputs)).save(tmp_path / "lambda.keras")
    with pytest.raises(InputError, match="refused, it holds"):
        keras_files.load(tmp_path / "lambda.keras", [])


@pytest.mark.parametrize(
    "entry",
    [
        {"class_name": "function", "module": "os", "config": "system"},
        {"class_name": "Dense", "module": "evil.layers", "config": {}},
        {"class_name": "Popen", "module": "subprocess", "registered_name": "automl>Popen", "config": {}},
        {"class_name": "TFSMLayer", "module": "keras.layers", "config": {}},
        {"class_name": "StringLookup", "module": "keras.layers", "config": {"vocabulary": "/etc/passwd"}},
    ],
)
def test_refuses_what_no_model_of_ours_has(tmp_path: Path, entry: dict[str, object]) -> None:
    with zipfile.ZipFile(tmp_path / "odd.keras", "w") as archive:
        archive.writestr("config.json", json.dumps({"class_name": "Functional", "config": {"layers": [entry]}}))
    with pytest.raises(InputError, match="refused, it holds"):
        keras_files.load(tmp_path / "odd.keras", [])


@pytest.mark.parametrize("content", [b"", b"not a zip file", b"PK\x03\x04 torn"])
def test_a_torn_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "torn.keras").write_bytes(content)
    with pytest.raises(InputError, match=r"torn.keras is damaged"):
        keras_files.load(tmp_path / "torn.keras", [])


def test_a_save_that_was_broken_off_leaves_a_model(bundle: Path, flowers: pd.DataFrame) -> None:
    expected = model.load(bundle).predict_proba(flowers)
    run = bundle.parent
    former = run / ".model.former"
    # Between its two renames.
    bundle.rename(former)
    for place in (run, bundle):
        pd.testing.assert_frame_equal(model.load(place).predict_proba(flowers), expected)
    model.settle(bundle)
    assert sorted(path.name for path in run.iterdir()) == ["model"]
    # After both of them, in the middle of what deletes the former one.
    shutil.copytree(bundle, former)
    (former / "schema.json").unlink()
    model.check(run)
    model.settle(bundle)
    assert sorted(path.name for path in run.iterdir()) == ["model"]
    pd.testing.assert_frame_equal(model.load(run).predict_proba(flowers), expected)
