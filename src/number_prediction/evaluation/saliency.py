"""Network and frames -> saliency maps of its answers, and a check of their faithfulness.

Frames are (N, 28, 28) float32 in [0, 1]. `targets` (N,) are the explained classes, usually the answers. A
saliency map (N, 28, 28) float32 is positive at pixels that speak for the class.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from number_prediction.constants import FRAME_SIZE
from number_prediction.evaluation.network import Network

Frames = NDArray[np.float32]
SaliencyMethod = Callable[[Frames, NDArray[np.intp]], NDArray[np.float32]]
"""Frames (N, 28, 28) and targets (N,) -> saliency maps (N, 28, 28)."""

PATCH_SIDE_PX, PATCH_STRIDE_PX = 5, 2
"""Side of the square that covers ink, and its steps."""
FRAMES_AT_ONCE = 10_000
"""Covered frames held in memory at once."""
INK_SHARES = np.linspace(0, 1, 11)
"""Shares of the ink that are deleted or inserted."""
_MIN_PROBABILITY = 1e-7


def occlusion(network: Network) -> SaliencyMethod:
    """How much the log probability of the target falls when a patch is covered with paper.

    After Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks" (2014). A pixel gets the
    mean over the patches that cover it, in natural log units. Patches without ink are skipped.
    """
    corners = range(1 - PATCH_STRIDE_PX, FRAME_SIZE - 1, PATCH_STRIDE_PX)
    patches = np.zeros((len(corners) ** 2, FRAME_SIZE, FRAME_SIZE), bool)
    for index, (top, left) in enumerate((top, left) for top in corners for left in corners):
        patches[index, max(top, 0) : top + PATCH_SIDE_PX, max(left, 0) : left + PATCH_SIDE_PX] = True
    cover = patches.reshape(len(patches), -1).astype(np.float32)

    def explain(frames: Frames, targets: NDArray[np.intp]) -> NDArray[np.float32]:
        has_ink = frames.reshape(len(frames), -1) @ cover.T > 0  # (N, patches)
        before = _log_probability(network, frames, targets)
        fall = np.zeros(has_ink.shape, np.float32)
        which, patch = np.nonzero(has_ink)
        for begin in range(0, len(which), FRAMES_AT_ONCE):
            some = slice(begin, begin + FRAMES_AT_ONCE)
            covered = np.where(patches[patch[some]], np.float32(0), frames[which[some]])
            after = _log_probability(network, covered, targets[which[some]])
            fall[which[some], patch[some]] = before[which[some]] - after
        means = fall @ cover / cover.sum(0)
        return np.asarray(means.reshape(frames.shape), dtype=np.float32)

    return explain


def random_saliency(frames: Frames, targets: NDArray[np.intp], *, seed: int = 0) -> NDArray[np.float32]:
    """Random maps, the baseline for other methods."""
    del targets
    return np.random.default_rng(seed).random(frames.shape, np.float32)


@dataclass(frozen=True, eq=False)
class Faithfulness:
    """Probability of the target as ink is deleted or inserted in the order of a saliency map."""

    shares: NDArray[np.float64]
    """(S,) share of the ink pixels deleted or inserted, from 0 to 1."""
    deletion: NDArray[np.float64]
    """(S,) mean probability of the target after deletion; with a good map it falls early."""
    insertion: NDArray[np.float64]
    """(S,) mean probability of the target after insertion; with a good map it rises early."""

    @property
    def deletion_area(self) -> float:
        """Area under the deletion curve, in [0, 1]; low is good."""
        return _area_under(self.deletion, self.shares)

    @property
    def insertion_area(self) -> float:
        """Area under the insertion curve, in [0, 1]; high is good."""
        return _area_under(self.insertion, self.shares)


def measure_faithfulness(
    network: Network, frames: Frames, targets: NDArray[np.intp], saliency: NDArray[np.float32]
) -> Faithfulness:
    """Deletion and insertion curves (Petsiuk, Das, Saenko, "RISE", 2018) over the ink of each frame.

    Only ink is deleted, or inserted on blank paper. Deleting paper changes nothing, so it would favour any
    map that finds the ink.
    """
    count = len(frames)
    ink = frames.reshape(count, -1) > 0
    order = np.argsort(np.where(ink, -saliency.reshape(count, -1), np.inf), axis=1, kind="stable")
    place = np.empty_like(order)
    np.put_along_axis(place, order, np.arange(FRAME_SIZE**2)[np.newaxis], axis=1)
    place = place.reshape(frames.shape)
    totals = ink.sum(1)[:, np.newaxis, np.newaxis]
    curves = []
    for inserted in (False, True):
        means = []
        for share in INK_SHARES:
            is_first = place < np.rint(share * totals)
            altered = np.where(is_first == inserted, frames, np.float32(0))
            means.append(np.exp(_log_probability(network, altered, targets)).mean())
        curves.append(np.array(means, dtype=np.float64))
    return Faithfulness(INK_SHARES, *curves)


def _area_under(values: NDArray[np.float64], shares: NDArray[np.float64]) -> float:
    """Area under a curve, by the trapezoidal rule."""
    return float(((values[1:] + values[:-1]) / 2 * np.diff(shares)).sum())


def _log_probability(network: Network, frames: Frames, targets: NDArray[np.intp]) -> NDArray[np.float32]:
    probabilities = network.probabilities(frames)[np.arange(len(frames)), targets]
    return np.log(np.maximum(probabilities, _MIN_PROBABILITY))
