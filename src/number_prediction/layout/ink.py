"""Page of any size -> its ink: photographs and scans, dark on light or light on dark.

In: (H, W) uint8. Out: `PageInk`, at a working size of at most MAX_WORKING_SIDE_PX pixels per side. Any part
of the page can be cut out as ink, turned and scaled, in full resolution: this is what is read.

The grey of the paper is estimated by a closing on a coarse grid, as in the graph of the digit model. Ink is
how much darker than its paper a pixel is. A page of 12 megapixels takes a fraction of a second.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from number_prediction.images.decode import Page
from number_prediction.images.geometry import Affine, scaling

MAX_WORKING_SIDE_PX = 2400
"""Larger pages are reduced by an integer factor: writing of 40 pixels on 12 megapixels keeps 20."""
PAPER_GRID_CELLS = 256
"""Cells per longer side of the grid on which the paper is estimated."""
PAPER_WINDOW_CELLS = 13
"""Window of the closing, in cells; paper shows beside every narrower stroke."""
MIN_PAPER_GREY = 25
"""Grey of the darkest paper; ink on darker paper is measured as on this."""
MIN_CONTRAST_SIGMAS = 4.5
"""Contrast of the palest mark, in standard deviations of the noise of the paper."""
MIN_CONTRAST_SHARE = 0.06
"""Contrast of the palest mark, as a share of the grey of the paper."""
MIN_SHARE_OF_STRONGEST = 0.25
"""Contrast of the palest mark, as a share of the contrast of the strongest tenth of the marks."""
NOISE_BLOCKS_PER_SIDE = 8
"""Blocks per side in which the noise is measured separately: dark places have more noise."""
MEAN_TO_SIGMA = 1.264
"""Standard deviation divided by the mean of the lower four fifths of the differences of neighbours."""
NOISE_SAMPLE_PX = 200_000
"""Approximate number of pixels from which noise and contrast are measured."""

_AFFINE, _BILINEAR = Image.Transform.AFFINE, Image.Resampling.BILINEAR


@dataclass(frozen=True, eq=False)
class PageInk:
    """How much darker than its paper each pixel of a page is."""

    page: Page
    """(H, W) uint8: the page itself."""
    inverted: bool
    """Whether the writing is light on dark."""
    factor: int
    """Side of a pixel of the working size, in pixels of the page."""
    grey: Image.Image
    """Grey of the working size (h, w), dark on light."""
    cell: int
    """Side of a cell of the coarse grid, in pixels of the working size."""
    paper: Image.Image
    """Grey of the paper on the coarse grid."""
    darker: NDArray[np.uint8]
    """(h, w) uint8 of the working size: how much darker than its paper each pixel is, 255 = black."""
    threshold: int
    """Value of `darker` from which a pixel belongs to a mark."""

    def cut(self, to_page: Affine, size: tuple[int, int]) -> NDArray[np.uint8]:
        """Cut a part of the page out as `darker`, in the full resolution of the page.

        Args:
            to_page: maps points of the part to points of the page.
            size: width and height of the part.

        Returns:
            (height, width) uint8; 0 outside the page.
        """
        side = self.cell * self.factor
        paper = self.paper.transform(
            size, _AFFINE, scaling(1 / side).after(to_page), _BILINEAR, fillcolor=255
        )
        return _darker(self._view(to_page, size), paper)

    def view(self, to_page: Affine, size: tuple[int, int]) -> Page:
        """Cut a part of the page out as grey, (height, width) uint8, dark on light; see `cut`."""
        return np.asarray(self._view(to_page, size))

    def _view(self, to_page: Affine, size: tuple[int, int]) -> Image.Image:
        step = abs(to_page.a * to_page.e - to_page.b * to_page.d) ** 0.5
        grey, side = (self._full, 1) if step < self.factor else (self.grey, self.factor)
        return grey.transform(size, _AFFINE, scaling(1 / side).after(to_page), _BILINEAR, fillcolor=255)

    @cached_property
    def _full(self) -> Image.Image:
        return Image.fromarray(255 - self.page if self.inverted else self.page)


def draw_ink(darker: NDArray[np.uint8], share: NDArray[np.float32], threshold: int) -> Page:
    """Draw the result (h, w) of `PageInk.cut` as black on clean white, weighted by `share` in [0, 1]."""
    marked = darker[(share > 0.9) & (darker >= threshold)]
    low = 0.5 * threshold
    high = max(0.9 * float(np.quantile(marked, 0.7)) if len(marked) else 255.0, low + 1)
    ink = np.clip((darker - low) * (1 / (high - low)), 0, 1) * share
    return np.asarray(255 - np.rint(255 * ink), np.uint8)


def find_ink(page: Page) -> PageInk:
    """Measure the ink of a page (H, W) uint8."""
    factor = -(-max(page.shape) // MAX_WORKING_SIDE_PX)
    grey = Image.fromarray(page)
    grey = grey.reduce(factor) if factor > 1 else grey
    cell = -(-max(grey.size) // PAPER_GRID_CELLS)
    cells = np.asarray(grey.reduce(cell) if cell > 1 else grey).astype(np.float32)
    lightest, darkest = _largest(cells, PAPER_WINDOW_CELLS), -_largest(-cells, PAPER_WINDOW_CELLS)
    inverted = float((2 * cells - lightest - darkest).sum()) < 0
    if inverted:
        grey, lightest = Image.fromarray(255 - np.asarray(grey)), 255 - darkest
    closed = _smooth(-_largest(-lightest, PAPER_WINDOW_CELLS))
    paper = Image.fromarray(np.rint(closed).astype(np.uint8))
    box = (0, 0, grey.size[0] / cell, grey.size[1] / cell)
    darker = _darker(grey, paper.resize(grey.size, _BILINEAR, box))
    return PageInk(page, inverted, factor, grey, cell, paper, darker, _threshold(darker))


def _darker(grey: Image.Image, paper: Image.Image) -> NDArray[np.uint8]:
    light = np.asarray(paper).astype(np.float32)
    share = (light - np.asarray(grey)) * (255 / np.maximum(light, MIN_PAPER_GREY))
    darker: NDArray[np.uint8] = np.clip(share, 0, 255).astype(np.uint8)
    return darker


def _threshold(darker: NDArray[np.uint8]) -> int:
    """Choose the threshold from the noise of the paper and the contrast of the strongest marks."""
    stride = max(1, darker.size // NOISE_SAMPLE_PX)
    rows = darker[:: max(1, int(stride**0.5))].astype(np.int16)
    level = float(np.median(rows))
    steps = np.abs(np.diff(rows, axis=1))
    parts = [
        part
        for strip in np.array_split(steps, NOISE_BLOCKS_PER_SIDE)
        for part in np.array_split(strip, NOISE_BLOCKS_PER_SIDE, 1)
    ]
    local = [float(np.mean(part[part <= np.quantile(part, 0.8)])) for part in parts if part.size]
    sigma = MEAN_TO_SIGMA * float(np.quantile(local, 0.9)) if local else 0.0
    floor = level + max(MIN_CONTRAST_SIGMAS * sigma, 255 * MIN_CONTRAST_SHARE)
    marks = rows[rows > floor]
    strong = float(np.quantile(marks, 0.9)) if len(marks) else 0.0
    return int(max(floor, level + MIN_SHARE_OF_STRONGEST * (strong - level))) + 1


def _smooth(cells: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean of each cell and its eight neighbours."""
    padded = np.pad(cells, 1, mode="edge")
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    mean: NDArray[np.float32] = (rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]) / 9
    return mean


def _largest(cells: NDArray[np.float32], window: int) -> NDArray[np.float32]:
    """Maximum of a square window around each cell."""
    for axis in (0, 1):
        padded = np.pad(
            cells, [(window // 2, window // 2) if i == axis else (0, 0) for i in (0, 1)], mode="edge"
        )
        views = np.lib.stride_tricks.sliding_window_view(padded, window, axis)
        cells = views.max(-1)
    return cells
