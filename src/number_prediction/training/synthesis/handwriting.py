"""Frames of glyphs -> pictures of these glyphs in the hand of their line: size, slant, pen and strength."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from number_prediction.constants import FRAME_SIZE
from number_prediction.training.augmentation.strokes import bend, change_pen
from number_prediction.training.graph.line_framing import DIGIT_HEIGHT_PX
from number_prediction.training.synthesis.hands import Hand
from number_prediction.training.synthesis.papers import UNIT_PX
from number_prediction.training.synthesis.placement import GLYPH_SIDE_PX, MIN_GLYPH_INK

_MNIST_DIGIT_HEIGHT = 20 / FRAME_SIZE
"""Height of a digit in its frame, as a share of the frame."""


def draw_by_hand(
    frames: Tensor,
    heights: NDArray[np.float32],
    owner: NDArray[np.int64],
    hands: Sequence[Hand],
    random: np.random.Generator,
) -> Tensor:
    """Draw K glyphs: pictures (K, GLYPH_SIDE_PX, GLYPH_SIDE_PX) float32 in [0, 1].

    Args:
        frames: (K, 28, 28) uint8, 255 is ink.
        heights: (K,) height of each glyph on its line.
        owner: (K,) the line of each glyph.
        hands: the hand of each line.
        random: source of random values.
    """
    count = len(frames)

    def of_line(name: str) -> NDArray[np.float32]:
        return np.array([getattr(hand, name) for hand in hands], np.float32)[owner]

    angle = np.radians(of_line("rotation") + random.normal(0, 3, count)).astype(np.float32)
    slant = of_line("slant") + random.normal(0, 0.05, count).astype(np.float32)
    wide = of_line("wide") * np.exp(random.normal(0, 0.08, count)).astype(np.float32)
    scale = _MNIST_DIGIT_HEIGHT * GLYPH_SIDE_PX / (DIGIT_HEIGHT_PX * heights)
    cos, sin, zero = np.cos(angle), np.sin(angle), np.zeros(count, np.float32)
    to_x = np.stack([cos / wide * scale, (cos * slant - sin) * scale, zero], 1)
    to_y = np.stack([sin / wide * scale, (sin * slant + cos) * scale, zero], 1)
    matrices = torch.tensor(np.stack([to_x, to_y], 1), dtype=torch.float32)
    grid = F.affine_grid(matrices, [count, 1, GLYPH_SIDE_PX, GLYPH_SIDE_PX], align_corners=False)
    knots = random.uniform(-1, 1, (count, 2, 4, 4)) * random.uniform(0, 0.13, (count, 1, 1, 1))
    grid = grid + bend(torch.tensor(knots, dtype=torch.float32), GLYPH_SIDE_PX)
    ink = F.grid_sample(frames.to(torch.float32).unsqueeze(1) / 255, grid, align_corners=False).squeeze(1)
    pen = torch.tensor(of_line("pen") + random.normal(0, 0.15, count).astype(np.float32))
    written = change_pen(ink, UNIT_PX * pen.clamp(min=-0.8).reshape(-1, 1, 1))
    is_visible = written.amax((1, 2), keepdim=True) > MIN_GLYPH_INK
    ink = torch.where(is_visible, written, ink)  # thin strokes stay
    peak = ink.amax((1, 2), keepdim=True).clamp(min=1e-3)
    strength = torch.tensor(np.exp(-np.abs(random.normal(0, 0.15, count))), dtype=torch.float32)
    return ink / peak * strength.reshape(-1, 1, 1)
