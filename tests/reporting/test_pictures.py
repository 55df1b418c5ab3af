"""The report's figures as PNG files."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from automl.records import RunFolder
from automl.reporting import pictures
from automl.reporting.facts import from_folder
from automl.reporting.plots.curves import Curve, curves

Recorded = Callable[..., RunFolder]


def seen(content: bytes) -> set[tuple[int, int, int]]:
    """The colours in a picture."""
    pixels = (255 * imread(BytesIO(content))[..., :3]).round().astype(int)
    return {(int(red), int(green), int(blue)) for red, green, blue in np.unique(pixels.reshape(-1, 3), axis=0)}


@pytest.mark.parametrize(
    ("task", "names"),
    [
        ("classify", {"confusion_matrix", "roc_curve", "precision_and_recall", "are_the_probabilities_true"}),
        ("regress", {"predicted_and_true", "what_is_left_over", "how_large_the_errors_are"}),
    ],
)
def test_draws_what_the_run_has_come_to(recorded: Recorded, task: str, names: set[str]) -> None:
    folder = recorded(task=task, rows=400, names={"rose": "a $x^2$ <b>", "kind": "../../kind", "length": "$"})
    drawn = pictures.write(folder.path)
    both = {"learning_curve_0_mlp", "learning_curve_1_mlp", "importance", "search_history", "hyperparameters"}
    assert {path.stem for path in drawn} == names | both
    assert {path.parent for path in drawn} == {folder.plots}
    assert all(len(seen(path.read_bytes())) > 10 for path in drawn)


def test_pictures_of_an_earlier_session_go(recorded: Recorded) -> None:
    folder = recorded()
    folder.plots.mkdir()
    (folder.plots / "old.png").touch()
    pictures.write(folder.path)
    assert not (folder.plots / "old.png").exists()


def test_predictions_that_hardly_differ_are_drawn(recorded: Recorded) -> None:
    folder = recorded(task="regress")
    nearly = {
        part: replace(own, predictions=np.linspace(5000.0, 5000.0005, len(own.rows)))
        for part, own in folder.evaluation().items()
    }
    folder.write_evaluation(nearly)
    assert {"predicted_and_true", "importance"} <= set(pictures.figures(from_folder(folder.path)))


def test_a_section_that_fails_costs_its_own_pictures_alone(recorded: Recorded) -> None:
    folder = recorded()
    wrong = {part: replace(own, targets=own.targets[:3]) for part, own in folder.evaluation().items()}
    folder.write_evaluation(wrong)
    drawn = {path.stem for path in pictures.write(folder.path)}
    assert drawn == {"learning_curve_0_mlp", "learning_curve_1_mlp", "importance", "search_history", "hyperparameters"}


def test_lines_have_the_colours_of_the_report() -> None:
    def drawn(series: str) -> set[tuple[int, int, int]]:
        return seen(pictures.png(curves([Curve([0, 1, 2], [0, 1, 0], series)], title="t", x="x", y="y")))

    # --s1 and --s3 of the light style.
    blue, green = (0x1F, 0x6F, 0xD1), (0x2B, 0x7F, 0x3D)
    assert (blue in drawn("val"), green in drawn("val")) == (True, False)
    assert (blue in drawn("test"), green in drawn("test")) == (False, True)


def test_names_do_not_depend_on_what_strangers_wrote(recorded: Recorded, tmp_path: Path) -> None:
    plain, hostile = recorded("a"), recorded("b", names={"rose": "x/../y", "kind": "of of of"})
    assert list(pictures.figures(from_folder(plain.path))) == list(pictures.figures(from_folder(hostile.path)))


def test_letters_that_the_font_lacks_are_drawn_without_a_word(recorded: Recorded) -> None:
    folder = recorded(names={"rose": "玫瑰", "kind": "품종", "length": "長さ 🌹"})
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        pictures.write(folder.path)
    assert [str(warning.message) for warning in told] == []
