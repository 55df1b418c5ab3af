"""Category columns: a code per known value, one for missing cells, and one for values unknown or too rare to learn."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automl.data import columns as cells
from automl.data.delimited import WORDS

OTHER = 0
MISSING = 1
FIRST_KNOWN = 2
FEW_VALUES = 10
# A value in a text file, and nothing in what pandas makes of the file.
EMPTY_TO_PANDAS = "None"
MOST_VALUES = 20_000


def fit(column: pd.Series) -> dict[str, Any]:
    """The known values, the commonest first, whether the cells are text, and whether some are missing.

    Of a column with many values, those that occur once are left to the code for other values: it is then trained,
    and serves values that were never seen.
    """
    counts = pd.Series(cells.labels(column), dtype=object).value_counts()
    has_gaps = int(counts.sum()) < len(column)
    # The rows of a test file may have made text of the column, and not these.
    is_text = cells.is_text(column) and any(isinstance(cell, str) for cell in column)
    if len(counts) > FEW_VALUES:
        counts = counts[counts > 1].head(MOST_VALUES)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))
    return {"values": [str(value) for value, _ in ordered], "text": is_text, "gaps": has_gaps}


def size(specification: dict[str, Any]) -> int:
    """The number of codes: every code is below it."""
    return FIRST_KNOWN + len(specification["values"])


def transform(column: pd.Series, specification: dict[str, Any]) -> NDArray[np.int32]:
    """Shape (rows,): 0 for other values, 1 for missing cells, 2 and up for the known values.

    Where no cell was missing in training, no network has learned what 1 means, and 0 stands for missing cells, too.
    What stands for a missing cell in a text file does so everywhere, unless it is a known value: pandas reads "?" as it
    is written. And it takes the word "None" for an empty cell: where training had no such cell, an empty one is "None".
    """
    # Models that were saved before do not say whether there were any.
    missing = MISSING if specification.get("gaps", True) else OTHER
    codes: dict[str | None, int] = dict.fromkeys((None, *WORDS), missing)
    codes |= {value: code for code, value in enumerate(specification["values"], FIRST_KNOWN)}
    if missing == OTHER:
        codes[None] = codes.get(EMPTY_TO_PANDAS, OTHER)
    labels = cells.labels(column)
    if not cells.is_text(column):
        codes = _by_meaning(specification["values"]) | codes
    # Numbers come as text where a cell is none. Models that were saved before do not say what their cells were.
    elif not specification.get("text", True):
        codes = _by_meaning(specification["values"]) | codes
        codes |= {label: codes.get(cells.meaning(label), OTHER) for label in {*labels} - {*codes}}
    return np.array([codes.get(label, OTHER) for label in labels], dtype=np.int32)


def _by_meaning(values: list[str]) -> dict[str | None, int]:
    """The codes of values that are the only ones to be read as a certain number, or as true or false.

    Rows whose cells all look like numbers may come as such: then 1 stands for "01".
    """
    meanings = [cells.meaning(value) for value in values]
    times = Counter(meanings)
    return {meaning: code for code, meaning in enumerate(meanings, FIRST_KNOWN) if times[meaning] == 1}
