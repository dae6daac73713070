"""Metrics: labels and probabilities -> figures, with NumPy only.

N pictures, C classes. `labels` and `predicted` are (N,) integers in 0..C-1, `probabilities` is (N, C).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Labels: TypeAlias = NDArray[np.integer]
Floats: TypeAlias = NDArray[np.floating]

CALIBRATION_BINS = 15
_Z_95 = 1.959963984540054  # 97.5% quantile of the normal distribution
_MIN_PROBABILITY = 1e-12  # keeps the logarithm finite where a probability is 0


def wilson_interval(correct: int, total: int) -> tuple[float, float]:
    """95% confidence interval of a share `correct / total` (Wilson, 1927)."""
    share = correct / total
    spread = _Z_95**2 / total
    centre = (share + spread / 2) / (1 + spread)
    half = _Z_95 / (1 + spread) * np.sqrt(share * (1 - share) / total + spread / (4 * total))
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))


def log_loss(labels: Labels, probabilities: Floats) -> float:
    """Mean negative natural logarithm of the probability given to the true class."""
    true_class = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(true_class, _MIN_PROBABILITY)).mean())


def apply_temperature(probabilities: Floats, temperature: float) -> NDArray[np.float64]:
    """Probabilities (N, C) as if their logits had been divided by `temperature` (Guo et al., 2017)."""
    powers = np.maximum(probabilities.astype(np.float64), _MIN_PROBABILITY) ** (1 / temperature)
    return np.asarray(powers / powers.sum(1, keepdims=True))


def confusion_matrix(labels: Labels, predicted: Labels, class_count: int) -> NDArray[np.int64]:
    """(C, C) int64: row the true class, column the predicted one."""
    pairs = labels.astype(np.int64) * class_count + predicted
    return np.bincount(pairs, minlength=class_count**2).reshape(class_count, class_count)


@dataclass(frozen=True, eq=False)
class ClassScores:
    """Precision, recall and F1 of each class, (C,) float64; 0 where a class has nothing to divide by."""

    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    f1: NDArray[np.float64]
    support: NDArray[np.int64]
    """(C,) number of pictures of each class."""


def class_scores(confusion: NDArray[np.int64]) -> ClassScores:
    """Scores by class from a confusion matrix (C, C)."""
    hits = np.diag(confusion).astype(np.float64)
    predicted, support = confusion.sum(0), confusion.sum(1)
    precision = _ratio(hits, predicted)
    recall = _ratio(hits, support)
    return ClassScores(precision, recall, _ratio(2 * precision * recall, precision + recall), support)


@dataclass(frozen=True, eq=False)
class Reliability:
    """Confidence against accuracy in bins of equal size: the data of a reliability diagram."""

    confidence: NDArray[np.float64]
    """(B,) mean confidence of each bin, rising."""
    accuracy: NDArray[np.float64]
    """(B,) share of right answers of each bin."""
    count: NDArray[np.int64]
    """(B,) pictures in each bin."""

    @property
    def expected_calibration_error(self) -> float:
        """Mean |accuracy - confidence| over the bins, weighted by count (Naeini et al., 2015)."""
        gaps = np.abs(self.accuracy - self.confidence)
        return float((gaps * self.count).sum() / self.count.sum())


def reliability(confidence: Floats, correct: NDArray[np.bool_], bins: int = CALIBRATION_BINS) -> Reliability:
    """Reliability of `confidence` (N,) in [0, 1] against `correct` (N,), in `bins` bins of equal size."""
    order = np.argsort(confidence, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    return Reliability(
        np.array([confidence[part].mean() for part in parts], dtype=np.float64),
        np.array([correct[part].mean() for part in parts], dtype=np.float64),
        np.array([len(part) for part in parts], dtype=np.int64),
    )


@dataclass(frozen=True, eq=False)
class Coverage:
    """Accuracy of the most confident answers against their share (El-Yaniv and Wiener, 2010)."""

    threshold: NDArray[np.float64]
    """(K,) confidences in falling order; an answer is accepted at or above its threshold."""
    coverage: NDArray[np.float64]
    """(K,) share of the answers that are accepted, rising to 1."""
    accuracy: NDArray[np.float64]
    """(K,) share of the accepted answers that are right."""

    def at_accuracy(self, wanted: float) -> tuple[float, float]:
        """Largest coverage at which the accuracy is still `wanted`, and its threshold; else (0, inf)."""
        reached = np.flatnonzero(self.accuracy >= wanted)
        if not len(reached):
            return 0.0, float("inf")
        return float(self.coverage[reached[-1]]), float(self.threshold[reached[-1]])


def coverage_curve(confidence: Floats, correct: NDArray[np.bool_]) -> Coverage:
    """Coverage of answers with `confidence` (N,) in [0, 1]; `correct` (N,) says which are right.

    Answers of equal confidence are accepted together.
    """
    order = np.argsort(-confidence, kind="stable")
    falling = np.asarray(confidence, dtype=np.float64)[order]
    accepted = np.arange(1, len(order) + 1)
    ends_tie = np.append(falling[:-1] != falling[1:], True)
    return Coverage(
        falling[ends_tie],
        (accepted / len(order))[ends_tie],
        (np.cumsum(correct[order]) / accepted)[ends_tie],
    )


def _ratio(numerator: Floats, denominator: NDArray[np.generic]) -> NDArray[np.float64]:
    whole = np.asarray(denominator, dtype=np.float64)
    return np.divide(numerator, whole, out=np.zeros(len(whole)), where=whole > 0)
