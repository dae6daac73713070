"""Page -> ink, as a parameter-free torch module that is exported inside the graph.

In: pages (N, H, W) uint8. Out: ink (N, h, w) float32 in [0, 1], at most MAX_SIDE a side; 1 is ink, 0 is
paper; and what was measured on the way. Inside, all has a channel axis of one: (N, 1, h, w).

For drawings, scans and photographs: the paper's grey is estimated place by place, so that shadows and
gradients are paper; which side of it is ink is decided for the whole page; what stands out no more than the
paper's noise is paper. Lines of the paper are left out by `rules`, specks and neighbours by `components`. A
clean page comes out as it is.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from number_prediction.training.graph import components, rules
from number_prediction.training.graph.grids import (
    area_matrix,
    cell_of_pixel,
    interpolation_matrix,
    nearest_matrix,
    pixel_of_cell,
)

MAX_SIDE = 1024
"""Larger pages are reduced by a whole factor."""
CELLS = components.CELLS
"""Cells a side of the grid on which the paper is estimated; on the same one the digit is found."""
WINDOW = 21
"""Cells: a stroke narrower than this, or than half of it at the page's edge, leaves paper in the window."""
NOISY_WINDOW = 13
"""The same for photographs and scans: it follows the edges of shadows more closely."""
BORDER, CORNER, INSIDE = 2.0, 4.0, 0.5
"""Weights of the page's cells where the light and the dark side are weighed: hardly any digit fills the
corners."""
CORNER_CELLS = 4
"""Cells a side of a corner."""
DARKEST_PAPER = 0.1
"""Grey below which ink is not held to be darker in proportion."""
SAMPLES = 32
"""Rows from which noise is estimated."""
NOISE_ROUNDS = 6
NOISE_REACH = 2.5
"""Deviations beyond this many times the mean of the smaller ones are no noise."""
NOISE_TO_SIGMA = 1 / 1.65
"""From where that iteration settles on Gaussian noise to its standard deviation."""
NOISY = 0.004
"""Standard deviation, in shares of black to white, from which a page is a photograph or a scan."""
FLOOR_SIGMAS, FLOOR_SHARE, FLOOR_LIMIT = 3.0, 0.2, 0.4
"""On such a page, marks are paper below this many standard deviations, and below this share of the contrast;
never more than the limit."""
FULL = 0.75
"""On such a page, ink is full from here on the way from the strongest mark to the strokes' mean contrast."""
SMALLEST_CONTRAST = 0.04
"""A page whose strokes stand out from the paper by less of black to white is blank."""
SMALLEST_SIGMAS = 8.0
"""So is one with a digit whose strokes stand out by less than this many standard deviations of its noise."""


class InkMarks(NamedTuple):
    """All ink of N pages, and what was measured on the way."""

    ink: Tensor
    """(N, 1, h, w) float32 in [0, 1]; none where the page is blank."""
    contrast: Tensor
    """(N, 1, 1, 1) float32: by how much the strokes stand out from the paper, as a share of it."""
    inverted: Tensor
    """(N, 1, 1, 1) float32: 1 where light is written on dark."""
    scale: Tensor
    """() float32: pixels of the page, a side, in one of the ink."""


class DigitInk(NamedTuple):
    """Ink of the digits of N pages, and what was measured on the way."""

    ink: Tensor
    """(N, h, w) float32 in [0, 1]."""
    marks: InkMarks
    """What the digit was chosen from."""
    second_mark: Tensor
    """(N,) float32: ink of the second of several marks, as a share of the main one's; 0 without."""
    at_edge: Tensor
    """(N,) float32: share of the digit's ink that lies at the page's edge."""


