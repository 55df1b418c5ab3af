"""Search spaces as people write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from automl.errors import InputError
from automl.space import Choice, Float, Int
from automl.space_files import change, read_space, read_user_space, split_settings


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_extends_a_shipped_one(tmp_path: Path) -> None:
    file = read_user_space(
        written(
            tmp_path,
            "extends: mlp\nparameters:\n  learning_rate: {high: 1.0e-2}\n  layers: 2\n  activation: {values: [relu]}\n",
        )
    )
    shipped = read_space("mlp").space.parameters
    rate = shipped["learning_rate"]
    assert isinstance(rate, Float)
    assert file.family == "mlp"
    assert file.space.parameters["learning_rate"] == Float(rate.low, 0.01, rate.default, log=True)
    assert file.space.parameters["layers"] == Choice((2,), 2)
    assert file.space.parameters["activation"] == Choice(("relu",), "relu")
    assert file.space.parameters["dropout"] == shipped["dropout"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no search space"),
        ("- a\n", "holds no search space"),
        ("parameters: {}\n", "at least one hyperparameter"),
        ("a: [\n", "line 2: not valid YAML"),
        ("\tparameters:\n", "line 1: not valid YAML"),
        ("paramters: {}\n", "unknown key 'paramters'. Did you mean 'parameters'"),
        ("extends: mpl\n", "no family 'mpl'. Did you mean 'mlp'"),
        ("extends: mlp\nparameters: {layrs: 2}\n", "no hyperparameter 'layrs'. Did you mean 'layers'"),
        ("extends: mlp\nparameters: {layers: two}\n", "mine.yaml: layers is 'two', not a number"),
        ("extends: mlp\nparameters: {learning_rate: {low: 1e-4}}\n", "the text '1e-4', not a number. Write 1.0e-4"),
        ("extends: mlp\nparameters: {layers: {low: 5, high: 2}}\n", "low .5. is above high .2."),
        ("extends: mlp\nparameters: {learning_rate: {low: 0}}\n", "must begin above 0"),
        ("extends: mlp\nparameters: {layers: {lo: 1}}\n", "unknown key 'lo'. Did you mean 'low'"),
        ("extends: mlp\nparameters: {layers: {low: 1.5}}\n", "1.5 is not a whole number"),
        ("extends: mlp\nparameters: {activation: {values: []}}\n", "values must be a list"),
        ("extends: mlp\nparameters: {dropout: .inf}\n", "finite number"),
        ("a: &x [1]\nb: *x\n", "aliases"),
        ("extends: mlp\nparameters: {momentum: {when: {speed: 1}}}\n", "no hyperparameter above it"),
        ("!!python/object/apply:os.system ['true']\n", "the tag .* is not allowed"),
    ],
)
def test_says_what_is_wrong_with_a_file(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_user_space(written(tmp_path, text))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no file .*nowhere.yaml"):
        read_user_space(tmp_path / "nowhere.yaml")


def test_the_default_of_a_range_of_whole_numbers_is_one(tmp_path: Path) -> None:
    file = read_user_space(written(tmp_path, "parameters: {layers: {type: int, low: 1, high: 4}}\n"))
    assert file.space.parameters["layers"] == Int(1, 4, 2)


@pytest.mark.parametrize(
    ("setting", "name", "expected"),
    [
        ("layers=3", "layers", Choice((3,), 3)),
        ("layers=1,2", "layers", Choice((1, 2), 1)),
        ("layers=2..6", "layers", Int(2, 6, 3)),
        ("activation=gelu,relu", "activation", Choice(("gelu", "relu"), "gelu")),
        ("learning_rate=1e-4..1e-3", "learning_rate", Float(1e-4, 1e-3, 1e-3, log=True)),
        ("learning_rate=1e-3", "learning_rate", Choice((1e-3,), 1e-3)),
        ("dropout=0", "dropout", Choice((0.0,), 0.0)),
        ("momentum=0.5", "momentum", Choice((0.5,), 0.5, {"optimizer": "sgd"})),
    ],
)
def test_the_command_line_changes_a_space(setting: str, name: str, expected: object) -> None:
    assert change(read_space("mlp"), [setting]).space.parameters[name] == expected


@pytest.mark.parametrize(
    ("family", "setting", "expected"),
    [
        ("forest", "leaf_rows=1..10", Int(1, 10, 1)),
        ("boosted_trees", "leaves=3..10", Int(3, 10, 10)),
        ("mlp", "momentum=0.5..0.99", Float(0.5, 0.99, 0.9, when={"optimizer": "sgd"})),
    ],
)
def test_a_choice_of_numbers_becomes_a_range_with_its_default(family: str, setting: str, expected: Int | Float) -> None:
    name, _, _ = setting.partition("=")
    assert change(read_space(family), [setting]).space.parameters[name] == expected


@pytest.mark.parametrize(
    ("settings", "name", "expected"),
    [
        (["layers=2,3", "layers=1..8"], "layers", Int(1, 8, 3)),
        (["learning_rate=1e-3", "learning_rate=1e-4..1e-2"], "learning_rate", Float(1e-4, 1e-2, 2e-3, log=True)),
        (["activation=relu", "layers=1", "activation=gelu,silu"], "activation", Choice(("gelu", "silu"), "silu")),
    ],
)
def test_the_last_setting_counts_as_if_it_were_the_only_one(
    settings: list[str], name: str, expected: Int | Float | Choice
) -> None:
    assert change(read_space("mlp"), settings).space.parameters[name] == expected


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("lerning_rate=1", "Did you mean 'learning_rate'"),
        ("layers=two", "'two' is not of the kind that it takes, such as 3"),
        ("layers=", "gives no value"),
        ("layers=1.5", "1.5 is not of the kind"),
        ("activation=1..2", "takes values, not a range"),
        ("learning_rate=inf", "not a finite number"),
        ("learning_rate=1e-2..1e-4", "is above high"),
    ],
)
def test_says_what_is_wrong_with_a_setting(setting: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        change(read_space("mlp"), [setting])


def test_settings_are_sorted_by_family() -> None:
    assert split_settings(["mlp.layers=3", "mlp.units=64"], ["mlp"]) == {"mlp": ["layers=3", "units=64"]}
    for wrong in ("layers=3", "mlp.layers", "mlp=3"):
        with pytest.raises(InputError, match="FAMILY.NAME=VALUES"):
            split_settings([wrong], ["mlp"])
    with pytest.raises(InputError, match="no family 'mlq'. Did you mean 'mlp'"):
        split_settings(["mlq.layers=3"], ["mlp"])


def test_small_tables_have_defaults_of_their_own() -> None:
    space = read_space("mlp").space
    assert [space.for_rows(rows).defaults()["batch_size"] for rows in (500, 5_000, 100_000)] == [64, 128, 512]


def test_trees_have_the_epochs_that_their_rounds_take_and_the_rounds_that_fill_their_epochs() -> None:
    def largest(family: str, setting: str) -> tuple[object, object]:
        space = change(read_space(family), [setting]).space
        return tuple(max(getattr(space.parameters[name], "values", [None])) for name in ("rounds", "epochs"))

    assert largest("forest", "rounds=300") == (300, 30)
    assert largest("forest", "rounds=50") == (50, 10)
    assert largest("boosted_trees", "epochs=40,125") == (1250, 125)
    assert largest("boosted_trees", "epochs=40") == (800, 40)
    both = change(read_space("boosted_trees"), ["rounds=2000", "epochs=50"]).space.defaults()
    assert (both["rounds"], both["epochs"]) == (2000, 50)


def test_small_tables_keep_the_defaults_that_a_wider_choice_still_has() -> None:
    def defaults(setting: str) -> list[object]:
        space = change(read_space("mlp"), [setting]).space
        return [space.for_rows(rows).defaults()["batch_size"] for rows in (500, 5_000, 100_000)]

    assert defaults("batch_size=16,32,64,128,256,512") == [64, 128, 512]
    assert defaults("batch_size=16,128") == [128, 128, 16]
    assert defaults("batch_size=32") == [32, 32, 32]


TWO_TASKS = """
parameters:
  layers: {type: int, low: 1, high: 4, default: 3}
  activation: {type: choice, values: [relu, mish], default: relu}
