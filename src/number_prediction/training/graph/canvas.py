"""Pages of any size -> the small square canvas that the ink network sees.

The page keeps its aspect ratio and lies at the top left of the canvas. Resizing is linear, with the weights
of PIL's bilinear filter: canvas = W_y @ page @ W_x^T.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

SIDES = (64, 96)
"""Pixels a side of the canvas: the first for pages of at most that many pixels, the other for larger ones."""
LINE_SIDE_PX, LINE_MULTIPLE_PX = 256, 16
"""Longer side of the canvas for a page with a line, and what both its sides are multiples of."""
BEYOND = -1.0
"""What the canvas holds where there is no page."""


class Canvas(NamedTuple):
    """N pages as the ink network sees them."""

    grey: Tensor
    """(N, S, S) float32 in [0, 1], BEYOND where there is no page."""
    step: Tensor
    """() float32: pixels of the page, a side, in one of the canvas."""


def is_page(canvas: Tensor) -> Tensor:
    """Where a canvas shows a page, not BEYOND. A black pixel may be a little less than 0 by rounding."""
    return canvas > BEYOND / 2


def side_of(longer: int) -> int:
    """Pixels a side of the canvas for a page of so many pixels on its longer side."""
    smaller, larger = SIDES
    return smaller + (larger - smaller) * torch.sym_min((longer - 1) // smaller, 1)  # type: ignore[no-untyped-call, no-any-return]


def to_canvas(grey: Tensor) -> Canvas:
    """Pages (N, h, w) float32 in [0, 1] on their canvas."""
    height, width = grey.shape[1], grey.shape[2]
    longer = torch.sym_max(height, width)  # type: ignore[no-untyped-call]
    side = side_of(longer)
    step = torch.ones(longer).sum() / torch.ones(side).sum()  # a size must not be turned into a float
    rows, columns = _linear_weights(side, height, step), _linear_weights(side, width, step)
    inside = rows.sum(1, keepdim=True) * columns.sum(1)
    return Canvas(rows @ grey @ columns.T + BEYOND * (1 - inside), step)


def to_line_canvas(grey: Tensor) -> Canvas:
    """Pages (N, h, w) float32 in [0, 1] with a line of writing on a canvas (N, H, W) of their own shape.

    Pages of less than half LINE_SIDE_PX are enlarged twice.
    """
    height, width = grey.shape[1], grey.shape[2]
    longer = torch.sym_max(height, width)  # type: ignore[no-untyped-call]
    side = torch.sym_min(LINE_SIDE_PX, 2 * longer)  # type: ignore[no-untyped-call]
    step = torch.ones(longer).sum() / torch.ones(side).sum()
    rows, columns = (_linear_weights(_whole(size * side, longer), size, step) for size in (height, width))
    inside = rows.sum(1, keepdim=True) * columns.sum(1)
    return Canvas(rows @ grey @ columns.T + BEYOND * (1 - inside), step)


def _whole(size: int, longer: int) -> int:
    """The smallest multiple of LINE_MULTIPLE_PX that is at least size / longer."""
    parts = longer * LINE_MULTIPLE_PX
    return (size + parts - 1) // parts * LINE_MULTIPLE_PX


def _linear_weights(side: int, size: int, step: Tensor) -> Tensor:
    """Weights (side, size) of the page's pixels in each canvas pixel; they sum to 1, beyond the page to 0."""
    centre = ((torch.arange(side) + 0.5) * step).unsqueeze(1)
    away = (centre - torch.arange(size) - 0.5).abs() / step.clamp(min=1)
    weights = (1 - away).clamp(min=0)
    is_inside = (centre < torch.ones(size).sum()).to(torch.float32)
    return weights * is_inside / weights.sum(1, keepdim=True).clamp(min=1e-6)


def spread_weights(size: int, side: int, step: Tensor) -> Tensor:
    """Weights (size, side) that lay a canvas back on its page, linearly."""
    place = (torch.arange(size) + 0.5) / step - 0.5
    last = torch.ones(size).sum() / step - 0.5
    away = (place.clamp(min=0).minimum(last.clamp(min=0)).unsqueeze(1) - torch.arange(side)).abs()
    return (1 - away).clamp(min=0)


def cell_weights(cells: int, size: int, side: int, step: Tensor) -> Tensor:
    """Weights (cells, side) of canvas pixels in cells that divide a page of `size` pixels, by area."""
    extent = torch.ones(size).sum() / step / cells
    edges = (torch.arange(cells + 1) * extent).unsqueeze(1)
    pixel = torch.arange(side)
    overlap = torch.minimum(edges[1:], pixel + 1) - torch.maximum(edges[:-1], pixel)
    return overlap.clamp(min=0) / extent
