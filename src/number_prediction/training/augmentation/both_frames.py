"""Augment the two frames of a digit, ink and paper: move both alike, spoil each on its own.

In and out: (N, 2, 28, 28) float32 in [0, 1], see DigitAnswer. Random values come from an explicit CPU
generator.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from number_prediction.constants import FRAME_SIZE
from number_prediction.training.augmentation.draws import WHOLE_BATCH, Draws
from number_prediction.training.augmentation.strokes import bend

KNOTS = 5
"""Points a side of the coarse grid of random displacements."""
CLEAN = 1 / 3
"""What the frame of paper holds where there is no ink; twice as much is ink."""


@dataclass(frozen=True, kw_only=True)
class Shaking:
    """Largest change of each kind; each digit draws its own. 0 leaves a kind out."""

    rotation: float = 8.0
    """Degrees, either way."""
    shear: float = 0.2
    """Horizontal shift a pixel of height: slant."""
    scale: float = 0.12
    """Natural logarithm of the factor, in x and in y apart."""
    shift: float = 1.2
    """Pixels of the frame."""
    elastic: float = 0.8
    """Pixels of the frame of smooth random displacement (after Simard, Steinkraus, Platt, 2003)."""
    missed: float = 0.08
    """Share of the digits of whose ink a side is missing."""
    without_ink: float = 0.05
    """Share of the digits whose ink is what is dark on the paper."""
    without_paper: float = 0.15
    """Share of the digits whose paper is as clean as their ink."""

    def __call__(self, frames: Tensor, generator: Generator, wanted: slice = WHOLE_BATCH) -> Tensor:
        """Augment those of a batch that are wanted."""
        draws = Draws(len(frames), generator, wanted)
        frames = frames[wanted]
        count, device = len(frames), frames.device

        def draw() -> Tensor:
            return draws(1, 1).to(device)

        def within(limit: float) -> Tensor:
            return ((draw() * 2 - 1) * limit).flatten()

        angle, slant = within(math.radians(self.rotation)), within(self.shear)
        wide, high = within(self.scale).exp(), within(self.scale).exp()
        right, down = within(2 * self.shift / FRAME_SIZE), within(2 * self.shift / FRAME_SIZE)
        cos, sin = angle.cos(), angle.sin()
        to_x = torch.stack([cos * wide, (cos * slant - sin) * high, right], 1)
        to_y = torch.stack([sin * wide, (sin * slant + cos) * high, down], 1)
        grid = F.affine_grid(torch.stack([to_x, to_y], 1), [count, 1, *frames.shape[2:]], align_corners=False)
        knots = (draws(2, KNOTS, KNOTS) * 2 - 1).to(device)
        grid = grid + bend(knots * draw().unsqueeze(1), FRAME_SIZE) * (2 * self.elastic / FRAME_SIZE)
        shaken = F.grid_sample(frames, grid, padding_mode="border", align_corners=False)
        ink, paper = shaken[:, 0], shaken[:, 1]
        direction = draw() * 2 * math.pi
        place = (torch.arange(FRAME_SIZE, device=device) + 0.5) / FRAME_SIZE - 0.5
        beyond = place * direction.cos() + place.unsqueeze(1) * direction.sin() > draw() * 0.4
        ink = ink * ~(beyond & (draw() < self.missed))
        ink = torch.where(draw() < self.without_ink, (paper / CLEAN - 1).clamp(0, 1), ink)
        clean = (draw() < self.without_paper) & (ink.amax((1, 2), keepdim=True) > 0.5)
        return torch.stack([ink, torch.where(clean, (ink + 1) * CLEAN, paper)], 1)