defaults_for:
  regress: {layers: 2, activation: mish}
"""


def test_a_task_may_have_defaults_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "mlp.yaml"
    path.write_text(TWO_TASKS)
    file = read_user_space(path)
    assert file.for_table(task="classify", rows=100).defaults() == {"layers": 3, "activation": "relu"}
    assert file.for_table(task="regress", rows=100).defaults() == {"layers": 2, "activation": "mish"}
    narrowed = change(file, ["layers=3,4"])
    assert narrowed.for_table(task="regress", rows=100).defaults() == {"layers": 3, "activation": "mish"}


def test_realmlp_begins_with_what_was_published() -> None:
    classify = read_space("realmlp").for_table(task="classify", rows=20_000).defaults()
    regress = read_space("realmlp").for_table(task="regress", rows=20_000).defaults()
    published = {
        "layers": 3,
        "units": 256,
        "activation": "selu",
        "dropout": 0.15,
        "embedding_size": 8,
        "frequencies": 16,
        "number_size": 4,
        "sigma": 0.1,
        "scaling": "robust",
        "optimizer": "adamw",
        "weight_decay": 0.02,
        "learning_rate": 0.04,
        "schedule": "coslog4",
        "regularization": "flat_cos",
        "batch_size": 256,
        "epochs": 256,
        "label_smoothing": 0.0,
    }
    assert {name: classify[name] for name in published} == published
    assert {name: regress[name] for name in published} == {**published, "activation": "mish", "learning_rate": 0.2}


def test_a_metric_may_fix_what_is_fixed_at_another_value(tmp_path: Path) -> None:
    file = read_space("realmlp")
    smoothing = {
        metric: file.for_table(task="classify", rows=100, metric=metric).parameters["label_smoothing"].grid()
        for metric in ("", "log_loss", "roc_auc", "accuracy")
    }
    assert smoothing == {"": (0.0,), "log_loss": (0.0,), "roc_auc": (0.0,), "accuracy": (0.1,)}
    for value in (0.0, 0.05):
        told = change(file, [f"label_smoothing={value}"]).for_table(task="classify", rows=100, metric="accuracy")
        assert told.parameters["label_smoothing"].grid() == (value,)
    # What the user fixes of a range is no more up to the task.
    learning_rate = change(file, ["learning_rate=0.05"]).for_table(task="regress", rows=100).parameters["learning_rate"]
    assert learning_rate.grid() == (0.05,)
    path = tmp_path / "my.yaml"
    path.write_text("extends: realmlp\ndefaults_for:\n  accuracy: {label_smoothing: 1e-1}\n")
    with pytest.raises(InputError, match=r"label_smoothing is '1e-1', and not of the kind of 0.0. Write 1.0e-1"):
        read_user_space(path)
    path.write_text("extends: realmlp\nparameters:\n  label_smoothing: 0.05\n")
    told = read_user_space(path).for_table(task="classify", rows=100, metric="accuracy")
    assert told.parameters["label_smoothing"].grid() == (0.05,)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("layers: 9", "defaults_for.regress.layers is 9"),
        ("layer: 2", "no hyperparameter 'layer'"),
        ("layers", "a mapping"),
    ],
)
def test_a_default_that_cannot_be_is_named(tmp_path: Path, wrong: str, message: str) -> None:
    path = tmp_path / "mlp.yaml"
    path.write_text(TWO_TASKS.replace("{layers: 2, activation: mish}", f"{{{wrong}}}" if ":" in wrong else wrong))
    with pytest.raises(InputError, match=message):
        read_user_space(path)


def test_a_family_may_be_limited_in_an_ensemble(tmp_path: Path) -> None:
    path = tmp_path / "mlp.yaml"
    path.write_text("most_weight: 0.25\n" + TWO_TASKS)
    assert read_user_space(path).most_weight == 0.25
    assert read_space("modern_nca").most_weight == 0.3
    assert read_space("mlp").most_weight == 1.0
    path.write_text("most_weight: 30\n" + TWO_TASKS)
    with pytest.raises(InputError, match="most_weight is 30"):
        read_user_space(path)


def test_a_family_may_wait_to_be_named(tmp_path: Path) -> None:
    path = tmp_path / "mlp.yaml"
    path.write_text("on_request: true\n" + TWO_TASKS)
    assert read_user_space(path).on_request
    assert not read_space("mlp").on_request
