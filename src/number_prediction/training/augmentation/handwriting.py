"""Augmentation for handwriting: a batch of frames -> the same digits by other pens, hands and cameras.

In and out: (N, 28, 28) float32 in [0, 1]. Each digit is enlarged twofold, slanted, stretched, bent, written
with a thinner or thicker pen, blurred, pixelated, and made harder or softer. Then it is framed again, as the
graph would frame such a picture. Random values come from an explicit CPU generator.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from number_prediction.constants import FRAME_SIZE
from number_prediction.training.augmentation.draws import WHOLE_BATCH, Draws
from number_prediction.training.augmentation.strokes import bend, change_pen, soften
from number_prediction.training.graph.framing import Framing

LARGE_SIDE_PX = 2 * FRAME_SIZE
"""Side of the enlarged pictures."""
PAPER_FACTOR = 1.15
"""Side of the paper around the frame, as a factor, so that turned and stretched digits are not cut off."""
ELASTIC_KNOTS = 5
"""Points per side of the coarse grid of random displacements."""
MAX_DUST_INK = 0.06
"""Ink below this after resampling is paper."""
PIXELATION_FACTORS = (2, 3, 4, 5)
"""Pixels of the enlarged picture in one pixel of a pixelated one."""


@dataclass(frozen=True, kw_only=True)
class Rewriting:
    """Largest change of each kind; each digit draws its own. 0 leaves a kind out.

    A third of the digits are changed with full strength, the others with less, down to none. A digit that
    would lose all its ink stays unchanged.
    """

    rotation: float = 12.0
    """Degrees, to either side."""
    shear: float = 0.3
    """Slant: horizontal shift per pixel of height."""
    scale: float = 0.15
    """Natural logarithm of the factor, separately in x and y."""
    stretch: float = 0.9
    """Natural logarithm of the factor by which some digits are flattened, like tight crops of equal size."""
    stretched: float = 0.35
    """Share of the digits that are flattened."""
    elastic: float = 1.5
    """Pixels of the frame of smooth random displacement (after Simard, Steinkraus, Platt, 2003)."""
    thicker: float = 2.2
    """Pixels of the frame by which strokes grow."""
    thinner: float = 0.9
    """Pixels of the frame by which strokes shrink, at most 1."""
    blur: float = 1.0
    """Share, up to 1, of a blur of one pixel of the frame."""
    pixelated: float = 0.25
    """Share of the digits at low resolution, most of them in black and white."""
    hardness: float = 2.0
    """How much the contrast grows, as a share of the digit's own."""

    def __call__(self, frames: Tensor, generator: Generator, wanted: slice = WHOLE_BATCH) -> Tensor:
        """Augment the wanted frames of a batch (N, 28, 28), each as it would be in the whole batch."""
        draw = _Draw(len(frames), generator, wanted, frames.device)
        frames = frames[wanted]
        ink = self._warp(frames, draw)
        ink = change_pen(ink, draw.strength * (draw() * (self.thicker + self.thinner) - self.thinner))
        ink = self._pixelate(ink, draw)
        amount = (draw() * 1.6 - 0.6).clamp(min=0) * self.blur * draw.strength
        ink = torch.lerp(ink, soften(soften(ink)), amount)
        gain = 1 + draw().square() * self.hardness * draw.strength
        ink = ((ink - 0.5 * (1 - 1 / gain) * (draw() < 0.7)) * gain).clamp(0, 1)
        framed: Tensor = Framing()((ink - MAX_DUST_INK).clamp(min=0) / (1 - MAX_DUST_INK)).frame
        return torch.where(framed.amax((1, 2), keepdim=True) > 0, framed, frames)

    def _warp(
        self, frames: Tensor, draw: _Draw
    ) -> Tensor:  # (N, 28, 28) -> (N, LARGE_SIDE_PX, LARGE_SIDE_PX)
        strength = draw.strength.flatten()
        angle = strength * draw.within(math.radians(self.rotation)).flatten()
        slant = strength * draw.within(self.shear).flatten()
        width, height = ((strength * draw.within(self.scale).flatten()).exp() for _ in range(2))
        flat = (draw() < self.stretched * draw.strength) * draw() * self.stretch
        height = height * flat.flatten().exp()
        cos, sin, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
        to_x = torch.stack([cos * width, (cos * slant - sin) * height, zero], dim=1)
        to_y = torch.stack([sin * width, (sin * slant + cos) * height, zero], dim=1)
        matrices = torch.stack([to_x, to_y], dim=1) * PAPER_FACTOR
        grid = F.affine_grid(matrices, [len(frames), 1, LARGE_SIDE_PX, LARGE_SIDE_PX], align_corners=False)
        if self.elastic:
            grid = grid + bend(draw.knots(), LARGE_SIDE_PX) * (self.elastic * 2 / FRAME_SIZE)
        return F.grid_sample(frames.unsqueeze(1), grid, align_corners=False).squeeze(1)

    def _pixelate(self, ink: Tensor, draw: _Draw) -> Tensor:
        chosen = draw() < self.pixelated * draw.strength
        factor = PIXELATION_FACTORS[draw.integer(len(PIXELATION_FACTORS))]
        coarse = F.avg_pool2d(ink.unsqueeze(1), factor, ceil_mode=True).squeeze(1)
        coarse = torch.where(draw() < 0.7, (coarse > 0.25 + 0.3 * draw()).to(ink.dtype), coarse)
        large = coarse.repeat_interleave(factor, 1).repeat_interleave(factor, 2)[
            :, :LARGE_SIDE_PX, :LARGE_SIDE_PX
        ]
        return torch.where(chosen, large, ink)


class _Draw:
    """Random values for the wanted digits of a batch, one per digit: (N, 1, 1)."""

    def __init__(self, count: int, generator: Generator, wanted: slice, device: torch.device) -> None:
        self._draws = Draws(count, generator, wanted)
        self._generator, self._device = generator, device
        self.strength = (1.5 * self()).clamp(max=1)
        """(N, 1, 1) in [0, 1]: strength of each digit's changes, as a share of the largest ones."""

    def __call__(self) -> Tensor:
        """Uniform in [0, 1)."""
        return self._draws(1, 1).to(self._device)

    def within(self, limit: float) -> Tensor:
        """Uniform in [-limit, limit]."""
        return (self() * 2 - 1) * limit

    def knots(self) -> Tensor:
        """Displacements (N, 2, ELASTIC_KNOTS, ELASTIC_KNOTS), each digit's with its own strength."""
        strength = (self() * self.strength).unsqueeze(1)
        knots = self._draws(2, ELASTIC_KNOTS, ELASTIC_KNOTS) * 2 - 1
        return knots.to(self._device) * strength

    def integer(self, end: int) -> int:
        """One random integer below `end` for the whole batch."""
        return int(torch.randint(end, (1,), generator=self._generator))
