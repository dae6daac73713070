"""Ink on a grid -> the same without the paper's own lines: ruled and squared paper, boxes of forms.

In and out: ink (N, 1, CELLS, CELLS) float32 in [0, 1], the mean of each cell of the page.

A line of the paper runs from edge to edge of the page, is thin, and is paler than the writing or one of
several. What is thin there goes; a stroke of the digit that crosses it is not thin across the line and stays
whole. A page on which a line is thicker than THICKEST cells, such as a tight crop of few pixels, is left as
it is.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

CELLS = 64
"""Cells a side of the grid."""
THICKEST = 2
"""Cells: what is thicker is no line."""
SLACK = 2
"""Cells to either side of the middle by which a line may wander on its way across the page."""
NEAR = 2 * SLACK + 1
"""Rows of cells within that reach of one."""
INKED = 0.04
"""Share of a cell that is ink from which a line may pass through it."""
CROSSING = 0.95
"""Share of the way across the page that must be inked."""
SEVERAL = 8
"""Cells from the first line to the last from which they are several."""
PALE = 0.5
"""Ink of a single line, as a share of that of the heaviest cell, below which it is the paper's."""


def remove_rules(cells: Tensor) -> Tensor:
    """Without the horizontal lines, then without the vertical ones: so their crossings go too."""
    both = torch.cat([cells, cells.transpose(2, 3)], 1)  # the page upright, and lying on its side
    inked = (_largest(both, NEAR) > INKED).to(torch.float32).mean(3, keepdim=True)
    along = (inked > CROSSING).to(torch.float32)  # (N, 2, CELLS, 1): rows near which a line stays
    row = torch.arange(CELLS, dtype=torch.float32).unsqueeze(1)
    from_ends = torch.cat([row, CELLS - 1 - row], 1)
    apart = (along * from_ends).amax(2, keepdim=True).sum(3, keepdim=True) - (CELLS - 1)  # first to last
    lines = (along.sum(2, keepdim=True) / NEAR).clamp(min=1)
    pale = PALE * CELLS * lines * cells.amax((2, 3), keepdim=True)
    most = torch.where(apart >= SEVERAL, torch.inf, pale).chunk(2, 1)
    rows, columns = _paths(along).chunk(2, 1)
    upright = _remove(cells, rows, most[0]).transpose(2, 3)
    return _remove(upright, columns, most[1]).transpose(2, 3)


def _paths(along: Tensor) -> Tensor:
    """Rows in which lines lie, and one more to either side, from the rows near which they stay.

    A line that is straight across stays near 2 * SLACK + 1 rows and lies in their middle; the more rows it
    lies in, the fewer all of it is near to. So it lies where all those rows are near.
    """
    near = F.avg_pool2d(along, (NEAR, 1), 1, (SLACK, 0))
    path = (near >= _largest(near, 2 * NEAR - 1)) & (near > 0)
    return _largest(path.to(torch.float32), 3)


def _remove(cells: Tensor, rows: Tensor, most: Tensor) -> Tensor:
    """Without what is thin in the rows that are 1, if this is less ink than `most`."""
    tall = _largest(-_largest(-cells, THICKEST + 1), THICKEST + 1)
    thin = (cells - tall) * rows
    return cells - thin * (thin.sum((2, 3), keepdim=True) < most)


def _largest(cells: Tensor, window: int) -> Tensor:
    """Largest within a window of cells above and below each cell."""
    return F.max_pool2d(cells, (window, 1), 1, (window // 2, 0))
