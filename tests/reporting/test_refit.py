"""What is said of training again."""

from __future__ import annotations

import pytest

from automl.ensemble import Ensemble, Member, Refit
from automl.reporting.refit import again

SHORT = "the time was too short"


@pytest.mark.parametrize(
    ("members", "refit", "said"),
    [
        (1, None, ""),
        (
            1,
            Refit(1200, (0,)),
            "It was then trained again on all 1,200 rows; the scores are those of the model before.",
        ),
        (
            3,
            Refit(1200, (0, 1, 2)),
            "Its 3 members were then trained again on all 1,200 rows; the scores are those of the model before.",
        ),
        (
            3,
            Refit(1200, (0,), {1: SHORT, 2: SHORT}),
            (
                "1 of its 3 members was then trained again on all 1,200 rows; the scores are those of the model before."
                " #1 mlp and #2 mlp are as before: the time was too short."
            ),
        ),
        (
            1,
            Refit(960, (0,), with_test=False),
            (
                "It was then trained again on the 960 rows for training and validation; the scores are those of the"
                " model before."
            ),
        ),
        (3, Refit(1200, (), dict.fromkeys(range(3), SHORT)), f"It was not trained again on all 1,200 rows: {SHORT}."),
    ],
)
def test_says_what_was_trained_again_and_whose_the_scores_are(members: int, refit: Refit | None, said: str) -> None:
    parts = tuple(Member(number, "mlp", {}, 1 / members, 10, 1) for number in range(members))
    assert again(Ensemble(parts, 1.0, 0.0, refit=refit)) == said
