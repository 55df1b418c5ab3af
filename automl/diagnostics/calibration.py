"""Whether the probabilities mean what they say: of the rows given 80 %, are 80 % so?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from automl.diagnostics import Answer, Data, Evidence, Finding, NotApplicable
from automl.diagnostics._apart import one_of_each
from automl.diagnostics._parts import PARTS
from automl.diagnostics._wording import more_rows_to_choose_by, named
from automl.ensemble import blend
from automl.figures import percent
from automl.tasks import FloatArray

STAGE = "training"
TITLE = "Calibration"

# Bins of equally many rows; fewer where a bin would hold fewer rows than this.
BINS, ROWS_PER_BIN = 15, 20
LEAST_ROWS = 60
# Of fewer rows than this, that nothing was found says little: where every odds was the square of what it should be, 97
# of 100 were found with 150 rows and 90 with 80, and where it was the root, 87 and 43.
ROWS_TO_TELL = 150
MOST_ROWS = 20_000
DRAWS = 400
# Chance gives a larger error so rarely if the probabilities are right.
RARE = 0.01
# How far probabilities are off on average, beyond what chance brings about.
MILD, STRONG = 0.02, 0.05


@dataclass(frozen=True)
class Reliability:
    """How said probabilities compare with what came true.

    Attributes:
        error: the expected calibration error, the mean distance over the bins.
        floor: what it would be on so many rows if the probabilities were right, on average over chance.
        rare: the share of chance's draws with as large an error, or with as unlikely an outcome.
        said, true: the means over all rows of the likeliest class's probability, and of how often that class is right.
    """

    error: float
    floor: float
    rare: float
    said: float
    true: float


def check(evidence: Evidence) -> Answer:
    """The expected calibration error (Naeini et al. 2015) with bins of equal size, of the likeliest class.

    Of few rows it is well above 0 even if every probability is right. So it is compared with what it is when the
    classes are drawn from these very probabilities (Bröcker and Smith 2007; Vaicenavicius et al. 2019). What is too
    sure or too cautious all over shows sooner in how likely the outcome is, as in Spiegelhalter's test (1986).
    """
    data, part = evidence.data, evidence.unseen
    if data.task.PREDICTS != "probabilities":
        return NotApplicable("calibration", "Only a classification has probabilities to check.")
    rows = _rows(data, part)
    said = f"{len(rows)} {PARTS[part]} rows" + (f", one of each {named([data.groups])}," if data.groups else "")
    if len(rows) < LEAST_ROWS:
        return NotApplicable("calibration", f"{said} are too few to check probabilities: {LEAST_ROWS} are needed.")
    targets = data.of(part)[rows]
    measured = reliability(evidence.blended[part][rows], targets, seed=data.seed)
    members = evidence.best.members
    untempered = blend([evidence.predictions[member.trial][part] for member in members], [m.weight for m in members])
    before = expected_error(*_of_likeliest(untempered[rows], targets))
    excess = math.sqrt(max(0.0, measured.error**2 - measured.floor**2))
    figures = {
        "ece": measured.error,
        "ece_by_chance": measured.floor,
        "ece_before_temperature": before,
        "temperature": evidence.best.temperature,
        "confidence": measured.said,
        "accuracy": measured.true,
    }
    explained = _explained(evidence, measured, before)
    if measured.rare > RARE and len(targets) < ROWS_TO_TELL:
        return NotApplicable(
            "calibration",
            f"{said} are too few to tell: nothing is far off, and from {ROWS_TO_TELL} on it would show.",
        )
    if measured.rare > RARE or excess < MILD:
        title = "Its probabilities can be taken at their word"
        return Finding("calibration", "fine", title, explained, "", figures)
    how = _direction(measured, len(targets))
    title = f"Its probabilities are {how}: off by {percent(measured.error)} on average"
    advice = "Use the classes and their order, not the probabilities as such; --balance spoils them. "
    advice += more_rows_to_choose_by(data.split)
    return Finding("calibration", "warning" if excess >= STRONG else "note", title, explained, advice, figures)


def _rows(data: Data, part: str) -> NDArray[np.intp]:
    """Places of rows that do not belong together."""
    rng = np.random.default_rng([data.seed, 23])
    groups = data.groups_of(part)
    rows = np.arange(len(data.of(part))) if groups is None else one_of_each(groups, rng)
    return np.sort(rng.choice(rows, MOST_ROWS, replace=False)) if len(rows) > MOST_ROWS else rows


def _explained(evidence: Evidence, measured: Reliability, before: float) -> str:
    text = (
        f"On {PARTS[evidence.unseen]} rows it gives its answers a probability of {percent(measured.said)} on average, "
        f"and {percent(measured.true)} of them are right. In groups of rows with like probabilities the two differ by "
        f"{percent(measured.error)} on average; chance alone would make it {percent(measured.floor)}."
    )
    if evidence.best.temperature == 1:
        return text
    return f"{text} Before their mean was corrected on the validation rows it was {percent(before)}."


def _direction(measured: Reliability, rows: int) -> str:
    spread = math.sqrt(measured.said * (1 - measured.said) / rows)
    if measured.said - measured.true > 2 * spread:
        return "too sure of themselves"
    if measured.true - measured.said > 2 * spread:
        return "too cautious"
    return "too high for some rows and too low for others"


def reliability(probabilities: FloatArray, targets: NDArray[np.int64], *, seed: int) -> Reliability:
    """Measures the probabilities of the likeliest class; of two classes, those of the second.

    Args:
        probabilities: shape (rows, classes).
    """
    said, true = _of_likeliest(probabilities, targets)
    rng = np.random.default_rng([seed, 29])
    error = expected_error(said, true)
    draws = rng.random((DRAWS, len(said)), dtype=np.float32) < said
    by_chance = expected_errors(said, draws)
    sureness = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == targets
    rare = min(float((by_chance >= error).mean()), _rarity(said, true, draws))
    return Reliability(error, float(by_chance.mean()), rare, float(sureness.mean()), float(right.mean()))


def _rarity(said: NDArray[np.float64], true: NDArray[np.bool_], draws: NDArray[np.bool_]) -> float:
    """How rarely chance makes the outcome as likely or as unlikely as it is."""
    # The part of the log likelihood that the outcome decides.
    odds = np.log(np.clip(said, 1e-7, 1 - 1e-7) / np.clip(1 - said, 1e-7, 1 - 1e-7))
    by_chance, own = draws @ odds, float(true @ odds)
    return 2 * float(min((by_chance >= own).mean(), (by_chance <= own).mean()))


def expected_error(said: NDArray[np.float64], true: NDArray[np.bool_]) -> float:
    """The mean over bins, of equally many rows by what was said, of the distance between what was said and is true."""
    return float(expected_errors(said, true[None])[0])


def expected_errors(said: NDArray[np.float64], true: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The same for several outcomes. Shape (outcomes,), from (rows,) and (outcomes, rows)."""
    bins = max(2, min(BINS, len(said) // ROWS_PER_BIN))
    order = np.argsort(said, kind="stable")
    starts = np.linspace(0, len(said), bins, endpoint=False).astype(np.int64)
    distances = np.add.reduceat(said[order] - true[:, order], starts, axis=1)
    return np.asarray(np.abs(distances).sum(axis=1) / len(said))


def _of_likeliest(
    probabilities: FloatArray, targets: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """What was said of one class per row, and whether it came true."""
    if probabilities.shape[1] == 2:
        return probabilities[:, 1].astype(np.float64), targets == 1
    return probabilities.max(axis=1).astype(np.float64), probabilities.argmax(axis=1) == targets
