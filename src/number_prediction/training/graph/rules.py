"""Ink on a grid -> the same ink without rules: ruled and squared paper, boxes of forms.

In and out: ink (N, 1, CELLS, CELLS) float32 in [0, 1], the mean of each cell of the page.

A rule runs from edge to edge of the page, is thin, and is either paler than the writing or one of several.
Thin ink along a rule is removed. A stroke of the digit that crosses the rule is thick in that direction, so
it stays whole. A page with a rule thicker than MAX_RULE_THICKNESS_CELLS, such as a tight crop of few pixels,
is left unchanged.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

CELLS = 64
"""Cells a side of the grid."""
MAX_RULE_THICKNESS_CELLS = 2
"""Anything thicker is not a rule."""
RULE_SLACK_CELLS = 2
"""How far a rule may drift to either side of its middle on its way across the page."""
RULE_REACH_CELLS = 2 * RULE_SLACK_CELLS + 1
"""Rows of cells within that distance of a row."""
MIN_CELL_INK = 0.04
"""Minimum ink of a cell through which a rule may pass."""
MIN_CROSSING_SHARE = 0.95
"""Minimum share of the way across the page that a rule must cover."""
MIN_RULED_HEIGHT_CELLS = 8
"""Minimum distance between the first and the last rule of several."""
MAX_LONE_RULE_INK_SHARE = 0.5
"""A single line with less ink than this is a rule; as a share of the heaviest cell's ink."""


def remove_rules(cells: Tensor) -> Tensor:
    """Remove the horizontal rules, then the vertical ones, and so their crossings too."""
    both = torch.cat([cells, cells.transpose(2, 3)], 1)  # the page upright, and lying on its side
    inked = (_largest(both, RULE_REACH_CELLS) > MIN_CELL_INK).to(torch.float32).mean(3, keepdim=True)
    along = (inked > MIN_CROSSING_SHARE).to(torch.float32)  # (N, 2, CELLS, 1): rows near which a line stays
    row = torch.arange(CELLS, dtype=torch.float32).unsqueeze(1)
    from_ends = torch.cat([row, CELLS - 1 - row], 1)
    apart = (along * from_ends).amax(2, keepdim=True).sum(3, keepdim=True) - (CELLS - 1)  # first to last
    lines = (along.sum(2, keepdim=True) / RULE_REACH_CELLS).clamp(min=1)
    pale = MAX_LONE_RULE_INK_SHARE * CELLS * lines * cells.amax((2, 3), keepdim=True)
    most = torch.where(apart >= MIN_RULED_HEIGHT_CELLS, torch.inf, pale).chunk(2, 1)
    rows, columns = _paths(along).chunk(2, 1)
    upright = _remove(cells, rows, most[0]).transpose(2, 3)
    return _remove(upright, columns, most[1]).transpose(2, 3)


def _paths(along: Tensor) -> Tensor:
    """Rows in which rules lie, and one more to either side, from the rows near which they stay.

    A straight rule stays near RULE_REACH_CELLS rows and lies in their middle. The more rows it lies in, the
    fewer rows are near to all of it. So it lies where all those rows are near.
    """
    near = F.avg_pool2d(along, (RULE_REACH_CELLS, 1), 1, (RULE_SLACK_CELLS, 0))
    path = (near >= _largest(near, 2 * RULE_REACH_CELLS - 1)) & (near > 0)
    return _largest(path.to(torch.float32), 3)


def _remove(cells: Tensor, rows: Tensor, most: Tensor) -> Tensor:
    """Remove thin ink in the rows that are 1, if it is less ink than `most`."""
    tall = _largest(-_largest(-cells, MAX_RULE_THICKNESS_CELLS + 1), MAX_RULE_THICKNESS_CELLS + 1)
    thin = (cells - tall) * rows
    return cells - thin * (thin.sum((2, 3), keepdim=True) < most)


def _largest(cells: Tensor, window: int) -> Tensor:
    """Largest within a window of cells above and below each cell."""
    return F.max_pool2d(cells, (window, 1), 1, (window // 2, 0))
