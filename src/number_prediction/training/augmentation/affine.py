"""Digit-safe augmentation: a batch of frames -> the same digits, written a little differently.

In and out: (N, 28, 28) float32 in [0, 1]. It never flips, because a mirrored 2 is not a 2. Random values come
from an explicit CPU generator, so the same seed gives the same batch on any device.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from number_prediction.constants import FRAME_SIZE
from number_prediction.training.augmentation.draws import WHOLE_BATCH, Draws

ELASTIC_KNOTS = 5
"""Points a side of the coarse grid of random displacements, which is interpolated to the whole frame."""


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """Largest change of each kind; each digit draws a uniform value up to it. 0 leaves a kind out."""

    rotation: float = 10.0
    """Degrees, to either side."""
    shift: float = 2.0
    """Pixels, in x and in y."""
    scale: float = 0.1
    """Share of the size, separately in x and y."""
    shear: float = 0.1
    """Slant: horizontal shift per pixel of height."""
    elastic: float = 0.0
    """Pixels of smooth random displacement (after Simard, Steinkraus, Platt, 2003)."""
    stroke: float = 0.0
    """Share, up to 1, of one 3x3 dilation (thicker) or erosion (thinner)."""
    shared: int = 1
    """Neighbours in a batch that get the same change, which saves time; batches are in random order."""

    def __call__(self, frames: Tensor, generator: Generator, wanted: slice = WHOLE_BATCH) -> Tensor:
        """Augment the wanted frames of a batch (N, 28, 28), each as it would be in the whole batch."""
        start, stop, _ = wanted.indices(len(frames))
        groups = slice(start // self.shared, math.ceil(stop / self.shared))
        draw = Draws(math.ceil(len(frames) / self.shared), generator, groups)
        begin, end = groups.start * self.shared, groups.stop * self.shared
        frames = F.pad(frames[begin:end], (0, 0, 0, 0, 0, max(0, end - len(frames))))
        frames = frames.unflatten(0, (-1, self.shared))  # type: ignore[no-untyped-call]
        if self.stroke:
            frames = self._change_strokes(frames, draw)
        if self.rotation or self.shift or self.scale or self.shear or self.elastic:
            frames = self._warp(frames, draw)
        return frames.flatten(0, 1)[start - begin : stop - begin]

    def _warp(self, frames: Tensor, draw: Draws) -> Tensor:  # (G, shared, 28, 28), G groups
        def uniform(limit: float) -> Tensor:  # (G,), in [-limit, limit]
            return (draw() * 2 - 1) * limit

        angle = uniform(math.radians(self.rotation))
        slant = uniform(self.shear)
        width, height = 1 + uniform(self.scale), 1 + uniform(self.scale)
        cos, sin = angle.cos(), angle.sin()
        pixel = 2 / FRAME_SIZE  # the sampling grid runs from -1 to 1
        to_x = torch.stack([cos * width, (cos * slant - sin) * height, uniform(self.shift) * pixel], dim=1)
        to_y = torch.stack([sin * width, (sin * slant + cos) * height, uniform(self.shift) * pixel], dim=1)
        shape = [len(frames), 1, FRAME_SIZE, FRAME_SIZE]
        grid = F.affine_grid(torch.stack([to_x, to_y], dim=1), shape, align_corners=False)
        if self.elastic:
            knots = draw(2, ELASTIC_KNOTS, ELASTIC_KNOTS) * 2 - 1
            field = F.interpolate(knots, (FRAME_SIZE, FRAME_SIZE), mode="bicubic", align_corners=True)
            grid = grid + field.permute(0, 2, 3, 1) * (self.elastic * pixel)
        return F.grid_sample(frames, grid.to(frames.device), align_corners=False)

    def _change_strokes(self, frames: Tensor, draw: Draws) -> Tensor:
        amount = (draw(1, 1, 1) * 2 - 1) * self.stroke
        amount = amount.to(frames.device)
        thick = F.max_pool2d(frames, 3, stride=1, padding=1)
        thin = -F.max_pool2d(-frames, 3, stride=1, padding=1)
        return torch.lerp(frames, torch.where(amount > 0, thick, thin), amount.abs())