class DigitInkFinder(nn.Module):
    """Ink of the digit on a page of any size, light or dark."""

    def forward(self, page: Tensor) -> DigitInk:  # (N, H, W) uint8
        marks = find_ink_marks(page, SMALLEST_SIGMAS)
        height, width = marks.ink.shape[2], marks.ink.shape[3]
        coarse = area_matrix(CELLS, rules.CELLS)
        cells = area_matrix(rules.CELLS, height) @ marks.ink @ area_matrix(rules.CELLS, width).T
        written = rules.remove_rules(cells)
        digit = components.keep_digit(coarse @ written @ coarse.T)
        spread = nearest_matrix(rules.CELLS, CELLS)
        kept = (spread @ digit.cells @ spread.T) * written / cells.clamp(min=1e-6)
        columns = kept @ nearest_matrix(width, rules.CELLS).T
        kept = columns.index_select(2, cell_of_pixel(height, rules.CELLS))
        return DigitInk((marks.ink * kept).squeeze(1), marks, digit.second_mark, digit.at_edge)


def find_ink_marks(page: Tensor, smallest_sigmas: float) -> InkMarks:
    """All that stands out from the paper of pages (N, H, W) uint8.

    A page whose strokes stand out by less than `smallest_sigmas` standard deviations of its noise is blank.
    """
    grey, scale = _reduce(page)
    height, width = grey.shape[2], grey.shape[3]
    coarse = area_matrix(CELLS, rules.CELLS)
    to_rows, to_columns = (coarse @ area_matrix(rules.CELLS, size) for size in (height, width))
    cells = to_rows @ grey @ to_columns.T
    light, dark = _largest(torch.cat([cells, -cells], 1), WINDOW).chunk(2, 1)
    inverted = (~_paper_is_light(cells, light, -dark)).to(torch.float32)
    grey, cells = (grey - inverted).abs(), (cells - inverted).abs()
    rows, columns = interpolation_matrix(height, CELLS), interpolation_matrix(width, CELLS).T
    wide = _paper(cells, light + inverted * (1 + dark - light), WINDOW)
    narrow = _paper(cells, _largest(cells, NOISY_WINDOW), NOISY_WINDOW)
    sampled = pixel_of_cell(SAMPLES, height)
    papers = rows.index_select(0, sampled) @ torch.cat([wide, narrow], 1) @ columns
    sigma, narrow_sigma = _noise(_darker(grey.index_select(2, sampled), papers)).chunk(2, 1)
    noisy = (sigma / NOISY).clamp(0, 1)  # light that falls off is noise about the wide paper only
    paper = wide + noisy * (narrow - wide)  # torch.lerp takes thrice as long in the exported graph
    sigma = sigma + noisy * (narrow_sigma - sigma)
    ink, contrast = _threshold(_darker(grey, rows @ paper @ columns), sigma, noisy, smallest_sigmas)
    return InkMarks(ink, contrast, inverted, scale)


