"""Whether a run's model can be trusted, in one sentence that needs no knowledge of networks."""

from __future__ import annotations

import math
from collections.abc import Sequence

from automl.baselines import CONSTANT, Baseline
from automl.diagnostics import Answer, Finding, skipped
from automl.ensemble import Ensemble
from automl.figures import rounded
from automl.plain import plain
from automl.tasks import Metric

PARTS = {"train": "train", "val": "validation", "test": "test"}
# Checks of how the rows were split: what they find makes every score too good.
FLATTERED = {
    "duplicates": "rows that judge the model repeat rows that it learned from",
    "groups": "rows that belong together are on both sides of the split",
    "time_order": "the rows have an order in time and were split at random",
    "lucky_split": "the test rows are easier than the others",
}


def verdict(best: Ensemble, metric: Metric, answers: Sequence[Answer], *, unseen: str) -> str:
    """What the worst finding makes of the model, its score on new rows, and how much of that is luck.

    Args:
        unseen: "test", or "val" where there are no test rows.
    """
    found = {answer.code: answer for answer in answers if isinstance(answer, Finding)}
    judgement = _judgement(found, is_measured=math.isfinite(best.scores[unseen][metric.name]))
    return f"{judgement}: {_measured(best, metric, unseen, found)}{_luck(found)}{_gaps(answers)}."


def called(baseline: Baseline) -> str:
    """What a sentence calls the baseline."""
    return "predicting without the features" if baseline.name == CONSTANT else plain(baseline.name)


def _judgement(found: dict[str, Finding], *, is_measured: bool) -> str:
    def is_bad(code: str, *severities: str) -> bool:
        return code in found and found[code].severity in severities

    if not found:
        return "Nothing has been checked"
    if is_bad("underfitting", "problem"):
        return "The model has learned nothing that holds on new rows"
    if is_bad("generalisation_gap", "problem"):
        return "The model has learned its training rows by heart and knows nothing of new ones"
    if is_bad("target_leak", "problem", "warning"):
        return "The scores are too good to be trusted, since a column seems to give the target away"
    for code, why in FLATTERED.items():
        if is_bad(code, "problem", "warning"):
            return f"The scores may promise too much, since {why}"
    if is_bad("drift", "problem"):
        return "The test rows are of another kind than those that the model learned from"
    if not is_measured:
        return "How the model does on new rows cannot be told"
    if is_bad("underfitting", "warning") and not found["underfitting"].figures.get("is_certain", 1.0):
        return "Whether the model has learned anything that holds on new rows is not certain"
    if is_bad("generalisation_gap", "warning"):
        return "The model overfits"
    if is_bad("generalisation_gap", "note"):
        return "The model overfits mildly"
    if is_bad("underfitting", "warning"):
        return "The model has learned less than there is"
    if is_bad("overtuning", "problem"):
        return "The search has made the model worse"
    return "The model generalises"


def _measured(best: Ensemble, metric: Metric, unseen: str, found: dict[str, Finding]) -> str:
    known = {part: scores[metric.name] for part, scores in best.scores.items()}
    spread = _figure(found, "generalisation_gap", "spread")
    written = {part: rounded(value, error=spread) for part, value in known.items()}
    around = f" ± {rounded(spread, error=spread)}" if 0 < spread < math.inf else ""
    measured = f"{PARTS[unseen]} {metric.title} {written[unseen]}{around}"
    if unseen == "val":
        return f"{measured}, a little too good since these rows chose it, against {written['train']} on training"
    return f"{measured} against {written['val']} on validation"


def _luck(found: dict[str, Finding]) -> str:
    """How much of what the search gained over the defaults is selection luck."""
    if "underfitting" in found and found["underfitting"].severity == "problem":
        return ""
    share = _figure(found, "winners_curse", "share_of_gain")
    if math.isnan(share):
        return ""
    # From 200 draws, more digits would be noise.
    written = f"{share:.0%}"
    of_gain = "less than 1%" if share and written == "0%" else written
    return f"; {of_gain} of the gain over the first setting is selection luck"


def _gaps(answers: Sequence[Answer]) -> str:
    """What has not been looked for, and might have been found."""
    titles = [title[0].lower() + title[1:] for title in skipped(answers)]
    return f"; nobody has looked for: {', '.join(titles)}" if titles else ""


def _figure(found: dict[str, Finding], code: str, name: str) -> float:
    return found[code].figures.get(name, math.nan) if code in found else math.nan
