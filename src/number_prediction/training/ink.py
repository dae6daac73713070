"""Page -> ink, as a parameter-free torch module that is exported inside the graph.

In: pages (N, H, W) uint8. Out: ink (N, h, w) float32 in [0, 1], at most MAX_SIDE a side; 1 is ink, 0 is
paper.

For drawings, scans and photographs: the paper's grey is estimated place by place, so that shadows and
gradients are paper; which side of it is ink is decided for the whole page; what stands out no more than the
paper's noise is paper. Specks, rules and neighbours are left out by `components`. A clean page comes out as
it is.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from number_prediction.training.components import keep_digit
from number_prediction.training.grids import area_matrix, interpolation_matrix, pixel_of_cell

MAX_SIDE = 1024
"""Larger pages are reduced by a whole factor."""
CELLS = 32
"""Cells a side of the grid on which the paper is estimated."""
WINDOW = 21
"""Cells: a stroke narrower than this, or than half of it at the page's edge, leaves paper in the window."""
NOISY_WINDOW = 13
"""The same for photographs and scans: it follows the edges of shadows more closely."""
POLARITY_WINDOW = 21
"""Cells of the window in which the light and the dark side are told apart."""
DARKEST_PAPER = 0.1
"""Grey below which ink is not held to be darker in proportion."""
SAMPLES = 64
"""Pixels a side of the sample from which noise is estimated."""
NOISE_ROUNDS = 8
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
SMALLEST_SIGMAS = 6.0
"""So is one whose strokes stand out by less than this many standard deviations of its noise."""


class PageInk(nn.Module):
    """Ink of a page of any size, light or dark."""

    def forward(self, page: Tensor) -> Tensor:  # (N, H, W) uint8 -> (N, h, w) float32
        grey = _reduce(page).to(torch.float32) / 255
        height, width = grey.shape[1], grey.shape[2]
        cells = area_matrix(CELLS, height) @ grey @ area_matrix(CELLS, width).T
        is_light = _paper_is_light(cells)
        grey = torch.where(is_light, grey, 1 - grey)
        cells = torch.where(is_light, cells, 1 - cells)
        wide = _darker(grey, _paper(cells, WINDOW))
        sigma = _noise(wide)
        noisy = (sigma / NOISY).clamp(0, 1)
        darker = torch.lerp(wide, _darker(grey, _paper(cells, NOISY_WINDOW)), noisy)
        ink, is_blank = _threshold(darker, sigma, noisy)
        return torch.where(is_blank, 0.0, ink * keep_digit(ink))


