"""Ink -> frame, the MNIST normal form, as a parameter-free torch module that is exported inside the graph.

In: ink (N, H, W) float32 in [0, 1] of any size. Out: frames (N, 28, 28) float32 in [0, 1].

It does what was published for MNIST (LeCun, Bottou, Bengio, Haffner, 1998). The digit is scaled by area
averaging to fit a 20x20 box, its aspect kept. Its centre of mass goes to the centre of the frame, at index
14. Framing is linear: frame = W_y @ ink @ W_x^T, where W holds the overlap of each source pixel with each
target pixel. Paper around the digit changes nothing.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from number_prediction.constants import FRAME_SIZE

BOX_SIZE_PX = 20
"""Longer side of the digit in the frame."""
CENTRE_PX = FRAME_SIZE / 2 + 0.5
"""Where the centre of mass goes: the middle of the pixel at index 14, measured from the frame's edge."""
TIE_PX = 1e-4
"""A centre of mass this near to a pixel's edge counts as on it, so that rounding does not move the digit."""
MIN_BOX_INK = 0.125
"""Ink above this counts for the bounding box, so that blurred edges and dust do not stretch it."""


class Framed(NamedTuple):
    """Frames of N digits, and what was measured on the way."""

    frame: Tensor
    """(N, 28, 28) float32 in [0, 1]."""
    peak: Tensor
    """(N,) float32 in [0, 1]: the frame's strongest ink before it was scaled to 1. Strokes thinner than a
    pixel of the frame have about this width, in pixels of the frame."""
    side: Tensor
    """(N,) float32: the digit's longer side in pixels of the ink."""


class Framing(nn.Module):
    """Scale and centre each digit like those of MNIST; a page without ink gives an empty frame."""

    def forward(self, ink: Tensor) -> Framed:  # (N, H, W) float32
        place = find_place(ink, MIN_BOX_INK)
        frame = place.rows(ink.shape[1]) @ ink @ place.columns(ink.shape[2]).transpose(1, 2)
        peak = frame.amax((1, 2), keepdim=True)
        return Framed(frame / torch.where(peak > 0, peak, 1.0), peak.flatten(), place.side.flatten())


class Place(NamedTuple):
    """Where N digits are in the ink, and where they go in the frame; all (N, 1), in pixels."""

    top: Tensor
    left: Tensor
    side: Tensor
    """The longer side of the box."""
    down: Tensor
    """Row of the frame in which the box begins."""
    right: Tensor

    def rows(self, size: int, pixel: Tensor | float = 1.0) -> Tensor:
        """Weights (N, 28, size) of rows, which are `pixel` rows of the ink each, in those of the frame."""
        return _area_weights(size, self.top / pixel, self.down, BOX_SIZE_PX * pixel / self.side)

    def columns(self, size: int, pixel: Tensor | float = 1.0) -> Tensor:
        """The same of columns."""
        return _area_weights(size, self.left / pixel, self.right, BOX_SIZE_PX * pixel / self.side)


def find_place(ink: Tensor, threshold: float) -> Place:
    """Where the digit is in ink (N, H, W): its box is around what is above `threshold`."""
    top, height, centre_y = _extent(ink.amax(2) > threshold, ink.sum(2))
    left, width, centre_x = _extent(ink.amax(1) > threshold, ink.sum(1))
    side = torch.maximum(height, width)
    scale = BOX_SIZE_PX / side
    return Place(
        top, left, side, _offset(top, height, centre_y, scale), _offset(left, width, centre_x, scale)
    )


def _extent(marked: Tensor, mass: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Along one axis of M pixels: begin and size of the box and the centre of mass, each (N, 1).

    `marked` (N, M) bool says where ink is, `mass` (N, M) how much. Positions are measured from the edge of
    the first pixel. A page without ink gets a box of one pixel.
    """
    index = torch.arange(marked.shape[1], device=mass.device, dtype=mass.dtype)
    begin = torch.where(marked, index, index[-1:] + 1).amin(1, keepdim=True)
    end = torch.where(marked, index + 1, 0.0).amax(1, keepdim=True)
    total = mass.sum(1, keepdim=True)
    centre = (mass * (index + 0.5)).sum(1, keepdim=True) / torch.where(total > 0, total, 1.0)
    return begin, (end - begin).clamp(min=1), centre


def _offset(begin: Tensor, extent: Tensor, centre: Tensor, scale: Tensor) -> Tensor:
    """Pixel (N, 1) of the frame in which the scaled box begins.

    It is the whole pixel that brings the centre of mass nearest to CENTRE_PX. The box never leaves the frame.
    """
    offset = torch.ceil(CENTRE_PX - 0.5 - scale * (centre - begin) - TIE_PX)
    return torch.minimum(offset, torch.floor(FRAME_SIZE - scale * extent + TIE_PX)).clamp(min=0)


def _area_weights(size: int, begin: Tensor, offset: Tensor, scale: Tensor) -> Tensor:
    """Weights (N, 28, size) of the source pixels in each target pixel, by area of overlap."""
    edges = torch.arange(FRAME_SIZE + 1, device=begin.device, dtype=begin.dtype)
    source_edges = ((edges - offset) / scale + begin).unsqueeze(2)  # (N, 29, 1)
    pixel = torch.arange(size, device=begin.device, dtype=begin.dtype)  # (size,)
    overlap = torch.minimum(source_edges[:, 1:], pixel + 1) - torch.maximum(source_edges[:, :-1], pixel)
    return overlap.clamp(min=0) * scale.unsqueeze(2)
