"""Ink -> frame of a line: the line scaled so that its digits are DIGIT_HEIGHT_PX high.

In: ink (N, H, W) float32 in [0, 1] of any size, one line of writing. Out: frames (N, LINE_HEIGHT, LINE_WIDTH)
float32 in [0, 1], and the place of each frame on the page.

A coarse grid decides which ink is writing. Rules, borders, underlines, specks and marks cut by the page's
edge do not decide the scale. They stay in the frame: the network has learned to ignore them.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from number_prediction.constants import LINE_HEIGHT, LINE_WIDTH
from number_prediction.training.graph.components import label
from number_prediction.training.graph.grids import area_matrix

DIGIT_HEIGHT_PX = 28.0
"""Height of a line's digits in the frame."""
GRID_ROWS, GRID_COLUMNS = 32, 64
"""Cells of the coarse grid."""
MIN_CELL_INK_SHARE = 0.06
"""Minimum ink of a cell of a mark, as a share of the heaviest cell's ink."""
LABEL_ROUNDS = 6
"""Rounds of label spreading."""
LEFT_MARGIN_PX = 6.0
"""Margin left of the first mark, in pixels of the frame."""


class LineFrame(NamedTuple):
    """A line as the network sees it, and its place on the page."""

    frame: Tensor
    """(N, LINE_HEIGHT, LINE_WIDTH) float32 in [0, 1]."""
    place: Tensor
    """(N, 3) float32, in pixels of the ink: left and top of the frame, and the side of one of its pixels."""


class LineFraming(nn.Module):
    """Scale a line's digits to DIGIT_HEIGHT_PX, or smaller if the line would not fit into LINE_WIDTH."""

    def forward(self, ink: Tensor) -> LineFrame:  # (N, H, W) float32
        height = torch.ones(ink.shape[1]).sum()
        width = torch.ones(ink.shape[2]).sum()
        top, bottom, left, right = _extent(ink, height, width)
        tall = (bottom - top).clamp(min=2)
        step = torch.maximum(
            tall / DIGIT_HEIGHT_PX, (right - left) / (LINE_WIDTH - 2 * LEFT_MARGIN_PX)
        )  # (N, 1)
        y = (top + bottom) / 2 - step * LINE_HEIGHT / 2
        x = left - LEFT_MARGIN_PX * step
        rows = _overlap(ink.shape[1], y, step, LINE_HEIGHT)
        columns = _overlap(ink.shape[2], x, step, LINE_WIDTH)
        frame = rows @ ink @ columns.transpose(1, 2)
        peak = frame.amax((1, 2), keepdim=True)
        return LineFrame(frame / torch.where(peak > 0, peak, 1.0), torch.cat([x, y, step], 1))


def _overlap(size: int, begin: Tensor, step: Tensor, count: int) -> Tensor:
    """(N, count, size): the share of each target pixel that each source pixel covers."""
    edges = (begin + step * torch.arange(count + 1)).unsqueeze(2)  # (N, count + 1, 1)
    pixel = torch.arange(size, dtype=torch.float32)
    overlap = torch.minimum(edges[:, 1:], pixel + 1) - torch.maximum(edges[:, :-1], pixel)
    return overlap.clamp(min=0) / step.unsqueeze(2)


def _extent(ink: Tensor, height: Tensor, width: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """top, bottom, left, right (N, 1) in pixels of the ink."""
    cells = area_matrix(GRID_ROWS, ink.shape[1]) @ ink @ area_matrix(GRID_COLUMNS, ink.shape[2]).T
    inked = (cells > MIN_CELL_INK_SHARE * cells.amax((1, 2), keepdim=True)).to(torch.float32)
    labels = label(inked.unsqueeze(1), LABEL_ROUNDS)
    mass = (cells * inked).flatten(1)
    index = torch.arange(GRID_ROWS * GRID_COLUMNS)
    row = torch.arange(GRID_ROWS, dtype=torch.float32).repeat_interleave(GRID_COLUMNS)
    column = torch.arange(GRID_COLUMNS, dtype=torch.float32).repeat(GRID_ROWS)
    empty = torch.zeros(1, GRID_ROWS * GRID_COLUMNS).expand(labels.shape[0], -1)

    def largest(values: Tensor) -> Tensor:
        return empty.scatter_reduce(1, labels, values.expand_as(mass), "amax")

    weight = empty.scatter_add(1, labels, mass)
    down, right = largest(row + 1), largest(column + 1)
    up, left = GRID_ROWS - largest(GRID_ROWS - row), GRID_COLUMNS - largest(GRID_COLUMNS - column)
    tall, wide = (down - up) * height / GRID_ROWS, (right - left) * width / GRID_COLUMNS
    cut = (
        (up < 1).float()
        + (down > GRID_ROWS - 1).float()
        + (left < 1).float()
        + (right > GRID_COLUMNS - 1).float()
    )
    centre = (up + down) / 2 / GRID_ROWS
    central = 0.15 + torch.exp(-((centre - 0.5) ** 2) / (2 * 0.2**2))
    is_flat = wide > 4 * tall
    is_rule = (
        (tall > 0.9 * height) & (wide < 0.12 * tall) | (is_flat & (cut > 0)) | ((cut > 0) & (tall > 6 * wide))
    )
    is_beyond = cut > 2  # the table around the paper
    score = weight * central / (1 + 3 * cut) * torch.where(is_rule | is_flat | is_beyond, 0.05, 1.0)
    main = score.argmax(1, keepdim=True)
    main_tall = tall.gather(1, main)
    main_weight = weight.gather(1, main)
    is_main = index == main
    is_mark = (weight > 0.12 * main_weight) & ~is_rule & ~is_flat & (cut < 1) & (tall > 0.45 * main_tall)
    is_mark = (is_mark & (weight > 0)) | is_main
    big = 1e6
    top = torch.where(is_mark, up, big).amin(1, keepdim=True) * height / GRID_ROWS
    bottom = torch.where(is_mark, down, 0.0).amax(1, keepdim=True) * height / GRID_ROWS
    beside = is_mark | ((weight > 0.02 * main_weight) & ~is_rule)
    start = torch.where(beside, left, big).amin(1, keepdim=True) * width / GRID_COLUMNS
    end = torch.where(beside, right, 0.0).amax(1, keepdim=True) * width / GRID_COLUMNS
    return top, bottom, start, end
