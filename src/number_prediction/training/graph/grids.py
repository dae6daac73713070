"""Matrices that resample one axis of a picture: from pixels to a coarse grid of cells, and back.

All are computed from the axis' size, which may be dynamic in an exported graph.
"""

from __future__ import annotations

import torch
from torch import Tensor


def area_matrix(cells: int, size: int) -> Tensor:
    """(cells, size) float32: each cell is the mean of the pixels it covers, in part or whole."""
    pixel = torch.arange(size, dtype=torch.float32)
    step = torch.ones(size).sum() / cells  # a size must not be turned into a float: that would freeze it
    edges = (torch.arange(cells + 1) * step).unsqueeze(1)
    overlap = torch.minimum(edges[1:], pixel + 1) - torch.maximum(edges[:-1], pixel)
    return overlap.clamp(min=0) / step


def interpolation_matrix(size: int, cells: int) -> Tensor:
    """(size, cells) float32: each pixel from the two cells whose centres it lies between, linearly."""
    place = _cell_position(size, cells) - 0.5
    distance = (place.clamp(0, cells - 1).unsqueeze(1) - torch.arange(cells)).abs()
    return (1 - distance).clamp(min=0)


def cell_of_pixel(size: int, cells: int) -> Tensor:
    """(size,) int64: the cell in which the centre of each pixel lies."""
    return _cell_position(size, cells).to(torch.int64)


def nearest_matrix(size: int, cells: int) -> Tensor:
    """(size, cells) float32: 1 at the cell in which the centre of each pixel lies."""
    return (cell_of_pixel(size, cells).unsqueeze(1) == torch.arange(cells)).to(torch.float32)


def pixel_of_cell(cells: int, size: int) -> Tensor:
    """(cells,) int64: the pixel in which the centre of each cell lies."""
    pixels = torch.ones(size).sum()
    return ((torch.arange(cells) + 0.5) * pixels / cells).to(torch.int64)


def _cell_position(size: int, cells: int) -> Tensor:
    """(size,) float32: where the centre of each pixel lies, in cells from the edge."""
    pixels = torch.ones(size).sum()
    return (torch.arange(size) + 0.5) * cells / pixels
