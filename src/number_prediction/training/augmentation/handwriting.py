"""Augmentation for handwriting: a batch of frames -> the same digits by other pens, hands and cameras.

In and out: (N, 28, 28) float32 in [0, 1]. Each digit is enlarged twofold, slanted, stretched, bent, written
with a thinner or thicker pen, blurred, pixelated, made harder or softer, and framed again, so that the
network sees what the graph will show it of such a picture. Random values come from an explicit CPU generator.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from number_prediction.constants import FRAME_SIZE
from number_prediction.training.augmentation.draws import ALL, Draws
from number_prediction.training.augmentation.strokes import bend, change_pen, soften
from number_prediction.training.graph.framing import Framing

SIZE = 2 * FRAME_SIZE
ROOM = 1.15
"""Paper around the frame, as a factor of its side: what is turned or stretched is not cut off."""
KNOTS = 5
"""Points a side of the coarse grid of random displacements."""
DUST = 0.06
"""Ink below this after resampling is paper."""
FACTORS = (2, 3, 4, 5)
"""Pixels of the enlarged picture in one pixel of a pixelated one."""


@dataclass(frozen=True, kw_only=True)
class Rewriting:
    """Largest change of each kind; each digit draws its own. 0 leaves a kind out.

    A third of the digits are changed with full strength, the others with less, down to not at all. One of
    which nothing would be left stays as it is.
    """

    rotation: float = 12.0
    """Degrees, either way."""
    shear: float = 0.3
    """Horizontal shift a pixel of height: slant."""
    scale: float = 0.15
    """Natural logarithm of the factor, in x and in y apart."""
    stretch: float = 0.9
    """Natural logarithm of the factor by which some digits are pressed flat, as tight crops of equal size
    do."""
    stretched: float = 0.35
    """Share of the digits that are."""
    elastic: float = 1.5
    """Pixels of the frame of smooth random displacement (after Simard, Steinkraus, Platt, 2003)."""
    thicker: float = 2.2
    """Pixels of the frame by which strokes grow."""
    thinner: float = 0.9
    """Pixels of the frame by which they shrink, at most 1."""
    blur: float = 1.0
    """Share, up to 1, of a blur of one pixel of the frame."""
    pixelated: float = 0.25
    """Share of the digits that are seen at low resolution, most of them in black and white."""
    hardness: float = 2.0
    """By how much more than its own contrast a digit is hardened."""

    def __call__(self, frames: Tensor, generator: Generator, wanted: slice = ALL) -> Tensor:
        """Augment those of a batch (N, 28, 28) that are wanted; each as it is where all are."""
        draw = _Draw(len(frames), generator, wanted, frames.device)
        frames = frames[wanted]
        ink = self._warp(frames, draw)
        ink = change_pen(ink, draw.strength * (draw() * (self.thicker + self.thinner) - self.thinner))
        ink = self._pixelate(ink, draw)
        amount = (draw() * 1.6 - 0.6).clamp(min=0) * self.blur * draw.strength
        ink = torch.lerp(ink, soften(soften(ink)), amount)
        gain = 1 + draw().square() * self.hardness * draw.strength
        ink = ((ink - 0.5 * (1 - 1 / gain) * (draw() < 0.7)) * gain).clamp(0, 1)
        framed: Tensor = Framing()((ink - DUST).clamp(min=0) / (1 - DUST)).frame
        return torch.where(framed.amax((1, 2), keepdim=True) > 0, framed, frames)

    def _warp(self, frames: Tensor, draw: _Draw) -> Tensor:  # (N, 28, 28) -> (N, SIZE, SIZE)
        strength = draw.strength.flatten()
        angle = strength * draw.within(math.radians(self.rotation)).flatten()
        slant = strength * draw.within(self.shear).flatten()
        width, height = ((strength * draw.within(self.scale).flatten()).exp() for _ in range(2))
        flat = (draw() < self.stretched * draw.strength) * draw() * self.stretch
        height = height * flat.flatten().exp()
        cos, sin, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
        to_x = torch.stack([cos * width, (cos * slant - sin) * height, zero], dim=1)
        to_y = torch.stack([sin * width, (sin * slant + cos) * height, zero], dim=1)
        matrices = torch.stack([to_x, to_y], dim=1) * ROOM
        grid = F.affine_grid(matrices, [len(frames), 1, SIZE, SIZE], align_corners=False)
        if self.elastic:
            grid = grid + bend(draw.knots(), SIZE) * (self.elastic * 2 / FRAME_SIZE)
        return F.grid_sample(frames.unsqueeze(1), grid, align_corners=False).squeeze(1)

    def _pixelate(self, ink: Tensor, draw: _Draw) -> Tensor:
        chosen = draw() < self.pixelated * draw.strength
        factor = FACTORS[draw.integer(len(FACTORS))]
        coarse = F.avg_pool2d(ink.unsqueeze(1), factor, ceil_mode=True).squeeze(1)
        coarse = torch.where(draw() < 0.7, (coarse > 0.25 + 0.3 * draw()).to(ink.dtype), coarse)
        large = coarse.repeat_interleave(factor, 1).repeat_interleave(factor, 2)[:, :SIZE, :SIZE]
        return torch.where(chosen, large, ink)


class _Draw:
    """Random values for the wanted digits of a batch, one a digit: (N, 1, 1)."""

    def __init__(self, count: int, generator: Generator, wanted: slice, device: torch.device) -> None:
        self._draws = Draws(count, generator, wanted)
        self._generator, self._device = generator, device
        self.strength = (1.5 * self()).clamp(max=1)
        """(N, 1, 1) in [0, 1]: share of the largest changes that these digits may draw."""

    def __call__(self) -> Tensor:
        """Uniform in [0, 1)."""
        return self._draws(1, 1).to(self._device)

    def within(self, limit: float) -> Tensor:
        """Uniform in [-limit, limit]."""
        return (self() * 2 - 1) * limit

    def knots(self) -> Tensor:
        """Displacements (N, 2, KNOTS, KNOTS), of which each digit has its own strength."""
        strength = (self() * self.strength).unsqueeze(1)
        knots = self._draws(2, KNOTS, KNOTS) * 2 - 1
        return knots.to(self._device) * strength

    def integer(self, end: int) -> int:
        """One for the whole batch, below `end`."""
        return int(torch.randint(end, (1,), generator=self._generator))
