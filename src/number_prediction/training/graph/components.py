"""Ink -> where the digit is: its connected strokes, without specks and without what belongs to neighbours.

In: ink (N, 1, CELLS, CELLS) float32 in [0, 1], the mean of each cell of the page. Out: which cells are the
digit's, and what was measured.

The main component is the one with most ink near the middle of the page. Others stay if they are as good as
whole (a second digit: what is read is then not one digit), or if they lie by the main one as a detached bar
or a broken stroke does; what touches the page's edge belongs to a neighbour, a rule or a shadow, and goes; so
does a box around the digit.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

CELLS = 32
"""Cells a side of the grid."""
INKED = 0.06
"""Share of the heaviest cell's ink from which a cell is part of a component."""
ROUNDS = 5
"""Rounds of label spreading; four join all but the most winding strokes."""
CENTRALITY = 0.22
"""Standard deviation, in page sizes, of the weight that falls with the distance from the page's middle."""
OFF_CENTRE = 0.05
"""That weight's floor: a lone digit is found wherever it stands."""
WHOLE = 0.25
"""Share of the main component's ink from which another one is a mark of its own."""
SPECK = 0.02
"""Share of it below which another one is dust."""
REACH = 0.35
"""How far beside the main component, in its sizes, a detached part may lie."""
FRAME = 0.6
"""Share of a component's ink at the page's edge from which it is a border of the page."""
AROUND = 0.3
"""Squared radius, in squared sizes of the main component, from which one with its middle in the main one's
box is drawn around it."""
LOOKED_AT = 12
"""Components of a page that are looked at."""
CUT_PART = (0.1, 0.7)
"""Shares of the main component's ink between which one at the page's edge can be part of the digit: if the
main one is cut by the edge too and it lies beside it, or if its middle lies in the main one's box."""


class Digit(NamedTuple):
    """The digit on the grid."""

    cells: Tensor
    """(N, 1, CELLS, CELLS) float32: 1 where the digit is and in a cell of room around it, else 0."""
    second_mark: Tensor
    """(N,) float32: ink of the heaviest other component that stays, as a share of the main one's."""
    at_edge: Tensor
    """(N,) float32: share of the main component's ink in the outermost cells."""


def keep_digit(cells: Tensor) -> Digit:
    """Find the digit among the marks of each page."""
    inked = (cells > INKED * cells.amax((2, 3), keepdim=True)).to(torch.float32)
    kept, second_mark, at_edge = _choose(label(inked, ROUNDS), (cells * inked).flatten(1))
    return Digit(F.max_pool2d(kept.reshape(-1, 1, CELLS, CELLS), 3, 1, 1), second_mark, at_edge)


def label(inked: Tensor, rounds: int) -> Tensor:
    """Components of the cells (N, 1, R, C) float32 that are 1: the number of one of its cells, for each cell.

    Out: (N, R * C) int64. Each cell sees the largest label around it; the cell that its own label names
    is given that one (hooking), then each takes the label of the cell that its label names (shortcut). So
    whole regions are renamed at once, and labels jump along a component instead of walking (Shiloach,
    Vishkin, "An O(log n) Parallel Connectivity Algorithm", 1982). Paper keeps the numbers of its own cells.
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

    With them, the second mark and what of the main one is at the edge, as `Digit` has them. Of each page
    only the LOOKED_AT components that are the heaviest near the middle are looked at.
    """
    centre = (torch.arange(CELLS) + 0.5) / CELLS - 0.5
    place = torch.stack([centre.repeat(CELLS), centre.repeat_interleave(CELLS)])  # x and y (2, CELLS ** 2)
    distance = place.square().sum(0)
    central = OFF_CENTRE + torch.exp(-distance / (2 * CENTRALITY**2))
    edge = (place.abs().amax(0) > 0.5 - 1 / CELLS).to(torch.float32)
    totals = torch.zeros(1, CELLS**2).expand(labels.shape[0], -1).scatter_add(1, labels, mass * central)
    looked_at = totals.topk(LOOKED_AT, 1).indices.unsqueeze(2)  # (N, K, 1): the main one first
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
    beside = inside > -(REACH * size + 0.5 / CELLS)
    share = weight / weight[:, :1].clamp(min=1e-9)
    is_cut = at_edge > 0
    is_frame = (at_edge > FRAME) | ((inside > 0) & (radius > AROUND * size.square()))
    whole = (share > WHOLE) | (beside & (share > SPECK))
    smallest, largest = CUT_PART
    part = ((beside & is_cut[:, :1] & (share > smallest)) | (inside > 0)) & (share < largest)
    is_first = torch.arange(LOOKED_AT) == 0
    others = ((is_cut & part) | (~is_cut & whole)) & ~is_frame & ~is_first
    kept = ((others | is_first) & (weight > 0)).to(torch.float32)
    cells = (kept.unsqueeze(1) @ is_of).squeeze(1)
    return cells, (share * others).amax(1), at_edge[:, 0]
