"""Skew: find the slope of the writing or the rules on a page, and straighten the page.

In: marks as a mask (H, W). Out: degrees. The lower edges of all marks are projected along each angle. Along
the writing they fall into few bins, and the sum of squares of the bins is largest (Postl, 1986).
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

MAX_SKEW_DEGREES = 33.0
"""Largest skew that is searched."""
COARSE_STEP_DEGREES, FINE_STEP_DEGREES = 0.5, 0.1
"""Steps of the first and of the second search."""
BIN_PX_PER_1000 = 2.0
"""Size of a bin in pixels, on a mask with 1,000 pixels on its longer side; larger in proportion."""
MAX_EDGE_POINTS = 20_000
"""Approximate number of points on lower edges that are projected."""
MIN_SCORE_RATIO, EXTRA_RATIO_FOR_FEW_MARKS = 1.08, 4.0
"""Minimum score of a skew relative to no skew, and the extra divided by the number of marks: a single digit
points anywhere. Rules score ten times more."""
MIN_MARK_HEIGHT_SHARE = 0.008
"""Height of the smallest mark that is counted, as a share of the longer side of the mask."""


def find_skew(mask: Mask) -> float:
    """Find the skew of the lines in degrees: positive if they fall to the right, 0 if it is not clear."""
    edges = mask[:-1] & ~mask[1:]
    y, x = np.nonzero(edges)
    stride = max(1, len(y) // MAX_EDGE_POINTS)
    points = np.stack([x[::stride], y[::stride]]).astype(np.float64)
    size = BIN_PX_PER_1000 * max(mask.shape) / 1000
    coarse_step, fine_step = COARSE_STEP_DEGREES, FINE_STEP_DEGREES
    if points.shape[1] < 2:
        return 0.0
    coarse = np.arange(-MAX_SKEW_DEGREES, MAX_SKEW_DEGREES + coarse_step, coarse_step)
    scores = _scores(points, coarse, size)
    marks = find_marks(mask)
    count = max(1, int((marks.bottom - marks.top > MIN_MARK_HEIGHT_SHARE * max(mask.shape)).sum()))
    best = float(coarse[scores.argmax()])
    min_ratio = MIN_SCORE_RATIO + EXTRA_RATIO_FOR_FEW_MARKS / count
    if scores.max() < min_ratio * scores[np.abs(coarse) <= 2 * coarse_step].max():
        best = 0.0
    fine = np.arange(best - 2 * coarse_step, best + 2 * coarse_step + fine_step / 2, fine_step)
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
    """A straightened page, at its working size."""

    ink: PageInk
    darker: NDArray[np.uint8]
    """(h, w) uint8, see `PageInk.darker`."""
    to_page: Affine
    """Maps points of the straightened page to points of the page."""
    skew: float
    """Skew of the page in degrees; positive if the writing falls to the right."""

    @property
    def mask(self) -> Mask:
        """(h, w) bool: the pixels of marks."""
        found: Mask = self.darker >= self.ink.threshold
        return found


def straighten(page: Page) -> LevelPage:
    """Straighten a page by its rules and its writing."""
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
