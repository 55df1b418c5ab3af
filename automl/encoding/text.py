"""Text columns: hashed counts of words and word pairs, weighted by how rare they are (tf-idf)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automl.data import columns as cells

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

FEWEST_BUCKETS = 64
MOST_BUCKETS = 1024


def fit(column: pd.Series) -> dict[str, Any]:
    """The inverse document frequency of every hash bucket (smoothed; Salton and Buckley 1988), and their scale.

    There are at least four rows to a bucket, up to 1,024 buckets.
    """
    buckets = FEWEST_BUCKETS
    while buckets < min(MOST_BUCKETS, len(column) / 4):
        buckets *= 2
    counts = _counts(column, buckets)
    idf = np.log((1 + counts.shape[0]) / (1 + counts.getnnz(axis=0))) + 1
    weighted = _weighted(counts, idf)
    return {"idf": idf.round(6).tolist(), "scale": float(1 / weighted.data.mean()) if weighted.nnz else 1.0}


def width(specification: dict[str, Any]) -> int:
    """How many numbers `transform` gives per row."""
    return len(specification["idf"])


def transform(column: pd.Series, specification: dict[str, Any]) -> NDArray[np.float32]:
    """Shape (rows, width): about 1 where a word occurs, 0 elsewhere; texts of any length weigh the same."""
    idf = np.asarray(specification["idf"])
    if not len(column):
        return np.empty((0, len(idf)), dtype=np.float32)
    weighted = _weighted(_counts(column, len(idf)), idf) * specification["scale"]
    return np.asarray(weighted.astype(np.float32).toarray())


def _counts(column: pd.Series, buckets: int) -> csr_matrix:
    """Shape (rows, buckets)."""
    from sklearn.feature_extraction.text import HashingVectorizer

    hashing = HashingVectorizer(n_features=buckets, ngram_range=(1, 2), alternate_sign=False, norm=None)
    return hashing.transform(text or "" for text in cells.labels(column))


def _weighted(counts: csr_matrix, idf: NDArray[np.float64]) -> csr_matrix:
    from sklearn.preprocessing import normalize

    return normalize(counts.log1p().multiply(idf).tocsr())
