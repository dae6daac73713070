"""The number graph: a page with one line of writing -> glyph probabilities by time step, and their place."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from number_prediction.training.ink import find_marks
from number_prediction.training.line_framing import LineFraming

SMALLEST_SIGMAS = 3.0
"""A line whose strokes stand out by less than this many standard deviations of the paper's noise is blank."""


class NumberAnswer(NamedTuple):
    """Outputs of the number graph, in the order of the ONNX file's."""

    frame: Tensor
    """(N, 32, 384) float32 in [0, 1]: what the network saw."""
    probabilities: Tensor
    """(N, T, G) float32 over GLYPHS, each row sums to 1; step t is 384 / T pixels of the frame wide."""
    place: Tensor
    """(N, 3) float32, in pixels of the page: left and top of the frame, side of one of its pixels."""


class NumberGraph(nn.Module):
    """Ink, line framing, network and softmax in one module, of dynamic batch, height and width."""

    def __init__(self, network: nn.Module, *, temperature: float = 1.0) -> None:
        """`network` maps lines (N, 32, W) in [0, 1] to logits (N, T, G); divided by `temperature`."""
        super().__init__()
        self.framing = LineFraming()
        self.network = network
        self.temperature = temperature

    def forward(self, page: Tensor) -> NumberAnswer:  # (N, H, W) uint8
        marks = find_marks(page, SMALLEST_SIGMAS)
        frame, place = self.framing(marks.ink.squeeze(1))
        logits = self.network(frame) / self.temperature
        return NumberAnswer(frame, torch.softmax(logits, dim=2), place * marks.scale)
