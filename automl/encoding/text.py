"""Text columns: hashed counts of words and word pairs, weighted by how rare they are (tf-idf)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automl.data import columns as cells

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
    frequency = (counts > 0).sum(axis=0)
    idf = np.log((1 + len(counts)) / (1 + frequency)) + 1
    weighted = _weighted(counts, idf)
    used = weighted[weighted > 0]
    return {"idf": idf.round(6).tolist(), "scale": float(1 / used.mean()) if len(used) else 1.0}


def width(specification: dict[str, Any]) -> int:
    """How many numbers `transform` gives per row."""
    return len(specification["idf"])


def transform(column: pd.Series, specification: dict[str, Any]) -> NDArray[np.float32]:
    """Shape (rows, width): about 1 where a word occurs, 0 elsewhere; texts of any length weigh the same."""
    idf = np.asarray(specification["idf"])
    weighted = _weighted(_counts(column, len(idf)), idf)
    return (weighted * specification["scale"]).astype(np.float32)


def _counts(column: pd.Series, buckets: int) -> NDArray[np.float64]:
    from sklearn.feature_extraction.text import HashingVectorizer

    hashing = HashingVectorizer(n_features=buckets, ngram_range=(1, 2), alternate_sign=False, norm=None)
    texts = [text or "" for text in cells.labels(column)]
    counts: NDArray[np.float64] = hashing.transform(texts).toarray()
    return counts


def _weighted(counts: NDArray[np.float64], idf: NDArray[np.float64]) -> NDArray[np.float64]:
    weighted = np.log1p(counts) * idf
    length = np.linalg.norm(weighted, axis=1, keepdims=True)
    return np.divide(weighted, length, out=np.zeros_like(weighted), where=length > 0)
