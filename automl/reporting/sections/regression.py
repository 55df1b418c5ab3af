"""How far the predictions of a regression are from the truth, and where."""

from __future__ import annotations

from typing import Any

import numpy as np

from automl.data.histogram import histogram as spread_of
from automl.figures import value
from automl.reporting.facts import ReportFacts
from automl.reporting.plots.bars import beyond, histogram
from automl.reporting.plots.scatter import scatter

TITLE = "Predicted and true values"


def show(facts: ReportFacts) -> dict[str, Any] | None:
    """Figures of test rows, or of validation rows if there are none."""
    known = facts.evaluation.get(facts.unseen)
    if facts.task.PREDICTS != "values" or known is None:
        return None
    residuals = np.asarray(known.targets - known.predictions, dtype=np.float64)
    spread = spread_of(residuals)
    assert spread is not None
    half, most = np.quantile(np.abs(residuals), [0.5, 0.9])
    usual = f"Half of the rows are less than {value(half)} off, nine of ten less than {value(most)}."
    return {
        "rows": len(known.rows),
        "of": facts.rows[facts.unseen],
        "figures": [
            scatter(
                known.predictions,
                known.targets,
                title="Predicted and true",
                x="predicted",
                y="true",
                together=True,
                note="On the diagonal, predictions are exact.",
            ),
            scatter(
                known.predictions,
                residuals,
                title="What is left over",
                x="predicted",
                y="true less predicted",
                ideal=[(-np.inf, 0.0), (np.inf, 0.0)],
                note="A bend or a funnel tells that the model errs in one direction, or more in some places.",
            ),
            histogram(
                spread,
                title="How large the errors are",
                x="true less predicted",
                note=f"{usual} {beyond(spread)}".strip(),
            ),
        ],
    }
