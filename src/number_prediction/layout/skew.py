"""By how much the writing on a page, or its rules, slope.

In: marks as a mask (H, W). Out: degrees. The lower edges of all marks are projected along each angle; along
the writing they fall on few lines, and the sum of squares of the projection's bins is greatest (Postl, 1986).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from number_prediction.images.decode import Page
from number_prediction.images.geometry import Affine, Box, rotation, scaling
from number_prediction.layout.ink import PageInk, find_ink
from number_prediction.layout.marks import Mask, find_marks

MOST = 33.0
"""Degrees of the steepest slope."""
COARSE, FINE = 0.5, 0.1
"""Degrees between the angles that are tried."""
BIN = 2.0
"""Pixels of a bin, for a picture of 1,000 pixels a side; in proportion for others."""
POINTS = 20_000
"""Lower edges that are looked at, about."""
CLEARLY, OF_FEW = 1.08, 4.0
"""How many times better than none an angle must be, and by what more if there was one mark: by half of it
with two, and so on. Single digits point anywhere; rules are ten times better."""
MARK = 0.008
"""Height of the smallest mark that counts, as a share of the picture's longer side."""


def find_skew(mask: Mask) -> float:
    """Degrees by which lines fall to the right, clockwise, from -MOST to MOST; 0 where nothing is clear."""
    edges = mask[:-1] & ~mask[1:]
    y, x = np.nonzero(edges)
    stride = max(1, len(y) // POINTS)
    points = np.stack([x[::stride], y[::stride]]).astype(np.float64)
    size = BIN * max(mask.shape) / 1000
    if points.shape[1] < 2:
        return 0.0
    coarse = np.arange(-MOST, MOST + COARSE, COARSE)
    scores = _scores(points, coarse, size)
    marks = find_marks(mask)
    count = max(1, int((marks.bottom - marks.top > MARK * max(mask.shape)).sum()))
    best = float(coarse[scores.argmax()])
    if scores.max() < (CLEARLY + OF_FEW / count) * scores[np.abs(coarse) <= 2 * COARSE].max():
        best = 0.0
    fine = np.arange(best - 2 * COARSE, best + 2 * COARSE + FINE / 2, FINE)
    return float(fine[_scores(points, fine, size / 2).argmax()])


def _scores(points: NDArray[np.float64], angles: NDArray[np.float64], size: float) -> NDArray[np.float64]:
    """(A,): how much the points (2, K) fall on lines along each angle."""
    turned = np.radians(angles)
    scores = np.empty(len(angles))
    for index, (sin, cos) in enumerate(zip(np.sin(turned), np.cos(turned), strict=True)):
        across = (points[1] * cos - points[0] * sin) / size
        bins = np.bincount((across - across.min()).astype(np.intp)).astype(np.float64)
        scores[index] = (bins**2).sum()
    return scores


@dataclass(frozen=True, eq=False)
class LevelPage:
    """A page turned upright, at its working size."""

    ink: PageInk
    darker: NDArray[np.uint8]
    """(h, w) uint8, as `PageInk.darker`."""
    to_page: Affine
    skew: float
    """Degrees by which the writing falls to the right on the page."""

    @property
    def mask(self) -> Mask:
        """Where marks are."""
        found: Mask = self.darker >= self.ink.threshold
        return found


def straighten(page: Page) -> LevelPage:
    """Turn a page upright by its rules and its writing."""
    ink = find_ink(page)
    skew = find_skew(ink.darker >= ink.threshold)
    height, width = ink.darker.shape
    ends = rotation(-skew)(Box(0, 0, width, height).corners)
    size = tuple(int(np.ceil(side)) for side in np.ptp(ends, axis=0))
    back = rotation(skew, (size[0] / 2, size[1] / 2), (width / 2, height / 2))
    turned = Image.fromarray(ink.darker).transform(
        (size[0], size[1]), Image.Transform.AFFINE, back, Image.Resampling.BILINEAR
    )
    return LevelPage(ink, np.asarray(turned), scaling(ink.factor).after(back), skew)
