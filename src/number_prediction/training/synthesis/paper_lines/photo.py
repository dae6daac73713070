"""Ink of a line, of its neighbours and of rules -> a picture on paper, under light, through a camera.

The camera is that of crops; it takes squares, of which the line's part is cut out.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from number_prediction.images.decode import Page
from number_prediction.training.synthesis.crop_picture import paint, visibility
from number_prediction.training.synthesis.paper_lines.glyphs import Mask
from number_prediction.training.synthesis.surfaces import Dice

SMALLEST_SIDE_PX = 24
"""Side of the smallest square."""
LEAST_VISIBLE = 1.0
"""Least difference of ink and paper, in deviations of the paper, of a line that is trained on."""
LEAST_INK = 0.3
"""Cover from which there is writing on a line."""
MOST_PICTURES = 3
"""Pictures of a line that are taken until it can be seen."""


class Layers(NamedTuple):
    """Cover (h, w) float32 in [0, 1] of what is on the paper, in the size of the picture."""

    written: Mask
    """What is to be read."""
    beside: Mask
    """Other writing."""
    rules: Mask


def photograph(layers: Layers, random: np.random.Generator) -> Page | None:
    """A picture (h, w) uint8 on which the line can be seen; None if it cannot on MOST_PICTURES pictures."""
    height, width = layers.written.shape
    size = max(height, width, SMALLEST_SIDE_PX)
    top, left = int(random.integers(size - height + 1)), int(random.integers(size - width + 1))
    room = (left, size - width - left, top, size - height - top)
    written, beside, rules = (F.pad(torch.tensor(layer).unsqueeze(0), room) for layer in layers)
    for _ in range(MOST_PICTURES):
        dice = Dice(1, size, Generator().manual_seed(int(random.integers(2**62))))
        whole = paint(written, beside, rules, torch.zeros_like(rules), dice, random)
        part = whole[:, top : top + height, left : left + width]
        if _is_visible(part, torch.tensor(layers.written)):
            return part.squeeze(0).numpy().copy()
    return None


def _is_visible(picture: Tensor, written: Tensor) -> bool:
    """Whether the writing stands out; an empty line cannot be missed."""
    if float(written.max()) < LEAST_INK:
        return True
    return float(visibility(picture.to(torch.float32) / 255, written.unsqueeze(0))) > LEAST_VISIBLE
