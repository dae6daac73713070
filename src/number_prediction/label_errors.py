"""Labels and honest probabilities -> which labels are probably wrong. Needs the extra `train` (pandas).

Confident learning (Northcutt, Jiang, Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels",
2021). The probabilities must come from models that were not trained on the picture they judge.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas
from numpy.typing import NDArray

from number_prediction.splits import Split
from number_prediction.types import DataError


@dataclass(frozen=True, eq=False)
class LabelErrors:
    """The judgement of N labels."""

    joint: NDArray[np.int64]
    """(C, C) confident joint: row the given label, column the class a picture confidently belongs to."""
    is_suspect: NDArray[np.bool_]
    """(N,) whether a picture confidently belongs to another class than its label's."""
    suggested: NDArray[np.intp]
    """(N,) that class; the label itself where nothing is suspected."""
    margin: NDArray[np.float64]
    """(N,) probability of the label less that of the best other class, in [-1, 1]; low is suspicious."""

    def ranking(self) -> NDArray[np.intp]:
        """(N,) indices, the most suspicious label first: by normalized margin."""
        return np.argsort(self.margin, kind="stable")


def find_label_errors(labels: NDArray[np.integer], probabilities: NDArray[np.floating]) -> LabelErrors:
    """Judge labels by out-of-sample probabilities.

    Args:
        labels: (N,) in 0..C-1.
        probabilities: (N, C), each row sums to 1.

    Raises:
        DataError: a probability is not finite.
    """
    labels = labels.astype(np.intp)
    if not np.isfinite(probabilities).all():
        raise DataError("probabilities hold NaN or infinite values; train the models anew")
    everyone = np.arange(len(labels))
    confident = probabilities >= class_thresholds(labels, probabilities)
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
    """(C,) mean probability of each class over the pictures that are labelled with it; without any, infinity.

    So no picture belongs confidently to a class that nothing is labelled with.
    """
    class_count = probabilities.shape[1]
    counts = np.bincount(labels, minlength=class_count)
    sums = np.bincount(labels, probabilities[np.arange(len(labels)), labels], minlength=class_count)
    thresholds = np.full(class_count, np.inf)
    np.divide(sums, counts, out=thresholds, where=counts > 0)
    return thresholds


def rank(split: Split, probabilities: NDArray[np.floating]) -> pandas.DataFrame:
    """Every label of a split, the most suspicious first.

    Returns:
        One row a picture: `index`, `label`, `suggested` (names of classes), `margin` (see `LabelErrors`),
        `is_suspect`.
    """
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