def _reduce(page: Tensor) -> tuple[Tensor, Tensor]:
    """Grey (N, 1, h, w) in [0, 1], and by which whole factor () pages of more than MAX_SIDE were reduced.

    A pixel is the mean of two rows of those it stands for.
    """
    height, width = page.shape[1], page.shape[2]
    longer = torch.sym_max(height, width)  # type: ignore[no-untyped-call]
    factor = (longer + MAX_SIDE - 1) // MAX_SIDE
    rows = torch.arange((height + factor - 1) // factor) * factor
    columns = (width + factor - 1) // factor
    strip = torch.zeros(())
    for down in (factor // 4, factor - 1 - factor // 4):
        strip = strip + page.index_select(1, (rows + down).clamp(max=height - 1)).to(torch.float32)
    missing = strip[:, :, -1:].expand(-1, -1, columns * factor - width)
    groups = torch.cat([strip, missing], 2).reshape(-1, factor)
    scale = torch.ones(factor, 1).sum()
    mean = torch.ones(factor, 1) / (2 * 255 * scale)
    return (groups @ mean).reshape(-1, 1, rows.shape[0], columns), scale


def _paper_is_light(cells: Tensor, light: Tensor, dark: Tensor) -> Tensor:
    """(N, 1, 1, 1) bool: whether more of the page is of the light side around it."""
    place = torch.arange(CELLS)
    from_edge = torch.minimum(place, CELLS - 1 - place)
    row, column = from_edge.unsqueeze(1), from_edge
    weight = torch.where(torch.minimum(row, column) == 0, BORDER, INSIDE)
    weight = torch.where(torch.maximum(row, column) < CORNER_CELLS, CORNER, weight)
    return (weight * (2 * cells - light - dark)).sum((2, 3), keepdim=True) >= 0


def _darker(grey: Tensor, paper: Tensor) -> Tensor:
    """How much darker than the paper each pixel is, as a share of the paper: light falls on both alike."""
    return (paper - grey) / paper.clamp(min=DARKEST_PAPER)


def _paper(cells: Tensor, lightest: Tensor, window: int) -> Tensor:
    """Grey of light paper under dark strokes (N, 1, CELLS, CELLS): closing about a plane, then smoothing.

    Without the plane, closing would take the brightest of the window for the paper at the dark end of a
    gradient.
    """
    plane = _plane(lightest, window)
    closed = -_largest(-_largest(cells - plane, window), window)
    place = torch.arange(CELLS)
    beside = ((place - place.unsqueeze(1)).abs() <= 1).to(torch.float32)
    smooth = beside / beside.sum(1, keepdim=True)
    return smooth @ closed @ smooth.T + plane


def _plane(lightest: Tensor, window: int) -> Tensor:
    """Gradient of the light (N, 1, CELLS, CELLS), 0 in the middle, from the lightest of each window.

    Only windows that lie within the page are compared, so that a gradient is measured as it is, and the edge
    of a shadow, on both sides of which they see the light, as none.
    """
    half, place = window // 2, torch.arange(CELLS)
    ends = ((place == CELLS - 1 - half).float() - (place == half).float()) / (CELLS - 1 - 2 * half)
    mean = torch.full((CELLS,), 1 / CELLS)
    slopes = torch.stack([mean, ends]) @ lightest @ torch.stack([ends, mean], 1)  # (N, 1, 2, 2)
    along_x_and_y = slopes * torch.eye(2)
    across, one = place - (CELLS - 1) / 2, torch.ones(CELLS)
    return torch.stack([one, across], 1) @ along_x_and_y @ torch.stack([across, one])


def _threshold(darker: Tensor, sigma: Tensor, noisy: Tensor, smallest_sigmas: float) -> tuple[Tensor, Tensor]:
    """How much darker than the paper -> ink in [0, 1], none where the page is blank, and the contrast."""
    peak = darker.amax((2, 3), keepdim=True)
    is_stroke = (darker > 0.5 * peak).to(torch.float32)
    strokes = is_stroke.sum((2, 3), keepdim=True).clamp(min=1)
    contrast = (darker * is_stroke).sum((2, 3), keepdim=True) / strokes
    floor = torch.maximum(torch.minimum(FLOOR_SIGMAS * sigma, FLOOR_LIMIT * contrast), FLOOR_SHARE * contrast)
    low = noisy * floor
    high = peak + noisy * FULL * (contrast - peak)
    is_marked = contrast >= (smallest_sigmas * sigma).clamp(min=SMALLEST_CONTRAST)
    return ((darker - low) * (is_marked / (high - low).clamp(min=1e-4))).clamp(0, 1), contrast


def _noise(darker: Tensor) -> Tensor:
    """Standard deviation (N, C, 1, 1) of the paper, whatever ink is on it."""
    deviation = darker.abs()
    limit = deviation.mean((2, 3), keepdim=True)
    for _ in range(NOISE_ROUNDS):
        is_noise = (deviation <= limit).to(torch.float32)
        count = is_noise.sum((2, 3), keepdim=True).clamp(min=1)
        limit = NOISE_REACH * (deviation * is_noise).sum((2, 3), keepdim=True) / count
    return limit * NOISE_TO_SIGMA


def _largest(cells: Tensor, window: int) -> Tensor:
    """Largest of a square window around each cell (N, C, CELLS, CELLS)."""
    half = window // 2
    columns = F.max_pool2d(cells, (window, 1), 1, (half, 0))
    return F.max_pool2d(columns, (1, window), 1, (0, half))
