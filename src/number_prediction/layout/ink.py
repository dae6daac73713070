"""Page of any size -> its ink, for finding writing: photographs and scans, dark on light or light on dark.

In: (H, W) uint8. Out: `PageInk`, at a working size of at most WORKING_SIDE pixels a side. The same ink can be
had of any part of the page, turned and scaled, in the page's full resolution: that is what is read.

As in the graph of the digit model, the paper's grey is estimated place by place by a closing on a coarse
grid, and ink is how much darker than its paper a pixel is; here the page is large, the writing small, and
NumPy and Pillow do it in a fraction of a second for 12 megapixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from number_prediction.images.decode import Page
from number_prediction.images.geometry import Affine, scaling

WORKING_SIDE = 2400
"""Larger pages are reduced by a whole factor: writing of 40 pixels on 12 megapixels keeps 20."""
PAPER_SIDE = 256
"""Cells of the longer side of the grid on which the paper is estimated."""
WINDOW = 13
"""Cells: a stroke narrower than this leaves paper in the window."""
DARKEST_PAPER = 25
"""Grey below which ink is not held to be darker in proportion."""
NOISE_SIGMAS = 4.5
LEAST_CONTRAST = 0.06
"""Marks that stand out from the paper by less, as a share of it, are paper."""
WRITING_SHARE = 0.25
"""So are those of less than this share of the contrast of the strongest tenth."""
BLOCKS = 8
"""Of each side, for which the noise is measured apart: dark places have more."""
MEAN_TO_SIGMA = 1.264
"""From the mean of the lower four fifths of the differences between neighbours to the standard deviation."""
SAMPLE = 200_000
"""Pixels, about, from which noise and contrast are measured."""

_AFFINE, _BILINEAR = Image.Transform.AFFINE, Image.Resampling.BILINEAR


@dataclass(frozen=True, eq=False)
class PageInk:
    """How much darker than its paper each pixel of a page is."""

    page: Page
    """(H, W) uint8, as it was given."""
    inverted: bool
    """Whether light is written on dark."""
    factor: int
    """Pixels of the page, a side, in one of the working size."""
    grey: Image.Image
    """Of the working size (h, w), dark on light."""
    cell: int
    """Pixels of the working size, a side, in one of the coarse grid's."""
    paper: Image.Image
    """The paper's grey on the coarse grid."""
    darker: NDArray[np.uint8]
    """(h, w) uint8, of the working size: 255 times how much darker than its paper each pixel is."""
    threshold: int
    """From where on a pixel of `darker` is a mark."""

    def cut(self, to_page: Affine, size: tuple[int, int]) -> NDArray[np.uint8]:
        """`darker` of a part of the page, in the page's own resolution.

        Args:
            to_page: takes points of the part to points of the page.
            size: width and height of the part.

        Returns:
            (height, width) uint8; 0 outside of the page.
        """
        side = self.cell * self.factor
        paper = self.paper.transform(
            size, _AFFINE, scaling(1 / side).after(to_page), _BILINEAR, fillcolor=255
        )
        return _darker(self._view(to_page, size), paper)

    def view(self, to_page: Affine, size: tuple[int, int]) -> Page:
        """A part of the page (height, width) uint8 as it looks, dark on light; arguments as of `cut`."""
        return np.asarray(self._view(to_page, size))

    def _view(self, to_page: Affine, size: tuple[int, int]) -> Image.Image:
        step = abs(to_page.a * to_page.e - to_page.b * to_page.d) ** 0.5
        grey, side = (self._full, 1) if step < self.factor else (self.grey, self.factor)
        return grey.transform(size, _AFFINE, scaling(1 / side).after(to_page), _BILINEAR, fillcolor=255)

    @cached_property
    def _full(self) -> Image.Image:
        return Image.fromarray(255 - self.page if self.inverted else self.page)


def draw_ink(darker: NDArray[np.uint8], share: NDArray[np.float32], threshold: int) -> Page:
    """What `PageInk.cut` gives (h, w), where `share` in [0, 1] wants it, as full black on clean white."""
    marked = darker[(share > 0.9) & (darker >= threshold)]
    low = 0.5 * threshold
    high = max(0.9 * float(np.quantile(marked, 0.7)) if len(marked) else 255.0, low + 1)
    ink = np.clip((darker - low) * (1 / (high - low)), 0, 1) * share
    return np.asarray(255 - np.rint(255 * ink), np.uint8)


def find_ink(page: Page) -> PageInk:
    """Measure the ink of a page (H, W) uint8."""
    factor = -(-max(page.shape) // WORKING_SIDE)
    grey = Image.fromarray(page)
    grey = grey.reduce(factor) if factor > 1 else grey
    cell = -(-max(grey.size) // PAPER_SIDE)
    cells = np.asarray(grey.reduce(cell) if cell > 1 else grey).astype(np.float32)
    lightest, darkest = _largest(cells, WINDOW), -_largest(-cells, WINDOW)
    inverted = float((2 * cells - lightest - darkest).sum()) < 0
    if inverted:
        grey, lightest = Image.fromarray(255 - np.asarray(grey)), 255 - darkest
    closed = _smooth(-_largest(-lightest, WINDOW))
    paper = Image.fromarray(np.rint(closed).astype(np.uint8))
    box = (0, 0, grey.size[0] / cell, grey.size[1] / cell)
    darker = _darker(grey, paper.resize(grey.size, _BILINEAR, box))
    return PageInk(page, inverted, factor, grey, cell, paper, darker, _threshold(darker))


def _darker(grey: Image.Image, paper: Image.Image) -> NDArray[np.uint8]:
    light = np.asarray(paper).astype(np.float32)
    share = (light - np.asarray(grey)) * (255 / np.maximum(light, DARKEST_PAPER))
    darker: NDArray[np.uint8] = np.clip(share, 0, 255).astype(np.uint8)
    return darker


def _threshold(darker: NDArray[np.uint8]) -> int:
    """From the noise of the paper, told from neighbours, and the contrast of the strongest marks."""
    stride = max(1, darker.size // SAMPLE)
    rows = darker[:: max(1, int(stride**0.5))].astype(np.int16)
    level = float(np.median(rows))
    steps = np.abs(np.diff(rows, axis=1))
    parts = [part for strip in np.array_split(steps, BLOCKS) for part in np.array_split(strip, BLOCKS, 1)]
    local = [float(np.mean(part[part <= np.quantile(part, 0.8)])) for part in parts if part.size]
    sigma = MEAN_TO_SIGMA * float(np.quantile(local, 0.9)) if local else 0.0
    floor = level + max(NOISE_SIGMAS * sigma, 255 * LEAST_CONTRAST)
    marks = rows[rows > floor]
    strong = float(np.quantile(marks, 0.9)) if len(marks) else 0.0
    return int(max(floor, level + WRITING_SHARE * (strong - level))) + 1


def _smooth(cells: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean of each cell and the eight around it."""
    padded = np.pad(cells, 1, mode="edge")
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    mean: NDArray[np.float32] = (rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]) / 9
    return mean


def _largest(cells: NDArray[np.float32], window: int) -> NDArray[np.float32]:
    """Largest of a square window around each cell."""
    for axis in (0, 1):
        padded = np.pad(
            cells, [(window // 2, window // 2) if i == axis else (0, 0) for i in (0, 1)], mode="edge"
        )
        views = np.lib.stride_tricks.sliding_window_view(padded, window, axis)
        cells = views.max(-1)
    return cells
