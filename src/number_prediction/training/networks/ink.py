"""The ink network: a canvas (B, S, S) -> logits (B, 3, S, S) of what each pixel shows.

In: grey in [0, 1], -1 beyond the page; S is a multiple of 16. Out, in the order of MASKS: the meant writing,
other writing and print, rules and borders.
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from number_prediction.training.graph.canvas import is_page
from number_prediction.training.networks.blocks import conv_block

MASKS = ("meant", "other", "rules")
"""What is told apart, in the order of the channels."""
WIDTHS = (16, 32, 64, 96)
"""Channels at a half, a quarter, an eighth and a sixteenth of the canvas."""
SMALLEST_DEVIATION = 0.02
"""Standard deviation of grey that is added, so that empty paper is not made as loud as writing."""


class InkNet(nn.Module):
    """U-Net (Ronneberger, Fischer, Brox, 2015) that begins and ends at half the canvas' resolution.

    Skipped features are added, not joined, and each output pixel is one of four channels of a coarse one, so
    that a canvas costs a millisecond.
    """

    def __init__(self, masks: int = len(MASKS)) -> None:
        super().__init__()
        first = WIDTHS[0]
        self.stem = conv_block(3, first, size=5, stride=2)
        self.down = nn.ModuleList()
        for inputs, outputs in zip((first, *WIDTHS), WIDTHS, strict=False):
            self.down.append(nn.Sequential(conv_block(inputs, outputs), conv_block(outputs, outputs)))
        self.narrow = nn.ModuleList(nn.Conv2d(deep, shallow, 1) for shallow, deep in pairwise(WIDTHS))
        self.up = nn.ModuleList(conv_block(width, width) for width in WIDTHS[:-1])
        self.last = nn.Conv2d(first, 4 * masks, 3, padding=1)

    def forward(self, canvas: Tensor) -> Tensor:  # (N, S, S) or (N, 1, S, S)
        features = self.stem(look(canvas if canvas.ndim == 4 else canvas.unsqueeze(1)))
        skipped = []
        for level, block in enumerate(self.down):
            features = block(features if level == 0 else F.max_pool2d(features, 2))
            skipped.append(features)
        for level in range(len(WIDTHS) - 2, -1, -1):
            wide = F.interpolate(self.narrow[level](features), scale_factor=2.0, mode="nearest")
            features = self.up[level](wide + skipped[level])
        masks: Tensor = F.pixel_shuffle(self.last(features), 2)
        return masks


def look(canvas: Tensor) -> Tensor:
    """What the network sees (B, 3, S, S): standardized grey, the page's area, distance from its middle."""
    inside = is_page(canvas).to(canvas.dtype)
    grey = canvas * inside
    count = inside.sum((2, 3), keepdim=True).clamp(min=1)
    mean = grey.sum((2, 3), keepdim=True) / count
    away = (grey - mean) * inside
    deviation = (away.square().sum((2, 3), keepdim=True) / count).sqrt()
    down, across = inside.cumsum(2), inside.cumsum(3)
    high, wide = down.amax((2, 3), keepdim=True).clamp(min=1), across.amax((2, 3), keepdim=True).clamp(min=1)
    far = ((2 * down - 1) / high - 1).square() + ((2 * across - 1) / wide - 1).square()
    return torch.cat([away / (deviation + SMALLEST_DEVIATION), inside, far * inside], 1)


def ink_loss(logits: Tensor, masks: Tensor) -> Tensor:
    """Cross-entropy of each pixel and the overlap that is missing (dice), the writing that is meant first.

    Args:
        logits: (B, 3, S, S).
        masks: (B, 3, S, S) float32 in [0, 1].
    """
    weights = logits.new_tensor([1.0, 0.4, 0.3]).reshape(1, 3, 1, 1)
    entropy = (F.binary_cross_entropy_with_logits(logits, masks, reduction="none") * weights).mean()
    return 4 * entropy + 0.5 * (1 - overlap(torch.sigmoid(logits[:, 0]), masks[:, 0])).mean()


def overlap(found: Tensor, wanted: Tensor) -> Tensor:
    """Dice (B,) of masks (B, S, S) in [0, 1]; 1 where both are empty."""
    both = (found * wanted).sum((1, 2))
    return (2 * both + 1) / (found.square().sum((1, 2)) + wanted.square().sum((1, 2)) + 1)