def _reduce(page: Tensor) -> Tensor:
    """Pages of more than MAX_SIDE by a whole factor; each pixel the mean of four of those it stands for."""
    height, width = page.shape[1], page.shape[2]
    longer = torch.sym_max(height, width)  # type: ignore[no-untyped-call]
    factor = (longer + MAX_SIDE - 1) // MAX_SIDE
    rows = torch.arange((height + factor - 1) // factor) * factor
    columns = torch.arange((width + factor - 1) // factor) * factor
    first, second = factor // 4, factor - 1 - factor // 4
    total = torch.zeros(())
    for down in (first, second):
        strip = page[:, (rows + down).clamp(max=height - 1)]
        for right in (first, second):
            total = total + strip[:, :, (columns + right).clamp(max=width - 1)].to(torch.float32)
    return total / 4


def _paper_is_light(cells: Tensor) -> Tensor:
    """(N, 1, 1) bool: whether more of the page, its border counted twice, is of the light side around it."""
    light, dark = _dilate(cells, POLARITY_WINDOW), _erode(cells, POLARITY_WINDOW)
    weight = torch.ones(CELLS, CELLS)
    weight[1:-1, 1:-1] = 0.5
    return (weight * (2 * cells - light - dark)).sum((1, 2), keepdim=True) >= 0


def _darker(grey: Tensor, paper: Tensor) -> Tensor:
    """How much darker than the paper each pixel is, as a share of the paper: light falls on both alike."""
    rows = interpolation_matrix(grey.shape[1], CELLS)
    columns = interpolation_matrix(grey.shape[2], CELLS)
    everywhere = rows @ paper @ columns.T
    return (everywhere - grey) / everywhere.clamp(min=DARKEST_PAPER)


def _paper(cells: Tensor, window: int) -> Tensor:
    """Grey of light paper under dark strokes (N, CELLS, CELLS): closing about a plane, then smoothing.

    Without the plane, closing would take the brightest of the window for the paper at the dark end of a
    gradient.
    """
    plane = _plane(_dilate(cells, window), window)
    closed = _erode(_dilate(cells - plane, window), window)
    padded = F.pad(closed.unsqueeze(1), (1, 1, 1, 1), mode="replicate")
    return F.avg_pool2d(padded, 3, 1).squeeze(1) + plane


def _plane(lightest: Tensor, window: int) -> Tensor:
    """Gradient of the light (N, CELLS, CELLS), 0 in the middle, from the lightest of each window.

    Only windows that lie within the page are compared, so that a gradient is measured as it is, and the edge
    of a shadow, on both sides of which they see the light, as none.
    """
    first, last = window // 2, CELLS - 1 - window // 2
    along_x = (lightest[:, :, last] - lightest[:, :, first]).mean(1) / (last - first)
    along_y = (lightest[:, last, :] - lightest[:, first, :]).mean(1) / (last - first)
    place = torch.arange(CELLS) - (CELLS - 1) / 2
    return along_x[:, None, None] * place + along_y[:, None, None] * place.unsqueeze(1)


def _threshold(darker: Tensor, sigma: Tensor, noisy: Tensor) -> tuple[Tensor, Tensor]:
    """How much darker than the paper -> ink in [0, 1], and whether the page is blank (N, 1, 1) bool."""
    peak = darker.amax((1, 2), keepdim=True)
    is_stroke = (darker > 0.5 * peak).to(torch.float32)
    strokes = is_stroke.sum((1, 2), keepdim=True).clamp(min=1)
    contrast = (darker * is_stroke).sum((1, 2), keepdim=True) / strokes
    floor = torch.maximum(torch.minimum(FLOOR_SIGMAS * sigma, FLOOR_LIMIT * contrast), FLOOR_SHARE * contrast)
    low = noisy * floor
    high = peak + noisy * FULL * (contrast - peak)
    ink = ((darker - low) / (high - low).clamp(min=1e-4)).clamp(0, 1)
    return ink, (contrast < SMALLEST_CONTRAST) | (contrast < SMALLEST_SIGMAS * sigma)


def _noise(darker: Tensor) -> Tensor:
    """Standard deviation (N, 1, 1) of the paper, whatever ink is on it."""
    rows, columns = (pixel_of_cell(SAMPLES, size) for size in (darker.shape[1], darker.shape[2]))
    deviation = darker[:, rows][:, :, columns].abs()
    limit = deviation.mean((1, 2), keepdim=True)
    for _ in range(NOISE_ROUNDS):
        is_noise = (deviation <= limit).to(torch.float32)
        count = is_noise.sum((1, 2), keepdim=True).clamp(min=1)
        limit = NOISE_REACH * (deviation * is_noise).sum((1, 2), keepdim=True) / count
    return limit * NOISE_TO_SIGMA


def _dilate(cells: Tensor, window: int) -> Tensor:
    """Largest of a square window around each cell (N, CELLS, CELLS)."""
    half = window // 2
    columns = F.max_pool2d(cells.unsqueeze(1), (window, 1), 1, (half, 0))
    return F.max_pool2d(columns, (1, window), 1, (0, half)).squeeze(1)


def _erode(cells: Tensor, window: int) -> Tensor:
    """Smallest of a square window around each cell (N, CELLS, CELLS)."""
    return -_dilate(-cells, window)
