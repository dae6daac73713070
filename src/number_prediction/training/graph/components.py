"""Ink -> where the digit is: its connected strokes, without specks and parts of neighbours.

In: ink (N, 1, CELLS, CELLS) float32 in [0, 1], the mean of each cell of the page. Out: the cells of the
digit, and measurements.

The main component is the one with most ink near the middle of the page. A second component stays if it is
large (then the page shows more than one digit), or if it lies beside the main one like a detached bar or a
broken stroke. Components at the page's edge are neighbours, rules or shadows and are removed. A box around
the digit is removed too.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

CELLS = 32
"""Cells a side of the grid."""
MIN_CELL_INK_SHARE = 0.06
"""Minimum ink of a cell of a component, as a share of the heaviest cell's ink."""
LABEL_ROUNDS = 5
"""Rounds of label spreading; four join all but the most winding strokes, five leave a margin."""
CENTRALITY_SIGMA = 0.22
"""Standard deviation, in page sizes, of the weight that falls with the distance from the page's middle."""
MIN_CENTRALITY = 0.05
"""Minimum of that weight, so that a single digit is found anywhere on the page."""
MIN_SECOND_MARK_SHARE = 0.25
"""Minimum ink of a separate mark, as a share of the main component's ink."""
MAX_SPECK_SHARE = 0.02
"""Components with less than this share of the main component's ink are dust."""
MAX_PART_DISTANCE = 0.35
"""How far from the main component a detached part may lie, in sizes of the main component."""
MIN_BORDER_EDGE_SHARE = 0.6
"""A component with more than this share of its ink at the page's edge is a border of the page."""
MIN_BOX_RADIUS_SQUARED = 0.3
"""A component whose middle lies in the main one's box is drawn around it if its squared radius, in squared
sizes of the main one, is larger than this."""
MAX_COMPONENTS = 12
"""Heaviest components of a page that are considered; others are removed."""
CUT_PART_SHARES = (0.1, 0.7)
"""Limits for a component at the page's edge that is part of the digit, as shares of the main one's ink. It
must lie beside a main component that touches the edge too, or have its middle in the main one's box."""


class Digit(NamedTuple):
    """The digit on the grid."""

    cells: Tensor
    """(N, 1, CELLS, CELLS) float32: 1 in the digit's cells and one cell around them, else 0."""
    second_mark: Tensor
    """(N,) float32: ink of the heaviest second component that stays, as a share of the main one's."""
    at_edge: Tensor
    """(N,) float32: share of the main component's ink in the outermost cells."""


def keep_digit(cells: Tensor) -> Digit:
    """Find the digit among the marks of each page."""
    inked = (cells > MIN_CELL_INK_SHARE * cells.amax((2, 3), keepdim=True)).to(torch.float32)
    kept, second_mark, at_edge = _choose(label(inked, LABEL_ROUNDS), (cells * inked).flatten(1))
    return Digit(F.max_pool2d(kept.reshape(-1, 1, CELLS, CELLS), 3, 1, 1), second_mark, at_edge)


def label(inked: Tensor, rounds: int) -> Tensor:
    """Components of the cells (N, 1, R, C) float32 that are 1: the number of one of its cells, for each cell.

    Out: (N, R * C) int64. Each cell finds the largest label around it and gives it to the cell that its own
    label names (hooking). Then each cell takes the label of the cell that its label names (shortcut). So
    whole regions are renamed at once, and labels jump along a component (Shiloach, Vishkin, "An O(log n)
    Parallel Connectivity Algorithm", 1982). Cells of paper keep their own numbers.
    """
    rows, columns = inked.shape[2:]
    labels = torch.arange(rows * columns, dtype=torch.float32).expand(inked.shape[0], -1)
    for _ in range(rounds):
        seen = labels.reshape(-1, 1, rows, columns) * inked
        around = (F.max_pool2d(seen, 3, 1, 1) * inked).flatten(1)
        labels = labels.scatter_reduce(1, labels.to(torch.int64), around, "amax")
        labels = labels.gather(1, labels.to(torch.int64))
        labels = labels.gather(1, labels.to(torch.int64))
    return labels.to(torch.int64)


def _choose(labels: Tensor, mass: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Which cells stay, from labels and ink (N, CELLS ** 2) of the cells: (N, CELLS ** 2) float32, 1 or 0.

    Also returns `second_mark` and `at_edge` of `Digit`. Only the MAX_COMPONENTS components with most ink near
    the middle of a page are considered.
    """
    centre = (torch.arange(CELLS) + 0.5) / CELLS - 0.5
    place = torch.stack([centre.repeat(CELLS), centre.repeat_interleave(CELLS)])  # x and y (2, CELLS ** 2)
    distance = place.square().sum(0)
    central = MIN_CENTRALITY + torch.exp(-distance / (2 * CENTRALITY_SIGMA**2))
    edge = (place.abs().amax(0) > 0.5 - 1 / CELLS).to(torch.float32)
    totals = torch.zeros(1, CELLS**2).expand(labels.shape[0], -1).scatter_add(1, labels, mass * central)
    looked_at = totals.topk(MAX_COMPONENTS, 1).indices.unsqueeze(2)  # (N, K, 1): the main one first
    is_of = (labels.unsqueeze(1) == looked_at).to(torch.float32)  # (N, K, CELLS ** 2)
    measures = torch.stack([torch.ones(CELLS**2), edge, distance, *place], 1)
    measured = (is_of * mass.unsqueeze(1)) @ measures  # (N, K, 5)
    weight = measured[:, :, 0]
    is_main = is_of[:, :1]
    high = ((place + 0.5) * is_main).amax(2, keepdim=True) - 0.5  # (N, 2, 1)
    low = 0.5 - ((0.5 - place) * is_main).amax(2, keepdim=True)
    size = (high - low).amax(1)
    means = measured[:, :, 1:] / weight.clamp(min=1e-9).unsqueeze(2)
    at_edge, centres = means[:, :, 0], means[:, :, 2:].transpose(1, 2)
    radius = means[:, :, 1] - centres.square().sum(1)  # squared
    inside = torch.minimum(centres - low, high - centres).amin(1)  # how far in the main one's box
    beside = inside > -(MAX_PART_DISTANCE * size + 0.5 / CELLS)
    share = weight / weight[:, :1].clamp(min=1e-9)
    is_cut = at_edge > 0
    is_frame = (at_edge > MIN_BORDER_EDGE_SHARE) | (
        (inside > 0) & (radius > MIN_BOX_RADIUS_SQUARED * size.square())
    )
    whole = (share > MIN_SECOND_MARK_SHARE) | (beside & (share > MAX_SPECK_SHARE))
    smallest, largest = CUT_PART_SHARES
    part = ((beside & is_cut[:, :1] & (share > smallest)) | (inside > 0)) & (share < largest)
    is_first = torch.arange(MAX_COMPONENTS) == 0
    others = ((is_cut & part) | (~is_cut & whole)) & ~is_frame & ~is_first
    kept = ((others | is_first) & (weight > 0)).to(torch.float32)
    cells = (kept.unsqueeze(1) @ is_of).squeeze(1)
    return cells, (share * others).amax(1), at_edge[:, 0]
