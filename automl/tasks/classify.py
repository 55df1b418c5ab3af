"""Classification: one class per row, predicted as a probability for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automl.data import columns as cells
from automl.errors import InputError
from automl.tasks import FloatArray, Metric, Specification

if TYPE_CHECKING:
    import keras

# What a probability of zero counts as: float32 cannot tell 1 - 1e-8 from 1.
SMALLEST_PROBABILITY = 1e-7


def fit_target(column: pd.Series) -> Specification:
    """The classes in their own type: numbers in their order, else text in alphabetical order."""
    labels = sorted({label for label in cells.labels(column) if label is not None})
    if pd.api.types.is_bool_dtype(column.dtype):
        return {"name": str(column.name), "labels": labels, "classes": [label == "true" for label in labels]}
    if not cells.is_text(column) and pd.api.types.is_numeric_dtype(column.dtype):
        labels = sorted(labels, key=float)
        whole = pd.api.types.is_integer_dtype(column.dtype)
        return {
            "name": str(column.name),
            "labels": labels,
            "classes": [int(label) if whole else float(label) for label in labels],
        }
    return {"name": str(column.name), "labels": labels, "classes": labels}


def encode_target(column: pd.Series, specification: Specification) -> NDArray[np.int32]:
    """Shape (rows,): the class's position among the sorted classes."""
    positions = {label: position for position, label in enumerate(specification["labels"])}
    labels = cells.labels(column)
    unknown = sorted({repr(label) for label in labels if label not in positions})
    if unknown:
        raise InputError(
            f"The target {specification['name']!r} holds values that are no class of the model: "
            f"{', '.join(unknown[:5])}. Classes: {', '.join(specification['labels'][:20])}."
        )
    return np.array([positions[label] for label in labels], dtype=np.int32)


def outputs(specification: Specification) -> int:
    """One raw output (logit) per class."""
    return len(specification["classes"])


def learned(targets: NDArray[Any], specification: Specification) -> NDArray[np.int32]:
    """The positions of the classes."""
    return targets.astype(np.int32)


def loss(learned: Any, raw: Any, *, label_smoothing: Any) -> keras.KerasTensor:
    """Cross-entropy per row, shape (rows,).

    Args:
        label_smoothing: the share of the truth that is spread evenly over all classes (Szegedy et al. 2016).
    """
    import keras
    from keras import ops

    of_truth = keras.losses.sparse_categorical_crossentropy(learned, raw, from_logits=True)
    of_all = ops.logsumexp(raw, axis=-1) - ops.mean(raw, axis=-1)
    return of_truth + label_smoothing * (of_all - of_truth)


def predictions(raw: FloatArray, specification: Specification) -> FloatArray:
    """Shape (rows, classes): probabilities, by the softmax in double precision."""
    shifted = raw.astype(np.float64) - raw.max(axis=1, keepdims=True)
    exponents = np.exp(shifted)
    return np.asarray(exponents / exponents.sum(axis=1, keepdims=True))


def constant(targets: NDArray[Any], specification: Specification) -> FloatArray:
    """Shape (classes,): the share of each class, with one row added to each so that none is impossible."""
    counts = np.bincount(targets, minlength=outputs(specification)) + 1.0
    return np.asarray(counts / counts.sum())


def decode(predictions: FloatArray, specification: Specification) -> NDArray[Any]:
    """Shape (rows,): the likeliest class, in the type that the table had."""
    return np.asarray(specification["classes"])[predictions.argmax(axis=1)]


def log_loss(targets: NDArray[Any], predictions: FloatArray) -> float:
    """The mean negative logarithm of the true class's probability."""
    chosen = predictions[np.arange(len(targets)), targets]
    return float(-np.log(np.clip(chosen, SMALLEST_PROBABILITY, 1)).mean())


def _accuracy(targets: NDArray[Any], predictions: FloatArray) -> float:
    return float((predictions.argmax(axis=1) == targets).mean())


def _balanced_accuracy(targets: NDArray[Any], predictions: FloatArray) -> float:
    """The mean recall over the classes that occur."""
    right = np.bincount(targets, weights=predictions.argmax(axis=1) == targets)
    rows = np.bincount(targets)
    return float((right[rows > 0] / rows[rows > 0]).mean())


def _macro_f1(targets: NDArray[Any], predictions: FloatArray) -> float:
    """The mean over the classes that occur or are predicted. A trial would wait 3 ms for scikit-learn's."""
    chosen = predictions.argmax(axis=1)
    right = np.bincount(targets[chosen == targets], minlength=predictions.shape[1])
    either = np.bincount(targets, minlength=len(right)) + np.bincount(chosen, minlength=len(right))
    return float((2 * right[either > 0] / either[either > 0]).mean())


def _roc_auc(targets: NDArray[Any], predictions: FloatArray) -> float:
    """One-vs-rest, the mean over the classes that occur and are not alone, by ranks (Mann and Whitney 1947).

    scikit-learn's takes 3 ms for each class, and a second to be loaded.
    """
    rows = np.bincount(targets, minlength=predictions.shape[1])
    occurring = np.flatnonzero(rows)
    if len(occurring) < 2:
        return float("nan")
    areas = []
    # Of two classes, the one's area is the other's.
    for label in occurring if predictions.shape[1] > 2 else occurring[1:]:
        ranks = _mean_ranks(predictions[:, label])[targets == label].sum()
        others = len(targets) - rows[label]
        areas.append((ranks - rows[label] * (rows[label] + 1) / 2) / (rows[label] * others))
    return float(np.mean(areas))


def _mean_ranks(values: FloatArray) -> FloatArray:
    """Ranks from 1; equal values share the mean of theirs."""
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[which])


def _average_precision(targets: NDArray[Any], predictions: FloatArray) -> float:
    """The mean over the classes that occur, none of which is alone: of each, against all others.

    That is the precision at each threshold, weighted by the recall gained there.
    """
    occurring = np.flatnonzero(np.bincount(targets, minlength=predictions.shape[1]))
    if len(occurring) < 2:
        return float("nan")
    return float(np.mean([_precision_of_one(targets == label, predictions[:, label]) for label in occurring]))


def _precision_of_one(truth: NDArray[np.bool_], likely: FloatArray) -> float:
    order = np.argsort(-likely, kind="stable")
    found = np.cumsum(truth[order])
    # Rows with equal predictions pass a threshold together.
    thresholds = np.flatnonzero(np.diff(likely[order], append=-np.inf))
    recall = found[thresholds] / found[-1]
    precision = found[thresholds] / (thresholds + 1)
    return float((np.diff(recall, prepend=0) * precision).sum())


PREDICTS: Literal["probabilities", "values"] = "probabilities"
METRICS = {
    metric.name: metric
    for metric in (
        Metric("log_loss", "log loss", False, log_loss),
        Metric("accuracy", "accuracy", True, _accuracy),
        Metric("balanced_accuracy", "balanced accuracy", True, _balanced_accuracy),
        Metric("macro_f1", "macro F1", True, _macro_f1),
        Metric("roc_auc", "ROC AUC", True, _roc_auc),
        Metric("average_precision", "average precision", True, _average_precision),
    )
}
OBJECTIVE = "log_loss"
CURVES = ("log_loss", "accuracy")
