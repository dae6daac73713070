"""Right and wrong answers of several models on the same pictures -> which differences are significant.

Arrays in, frozen dataclasses out. Two models are compared on the pictures that only one of them reads right;
other pictures do not tell which is better. Needs the extra `train` (SciPy).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from number_prediction.errors import DataError

SIGNIFICANCE_LEVEL = 0.05
"""A difference is significant if its corrected p-value is below this."""
DRAWS = 10_000
"""Resamples of a bootstrap."""
_PERCENTILES_95 = (2.5, 97.5)


@dataclass(frozen=True)
class PairComparison:
    """Two models on the same pictures."""

    first: int
    """Row of the first model."""
    second: int
    """Row of the second model."""
    pictures: int
    only_first: int
    """Pictures that only the first reads right."""
    only_second: int
    """Pictures that only the second reads right."""
    interval: tuple[float, float]
    """95% bootstrap interval of the difference."""
    p_value: float
    """McNemar's exact p-value, in [0, 1]."""
    corrected_p_value: float
    """The p-value corrected for the number of pairs (Holm); unchanged for a single pair."""

    @property
    def difference(self) -> float:
        """Accuracy of the first minus that of the second, in [-1, 1]."""
        return (self.only_first - self.only_second) / self.pictures

    @property
    def is_significant(self) -> bool:
        """Whether the difference is too large to be explained by chance."""
        return self.corrected_p_value < SIGNIFICANCE_LEVEL


def compare_pairs(correct: NDArray[np.bool_], *, seed: int = 0) -> tuple[PairComparison, ...]:
    """Compare each pair of models.

    Args:
        correct: (R, N), whether model r answers picture n right.
        seed: seed of the bootstrap.

    Returns:
        R * (R - 1) / 2 comparisons, (0, 1), (0, 2), ..., (1, 2), ...

    Raises:
        DataError: there are no pictures.
    """
    _require_pictures(correct)
    pairs = list(combinations(range(len(correct)), 2))
    counts = [
        (int((correct[a] & ~correct[b]).sum()), int((correct[b] & ~correct[a]).sum())) for a, b in pairs
    ]
    p_values = [mcnemar(*pair) for pair in counts]
    pictures = correct.shape[1]
    return tuple(
        PairComparison(
            *pair,
            pictures,
            *discordant,
            bootstrap_difference(*discordant, pictures, seed=seed),
            p_value,
            float(corrected),
        )
        for pair, discordant, p_value, corrected in zip(pairs, counts, p_values, holm(p_values), strict=True)
    )


def mcnemar(only_first: int, only_second: int) -> float:
    """Two-sided p-value of McNemar's test (McNemar, 1947), exact.

    If both models were equally good, each picture that only one of them reads right would be a coin toss. The
    p-value is the probability of a result at least as unequal. It is 1 if there is no such picture.
    """
    fewer = min(only_first, only_second)
    return min(1.0, 2 * float(binom.cdf(fewer, only_first + only_second, 0.5)))


def holm(p_values: list[float]) -> NDArray[np.float64]:
    """P-values (M,) corrected for their number, which limits the chance of any false alarm (Holm, 1979)."""
    count = len(p_values)
    given = np.array(p_values, np.float64)
    order = np.argsort(given, kind="stable")
    corrected = np.empty(count)
    corrected[order] = np.maximum.accumulate(given[order] * (count - np.arange(count)))
    return np.minimum(corrected, 1.0)


def bootstrap_difference(
    only_first: int, only_second: int, pictures: int, *, seed: int = 0
) -> tuple[float, float]:
    """95% interval of the difference of two accuracies, by the paired bootstrap (Efron, 1979), percentiles.

    A picture adds 1, 0 or -1 to the difference. So drawing pictures with replacement is the same as drawing
    the three counts from a multinomial distribution. Exchanging the two models gives the mirrored interval.
    """
    if only_first < only_second:
        low, high = bootstrap_difference(only_second, only_first, pictures, seed=seed)
        return 0.0 - high, 0.0 - low
    shares = np.array([only_first, only_second, pictures - only_first - only_second]) / pictures
    drawn = np.random.default_rng(seed).multinomial(pictures, shares, size=DRAWS)
    low, high = np.percentile((drawn[:, 0] - drawn[:, 1]) / pictures, _PERCENTILES_95)
    return float(low), float(high)


def bootstrap_accuracy(correct: NDArray[np.bool_], *, seed: int = 0) -> tuple[float, float]:
    """95% interval of an accuracy, by the bootstrap (Efron, 1979), percentiles.

    Args:
        correct: (N,) whether each answer is right.
        seed: seed of the bootstrap.

    Raises:
        DataError: there are no pictures.
    """
    _require_pictures(correct)
    pictures = len(correct)
    drawn = np.random.default_rng(seed).binomial(pictures, correct.mean(), size=DRAWS)
    low, high = np.percentile(drawn / pictures, _PERCENTILES_95)
    return float(low), float(high)


def _require_pictures(correct: NDArray[np.bool_]) -> None:
    if correct.size == 0:
        raise DataError("no pictures to compare models on; give a data set with pictures")
