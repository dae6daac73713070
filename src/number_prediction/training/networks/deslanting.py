"""Slanted writing -> upright writing.

In and out: lines (N, H, W) float32, 0 is paper. The slant is the one whose slanted columns hold the most
squared ink, so that strokes fall into the fewest columns (after Vinciarelli and Luettin, "A new normalization
technique for cursive handwritten words", 2001).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from number_prediction.constants import LINE_HEIGHT

TRIED_SLANTS = torch.arange(-6, 11) * 0.1
"""Slants to choose from, in pixels to the right per pixel upward."""
SLANT_PENALTY = 0.1
"""Penalty of a slant of 1, as a share of the squared ink; it grows with the square of the slant."""
_HALF_HEIGHT_PX = LINE_HEIGHT // 2


class Deslanting(nn.Module):
    """Shear lines of LINE_HEIGHT pixels upright, about their middle row."""

    projections: Tensor
    slants: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("projections", _projections(), persistent=False)
        self.register_buffer("slants", TRIED_SLANTS, persistent=False)

    def forward(self, line: Tensor) -> Tensor:
        return shear(line, self.find_slant(line))

    def find_slant(self, line: Tensor) -> Tensor:
        """(N, 1) slant of each line, in pixels to the right per pixel upward."""
        small = F.avg_pool2d(line.unsqueeze(1), 2)
        columns = F.conv2d(small, self.projections, padding=(0, self.projections.shape[3] // 2)).squeeze(2)
        squares = (columns * columns).sum(2)  # (N, slants)
        score = squares / squares.amax(1, keepdim=True).clamp(min=1e-6) - SLANT_PENALTY * self.slants**2
        return self.slants[score.argmax(1)].unsqueeze(1)


def shear(line: Tensor, slant: Tensor) -> Tensor:
    """Shear lines (N, H, W) that lean to the right by slants (N, 1) upright; beyond the line is paper."""
    height, width = line.shape[1], line.shape[2]
    row = torch.arange(height, dtype=line.dtype, device=line.device)
    shift = slant * ((height - 1) / 2 - row)  # (N, H)
    whole = shift.floor()
    share = (shift - whole).unsqueeze(2)
    room = height  # a line leans by less than its height on either side
    padded = F.pad(line, (room, room + 1))
    source = torch.arange(width, device=line.device) + room + whole.to(torch.int64).unsqueeze(2)
    return torch.lerp(padded.gather(2, source), padded.gather(2, source + 1), share)


def _projections() -> Tensor:
    """(slants, 1, H / 2, K): a convolution that sums each slanted column of a line of half the size."""
    shift = TRIED_SLANTS.reshape(-1, 1) * (
        (_HALF_HEIGHT_PX - 1) / 2 - torch.arange(_HALF_HEIGHT_PX)
    )  # (slants, H / 2)
    reach = int(shift.abs().max().ceil())
    tap = torch.arange(-reach, reach + 1)
    return (1 - (tap - shift.unsqueeze(2)).abs()).clamp(min=0).unsqueeze(1)
