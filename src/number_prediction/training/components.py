"""Ink -> where the digit is: its connected strokes, without specks and without what belongs to neighbours.

In: ink (N, H, W) float32 in [0, 1]. Out: keep (N, H, W) float32, 1 where ink belongs to the digit, else 0.

Components are found on a coarse grid of cells. The main one is the heaviest near the middle of the page.
Others stay if they are as good as whole (a second digit: what is read is then not one digit), or if they lie
by the main one as a detached bar or a broken stroke does; what touches the page's edge belongs to a
neighbour, a rule or a shadow, and goes.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from number_prediction.training.grids import area_matrix, cell_of_pixel

CELLS = 32
"""Cells a side of the grid."""
INKED = 0.06
"""Share of the heaviest cell's ink from which a cell is part of a component."""
ROUNDS = 6
"""Rounds of label spreading: twice what the most winding strokes in a test needed."""
CENTRALITY = 0.22
"""Standard deviation, in page sizes, of the weight that falls with the distance from the page's middle."""
OFF_CENTRE = 0.1
"""That weight's floor: a lone digit is found wherever it stands."""
WHOLE = 0.25
"""Share of the main component's ink from which another one is a mark of its own."""
SPECK = 0.02
"""Share of it below which another one is dust."""
REACH = 0.35
"""How far beside the main component, in its sizes, a detached part may lie."""
CUT_PART = (0.1, 0.7)
"""Shares of the main component's ink between which one at the page's edge can be part of the digit: if the
main one is cut by the edge too and it lies beside it, or if its middle lies in the main one's box."""


def keep_digit(ink: Tensor) -> Tensor:
    """Where the digit's ink is, with a cell of room around it."""
    height, width = ink.shape[1], ink.shape[2]
    cells = area_matrix(CELLS, height) @ ink @ area_matrix(CELLS, width).T  # (N, CELLS, CELLS)
    inked = cells > INKED * cells.amax((1, 2), keepdim=True)
    labels = _label(inked)  # (N, CELLS ** 2), 0 is paper
    kept = _choose(labels, (cells * inked).flatten(1)).gather(1, labels)
    room = F.max_pool2d(kept.to(torch.float32).reshape(-1, 1, CELLS, CELLS), 3, 1, 1).squeeze(1)
    return room[:, cell_of_pixel(height, CELLS)][:, :, cell_of_pixel(width, CELLS)]


def _label(inked: Tensor) -> Tensor:
    """Connected components (N, CELLS, CELLS) bool -> labels (N, CELLS ** 2) int64 from 1, 0 for paper.

    Each cell sees the largest label around it; the cell that its own label names is given that one (hooking),
    then each takes the label of the cell that its label names (shortcut). So whole regions are renamed at
    once, and labels jump along a component instead of walking (Shiloach, Vishkin, "An O(log n) Parallel
    Connectivity Algorithm", 1982).
    """
    paper = ~inked
    labels = torch.arange(1, CELLS**2 + 1, dtype=torch.float32).reshape(CELLS, CELLS).masked_fill(paper, 0)
    for _ in range(ROUNDS):
        around = F.max_pool2d(labels.unsqueeze(1), 3, 1, 1).squeeze(1).masked_fill(paper, 0).flatten(1)
        own = labels.flatten(1).to(torch.int64)
        names = F.pad(own.to(torch.float32), (1, 0)).scatter_reduce(1, own, around, "amax")
        names = names.gather(1, names.to(torch.int64))
        labels = names.gather(1, names.to(torch.int64))[:, 1:].reshape(-1, CELLS, CELLS)
    return labels.flatten(1).to(torch.int64)


def _choose(labels: Tensor, mass: Tensor) -> Tensor:
    """Which labels stay: (N, CELLS ** 2 + 1) bool, from labels and ink (N, CELLS ** 2) of the cells."""
    place = (torch.arange(CELLS) + 0.5) / CELLS
    x, y = place.repeat(CELLS), place.repeat_interleave(CELLS)
    at_edge = (torch.minimum(x, y) < 1 / CELLS) | (torch.maximum(x, y) > 1 - 1 / CELLS)

    def total(values: Tensor) -> Tensor:  # over the cells of each label
        empty = torch.zeros(1, CELLS**2 + 1).expand(labels.shape[0], -1)
        return empty.scatter_add(1, labels, values)

    weight = total(mass)
    weight = weight * (torch.arange(CELLS**2 + 1) > 0)
    centre_x = total(mass * x) / weight.clamp(min=1e-9)
    centre_y = total(mass * y) / weight.clamp(min=1e-9)
    is_cut = total(mass * at_edge) > 0
    off_centre = (centre_x - 0.5).square() + (centre_y - 0.5).square()
    central = OFF_CENTRE + torch.exp(-off_centre / (2 * CENTRALITY**2))
    main = (weight * central).argmax(1, keepdim=True)  # (N, 1)
    is_main = labels == main
    left, right = _range(x, is_main)
    top, bottom = _range(y, is_main)
    reach = REACH * torch.maximum(right - left, bottom - top) + 0.5 / CELLS

    def lies_within(room: Tensor | float) -> Tensor:
        beside = (centre_x > left - room) & (centre_x < right + room)
        return beside & (centre_y > top - room) & (centre_y < bottom + room)

    main_weight = weight.gather(1, main)
    whole = (weight > WHOLE * main_weight) | (lies_within(reach) & (weight > SPECK * main_weight))
    smallest, largest = CUT_PART
    is_tight = is_cut.gather(1, main)
    near = (lies_within(reach) & is_tight & (weight > smallest * main_weight)) | lies_within(0.0)
    part = near & (weight < largest * main_weight)
    kept = (is_cut & part) | (~is_cut & whole)
    index = torch.arange(CELLS**2 + 1)
    return (kept | (index == main)) & (index > 0) & (weight > 0)


def _range(place: Tensor, chosen: Tensor) -> tuple[Tensor, Tensor]:
    """Smallest and largest place (N, 1) of the chosen cells (N, M)."""
    low = torch.where(chosen, place, 2.0).amin(1, keepdim=True)
    return low, torch.where(chosen, place, -1.0).amax(1, keepdim=True)
