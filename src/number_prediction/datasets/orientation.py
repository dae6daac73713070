"""Pictures of digits -> whether rows and columns are swapped, as in EMNIST as it was published."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from number_prediction.datasets.mnist import DIGIT_CLASSES, load_mnist
from number_prediction.datasets.split import Split

MIN_TRANSPOSED_CORRELATION = 0.5
"""Correlation of the mean digits with the transposed ones of MNIST from which a set may be transposed."""
MIN_CORRELATION_GAIN = 0.2
"""By how much this correlation must exceed that of the upright ones."""
_MIN_PICTURES_PER_DIGIT = 5


def looks_transposed(split: Split) -> bool:
    """Return whether the mean digits resemble those of MNIST with rows and columns swapped.

    Only sets of square arrays in MNIST's size, with the ten digits as classes, can be compared.
    """
    images = split.images
    counts = np.bincount(split.labels, minlength=len(split.classes))
    if (
        not isinstance(images, np.ndarray)
        or split.classes != DIGIT_CLASSES
        or images.shape[1:] != (28, 28)
        or counts.min() < _MIN_PICTURES_PER_DIGIT
    ):
        return False
    known = _mean_digits(load_mnist().validation)
    found = _mean_digits(split)
    upright, transposed = (
        abs(float(np.corrcoef(found.ravel(), each.ravel())[0, 1])) for each in (known, known.swapaxes(1, 2))
    )
    return transposed >= MIN_TRANSPOSED_CORRELATION and transposed - upright >= MIN_CORRELATION_GAIN


def _mean_digits(split: Split) -> NDArray[np.float64]:
    """(10, 28, 28): the mean picture of each digit, less the mean of all."""
    means = np.stack(
        [np.asarray(split.images)[split.labels == label].mean(0) for label in range(len(split.classes))]
    )
    varied = means - means.mean(0) + 1e-9 * np.arange(28)  # never constant: a correlation needs variance
    return np.asarray(varied, np.float64)
