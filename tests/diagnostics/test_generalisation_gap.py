"""What is said of a model that does worse on new rows."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from automl.data.profile import profile
from automl.data.split import Split
from automl.diagnostics import Data, Evidence, Finding, NotApplicable, generalisation_gap
from automl.ensemble import Ensemble, Member
from automl.tasks import scores, task
from automl.trial import Trial

CLASSIFY = task("classify")
LOG_LOSS = CLASSIFY.METRICS["log_loss"]
ROWS = 1500


def check(known: Evidence) -> Finding:
    found = generalisation_gap.check(known)
    assert isinstance(found, Finding)
    return found


def evidence(*, certainty: dict[str, float], right: dict[str, float], rows: int = ROWS) -> Evidence:
    """A model that gives its chosen class a probability of `certainty`, and chooses the true one with `right`."""
    rng = np.random.default_rng(0)
    parts = {name: np.arange(rows) + place * rows for place, name in enumerate(("train", "val", "test"))}
    targets = rng.integers(2, size=3 * rows)
    frame = pd.DataFrame({"x": rng.normal(size=3 * rows), "y": np.where(targets == 1, "yes", "no")})
    predictions = {}
    for name, own in parts.items():
        chosen = np.where(rng.random(rows) < right[name], targets[own], 1 - targets[own])
        predictions[name] = np.where(chosen[:, None] == np.arange(2), certainty[name], 1 - certainty[name])
    scored = {name: scores(CLASSIFY, targets[own], predictions[name]) for name, own in parts.items()}
    objective = scored["val"]["log_loss"]
    return Evidence(
        data=Data(
            frame=frame,
            profile=profile(frame, target="y"),
            split=Split(**parts, how="at random"),
            task=CLASSIFY,
            specification=CLASSIFY.fit_target(frame["y"]),
            targets=targets,
        ),
        metric=LOG_LOSS,
        spaces={},
        trials=[Trial(0, "mlp", {}, "finished", objective, scored)],
        baselines=[],
        best=Ensemble((Member(0, "mlp", {}, 1.0, 10, 1),), 1.0, objective, scored),
        predictions={0: predictions},
    )


def everywhere(value: float) -> dict[str, float]:
    return {"train": value, "val": value, "test": value}


def test_a_gap_that_chance_explains_is_fine() -> None:
    found = check(evidence(certainty=everywhere(0.8), right=everywhere(0.8)))
    assert found.severity == "fine"
    assert found.figures["gap_low"] < 0 < found.figures["gap_high"]
    assert not found.advice


def test_a_model_that_lost_most_of_it_overfits() -> None:
    right = {"train": 0.99, "val": 0.8, "test": 0.8}
    found = check(evidence(certainty=everywhere(0.8), right=right))
    assert found.severity == "warning"
    assert found.figures["gap_low"] > 0
    assert 0.5 < found.figures["lost_share"] < 1
    assert found.advice


def test_a_model_that_knows_its_rows_by_heart_is_a_problem() -> None:
    found = check(evidence(certainty=everywhere(0.9), right={"train": 1.0, "val": 0.5, "test": 0.5}))
    assert found.severity == "problem"
    assert "no better than without the features" in found.title


def test_test_rows_alone_do_not_make_a_model_one_that_knows_nothing() -> None:
    found = check(evidence(certainty=everywhere(0.9), right={"train": 1.0, "val": 0.95, "test": 0.5}))
    assert (found.severity, found.figures["lost_share"] > 1) == ("warning", True)
    assert "on validation rows it is better than without the features, on test rows it is not" in found.title


def test_a_small_part_lost_is_fine_however_sure_it_is() -> None:
    found = check(evidence(certainty=everywhere(0.9), right={"train": 0.97, "val": 0.93, "test": 0.93}, rows=20_000))
    assert found.figures["gap_low"] > 0
    assert found.severity == "fine"


def test_speaks_of_validation_where_there_are_no_test_rows() -> None:
    given = evidence(certainty=everywhere(0.9), right={"train": 1.0, "val": 0.5, "test": 1.0})
    without = dataclasses.replace(given.data.split, test=np.arange(0))
    judged = dataclasses.replace(given, data=dataclasses.replace(given.data, split=without))
    found = check(judged)
    assert found.severity == "problem"
    assert "test" not in found.explanation


@pytest.mark.parametrize("rows", [100, 2_000])
def test_the_spread_is_that_of_new_rows(rows: int) -> None:
    given = evidence(certainty=everywhere(0.8), right=everywhere(0.8), rows=rows)
    own = given.blended["test"][np.arange(rows), given.data.of("test")]
    found = check(given)
    assert found.figures["spread"] == pytest.approx(np.log(own).std() / np.sqrt(rows), rel=0.15)


def with_a_forest(known: Evidence, *, weight: float) -> Evidence:
    """The model, and a forest that is certain of every training row and knows nothing of others."""
    parts = known.data.split.parts()
    forest = {
        part: (known.data.targets[rows][:, None] == np.arange(2)) * 0.998 + 0.001
        if part == "train"
        else np.full((len(rows), 2), 0.5)
        for part, rows in parts.items()
    }
    (member,) = known.best.members
    members = (
        dataclasses.replace(member, weight=1 - weight),
        Member(1, "forest", {"optimizer": "averaging"}, weight, 10, 1),
    )
    best = dataclasses.replace(known.best, members=members if weight < 1 else members[1:])
    return dataclasses.replace(known, best=best, predictions={**known.predictions, 1: forest})


def test_what_a_forest_knows_by_heart_is_no_overfitting() -> None:
    sound = evidence(certainty=everywhere(0.8), right=everywhere(0.8))
    alone, together = check(sound), check(with_a_forest(sound, weight=0.5))
    assert together.severity == "fine"
    assert together.figures["gap"] == pytest.approx(alone.figures["gap"])
    assert "without forest, which knows" in together.explanation
    assert together.figures["spread"] != alone.figures["spread"]


def test_a_row_that_finds_itself_among_its_neighbours_is_no_overfitting() -> None:
    right = {"train": 0.99, "val": 0.8, "test": 0.8}
    given = evidence(certainty=everywhere(0.8), right=right)
    (member,) = given.best.members
    neighbours = dataclasses.replace(member, family="modern_nca", params={"candidates": 512})
    found = check(dataclasses.replace(given, best=dataclasses.replace(given.best, members=(neighbours,))))
    assert (check(given).severity, found.severity) == ("warning", "fine")
    assert "modern_nca, which knows its training rows by heart" in found.title


def test_a_forest_hides_no_member_that_overfits() -> None:
    right = {"train": 0.99, "val": 0.8, "test": 0.8}
    overfitting = evidence(certainty=everywhere(0.8), right=right)
    assert check(with_a_forest(overfitting, weight=0.3)).severity == "warning"


@pytest.mark.parametrize("weight", [0.8, 1.0])
def test_a_forest_is_not_judged_by_its_training_rows(weight: float) -> None:
    right = {"train": 0.99, "val": 0.8, "test": 0.8}
    found = check(with_a_forest(evidence(certainty=everywhere(0.8), right=right), weight=weight))
    assert (found.severity, "gap" in found.figures) == ("fine", False)


def test_a_forest_may_make_good_what_other_members_spoil() -> None:
    by_heart = evidence(certainty=everywhere(0.95), right={"train": 1.0, "val": 0.5, "test": 0.5})
    found = check(with_a_forest(by_heart, weight=0.1))
    assert (found.severity, "Nothing of what it learned" in found.explanation) == ("problem", True)
    truth = {
        part: (by_heart.data.targets[rows][:, None] == np.arange(2)) * 0.8 + 0.1
        for part, rows in by_heart.data.split.parts().items()
    }
    together = with_a_forest(by_heart, weight=0.5)
    found = check(dataclasses.replace(together, predictions={**together.predictions, 1: truth}))
    assert (found.severity, found.title.startswith("Without forest it")) == ("warning", True)


def test_has_no_answer_where_the_metric_is_not_defined() -> None:
    given = evidence(certainty=everywhere(0.8), right=everywhere(0.8))
    alone = np.flatnonzero(given.data.targets[given.data.split.test] == 1)
    split = dataclasses.replace(given.data.split, test=given.data.split.test[alone])
    of_one_class = {part: rows[alone] if part == "test" else rows for part, rows in given.predictions[0].items()}
    judged = dataclasses.replace(
        given,
        data=dataclasses.replace(given.data, split=split),
        predictions={0: of_one_class},
        metric=CLASSIFY.METRICS["roc_auc"],
    )
    assert isinstance(generalisation_gap.check(judged), NotApplicable)
