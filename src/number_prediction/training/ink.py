"""Page -> ink, as a parameter-free torch module that is exported inside the graph.

In: pages (N, H, W) uint8. Out: ink (N, H, W) float32 in [0, 1]; 1 is ink, 0 is paper.

This stage is for clean drawings and scans: one paper colour, dark on light or light on dark. Whatever
maps pages to ink with these shapes and ranges can stand in its place in `DigitGraph`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

NOISE_DEVIATIONS = 6.0
"""Noise floor in median absolute deviations of the border: four standard deviations of Gaussian noise."""
SMALLEST_CONTRAST = 0.08
"""A page whose marks stand out from the paper by less of the full range is blank."""


class BorderInk(nn.Module):
    """Ink by the border: the border's median is the paper, its spread the noise, the far side the ink.

    Which side of the paper's grey level is ink is decided by where more squared deviation lies, so a
    dark digit on light paper and its negative give the same ink. MNIST images come out as they are.
    """

    def forward(self, page: Tensor) -> Tensor:  # (N, H, W) uint8 -> (N, H, W) float32
        border = torch.cat([page[:, 0, :], page[:, -1, :], page[:, :, 0], page[:, :, -1]], dim=1)
        paper = _median(border.to(torch.float32) / 255)
        noise = NOISE_DEVIATIONS * _median((border.to(torch.float32) / 255 - paper).abs())
        darker = paper.unsqueeze(2) - page.to(torch.float32) / 255
        dark_energy = (darker - noise.unsqueeze(2)).clamp(min=0).square().sum((1, 2))
        light_energy = (-darker - noise.unsqueeze(2)).clamp(min=0).square().sum((1, 2))
        sign = torch.where(dark_energy >= light_energy, 1.0, -1.0)
        ink = (darker * sign[:, None, None] - noise.unsqueeze(2)).clamp(min=0)
        peak = ink.amax((1, 2), keepdim=True)
        # Where the page is blank, a divisor above every value and the comparison leave no ink at all.
        return torch.where(peak >= SMALLEST_CONTRAST, ink / peak.clamp(min=SMALLEST_CONTRAST), 0.0)


def _median(values: Tensor) -> Tensor:
    """Upper median of each row: (N, M) -> (N, 1)."""
    return torch.sort(values, dim=1).values[:, values.shape[1] // 2].unsqueeze(1)
