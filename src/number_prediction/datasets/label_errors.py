"""Labels and out-of-sample probabilities -> labels that are probably wrong. Needs the extra `train` (pandas).

Confident learning (Northcutt, Jiang, Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels",
2021). The probabilities of a picture must come from a model that was not trained on this picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from number_prediction.datasets.split import Split
from number_prediction.errors import DataError, MissingExtraError

try:
    import pandas
except ModuleNotFoundError as error:
    raise MissingExtraError.of(error, "train") from error

_SUM_TOLERANCE = 1e-3


@dataclass(frozen=True, eq=False)
class LabelErrors:
    """The result for N labels."""

    joint: NDArray[np.int64]
    """(C, C) confident joint: rows are given labels, columns the confident classes of the pictures."""
    is_suspect: NDArray[np.bool_]
    """(N,) whether a picture confidently belongs to another class than its label."""
    suggested: NDArray[np.intp]
    """(N,) this class; the label itself if it is not suspect."""
    margin: NDArray[np.float64]
    """(N,) probability of the label minus that of the best other class, in [-1, 1]; low is suspicious."""

    def ranking(self) -> NDArray[np.intp]:
        """Return indices (N,) by increasing margin: the most suspicious label first."""
        return np.argsort(self.margin, kind="stable")


def find_label_errors(labels: NDArray[np.integer], probabilities: NDArray[np.floating]) -> LabelErrors:
    """Find suspect labels by out-of-sample probabilities.

    Args:
        labels: (N,) in 0..C-1.
        probabilities: (N, C), each row sums to 1.

    Raises:
        DataError: the arrays are not labels with their probabilities.
    """
    confident = probabilities >= class_thresholds(labels, probabilities)
    labels = labels.astype(np.intp)
    everyone = np.arange(len(labels))
    belongs = np.where(confident, probabilities, -1.0).argmax(1)
    is_counted = confident.any(1)
    class_count = probabilities.shape[1]
    joint = np.zeros((class_count, class_count), np.int64)
    np.add.at(joint, (labels[is_counted], belongs[is_counted]), 1)
    is_suspect = is_counted & (belongs != labels)
    others = probabilities.astype(np.float64)
    others[everyone, labels] = -1.0
    margin = probabilities[everyone, labels] - others.max(1)
    return LabelErrors(joint, is_suspect, np.where(is_suspect, belongs, labels), margin)


def class_thresholds(labels: NDArray[np.integer], probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    """(C,) mean probability of each class over the pictures with its label; infinity without pictures.

    So no picture confidently belongs to a class without labels.

    Raises:
        DataError: see `find_label_errors`.
    """
    _require_probabilities(labels, probabilities)
    class_count = probabilities.shape[1]
    counts = np.bincount(labels, minlength=class_count)
    sums = np.bincount(labels, probabilities[np.arange(len(labels)), labels], minlength=class_count)
    thresholds = np.full(class_count, np.inf)
    np.divide(sums, counts, out=thresholds, where=counts > 0)
    return thresholds


def rank(split: Split, probabilities: NDArray[np.floating]) -> pandas.DataFrame:
    """Rank all labels of a split, the most suspicious first.

    Returns:
        One row per picture: `index`, `label`, `suggested` (names of classes), `margin` (see `LabelErrors`),
        `is_suspect`.

    Raises:
        DataError: see `find_label_errors`; or the probabilities have another number of classes.
    """
    if probabilities.shape[1:] != (len(split.classes),):
        raise DataError(
            f"probabilities of shape {probabilities.shape} for {len(split.classes)} classes; "
            "give one column per class"
        )
    found = find_label_errors(split.labels, probabilities)
    order = found.ranking()
    return pandas.DataFrame(
        {
            "index": order,
            "label": [split.classes[label] for label in split.labels[order]],
            "suggested": [split.classes[label] for label in found.suggested[order]],
            "margin": found.margin[order],
            "is_suspect": found.is_suspect[order],
        }
    )


def _require_probabilities(labels: NDArray[np.integer], probabilities: NDArray[np.floating]) -> None:
    """Raise DataError unless labels are (N,) in 0..C-1 and probabilities (N, C), with C at least 2."""
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or probabilities.shape[:-1] != labels.shape:
        raise DataError(
            f"labels {labels.dtype} of shape {labels.shape}, probabilities of shape {probabilities.shape}; "
            "give whole numbers (N,) and probabilities (N, C)"
        )
    if len(labels) == 0:
        raise DataError("no labels; give a data set with pictures")
    class_count = probabilities.shape[1]
    if class_count < 2:
        raise DataError(f"{class_count} classes; give a data set with at least two")
    if labels.min() < 0 or labels.max() >= class_count:
        raise DataError(
            f"labels from {labels.min()} to {labels.max()}, but probabilities of {class_count} classes; "
            f"give labels in 0..{class_count - 1}"
        )
    if not np.isfinite(probabilities).all():
        raise DataError("probabilities hold NaN or infinite values; train the models again")
    if probabilities.min() < 0 or (np.abs(probabilities.sum(1) - 1) > _SUM_TOLERANCE).any():
        raise DataError(
            "probabilities are negative or do not sum to 1 in each row; give the output of a softmax"
        )
