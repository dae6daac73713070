"""Page -> ink, as a parameter-free torch module that is exported inside the graph.

In: pages (N, H, W) uint8. Out: ink (N, h, w) float32 in [0, 1], at most MAX_SIDE_PX a side, where 1 is ink
and 0 is paper; and measurements. Inside the module all tensors have a channel axis of one: (N, 1, h, w).

It works for drawings, scans and photographs. The paper's grey is estimated locally, so that shadows and
gradients count as paper. Whether ink is dark or light is decided for the whole page. Marks no stronger than
the paper's noise count as paper. `rules` removes rules, `components` removes specks and neighbours. A clean
page stays unchanged.
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

MAX_SIDE_PX = 1024
"""Longest side of the ink; larger pages are reduced by a whole factor."""
CELLS = components.CELLS
"""Cells a side of the grid for estimating the paper; the digit is found on the same grid."""
PAPER_WINDOW_CELLS = 21
"""Window for estimating the paper: a narrower stroke leaves paper in it. At the page's edge it is half."""
NOISY_PAPER_WINDOW_CELLS = 13
"""The same for photographs and scans, smaller to follow the edges of shadows more closely."""
BORDER_WEIGHT, CORNER_WEIGHT, INSIDE_WEIGHT = 2.0, 4.0, 0.5
"""Weights of cells when deciding whether the paper is light or dark; digits rarely fill the corners."""
CORNER_CELLS = 4
"""Cells a side of a corner."""
DARKEST_PAPER_GREY = 0.1
"""Minimum grey by which a difference is divided to get a contrast."""
NOISE_ROWS = 32
"""Rows of the page for estimating the noise."""
NOISE_ROUNDS = 6
MAX_NOISE_DEVIATIONS = 2.5
"""Larger deviations, in means of the smaller ones, do not count as noise."""
NOISE_TO_SIGMA = 1 / 1.65
"""Converts the limit of that iteration for Gaussian noise to its standard deviation."""
NOISY_PAGE_SIGMA = 0.004
"""Noise at which a page counts fully as a photograph or scan: standard deviation, white is 1."""
INK_FLOOR_SIGMAS, INK_FLOOR_CONTRAST_SHARE, MAX_INK_FLOOR_CONTRAST_SHARE = 3.0, 0.2, 0.4
"""On such a page, fainter marks are paper: in standard deviations of the noise (at most the last share of the
contrast), and as a share of the contrast."""
FULL_INK_SHARE = 0.75
"""On such a page, ink is 1 from here on between the strongest mark (0) and the strokes' mean contrast (1)."""
MIN_CONTRAST = 0.04
"""A page whose strokes have less contrast than this is blank."""
MIN_DIGIT_SIGMAS = 8.0
"""A page with a digit of less contrast than this, in standard deviations of the noise, is blank."""


class InkMarks(NamedTuple):
    """All ink of N pages, and measurements."""

    ink: Tensor
    """(N, 1, h, w) float32 in [0, 1]; none where the page is blank."""
    contrast: Tensor
    """(N, 1, 1, 1) float32: difference between paper and strokes, as a share of the paper's grey."""
    inverted: Tensor
    """(N, 1, 1, 1) float32: 1 for light ink on dark paper."""
    scale: Tensor
    """() float32: side of one pixel of the ink, in pixels of the page."""


class DigitInk(NamedTuple):
    """Ink of the digits of N pages, and measurements."""

    ink: Tensor
    """(N, h, w) float32 in [0, 1]."""
    marks: InkMarks
    """All ink of the pages."""
    second_mark: Tensor
    """(N,) float32: ink of the second mark, as a share of the main one's; 0 if there is none."""
    at_edge: Tensor
    """(N,) float32: share of the digit's ink that lies at the page's edge."""


class DigitInkFinder(nn.Module):
    """Page of any size, light or dark -> ink of the digit on it."""

    def forward(self, page: Tensor) -> DigitInk:  # (N, H, W) uint8
        marks = find_ink_marks(page, MIN_DIGIT_SIGMAS)
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
    """Find everything that stands out from the paper of pages (N, H, W) uint8.

    A page with a contrast of less than `smallest_sigmas` standard deviations of its noise is blank.
    """
    grey, scale = reduce_page(page)
    height, width = grey.shape[2], grey.shape[3]
    coarse = area_matrix(CELLS, rules.CELLS)
    to_rows, to_columns = (coarse @ area_matrix(rules.CELLS, size) for size in (height, width))
    cells = to_rows @ grey @ to_columns.T
    light, dark = _largest(torch.cat([cells, -cells], 1), PAPER_WINDOW_CELLS).chunk(2, 1)
    inverted = (~_paper_is_light(cells, light, -dark)).to(torch.float32)
    grey, cells = (grey - inverted).abs(), (cells - inverted).abs()
    rows, columns = interpolation_matrix(height, CELLS), interpolation_matrix(width, CELLS).T
    wide = _paper(cells, light + inverted * (1 + dark - light), PAPER_WINDOW_CELLS)
    narrow = _paper(cells, _largest(cells, NOISY_PAPER_WINDOW_CELLS), NOISY_PAPER_WINDOW_CELLS)
    sampled = pixel_of_cell(NOISE_ROWS, height)
    papers = rows.index_select(0, sampled) @ torch.cat([wide, narrow], 1) @ columns
    sigma, narrow_sigma = _noise(_darker(grey.index_select(2, sampled), papers)).chunk(2, 1)
    noisy = (sigma / NOISY_PAGE_SIGMA).clamp(0, 1)  # light that falls off is noise about the wide paper only
    paper = wide + noisy * (narrow - wide)  # torch.lerp takes thrice as long in the exported graph
    sigma = sigma + noisy * (narrow_sigma - sigma)
    ink, contrast = _threshold(_darker(grey, rows @ paper @ columns), sigma, noisy, smallest_sigmas)
    return InkMarks(ink, contrast, inverted, scale)


