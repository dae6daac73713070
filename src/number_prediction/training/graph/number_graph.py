"""The number graph: a page with one line of writing -> glyph probabilities by time step, and their place."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from number_prediction.constants import LETTER, LINE_WIDTH
from number_prediction.training.graph.ink import find_ink_marks
from number_prediction.training.graph.line_framing import LineFraming

SMALLEST_SIGMAS = 3.0
"""A line whose strokes stand out by less than this many standard deviations of the paper's noise is blank."""
INKED = 0.05
"""Ink of the frame from which a column is written on."""
BESIDE = 4
"""Pixels right of the last ink up to which the network is asked; from there on is blank paper."""
SEEN = 56
"""Pixels right of the last ink that the network is shown, more than it looks to either side."""
PIXELS = 2
"""Pixels of the frame that the network gives a time step to."""
SMALLEST_SHARE = 1e-6
"""Probability below which no letter at a step is not told from certainly one."""
STRIDE = 16
"""The network is shown a multiple of so many columns."""


class NumberAnswer(NamedTuple):
    """Outputs of the number graph, in the order of the ONNX file's."""

    frame: Tensor
    """(N, 40, 480) float32 in [0, 1]: what the network saw."""
    probabilities: Tensor
    """(N, T, G) float32 over GLYPHS if no letter stands on the line, each row sums to 1; step t is 480 / T
    pixels of the frame wide."""
    place: Tensor
    """(N, 3) float32, in pixels of the page: left and top of the frame, side of one of its pixels."""
    is_number: Tensor
    """(N,) float32 in [0, 1]: that no letter stands on the line."""


class NumberGraph(nn.Module):
    """Ink, line framing, network and softmax in one module, of dynamic batch, height and width."""

    def __init__(self, network: nn.Module, *, temperature: float = 1.0) -> None:
        """`network` maps lines (N, 40, W) in [0, 1] to logits (N, T, G + 1); divided by `temperature`."""
        super().__init__()
        self.framing = LineFraming()
        self.network = network
        self.temperature = temperature

    def forward(self, page: Tensor) -> NumberAnswer:  # (N, H, W) uint8
        marks = find_ink_marks(page, SMALLEST_SIGMAS)
        frame, place = self.framing(marks.ink.squeeze(1))
        shares = self._read(frame)
        no_letter = (1 - shares[:, :, LETTER]).clamp(min=SMALLEST_SHARE)
        is_number = torch.exp(
            torch.log(no_letter).sum(1)
        )  # steps are independent: none has one if each has none
        return NumberAnswer(frame, shares[:, :, :LETTER], place * marks.scale, is_number)

    def _read(self, frame: Tensor) -> Tensor:
        """Of frames (N, 40, 480): (N, T, G + 1), the probabilities of glyphs where no letter is, and of one.

        The network sees what is written on: what it takes goes with the length of the longest line, and no
        line's answer with that of others.
        """
        is_inked = (frame.amax(1) > INKED).to(torch.float32)
        end = (is_inked * torch.arange(1, LINE_WIDTH + 1)).amax(1, keepdim=True)  # (N, 1)
        strides = ((end.flatten().amax(0) + SEEN) / STRIDE).ceil().clamp(max=LINE_WIDTH // STRIDE)
        shown: int = strides.to(torch.int64).item()  # type: ignore[assignment]
        torch._check(shown >= SEEN // STRIDE)  # type: ignore[no-untyped-call] # the exporter has to know
        torch._check(shown <= LINE_WIDTH // STRIDE)  # type: ignore[no-untyped-call]
        logits = self.network(frame[:, :, : STRIDE * shown]) / self.temperature
        rest = (LINE_WIDTH - STRIDE * shown) // PIXELS
        glyphs, letter = torch.softmax(logits[:, :, :LETTER], 2), torch.softmax(logits, 2)[:, :, LETTER:]
        shares = F.pad(torch.cat([glyphs, letter], 2), (0, 0, 0, rest))
        middle = PIXELS * (torch.arange(LINE_WIDTH // PIXELS) + 0.5)
        is_paper = (middle > end + BESIDE).unsqueeze(2)
        blank = (torch.arange(shares.shape[2]) == 0).to(torch.float32)
        return torch.where(is_paper, blank, shares)