def reduce_page(page: Tensor) -> tuple[Tensor, Tensor]:
    """Grey (N, 1, h, w) in [0, 1], and the whole factor () by which pages above MAX_SIDE_PX were reduced.

    Each pixel is the mean of two of the rows that it stands for.
    """
    height, width = page.shape[1], page.shape[2]
    longer = torch.sym_max(height, width)  # type: ignore[no-untyped-call]
    factor = (longer + MAX_SIDE_PX - 1) // MAX_SIDE_PX
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
    """(N, 1, 1, 1) bool: whether most of the page is closer to the lightest than to the darkest grey."""
    place = torch.arange(CELLS)
    from_edge = torch.minimum(place, CELLS - 1 - place)
    row, column = from_edge.unsqueeze(1), from_edge
    weight = torch.where(torch.minimum(row, column) == 0, BORDER_WEIGHT, INSIDE_WEIGHT)
    weight = torch.where(torch.maximum(row, column) < CORNER_CELLS, CORNER_WEIGHT, weight)
    return (weight * (2 * cells - light - dark)).sum((2, 3), keepdim=True) >= 0


def _darker(grey: Tensor, paper: Tensor) -> Tensor:
    """How much darker each pixel is than the paper, as a share of the paper's grey: light cancels out."""
    return (paper - grey) / paper.clamp(min=DARKEST_PAPER_GREY)


def _paper(cells: Tensor, lightest: Tensor, window: int) -> Tensor:
    """Grey of light paper under dark strokes (N, 1, CELLS, CELLS): closing about a plane, then smoothing.

    Without the plane, closing would overestimate the paper at the dark end of a gradient.
    """
    plane = _plane(lightest, window)
    closed = -_largest(-_largest(cells - plane, window), window)
    place = torch.arange(CELLS)
    beside = ((place - place.unsqueeze(1)).abs() <= 1).to(torch.float32)
    smooth = beside / beside.sum(1, keepdim=True)
    return smooth @ closed @ smooth.T + plane


def _plane(lightest: Tensor, window: int) -> Tensor:
    """Gradient of the light (N, 1, CELLS, CELLS), 0 in the middle, from the lightest of each window.

    Only windows inside the page are compared. So a gradient is measured in full, and the edge of a shadow
    gives none: there every window reaches into the light.
    """
    half, place = window // 2, torch.arange(CELLS)
    ends = ((place == CELLS - 1 - half).float() - (place == half).float()) / (CELLS - 1 - 2 * half)
    mean = torch.full((CELLS,), 1 / CELLS)
    slopes = torch.stack([mean, ends]) @ lightest @ torch.stack([ends, mean], 1)  # (N, 1, 2, 2)
    along_x_and_y = slopes * torch.eye(2)
    across, one = place - (CELLS - 1) / 2, torch.ones(CELLS)
    return torch.stack([one, across], 1) @ along_x_and_y @ torch.stack([across, one])


def _threshold(darker: Tensor, sigma: Tensor, noisy: Tensor, smallest_sigmas: float) -> tuple[Tensor, Tensor]:
    """How much darker than the paper -> ink in [0, 1], 0 on blank pages, and the contrast."""
    peak = darker.amax((2, 3), keepdim=True)
    is_stroke = (darker > 0.5 * peak).to(torch.float32)
    strokes = is_stroke.sum((2, 3), keepdim=True).clamp(min=1)
    contrast = (darker * is_stroke).sum((2, 3), keepdim=True) / strokes
    floor = torch.maximum(
        torch.minimum(INK_FLOOR_SIGMAS * sigma, MAX_INK_FLOOR_CONTRAST_SHARE * contrast),
        INK_FLOOR_CONTRAST_SHARE * contrast,
    )
    low = noisy * floor
    high = peak + noisy * FULL_INK_SHARE * (contrast - peak)
    is_marked = contrast >= (smallest_sigmas * sigma).clamp(min=MIN_CONTRAST)
    return ((darker - low) * (is_marked / (high - low).clamp(min=1e-4))).clamp(0, 1), contrast


def _noise(darker: Tensor) -> Tensor:
    """Standard deviation (N, C, 1, 1) of the paper, not counting ink."""
    deviation = darker.abs()
    limit = deviation.mean((2, 3), keepdim=True)
    for _ in range(NOISE_ROUNDS):
        is_noise = (deviation <= limit).to(torch.float32)
        count = is_noise.sum((2, 3), keepdim=True).clamp(min=1)
        limit = MAX_NOISE_DEVIATIONS * (deviation * is_noise).sum((2, 3), keepdim=True) / count
    return limit * NOISE_TO_SIGMA


def _largest(cells: Tensor, window: int) -> Tensor:
    """Largest of a square window around each cell (N, C, CELLS, CELLS)."""
    half = window // 2
    columns = F.max_pool2d(cells, (window, 1), 1, (half, 0))
    return F.max_pool2d(columns, (1, window), 1, (0, half))
